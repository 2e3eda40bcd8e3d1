"""`key generate` and `sign`."""

from __future__ import annotations

import functools
import getpass
import os
import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from secmount.app.assembly import now_ms
from secmount.cli import context
from secmount.cli.configured import configured
from secmount.cli.options import common, pairs
from secmount.cli.view import render, signing
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings
from secmount.errors import InputError
from secmount.oci import reference
from secmount.oci.reference import LayoutReference, Reference

if TYPE_CHECKING:
    from secmount.publish.attach import Subject

AsName = Annotated[str | None, typer.Option("--as", metavar="NAME", help="The repository that the signature is for.")]
Annotation = Annotated[
    list[str] | None, typer.Option("--annotation", "-a", metavar="K=V", help="Goes into the signed bytes.")
]
Form = Annotated[
    str, typer.Option("--format", metavar="bundle|legacy", help="legacy: at the tag sha256-….sig, as cosign 2.")
]
PASSWORD_VARIABLE = "COSIGN_PASSWORD"  # noqa: S105  # the variable of cosign, whose key format it is


def register(application: typer.Typer) -> None:
    """Add the commands of this module."""
    keys = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Make keys.")
    keys.command("generate")(generate)
    application.add_typer(keys, name="key")
    application.command()(sign)


@common("key-generate")
def generate(
    settings: Settings,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Writes ./NAME.key and ./NAME.pub.")],
    encrypt: Annotated[bool, typer.Option("--encrypt", help="Ask for a password and encrypt the private key.")] = False,
    algorithm: Annotated[
        str, typer.Option("--algorithm", metavar="NAME", help="ecdsa-p256, ecdsa-p384, ecdsa-p521, ed25519, rsa-3072.")
    ] = "ecdsa-p256",
) -> Outcome:
    """Make a key pair to sign with: the private key readable by you alone, the public key for a policy folder.

    secmount key generate release
    secmount key generate release --encrypt --algorithm ed25519
    """
    from secmount.publish import keys

    password = _new_password() if encrypt or PASSWORD_VARIABLE in os.environ else None
    made = keys.generate(name, os.getcwd(), password=password, algorithm=algorithm, random=os.urandom)
    shown = {"private": made.private, "public": made.public, "principal": made.principal, "encrypted": made.encrypted}
    how = "encrypted" if made.encrypted else "not encrypted; keep it safe"
    lines = (
        f"private key  {render.escape(made.private)}  ({how})",
        f"public key   {render.escape(made.public)}  ({made.principal})",
    )
    return Outcome("key-generate", (made.public,) if settings.quiet else lines, {"key": shown})


@common("sign", network=True)
def sign(
    settings: Settings,
    ref: Annotated[str, typer.Argument(metavar="REF", help="HOST/NAME@DIGEST, a tag pushed from here, or oci:PATH.")],
    key: Annotated[str, typer.Option("--key", metavar="FILE", help="The private key.")],
    as_name: AsName = None,
    annotation: Annotation = None,
    format: Form = "bundle",
) -> Outcome:
    """Sign an artifact where it is: a cosign v3 bundle is attached to it as a referrer.

    secmount sign ghcr.io/acme/bert@sha256:… --key release.key
    secmount sign oci:/srv/models/bert:v1 --key release.key -a reviewed=yes
    """
    from secmount.app import publishing
    from secmount.app.keyuse import record_use
    from secmount.publish import attach, keys

    if format not in ("bundle", "legacy"):
        raise InputError("SM1010", subject="--format", got=format, want="bundle or legacy")
    parsed, config, ways = context.named(settings, ref), configured(settings), context.ways(settings)
    name, said = parsed.name if as_name is None else reference.registry_name(as_name), pairs(annotation or [])
    attach.check(said)
    subject = _subject(settings, parsed, again=f"secmount sign {{}} --key {shlex.quote(key)}")
    if not settings.quiet:
        sys.stderr.write("\n".join(signing.about_to_be_signed(subject, parsed, name)) + "\n")
        sys.stderr.flush()
    private = keys.load_private(key, password=_password)
    settings.learned["warnings"] = record_use(
        config,
        context.request("sign"),
        "artifact signature",
        principal=private.principal,
        subject=str(subject.descriptor.digest),
        reference=parsed.text,
        repository=name,
    )
    with publishing.writer(parsed, config, ways) as writer:
        done = attach.attach(
            subject,
            private,
            writer,
            repository=name,
            annotations=said,
            format="legacy" if format == "legacy" else "bundle",
            now_ms=now_ms(),
        )
    lines, shown = signing.signed(done, parsed, name, format)
    return Outcome("sign", (str(done.referrer),) if settings.quiet else lines, {"signature": shown})


def _subject(settings: Settings, place: Reference, *, again: str) -> Subject:
    from secmount.app import publishing
    from secmount.publish import attach

    config = configured(settings)
    with publishing.source(place, config, context.ways(settings)) as source:
        if isinstance(place, LayoutReference):
            return attach.look(source, place.tag, place.digest, shown=place.text)
        return attach.choose(place, source, functools.partial(publishing.known, config), command=again)


def _password() -> bytes:
    given = os.environ.get(PASSWORD_VARIABLE)
    if given is not None:
        return os.fsencode(given)
    if not sys.stdin.isatty():
        raise InputError("SM1017", got="no terminal to ask at", want=f"{PASSWORD_VARIABLE} in the environment")
    return getpass.getpass("password of the private key: ", stream=sys.stderr).encode()


def _new_password() -> bytes:
    first = _password()
    if not first:
        raise InputError("SM1017", got="an empty password", want="a password")
    if PASSWORD_VARIABLE not in os.environ and getpass.getpass("again: ", stream=sys.stderr).encode() != first:
        raise InputError("SM1017", got="two different passwords", want="the same one twice")
    return first
