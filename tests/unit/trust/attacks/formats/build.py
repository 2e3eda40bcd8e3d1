"""What the rows are built with: a place where signatures are, and one thing in it exchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from secmount.oci.manifest import Index, Manifest
from secmount.trust.evidence import Evidence
from secmount.trust.gather import gather
from secmount.trust.signer import Signer
from tests.support import keys, shelf
from tests.support.keys import KeyPair, Signed
from tests.support.layouts import Json
from tests.support.shelf import Shelf
from tests.unit.trust import corporate, world
from tests.unit.trust.bench import MODEL, RELEASE, signers
from tests.unit.trust.world import NOW_MS, plain_root

SUBJECT = str(MODEL.digest)
Make = Callable[[Shelf], None]
Edit = Callable[[Any], object]


class FormatAttack(NamedTuple):
    """One row, of which the first three make the attack table of docs/threat-model.md.

    `by`: the policy's signers; `above`: the index through which `about` was reached.
    """

    id: str
    attack: str
    code: str
    make: Make
    by: Callable[[], Mapping[str, Signer]] = signers
    about: Manifest = MODEL
    above: Index | None = None


def looked_at(
    make: Make, by: Mapping[str, Signer], *, about: Manifest = MODEL, index: Index | None = None, **more: Any
) -> Evidence:
    """Gather what `make` puts there."""
    source = Shelf()
    make(source)
    return gather(shelf.resolved(about, index), source, by, **{"now_ms": NOW_MS, "root": plain_root(), **more})


def referring(made: Callable[[], Signed], to: str = SUBJECT) -> Make:
    """List a referrer."""
    return lambda source: void(source.attach(made(), to=to))


def void(_: object) -> None:
    """Give nothing back."""


def put(*path: Any, to: Any) -> Edit:
    """Set a value deep in a document."""

    def edit(document: Json) -> None:
        *steps, last = path
        holder: Any = document
        for step in steps:
            holder = holder[step]
        holder[last] = to

    return edit


def remove(*path: Any) -> Edit:
    """Remove a value deep in a document."""

    def edit(document: Json) -> None:
        *steps, last = path
        holder: Any = document
        for step in steps:
            holder = holder[step]
        del holder[last]

    return edit


def stated(about: str = SUBJECT, key: KeyPair = RELEASE, **more: Any) -> Make:
    """List a signed statement at MODEL, whatever it is about."""
    return referring(lambda: keys.refer(shelf.row_of(MODEL), keys.bundle(about, key, **more)))


def keyless() -> Mapping[str, Signer]:
    """Give a signer with a Sigstore identity."""
    return {"ci": world.signer()}


def company() -> Mapping[str, Signer]:
    """Give a signer with a certificate of a company."""
    return {"corp": corporate.stamping()}
