"""`trust show` and `trust update`: the roots that certificates, logs and time stamps are believed by."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secmount.cli.configured import configured
from secmount.cli.options import common, named
from secmount.cli.view import render
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings
from secmount.errors import InputError, TrustError
from secmount.oci import instant

if TYPE_CHECKING:
    from secmount.upkeep.roots import Part, Shown

BOOTSTRAP_LIMIT = 512_000  # bytes of a root.json; python-tuf's own limit


def register(application: typer.Typer) -> None:
    """Add the commands of this module."""
    trust = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Trust roots: show and update them.")
    trust.command("show")(show)
    trust.command("update")(update)
    application.add_typer(trust, name="trust")


@common("trust-show")
def show(settings: Settings) -> Outcome:
    """Show the trust roots in use: where from, how old, what is in them, what ends soon.

    secmount trust show
    secmount trust show -o json
    """
    from secmount.app import trusting

    found, warnings = trusting.in_use(configured(settings))
    lines: list[str] = []
    for one in found:
        lines += _lines(one)
    return Outcome("trust-show", tuple(lines), {"roots": [_fields(one) for one in found]}, warnings=warnings)


@common("trust-update", network=True)
def update(
    settings: Settings,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="A TUF repository; default: the public Sigstore's.")
    ] = None,
    bootstrap: Annotated[
        str | None,
        typer.Option("--bootstrap", metavar="FILE", help="The root.json that trust in --url begins with."),
    ] = None,
) -> Outcome:
    """Fetch a trust root from its TUF repository, verify it, and keep it. Never done by any other command.

    secmount trust update
    secmount trust update --url https://tuf.acme.example --bootstrap root.json
    """
    from secmount.app import trusting
    from secmount.cli.context import request

    if settings.offline:
        raise TrustError(
            "SM2205", subject="trust update", got="--offline", want="a connection: the repository is asked"
        )
    unused = (
        ("--authfile", settings.authfile),
        ("--ca-file", settings.ca_file),
        ("--plain-http", settings.plain_http),
        ("--timeout", settings.timeout),
    )
    for flag, value in unused:
        if value:
            raise InputError("SM1010", subject="trust update", got=flag, want="no options for registries")
    first = None if bootstrap is None else _file(bootstrap)
    change, warnings = trusting.update(configured(settings), request("trust update"), url=url, bootstrap=first)
    same = change.before == change.after
    lines = (
        f"{'unchanged' if same else 'updated'}  {change.after}",
        f"from       {render.escape(change.url)}",
        f"kept in    {render.escape(change.place)}",
    )
    fields = {"url": change.url, "place": change.place, "before": change.before, "after": change.after}
    return Outcome("trust-update", () if settings.quiet else lines, {"root": fields}, warnings=warnings)


def _file(path: str) -> bytes:
    from secmount.local.files import read_owned

    whole = os.path.abspath(named("--bootstrap", path))
    return read_owned(whole, uid=os.geteuid(), what="root.json of a repository", limit=BOOTSTRAP_LIMIT)


def _lines(one: Shown) -> list[str]:
    age = "nobody says" if one.updated_ms is None else instant.render(one.updated_ms)
    lines = [
        render.escape(one.role),
        f"  source       {render.escape(one.source)}",
        f"  digest       {one.digest}",
        f"  vouched for  {age}",
    ]
    lines += [f"  {part.kind}: {render.escape(part.uri or part.name)}, good {part.window}" for part in one.parts]
    return [*lines, *(f"  warning: {render.escape(text)}" for text in one.warnings)]


def _fields(one: Shown) -> dict[str, Any]:
    return {
        "role": one.role,
        "source": one.source,
        "digest": one.digest,
        "updated": _time(one.updated_ms),
        "parts": [_part(part) for part in one.parts],
        "warnings": list(one.warnings),
    }


def _part(part: Part) -> dict[str, Any]:
    return {
        "kind": part.kind,
        "name": part.name,
        "uri": part.uri,
        "from": _time(part.window.start_ms),
        "until": _time(part.window.end_ms),
        "ends": _time(part.ends_ms),
    }


def _time(ms: int | None) -> str | None:
    return None if ms is None else instant.render(ms)
