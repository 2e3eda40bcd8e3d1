"""`audit …`: the ways to read the log, to prove what is in it, and to decide again what it recorded."""

from __future__ import annotations

from typing import Annotated

import typer

from secmount.cli import context
from secmount.cli.configured import configured
from secmount.cli.options import common
from secmount.cli.view import review
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings

Since = Annotated[str | None, typer.Option("--since", metavar="TIME", help="RFC 3339, a date, or an age such as 7d.")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="As for --since; not included.")]
Kind = Annotated[str | None, typer.Option("--kind", metavar="KIND", help="decision, mount.done, unmount …")]
Verdict = Annotated[str | None, typer.Option("--verdict", metavar="WORD", help="allowed, denied or undecided.")]
OfDigest = Annotated[str | None, typer.Option("--digest", metavar="DIGEST", help="The manifest's, or its beginning.")]
OfReference = Annotated[str | None, typer.Option("--reference", metavar="TEXT", help="Any part of the reference.")]
Signer = Annotated[str | None, typer.Option("--signer", metavar="NAME", help="Signed by this signer of the policy.")]
Revision = Annotated[str | None, typer.Option("--revision", metavar="DIGEST", help="Under this policy revision.")]
Namespace = Annotated[str | None, typer.Option("--namespace", metavar="NAME", help="Asked for from there.")]
User = Annotated[str | None, typer.Option("--user", metavar="NAME", help="Asked for by this user.")]
Code = Annotated[str | None, typer.Option("--code", metavar="SMxxxx", help="With this code.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="A decision's id, its beginning, or an entry's number.")]
PublicKey = Annotated[
    str | None, typer.Option("--key", metavar="KEY|FILE", help="The log's public key, kept elsewhere.")
]
Output = Annotated[str | None, typer.Option("--output-file", metavar="FILE", help="Write there instead of stdout.")]


def register(application: typer.Typer) -> None:
    """Add the commands of this module."""
    audit = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Review the log: who mounted what, and why.")
    for name, command in (
        ("log", log),
        ("show", show),
        ("stats", stats),
        ("verify", verify),
        ("prove", prove),
        ("replay", replay),
        ("export", export),
        ("report", report),
    ):
        audit.command(name)(command)
    application.add_typer(audit, name="audit")


@common("audit-log")
def log(
    settings: Settings,
    since: Since = None,
    until: Until = None,
    kind: Kind = None,
    verdict: Verdict = None,
    digest: OfDigest = None,
    reference: OfReference = None,
    signer: Signer = None,
    revision: Revision = None,
    namespace: Namespace = None,
    user: User = None,
    code: Code = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as entries come.")] = False,
) -> Outcome:
    """List what happened, the newest first: a table on a terminal, a JSON record a line otherwise or with -o json.

    secmount audit log --since 7d --verdict denied
    secmount audit log --reference acme/model --follow
    secmount audit log --code SM3001 -o json
    """
    exact = {
        "kind": kind,
        "verdict": verdict,
        "digest": digest,
        "reference": reference,
        "signer": signer,
        "revision": revision,
        "namespace": namespace,
        "user": user,
        "code": code,
    }
    return review.log(configured(settings), settings, since=since, until=until, exact=exact, follow=follow)


@common("audit-show")
def show(settings: Settings, entry: Id) -> Outcome:
    """Tell the whole story of one decision: request, signatures, checks, effects, proof.

    secmount audit show 01a20c29
    secmount audit show 17
    """
    return review.show(configured(settings), entry)


@common("audit-stats")
def stats(settings: Settings, since: Since = None, until: Until = None) -> Outcome:
    """Count: verdicts, denials by code and repository, latencies.

    secmount audit stats --since 30d
    """
    return review.stats(configured(settings), since=since, until=until)


@common("audit-verify")
def verify(
    settings: Settings,
    checkpoint: Annotated[
        list[str] | None, typer.Option("--checkpoint", metavar="FILE", help="A checkpoint that was kept elsewhere.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Records, parts and the index, too.")] = False,
    proof: Annotated[str | None, typer.Option("--proof", metavar="FILE", help="Check one proof; needs --key.")] = None,
    key: PublicKey = None,
) -> Outcome:
    """Check that the log is what was signed, and say which entries it continues.

    secmount audit verify --full
    secmount audit verify --checkpoint kept-elsewhere
    secmount audit verify --proof decision.tlog-proof --key log.vkey
    """
    if proof is not None:
        return review.verify_proof(proof, key)
    return review.verify(configured(settings), checkpoints=checkpoint or [], full=full, key=key)


@common("audit-prove")
def prove(settings: Settings, entry: Id, output_file: Output = None) -> Outcome:
    """Write the proof that an entry is in the log, for somebody who has only the log's public key.

    secmount audit prove 01a20c29 --output-file decision.tlog-proof
    """
    return review.prove(configured(settings), entry, output_file)


@common("audit-replay")
def replay(
    settings: Settings,
    entry: Annotated[str | None, typer.Argument(metavar="[ID]", help="One decision; without it, --all.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every recorded decision.")] = False,
    since: Since = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="DIR", help="Another policy folder than the recorded ones.")
    ] = None,
) -> Outcome:
    """Decide again what was recorded: what was not reproducible, and what another policy would change.

    secmount audit replay 01a20c29
    secmount audit replay --all --against new-policy
    """
    with context.opened(settings) as application:
        return review.replay(application, entry, every=every, since=since, other=against or settings.policy)


@common("audit-export")
def export(
    settings: Settings,
    entry: Annotated[str | None, typer.Argument(metavar="[ID]", help="One decision; vsa needs it.")] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="opa|vsa", help="OPA decision log, or a signed SLSA VSA.")
    ] = "opa",
    key: Annotated[
        str | None, typer.Option("--key", metavar="FILE", help="The private key for a VSA; default: one of our own.")
    ] = None,
    since: Since = None,
) -> Outcome:
    """Export decisions as OPA decision-log lines, or one as a signed SLSA verification summary.

    secmount audit export --format opa --since 7d
    secmount audit export 01a20c29 --format vsa --key vsa.key
    """
    request = context.request("audit export")
    return review.export(configured(settings), settings, request, entry, form=form, key=key, since=since)


@common("audit-report")
def report(
    settings: Settings,
    since: Since = None,
    until: Until = None,
    html: Annotated[str, typer.Option("--html", metavar="FILE", help="Where the page goes.")] = "audit.html",
) -> Outcome:
    """Write one self-contained HTML page about a period.

    secmount audit report --since 30d --html november.html
    """
    return review.report(configured(settings), since=since, until=until, path=html)
