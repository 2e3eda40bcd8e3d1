"""`key generate` and `sign`."""

from __future__ import annotations

import getpass
import os
import sys
from typing import Annotated

import typer

from secmount.app.assembly import now_ms
from secmount.cli.options import common
from secmount.cli.view import render
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings
from secmount.errors import InputError
from secmount.oci import reference
from secmount.oci.reference import LayoutReference

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


@common("sign")
def sign(
    settings: Settings,
    ref: Annotated[str, typer.Argument(metavar="REF", help="oci:PATH[:TAG|@DIGEST].")],
    key: Annotated[str, typer.Option("--key", metavar="FILE", help="The private key.")],
    as_name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="The repository that the signature is for.")
    ] = None,
    annotation: Annotated[
        list[str] | None, typer.Option("--annotation", "-a", metavar="K=V", help="Goes into the signed bytes.")
    ] = None,
) -> Outcome:
    """Sign an artifact in a layout: a cosign v3 bundle is attached to it as a referrer.

    secmount sign oci:/srv/models/bert:v1 --key release.key
    """
    from secmount.publish import attach

    parsed = reference.parse(ref, cwd=os.getcwd())
    if not isinstance(parsed, LayoutReference):
        raise InputError("SM1016", subject=ref, got=parsed.name, want="oci:PATH[:TAG|@DIGEST]")
    name = parsed.name if as_name is None else reference.registry_name(as_name)
    done = attach.sign_layout(
        parsed, name=name, key_file=key, password=_password, annotations=_pairs(annotation or []), now_ms=now_ms()
    )
    shown = {
        "subject": str(done.subject),
        "principal": done.principal,
        "referrer": str(done.referrer),
        "repository": name,
        "signed_at": done.signed_at,
    }
    lines = (
        f"signed    {render.escape(ref)}",
        f"digest    {done.subject}",
        f"for       {render.escape(name)}",
        f"by        {done.principal}",
        f"referrer  {done.referrer}",
    )
    return Outcome("sign", (str(done.referrer),) if settings.quiet else lines, {"signature": shown})


def _pairs(words: list[str]) -> dict[str, str]:
    pairs = dict(word.partition("=")[::2] for word in words if "=" in word and not word.startswith("="))
    if len(pairs) != len(words):
        raise InputError("SM1010", subject="--annotation", got=", ".join(words), want="KEY=VALUE, each key once")
    return pairs


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
