"""What a Sigstore certificate says of its holder, and that a log saw it."""

from __future__ import annotations

import struct
from datetime import timedelta

import pytest
from cryptography import x509

from secmount.errors import TrustError
from secmount.trust.check import certificate, chain, fulcio, sct
from secmount.trust.check.chain import Verified
from secmount.trust.roots.parse import parse
from tests.support.minisig import NOW, SCTS, der, p256, sha, spki
from tests.support.rfc3161 import octets
from tests.unit.trust.corporate import leaf
from tests.unit.trust.world import NOW_MS, plain_root, sigstore

CTLOGS = parse(plain_root()).ctlogs


def test_every_claim_of_a_certificate_is_read_by_its_name() -> None:
    from secmount.trust.claims import CLAIMS

    claims = [(arc, f"value of {named}") for named, arc in CLAIMS.items()]
    found = fulcio.read(certificate.read(der(sigstore().certificate(p256(), claims=claims))))
    assert found.claims == {named: f"value of {named}" for named in CLAIMS}


@pytest.mark.parametrize("issuer", ["https://a b", "https://a\u200b", "\u202ehttps://a"])
def test_an_issuer_that_does_not_print_is_none(issuer: str) -> None:
    with pytest.raises(TrustError) as caught:
        fulcio.read(certificate.read(der(sigstore().certificate(p256(), issuer=issuer))))
    assert caught.value.code == "SM2024"


def test_an_empty_issuer_is_none() -> None:
    empty = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8"), b"\x0c\x00")
    with pytest.raises(TrustError) as caught:
        fulcio.read(certificate.read(der(sigstore().certificate(p256(), issuer=None, more=[(empty, False)]))))
    assert caught.value.code == "SM2024"


@pytest.mark.parametrize("older", [None, "https://token.actions.githubusercontent.com"])
def test_the_older_issuer_extension_may_be_missing_or_alone(older: str | None) -> None:
    made = sigstore().certificate(p256(), issuer_text=older)
    assert fulcio.read(certificate.read(der(made))).issuer == "https://token.actions.githubusercontent.com"
    alone = sigstore().certificate(p256(), issuer=None, issuer_text="https://a")
    assert fulcio.read(certificate.read(der(alone))).issuer == "https://a"


def test_user_names_are_identities_and_other_names_are_none() -> None:
    kind = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")
    user = x509.OtherName(kind, b"\x0c\x05ann!x")
    assert fulcio.read(certificate.read(der(sigstore().certificate(p256(), [user])))).name == "ann!x"
    for other in (
        x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x0c\x01a"),
        x509.OtherName(kind, b"\x16\x01a"),
        x509.DNSName("a.test"),
        x509.RFC822Name("a\n@a.test"),
    ):
        with pytest.raises(TrustError) as caught:
            fulcio.read(certificate.read(der(sigstore().certificate(p256(), [other]))))
        assert caught.value.code == "SM2024"


def test_a_certificate_with_a_name_of_its_own_is_told_by_it() -> None:
    """Fulcio's have none; what a company gave out is no Sigstore certificate."""
    one = certificate.read(der(leaf()))
    with pytest.raises(TrustError) as caught:
        fulcio.read(one)
    assert (caught.value.code, caught.value.subject) == ("SM2024", "O=Acme,CN=release")
    with pytest.raises(TrustError) as caught:
        sct.verify(Verified((one,)), CTLOGS)
    assert (caught.value.code, caught.value.subject) == ("SM2025", "O=Acme,CN=release")


def shown(one: x509.Certificate) -> Verified:
    """Give the path to the intermediate authority, taken for an anchor."""
    anchor = der(sigstore().intermediate.certificate)
    return chain.verify((der(one),), (anchor,), at_ms=NOW_MS, purpose="code-signing")


def test_a_log_saw_a_certificate_that_an_anchor_gave_out() -> None:
    assert sct.verify(shown(sigstore().certificate(p256())), CTLOGS) == NOW_MS


def test_without_its_issuer_a_certificate_cannot_be_the_one_that_a_log_saw() -> None:
    """The log signed the issuer's key, too."""
    alone = Verified((certificate.read(der(sigstore().certificate(p256()))),))
    with pytest.raises(TrustError, match="SM2025"):
        sct.verify(alone, CTLOGS)


def test_a_log_that_saw_a_certificate_after_the_year_9999() -> None:
    row = b"\x00" + sha(spki(sigstore().ct_key)) + struct.pack("!QH", 2**64 - 1, 0) + b"\x04\x03\x00\x01\x00"
    rows = struct.pack("!H", len(row)) + row
    late = x509.UnrecognizedExtension(SCTS, octets(struct.pack("!H", len(rows)) + rows))
    with pytest.raises(TrustError) as caught:
        sct.verify(shown(sigstore().certificate(p256(), scts=0, more=[(late, False)])), CTLOGS)
    found = caught.value
    assert (found.code, found.subject) == ("SM2025", "https://mini.test")
    assert found.want == "one signed certificate timestamp of a log in the trust root"
    assert "out of range" in (found.got or "")


def test_a_log_saw_a_certificate_while_its_key_was_good() -> None:
    early = shown(sigstore().certificate(p256(), ct_at=NOW - timedelta(days=31)))
    with pytest.raises(TrustError, match="SM2025"):
        sct.verify(early, CTLOGS)
