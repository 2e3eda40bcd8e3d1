"""The store, its database, the mounts it remembers, and the audit log."""

from __future__ import annotations

import os
from collections.abc import Iterator

from secmount.errors import SecmountError
from secmount.local.boot import boot_id
from secmount.mount import table
from secmount.store.cas import STATE, Store
from secmount.upkeep.artifacts import artifacts
from secmount.upkeep.doctor.diagnosis import Diagnosis, count, failed, of_error, ok, warning
from secmount.upkeep.doctor.site import Site
from secmount.upkeep.standing import standing

_GONE = frozenset({"gone", "unsettled"})


def store(site: Site) -> Iterator[Diagnosis]:
    """Open the store, read its database whole, its index, and the state of what it holds; blobs are not hashed."""
    if site.config is None:
        return
    if not os.path.lexists(os.path.join(site.config.store, STATE)):
        yield ok(f"{site.config.store}: nothing is held yet")
        return
    with Store(site.config.store, uid=site.uid) as found:
        problems = found.state.problems()
        if problems:
            yield failed(f"{found.state.path} is damaged: {'; '.join(problems[:3])}", "secmount explain SM7020")
            return
        held = artifacts(found)
        broken = sum(not item.complete for item in held)
        partial = f", {broken} of them in part" if broken else ""
        yield ok(f"{found.root}: database and index are sound; {count(len(held), 'artifact')} held{partial}")
        rows, kernel, boot = found.state.mounts.all(), table.rows(), boot_id()
        gone = [row.target for row in rows if standing(row, kernel, boot) in _GONE]
        if gone:
            yield warning(
                f"{count(len(gone), 'mount')} remembered, but not there: {gone[0]}", f"secmount unmount {gone[0]}"
            )


def log(site: Site) -> Iterator[Diagnosis]:
    """Check that the log is what was signed, and the continuation of what is remembered elsewhere."""
    if site.config is None:
        return
    try:
        found = site.log(site.config)
    except SecmountError as err:
        yield of_error(err)
        return
    if found is None:
        yield ok(f"{site.config.audit}: no log yet; the first command that decides makes it")
        return
    for code, subject, got in found.problems[:3]:
        yield Diagnosis(
            "failed", f"{subject}: {got}", ("secmount audit verify --full", f"secmount explain {code}"), code
        )
    if not found.problems:
        how = "continues what is remembered outside it" if found.anchored else "is not anchored outside its folder"
        size = found.size
        sound = f"{size} entries are as signed" if found.whole else f"the last of {size} entries is as signed"
        shown = f"{site.config.audit}: {sound}; the log {how}"
        yield ok(shown) if found.anchored else warning(shown, "secmount audit verify")
    if found.waiting:
        yield warning(
            f"{count(found.waiting, 'record')} in the reserve, for want of space", "df -h", "secmount audit verify"
        )
