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


def register(application: typer.Typer) -> None:
    """Add the commands of this module."""
    policy = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Write and check policy folders.")
    policy.command("init")(init)
    policy.command("check")(check)
    application.add_typer(policy, name="policy")


@common("policy-init")
def init(
    settings: Settings,
    key: Annotated[str, typer.Option("--key", metavar="FILE", help="The public key whose signatures count.")],
    match: Annotated[
        str, typer.Option("--match", metavar="NAME", help="The names it counts for: exact, PREFIX/**, oci:/dir/**.")
    ],
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="PATTERN", help="Files to leave out: '**/*.pkl'.")
    ] = None,
) -> Outcome:
    """Write a policy folder with one rule: what MATCH names mounts if the key signed it.

    secmount policy init --key release.pub --match 'oci:/srv/models/**'
    """
    from secmount.authoring import init as authoring

    config = configured(settings)
    made = authoring.init(
        config.policy, key_file=key, match=match, uid=os.geteuid(), cwd=os.getcwd(), exclude=tuple(exclude or ())
    )
    files = [f"{config.policy}/{file.path}" for file in made.policy.files]
    lines = [f"wrote     {render.escape(path)}" for path in files]
    lines.append(f"it says   {render.escape(made.match)} mounts if {render.escape(made.signer)} signed it")
    lines += ["", f"next:  secmount policy check{_folder(settings)}", f"       secmount verify{_folder(settings)} REF"]
    fields = {"policy": {"path": config.policy, "revision": made.policy.revision, "files": files}}
    return Outcome("policy-init", tuple(lines), fields)


def _folder(settings: Settings) -> str:
    return f" --policy {render.escape(settings.policy)}" if settings.policy else ""


@common("policy-check")
def check(settings: Settings) -> Outcome:
    """Find everything that is wrong, or dangerous, in the policy folder.

    secmount policy check
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
