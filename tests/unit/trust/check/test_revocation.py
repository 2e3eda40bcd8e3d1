"""Revocation lists, each by itself: what is current, what can be read, and what is said of those that do not decide."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from secmount.errors import TrustError
from secmount.trust.check import chain, revocation
from secmount.trust.check.chain import Verified
from tests.support.minisig import NOW, der
from tests.support.rfc3161 import changed, children, seq, tlv
from tests.unit.trust.corporate import issuing, leaf, revoking, root
from tests.unit.trust.world import NOW_MS

DAY = timedelta(days=1)
NEXT_UPDATE = 4  # in a TBSCertList without revoked certificates; RFC 5280 section 5.1
_NUMBER = seq(b"\x06\x03\x55\x1d\x14", b"\x04\x03\x02\x01\x01")  # a CRL number


def path() -> Verified:
    offered = (der(leaf()), der(issuing().certificate))
    return chain.verify(offered, (der(root().certificate),), at_ms=NOW_MS, purpose="notary")


def refused(lists: bytes) -> tuple[str, str]:
    with pytest.raises(TrustError) as caught:
        revocation.check(path(), lists, now_ms=NOW_MS)
    return caught.value.code, caught.value.got or ""


def remade(change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    """Change the signed part of the issuer's list, and sign it anew."""
    raw = x509.load_pem_x509_crl(revoking()).public_bytes(Encoding.DER)
    body = changed(raw, 0, to=change)
    signed, algorithm, _ = children(body)
    signature = issuing().key.sign(signed, ec.ECDSA(hashes.SHA384()))
    return x509.load_der_x509_crl(seq(signed, algorithm, tlv(0x03, b"\0", signature))).public_bytes(Encoding.PEM)


def test_a_list_holds_from_its_first_instant_to_before_its_last() -> None:
    ours = revoking(by=root())
    revocation.check(path(), revoking(start=NOW) + ours, now_ms=NOW_MS)
    assert refused(revoking(start=NOW - 2 * DAY, end=NOW) + ours)[0] == "SM2038"


def test_a_list_without_an_end_is_never_current() -> None:
    endless = remade(lambda parts: parts[:NEXT_UPDATE] + parts[NEXT_UPDATE + 1 :])
    assert refused(endless) == ("SM2038", "a list of CN=corp issuing,O=mini.test without an end")


def test_a_list_made_anew_is_one() -> None:
    revocation.check(path(), remade(lambda parts: parts) + revoking(by=root()), now_ms=NOW_MS)


def test_a_list_with_an_extension_twice_cannot_be_read() -> None:
    twice = remade(lambda parts: [*parts, tlv(0xA0, seq(_NUMBER, _NUMBER))])
    assert refused(twice) == ("SM2038", "Duplicate 2.5.29.20 extension found")


def test_a_list_whose_issuer_is_no_text_cannot_be_read() -> None:
    def unreadable(parts: list[bytes]) -> list[bytes]:
        return [part.replace(b"corp issuing", b"\xff" * 12) for part in parts]

    assert refused(remade(unreadable))[0] == "SM2038"


def test_sixteen_lists_are_read_and_no_more() -> None:
    both = revoking() + revoking(by=root())
    revocation.check(path(), both * 8, now_ms=NOW_MS)
    assert refused(both * 8 + revoking()) == ("SM2038", "17 lists")


def test_four_of_the_lists_that_do_not_decide_are_named() -> None:
    stale = "a list of CN=corp issuing,O=mini.test from 2026-10-30T12:00:00.000Z until 2026-10-31T12:00:00.000Z"
    lists = revoking(start=NOW - 2 * DAY, end=NOW - DAY) * 5
    assert refused(lists) == ("SM2038", ", ".join([stale] * 4))


def ended(at: datetime) -> Verified:
    """Give the path of a certificate that ended, as it was while it lasted."""
    offered = (der(leaf(end=at)), der(issuing().certificate))
    return chain.verify(offered, (der(root().certificate),), at_ms=NOW_MS - 86_400_000, purpose="notary")


def test_a_list_must_name_a_certificate_to_its_last_instant() -> None:
    both = revoking() + revoking(by=root())
    revocation.check(ended(NOW), both, now_ms=NOW_MS)
    with pytest.raises(TrustError, match="SM2038"):
        revocation.check(ended(NOW - timedelta(seconds=1)), both, now_ms=NOW_MS)


def test_only_the_extension_for_that_says_that_ended_certificates_are_kept() -> None:
    """X.509's expiredCertsOnCRL; a time in another extension is about something else."""
    for oid, kept in (("2.5.29.60", True), ("2.5.29.61", False)):
        kind = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), tlv(0x18, b"20260101000000Z"))
        lists = revoking(more=[(kind, False)]) + revoking(by=root())
        if kept:
            revocation.check(ended(NOW - DAY / 2), lists, now_ms=NOW_MS)
        else:
            with pytest.raises(TrustError, match="SM2038"):
                revocation.check(ended(NOW - DAY / 2), lists, now_ms=NOW_MS)


@pytest.mark.parametrize("since", [b"", b"20260101000000", b"20260101000000+0100", b"202601010000Z"])
def test_a_time_that_is_none_keeps_nothing(since: bytes) -> None:
    kind = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.60"), tlv(0x18, since))
    lists = revoking(more=[(kind, False)]) + revoking(by=root())
    with pytest.raises(TrustError, match="SM2038") as caught:
        revocation.check(ended(NOW - DAY / 2), lists, now_ms=NOW_MS)
    assert caught.value.got == "expiredCertsOnCRL without a time in UTC"
