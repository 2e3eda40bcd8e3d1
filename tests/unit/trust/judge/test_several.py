"""A signature that stands under several roots or anchors: a revocation holds for all, a window for its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from secmount.trust.root import TrustRoot
from secmount.trust.signer import X509Signer
from tests.support.keyless import Keyless
from tests.support.minisig import NOW, authority
from tests.unit.trust import corporate, world
from tests.unit.trust.bench import MODEL
from tests.unit.trust.world import NOW_MS

DAY_MS = 86_400_000


def _other_root() -> TrustRoot:
    """Give a document that trusts the same Sigstore; it has another digest, and so is another root."""
    return world.root_of(world.sigstore(), lambda root: root["tlogs"][0]["publicKey"]["validFor"].pop("start"))


def _elsewhere(name: str, **more: Any) -> X509Signer:
    """Give the same subject under a file of anchors that names another authority, too."""
    anchors = (corporate.root().certificate, authority("another").certificate)
    return corporate.signer(name, anchors=anchors, root=f"sha256:{'0' * 64}", **more)


def test_a_root_whose_signer_has_ended_leaves_the_other_ones() -> None:
    old, new = world.signer("old", valid_until=NOW_MS - DAY_MS), world.signer("new", root=_other_root())
    for signers in ((old, new), (new, old)):
        (found,) = world.judged(world.made(), *signers).signatures
        assert (found.signers, found.root) == (("new",), new.root.digest)


def test_anchors_whose_signer_has_ended_leave_the_other_ones() -> None:
    old, new = corporate.stamping("old", valid_until=NOW_MS - DAY_MS), _elsewhere("new")
    (found,) = corporate.judged(corporate.claim(corporate.leaf(), stamps=[NOW]), old, new).signatures
    assert (found.signers, found.root) == (("new",), new.root)


def test_where_all_have_ended_the_first_is_told() -> None:
    ended = {"valid_until": NOW_MS - DAY_MS}
    found = world.judged(world.made(), world.signer("old", **ended), world.signer("new", root=_other_root(), **ended))
    assert (found.signatures, found.considered.code, (found.considered.got or "")[:4]) == ((), "SM2015", "old:")


@pytest.mark.parametrize(("bounds", "code"), [({"revoked": True}, "SM2014"), ({"revoked_since": NOW_MS}, "SM2015")])
def test_a_revoked_identity_does_not_count_elsewhere(bounds: dict[str, Any], code: str) -> None:
    """A bare signature, too, that only the signer elsewhere takes."""
    revoked, other = (
        world.signer("revoked", **bounds),
        world.signer("other", root=_other_root(), message_signature=True),
    )
    for made in (Keyless(statement=world.STATEMENT), Keyless(artifact=MODEL.raw)):
        found = world.judged(world.made(made), revoked, other)
        assert (found.signatures, found.considered.code) == ((), code)


@pytest.mark.parametrize(("bounds", "code"), [({"revoked": True}, "SM2014"), ({"revoked_since": NOW_MS}, "SM2015")])
def test_a_revoked_subject_does_not_count_elsewhere_when_its_own_signer_cannot_judge(
    bounds: dict[str, Any], code: str
) -> None:
    """Anyone can put a foreign stamp beside a signature, which only those read who name a timestamp authority."""
    foreign = corporate.claim(corporate.leaf(), stamps=[NOW], foreign=True)
    stale = corporate.signer("revoked", crl=corporate.revoking(end=NOW), **bounds)
    older = corporate.leaf(start=NOW - timedelta(days=40))  # than its issuer is: no path at the time it began
    for revoked, made in (
        (corporate.stamping("revoked", **bounds), foreign),
        (stale, corporate.claim(corporate.leaf())),
        (stale, corporate.claim(older)),
    ):
        assert corporate.judged(made, _elsewhere("other")).signatures
        for also in ([], [corporate.signer("renamed", subject={"CN": "another"})]):
            found = corporate.judged(made, revoked, *also, _elsewhere("other"))
            assert (found.signatures, found.considered.code) == ((), code)


def test_a_revoked_subject_of_another_authority_is_somebody_else() -> None:
    revoked = corporate.signer("revoked", anchors=(authority("gone").certificate,), revoked=True)
    renamed = corporate.signer("renamed", subject={"CN": "another"}, root=f"sha256:{'1' * 64}", revoked=True)
    assert corporate.judged(corporate.claim(corporate.leaf()), revoked, renamed, _elsewhere("other")).signatures
