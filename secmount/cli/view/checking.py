"""What `check` does and shows: everything behind mounts, and without a folder the whole store, is read again."""

from __future__ import annotations

from dataclasses import replace

from secmount.app.assembly import Application
from secmount.cli.view import render
from secmount.cli.view.outcome import Outcome
from secmount.errors import ContentError
from secmount.local.boot import boot_id
from secmount.mount import table
from secmount.pipeline import known, records
from secmount.policy.input import Request
from secmount.store.tables.mounts import Mounts
from secmount.upkeep import check as upkeep


def check(application: Application, path: str | None, request: Request) -> Outcome:
    """Check the mount at `path`, or all and the store, and record what was found."""
    parts = application.parts
    store = parts.store()
    mounts = Mounts(store.state)
    rows = mounts.all() if path is None else (known.at(mounts, path),)
    report = upkeep.check(store, rows, table.rows(), boot_id=boot_id(), whole=path is None)
    findings = [{"code": f.code, "subject": f.subject, "got": f.got, "want": f.want} for f in report.all]
    checked = {"mounts": len(rows), "objects": report.objects, "bytes": report.bytes}
    parts.log.append_essential(
        records.checked(parts, request, None if path is None else rows[0], amount=checked, findings=findings)
    )
    lines = [
        f"{'ok ' if not mount.findings else 'BAD'}  {render.escape(mount.row.target)}  {mount.row.manifest}"
        for mount in report.mounts
    ]
    lines += [
        f"{row['code']}  {render.escape(row['subject'])}: "
        f"got {render.escape(row['got'])}, want {render.escape(row['want'])}"
        for row in findings
    ]
    amount = f"{checked['objects']} stored objects, {render.size(report.bytes)}, {len(rows)} mounts were read again"
    lines.append(f"{amount}: {'all are what was approved' if not findings else f'{len(findings)} findings'}")
    outcome = Outcome("check", tuple(lines), {"findings": findings, "checked": checked})
    if not findings:
        return outcome
    first = findings[0]
    error = ContentError("SM5003", subject=first["subject"], got=first["got"], want=first["want"])
    return replace(outcome, error=error)
