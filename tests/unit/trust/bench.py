"""What the trust tests share: signers from test keys, and the evidence about one artifact with given referrers."""

from __future__ import annotations

from typing import Any

from secmount.oci.manifest import Index, Manifest
from secmount.trust.evidence import Considered, Evidence
from secmount.trust.gather import gather
from secmount.trust.signer import KeySigner, Signer
from tests.support import keys, shelf
from tests.support.keys import KeyPair, Signed
from tests.support.shelf import Shelf

MODEL = shelf.artifact()
OTHER = shelf.artifact("another")
RELEASE = keys.pair()
STRANGER = keys.pair("ecdsa-p256", 1)


def signer(key: KeyPair, name: str = "release", **more: Any) -> KeySigner:
    """Configure `key` under `name`."""
    return KeySigner(name, 1, key.spki, key.principal, **more)


def signers(*several: Signer) -> dict[str, Signer]:
    """Give a policy's signers; without arguments `release` alone."""
    return {one.name: one for one in several or (signer(RELEASE),)}


def signed(key: KeyPair = RELEASE, about: Manifest | Index = MODEL, **more: Any) -> Signed:
    """Sign `about`; `more` goes to `keys.sign_row`."""
    return keys.sign_row(shelf.row_of(about), key, **more)


def evidence(
    *referrers: Signed, about: Manifest = MODEL, index: Index | None = None, by: dict[str, Signer] | None = None
) -> Evidence:
    """Gather about `about`, at which all `referrers` are listed."""
    source = Shelf()
    for referrer in referrers:
        source.attach(referrer, to=str(about.digest))
    return gather(shelf.resolved(about, index), source, signers() if by is None else by)


def refusal(*referrers: Signed, **more: Any) -> Considered:
    """Gather where exactly one piece of material must be considered and count for nothing."""
    found = evidence(*referrers, **more)
    assert found.signatures == ()
    (one,) = found.considered
    assert one.outcome != "counts"
    return one
