"""Log entries and stamps beside a managed key's signature: they say when, under the default root, or nothing."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from secmount.trust.root import TrustRoot
from tests.support import keys
from tests.support.keyless import Keyless
from tests.support.layouts import encode
from tests.support.minisig import NOW, p256
from tests.unit.trust import world
from tests.unit.trust.bench import MODEL, RELEASE, signer
from tests.unit.trust.world import NOW_MS, STATEMENT, judged, made, plain_root, root_of, sigstore

HALF_MINUTE = 30_000


def keyed(**more: object) -> bytes:
    given: dict[str, object] = {"statement": STATEMENT, "key": RELEASE.private, "managed": True, **more}
    return made(Keyless(**given))  # type: ignore[arg-type]


def not_after(raw: bytes, root: TrustRoot | None) -> int | None:
    (found,) = judged(raw, signer(RELEASE), root=root).signatures
    return found.time.not_after


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"rekor": 0}, None),
        ({"rekor": 1}, NOW_MS + HALF_MINUTE),
        ({"rekor": 2}, None),
        ({"rekor": 0, "stamps": 1}, NOW_MS + HALF_MINUTE),
        ({"rekor": 2, "stamps": 1}, NOW_MS + HALF_MINUTE),
    ],
    ids=["neither", "promise", "proof alone", "stamp", "both"],
)
def test_what_holds_under_the_default_root_says_when(more: dict[str, object], expected: int | None) -> None:
    assert not_after(keyed(**more), plain_root()) == expected


BROKEN = TrustRoot("broken", "sha256:" + "0" * 64, b"{}")


@pytest.mark.parametrize("root", [None, root_of(sigstore(1)), BROKEN], ids=["none", "other", "broken"])
def test_without_that_root_the_key_decides_and_nobody_says_when(root: TrustRoot | None) -> None:
    assert not_after(keyed(stamps=1), root) is None


def test_an_entry_of_another_signature_adds_nothing() -> None:
    stranger = keyed(key=p256())
    other = world.decoded(stranger)["verificationMaterial"]["tlogEntries"]
    raw = keyed(edit=lambda whole: whole["verificationMaterial"].update(tlogEntries=other))
    assert not_after(raw, plain_root()) is None


def test_a_foreign_stamp_beside_a_good_one_adds_nothing() -> None:
    early = NOW - timedelta(days=3)
    raw = keyed(rekor=0, stamps=1, foreign_stamps=(lambda signature: sigstore(1).stamp(signature, early),))
    assert not_after(raw, plain_root()) == NOW_MS + HALF_MINUTE


def test_what_is_no_good_does_not_keep_the_next_one_from_counting() -> None:
    def stamp(signature: bytes) -> bytes:
        return sigstore().stamp(signature, NOW)

    raw = keyed(rekor=0, foreign_stamps=(lambda signature: sigstore(1).stamp(signature), stamp))
    (found,) = judged(raw, signer(RELEASE), root=plain_root()).signatures
    assert (found.time.not_after, found.time.not_after_source) == (NOW_MS, "timestamp authority")
    strange = world.decoded(keyed(key=p256()))["verificationMaterial"]["tlogEntries"]
    raw = keyed(edit=lambda whole: whole["verificationMaterial"]["tlogEntries"].insert(0, *strange))
    (found,) = judged(raw, signer(RELEASE), root=plain_root()).signatures
    assert (found.time.not_after, found.time.not_after_source) == (NOW_MS + HALF_MINUTE, "transparency log")


def test_a_bare_signature_is_logged_as_one_of_the_artifact() -> None:
    raw = keyed(statement=None, artifact=MODEL.raw)
    (found,) = judged(raw, signer(RELEASE, message_signature=True), root=plain_root()).signatures
    assert found.time.not_after == NOW_MS + HALF_MINUTE


def test_stamping_an_old_signature_anew_makes_it_no_younger() -> None:
    said = encode(keys.statement(str(MODEL.digest), signed_at="2026-01-01T00:00:00Z"))
    (found,) = judged(keyed(statement=said, rekor=0, stamps=1), signer(RELEASE), root=plain_root()).signatures
    assert found.time.not_before is not None
    assert found.time.not_before < NOW_MS - 300 * 86_400_000
    assert found.time.not_after == NOW_MS + HALF_MINUTE


def test_the_time_is_what_a_keys_window_is_held_against() -> None:
    bounded = signer(RELEASE, valid_until=NOW_MS + 60_000)
    assert judged(keyed(), bounded, root=plain_root()).signatures
    for root, raw in ((None, keyed()), (plain_root(), keyed(rekor=0))):
        assert judged(raw, bounded, root=root).considered.code == "SM2015"
    stolen = signer(RELEASE, revoked_since=NOW_MS)
    assert judged(keyed(), stolen, root=plain_root()).considered.code == "SM2015"


def test_a_key_alone_costs_no_certificates() -> None:
    """Start-up time: X.509, CMS and sigstore are imported where a certificate, an entry or a stamp is looked at."""
    code = "import sys, secmount.trust.judge.claims; print([n for n in sys.modules if n in {names}])"
    names = ("cryptography.x509", "rfc3161_client", "sigstore")
    ran = subprocess.run([sys.executable, "-c", code.format(names=names)], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
