"""Make an approved tree visible: record the intent, mount, record the outcome.

The intent is durable before the backend is asked; if it cannot be written nothing is mounted (design, promise 6). While
the effect is under way its lock is held, so that another command does not settle an intent that is still alive; the
caller holds the folder's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from secmount.local.boot import boot_id
from secmount.mount.backend import Backend, Mounted, Options
from secmount.mount.target import Target
from secmount.pipeline import records
from secmount.pipeline.parts import Parts
from secmount.pipeline.settle import intent_lock
from secmount.policy.decision import Approved
from secmount.store.tables.mounts import MountRow, Mounts
from secmount.tree.node import Tree
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Effect:
    """What is to be made visible, where, and by which backend."""

    approved: Approved
    tree: Tree
    target: Target
    backend: Backend
    uid: int
    gid: int


def place(parts: Parts, request: Mapping[str, Any], effect: Effect, mark: Callable[[], None]) -> MountRow:
    """Mount, and give the mount as the state remembers it; whatever is raised, nothing is left visible.

    `mark` notes how new it is, once it is visible: what cannot be noted does not stay.
    """
    store, mounts = parts.store(), Mounts(parts.store().state)
    row = _row(parts, effect)
    tree_digest = str(effect.tree.digest)
    with intent_lock(store, row.id):
        parts.log.append(records.effect(parts, "mount.intent", row, request, tree_digest=tree_digest))
        mounts.begin(row)
        mounted: Mounted | None = None
        try:
            mounted = effect.backend.mount(effect.tree, effect.target, _options(effect), store.open)
            mark()
            found = (mounted.mount_id, mounted.device, mounted.options, mounted.enforced)
            mounts.finish(
                row.id,
                mount_id=found[0],
                device=found[1],
                options=found[2],
                enforced=found[3],
                image=mounted.image,
            )
        except BaseException as err:
            if mounted is not None:
                effect.backend.unmount(mounted, lazy=True)
            if mounted is not None or isinstance(err, Exception):
                mounts.remove(row.id)  # an interrupt may have come just after the backend was done: that is settled
            raise
        done = replace(row, phase="mounted", mount_id=found[0], device=found[1], options=found[2], enforced=found[3])
        outcome = records.effect(parts, "mount.done", done, request, tree_digest=tree_digest, enforced=mounted.enforced)
        parts.log.append_essential(outcome)
    return done


def _options(effect: Effect) -> Options:
    approved = effect.approved
    return Options(
        source=f"{approved.resolution.name}@{approved.resolution.digest}",
        exec=approved.decision.exec,
        nosymfollow=approved.obligations.symlinks == "any",
        uid=effect.uid,
        gid=effect.gid,
    )


def _row(parts: Parts, effect: Effect) -> MountRow:
    decision, resolution, tree = effect.approved.decision, effect.approved.resolution, effect.tree
    paths = {item.path: item.reason for item in decision.withheld} | dict(tree.withheld)
    return MountRow(
        id=decision.id,
        target=effect.target.path,
        reference=resolution.reference.text,
        name=resolution.name,
        manifest=resolution.digest,
        approved=decision.approved,
        tree=tree.digest,
        objects=tree.blobs,
        backend=effect.backend.name,
        decision_id=decision.id,
        policy_revision=decision.policy_revision,
        options=(),
        enforced=(),
        withheld=tuple(sorted(paths.items())),
        created_target=effect.target.created,
        boot_id=boot_id(),
        since_ms=parts.clock(),
        files=tree.files,
        bytes=tree.bytes,
    )
