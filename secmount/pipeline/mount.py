"""From a reference to a mount: decide, keep, pull, flatten, place. Design 2."""

from __future__ import annotations

import os
from collections.abc import Callable

from secmount.errors import SecmountError
from secmount.mount import choose
from secmount.mount.target import prepare
from secmount.pipeline import records
from secmount.pipeline.admission import Admission, Wanted
from secmount.pipeline.admit import admit
from secmount.pipeline.fetch import fetch
from secmount.pipeline.memory import marks
from secmount.pipeline.observer import Observer
from secmount.pipeline.parts import Parts
from secmount.pipeline.place import Effect, place
from secmount.pipeline.settle import target_lock
from secmount.policy.decision import Approved
from secmount.store.cas import Store
from secmount.store.pull import Held
from secmount.store.tables.mounts import MountRow
from secmount.tree.node import Tree
from secmount.value import dataclass

Build = Callable[[Held, Store], Tree]


@dataclass(frozen=True, slots=True)
class Placed:
    """A tree that is visible at `row.target`, and the decision it stands on."""

    admission: Admission
    tree: Tree
    row: MountRow


def mount(
    parts: Parts, wanted: Wanted, path: str, *, backend: str | None, build: Build, observer: Observer
) -> Placed | Admission:
    """Mount what `wanted` names at the folder `path`, or give back the admission that denies it.

    `backend` None takes the best that works. Raise what `admit` and `marks.advance` raise, `MountError` SM60xx,
    `ContentError` SM5xxx, `StorageError` SM7xxx; then nothing is mounted, and the failure is in the log.
    """
    chosen = choose.choose(backend, parts.backends())
    admission = admit(parts, wanted, observer)
    approved = admission.outcome
    if not isinstance(approved, Approved):
        return admission
    store = parts.store()
    try:
        with target_lock(store, os.path.realpath(path)), prepare(path, store=store.root) as target:
            tree = build(fetch(parts, admission, approved, observer), store)
            effect = Effect(approved, tree, target, chosen, wanted.uid, wanted.gid)
            row = place(parts, records.asked(wanted.request), effect, lambda: marks.advance(parts, admission))
    except SecmountError as err:
        err.decision_id = admission.decision.id
        parts.log.append_essential(records.failed(parts, wanted, admission, os.path.abspath(path), err))
        raise
    return Placed(admission, tree, row)
