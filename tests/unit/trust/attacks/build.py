"""What the tables of attacks are built with: a sound bundle or root, and one thing exchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from secmount.trust.root import TrustRoot
from secmount.trust.signer import KeylessSigner
from tests.support import minisig
from tests.support.layouts import Json
from tests.support.minisig import MiniSigstore
from tests.unit.trust.world import made, root_of, sigstore

Made = Callable[[], tuple[bytes, TrustRoot | None]]


class Attack(NamedTuple):
    """One row, of which the first three make the attack table of docs/threat-model.md.

    `make` gives the bundle, and the root under which it is looked at if that is not the plain one. `open`:
    sigstore-python 4.5 accepts it, so that our own check is the only one.
    """

    id: str
    attack: str
    code: str
    make: Made
    open: bool = False
    signer: Callable[[TrustRoot], KeylessSigner] | None = None


def bundle(**what: Any) -> Made:
    return lambda: (made(**what), None)


def rooted(edit: minisig.Edit, **what: Any) -> Made:
    return lambda: (made(**what), root_of(sigstore(), edit))


def certified(**how: Any) -> Made:
    return bundle(certifying=how)


def edited(edit: minisig.Edit, **what: Any) -> Made:
    return bundle(edit=edit, **what)


def entry(edit: minisig.Edit, **what: Any) -> Made:
    """Change the log entry of the finished bundle."""
    return edited(lambda whole: edit(whole["verificationMaterial"]["tlogEntries"][0]), **what)


def body(edit: minisig.Edit, **what: Any) -> Made:
    """Log another body, soundly."""
    return bundle(entering={"edit_body": edit}, **what)


def elsewhere(build: Callable[[MiniSigstore], None], **what: Any) -> Made:
    """Rebuild a Sigstore with a fault in it, and trust it."""

    def make() -> tuple[bytes, TrustRoot | None]:
        one = MiniSigstore()
        build(one)
        return made(by=one, **what), root_of(one)

    return make


def beside(make: Callable[[bytes], bytes], **what: Any) -> Made:
    """Put another stamp beside what makes the bundle sound."""
    return bundle(foreign_stamps=(make,), **what)


def put(*path: Any, to: Any) -> minisig.Edit:
    def edit(document: Json) -> None:
        *steps, last = path
        holder: Any = document
        for step in steps:
            holder = holder[step]
        holder[last] = to

    return edit
