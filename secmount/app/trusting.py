"""Trust roots: which are in use, and the update of the kept ones, recorded before it counts."""

from __future__ import annotations

import os
from dataclasses import asdict

from secmount.app.assembly import audit_log, default_root, now_ms
from secmount.audit import events, record
from secmount.config.value import Config
from secmount.errors import SecmountError, TrustError
from secmount.policy import folder
from secmount.policy.input import Request
from secmount.trust.root import TrustRoot
from secmount.trust.roots import kept
from secmount.trust.signer import KeylessSigner, X509Signer
from secmount.upkeep import roots
from secmount.upkeep.roots import Change, Shown


def in_use(config: Config) -> tuple[tuple[Shown, ...], tuple[str, ...]]:
    """Show the default root, those that the policy's signers name and those that are kept; and what was not to be seen.

    Raise like `assembly.default_root`.
    """
    uid, now = os.geteuid(), now_ms()
    default, warnings = default_root(config, uid), []
    found: dict[str, tuple[list[str], TrustRoot]] = {default.digest: (["default"], default)}
    try:
        signers = folder.load(config.policy, uid=uid, default_root=lambda: default).signers if _there(config) else {}
    except SecmountError as err:
        warnings.append(f"the policy does not load, so its roots are not shown: {err}")
        signers = {}
    rows = [(f"signer {one.name}", one.root) for one in signers.values() if isinstance(one, KeylessSigner)]
    try:
        rows += [(f"kept from {one.url}", one.root) for one in kept.every(config.state, uid=uid)]
    except TrustError as err:
        warnings.append(f"a kept root is not shown: {err}")
    for role, root in rows:
        found.setdefault(root.digest, ([], root))[0].append(role)
    shown = [roots.show(", ".join(roles), root, now_ms=now) for roles, root in found.values()]
    shown += [roots.anchors(one, now_ms=now) for one in signers.values() if isinstance(one, X509Signer)]
    return tuple(shown), tuple(warnings)


def update(
    config: Config, request: Request, *, url: str | None, bootstrap: bytes | None
) -> tuple[Change, tuple[str, ...]]:
    """Update a kept root; give what changed and what went wrong with the log beside it.

    Raise `TrustError` SM2203 to SM2206, `StorageError`s; if the log does not take the record, nothing changes.
    """
    uid = os.geteuid()
    with audit_log(config, uid) as log:

        def note(change: Change) -> None:
            log.append(
                events.trust_updated(
                    now_ms=now_ms(),
                    request=record.request(**asdict(request)),
                    place=change.place,
                    before=change.before,
                    after=change.after,
                    origin=change.url,
                ),
                kept={"root": change.raw},
            )

        change = roots.update(config.state, url=url, bootstrap=bootstrap, uid=uid, now_ms=now_ms(), record=note)
        return change, log.warnings


def _there(config: Config) -> bool:
    return os.path.lexists(config.policy)
