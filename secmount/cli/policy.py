"""`policy init` and `policy check`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from secmount.cli.configured import configured
from secmount.cli.options import common
from secmount.cli.view import findings, render
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings
from secmount.errors import InputError


def register(application: typer.Typer) -> None:
    """Add the commands of this module."""
    policy = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Write and check policy folders.")
    policy.command("init")(init)
    policy.command("check")(check)
    application.add_typer(policy, name="policy")


@common("policy-init", network=True)
def init(
    settings: Settings,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="FILE", help="A public key whose signatures count; several may."),
    ] = None,
    match: Annotated[
        str | None,
        typer.Option("--match", metavar="NAME", help="The names it counts for: exact, PREFIX/**, oci:/dir/**."),
    ] = None,
    from_reference: Annotated[
        str | None, typer.Option("--from", metavar="REF", help="Show who signed this, and let them sign its name.")
    ] = None,
    trusted_root: Annotated[
        str | None,
        typer.Option("--trusted-root", metavar="FILE", help="With --from: the root of a private Sigstore."),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="PATTERN", help="Files to leave out: '**/*.pkl'.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --from: do not ask; somebody has looked.")] = False,
) -> Outcome:
    """Write a policy folder with one rule: what the names mean mounts if one of the signers signed it.

    secmount policy init --key release.pub --match 'oci:/srv/models/**'
    secmount policy init --from ghcr.io/acme/model:v1
    secmount policy init --from ghcr.io/acme/model:v1 --key cosign.pub --match 'ghcr.io/acme/**'
    """
    from secmount.cli.program import starting

    if from_reference is not None:
        given = starting.Given(from_reference, tuple(key or ()), match, trusted_root, tuple(exclude or ()), yes)
        return starting.from_reference(settings, given)
    if not key or match is None or trusted_root is not None:
        got = "--trusted-root without --from" if trusted_root else "no --match" if key else "no --key"
        raise InputError("SM1010", subject="policy init", got=got, want="--key FILE and --match NAME, or --from REF")
    return starting.from_keys(settings, key, match, tuple(exclude or ()))


@common("policy-check")
def check(settings: Settings) -> Outcome:
    """Find everything that is wrong, or dangerous, in the policy folder.

    secmount policy check
    secmount policy check --policy ./policy -o json
    """
    from secmount.app.assembly import default_root
    from secmount.authoring import check as authoring
    from secmount.authoring import signers

    config = configured(settings)
    uid = os.geteuid()
    report = authoring.check(config.policy, uid=uid, default_root=lambda: default_root(config, uid))
    revision = report.policy.revision if report.policy else None
    rows = [findings.row(finding) for finding in report.findings]
    errors = any(row["severity"] == "error" for row in rows)
    last = findings.summary(rows) + (f", revision {revision}" if revision else "")
    known = {} if report.policy is None else report.policy.signers
    whom = [{"name": name, "kind": signers.kind(one), "whom": signers.describe(one)} for name, one in known.items()]
    said = [f"{row['name']}: {render.escape(row['whom'])}" for row in whom if row["kind"] != "key"]
    fields = {"findings": rows, "revision": revision, "signers": whom}
    return Outcome("policy-check", (*map(findings.line, rows), *said, last), fields, exit=2 if errors else 0)
