"""Signers whose signatures must be in a transparency log: without an entry that holds, nothing of theirs counts."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from secmount.trust.root import TrustRoot
from tests.support import keys
from tests.support.keyless import Keyless
from tests.support.layouts import encode
from tests.support.minisig import p256
from tests.unit.trust import world
from tests.unit.trust.bench import MODEL, RELEASE, signer
from tests.unit.trust.world import NOW_MS, STATEMENT, judged, made, plain_root, root_of, sigstore

PROVENANCE = encode(keys.statement(str(MODEL.digest), predicate_type="https://slsa.dev/provenance/v1"))
LOGGED = [{"rekor": 1}, {"rekor": 1, "stamps": 1}, {"rekor": 2, "stamps": 1}]
STAMPED: dict[str, Any] = {"rekor": 0, "stamps": 1}


def keyed(**more: Any) -> bytes:
    return made(Keyless(**{"statement": STATEMENT, "key": RELEASE.private, "managed": True, **more}))


@pytest.mark.parametrize("more", LOGGED)
def test_what_is_logged_counts(more: dict[str, Any]) -> None:
    (found,) = judged(made(**more), world.signer(logged=True)).signatures
    assert (found.signers, found.logged) == (("ci",), True)
    (found,) = judged(keyed(**more), signer(RELEASE, logged=True), root=plain_root()).signatures
    assert (found.signers, found.logged) == (("release",), True)


def test_a_keyless_signature_with_a_stamp_alone_counts_only_for_those_who_need_no_log() -> None:
    raw = made(**STAMPED)
    missed = judged(raw, world.signer(logged=True))
    assert (missed.signatures, missed.considered.code, missed.considered.signers) == ((), "SM2041", ("ci",))
    assert missed.considered.outcome == "unacceptable"
    assert missed.considered.got == "ci: no log entry that holds"
    (found,) = judged(raw, world.signer("watched", logged=True), world.signer("free")).signatures
    assert (found.signers, found.logged) == (("free",), False)


def test_an_attestation_must_be_logged_as_well() -> None:
    raw = made(Keyless(statement=PROVENANCE, **STAMPED))
    assert judged(raw, world.signer()).attestations[0].logged is False
    missed = judged(raw, world.signer(logged=True))
    assert (missed.attestations, missed.considered.code) == ((), "SM2041")
    (found,) = judged(made(Keyless(statement=PROVENANCE)), world.signer(logged=True)).attestations
    assert found.logged


def _other_entry() -> bytes:
    strange = world.decoded(keyed(key=p256()))["verificationMaterial"]["tlogEntries"]
    return keyed(edit=lambda whole: whole["verificationMaterial"].update(tlogEntries=strange))


def _other_log(whole: Any) -> None:
    whole["verificationMaterial"]["tlogEntries"][0]["logId"]["keyId"] = base64.b64encode(b"\0" * 32).decode()


@pytest.mark.parametrize(
    ("raw", "root"),
    [
        (keyed(rekor=0), plain_root()),
        (keyed(**STAMPED), plain_root()),
        (keyed(), None),
        (keyed(), root_of(sigstore(1))),
        (keyed(), TrustRoot("broken", "sha256:" + "0" * 64, b"{}")),
        (_other_entry(), plain_root()),
        (keyed(edit=_other_log), plain_root()),
    ],
    ids=["nothing", "stamp", "no root", "another root", "broken root", "entry of another signature", "unknown log"],
)
def test_a_managed_keys_signature_that_no_known_log_has_does_not_count(raw: bytes, root: TrustRoot | None) -> None:
    missed = judged(raw, signer(RELEASE, logged=True), root=root)
    assert (missed.signatures, missed.considered.code) == ((), "SM2041")
    (found,) = judged(raw, signer(RELEASE), root=root).signatures
    assert found.logged is False


def test_one_entry_that_holds_is_enough_for_a_managed_key() -> None:
    strange = world.decoded(keyed(key=p256()))["verificationMaterial"]["tlogEntries"]
    raw = keyed(edit=lambda whole: whole["verificationMaterial"]["tlogEntries"].insert(0, *strange))
    assert judged(raw, signer(RELEASE, logged=True), root=plain_root()).signatures[0].logged


def test_bounds_and_revocation_are_told_first() -> None:
    raw = made(**STAMPED)
    assert judged(raw, world.signer(logged=True, revoked=True)).considered.code == "SM2014"
    assert judged(raw, world.signer(logged=True, valid_until=NOW_MS)).considered.code == "SM2015"
