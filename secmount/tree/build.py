"""From held layers to the tree, or to the same tree as it was kept when it was made before.

`build` takes a `Held`: no tree is built but from the store. The same (manifest, approved layers, obligations, options)
gives the same tree and digest on every machine.
"""

from __future__ import annotations

import json
from dataclasses import astuple

import secmount
from secmount.oci.digest import Digest
from secmount.policy.decision import Approved, Obligations
from secmount.policy.glob import Pattern
from secmount.store.cas import Store
from secmount.store.pull import Held
from secmount.tree import cache
from secmount.tree.limits import Limits
from secmount.tree.node import Tree
from secmount.tree.options import OnConflict, Options, Selection

FORM = 1  # of trees; part of every key, to be raised when the same layers shall give another tree


def build(
    held: Held,
    store: Store,
    *,
    on_conflict: OnConflict = "last-wins",
    portable: bool = False,
    limits: Limits | None = None,
    selection: Selection | None = None,
) -> Tree:
    """Give the tree of `held`.

    Raise `ContentError` SM51xx (docs/formats/tree.md has the rules), and what the store raises; nothing is kept then
    but unpacked layers.
    """
    options = Options(on_conflict, portable, limits or Limits(), selection or Selection())
    key = _key(held.approved, options)

    def make() -> Tree:
        from secmount.tree.assemble import assemble

        return assemble(held, store, options, key)

    return cache.load(store, key, make) or make()


def _key(approved: Approved, options: Options) -> str:
    """Name everything that the tree depends on: the maker, the artifact, the decision, the options."""
    asked, selection = approved.obligations, options.selection
    parts = {
        "maker": [secmount.__version__, FORM, cache.FORM],
        "manifest": str(approved.resolution.digest),
        "approved": approved.decision.approved,
        "withheld": [(item.path, item.reason) for item in approved.decision.withheld],
        "obligations": _obligations(asked),
        "options": [options.on_conflict, options.portable, astuple(options.limits)],
        "selection": [selection.subpath, _texts(selection.include), _texts(selection.exclude)],
    }
    return str(Digest.of(json.dumps(parts, sort_keys=True).encode()))


def _obligations(asked: Obligations) -> list[object]:
    files = None if asked.files is None else {path: str(digest) for path, digest in asked.files.items()}
    digests = sorted(map(str, asked.forbid_digests))
    size, partial = asked.max_unpacked_size, asked.files_partial
    return [_texts(asked.exclude), _texts(asked.forbid_paths), digests, size, asked.symlinks, files, partial]


def _texts(patterns: tuple[Pattern, ...]) -> list[str]:
    return [pattern.text for pattern in patterns]
