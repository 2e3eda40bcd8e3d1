"""Paths from a certificate to an anchor, each by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from secmount.errors import TrustError
from secmount.trust.check import certificate, chain, fulcio
from secmount.trust.check.chain import PATH_LIMIT, Purpose, Verified
from tests.support.minisig import NOW, Issuer, authority, der, p256, usage
from tests.unit.trust.corporate import issuing, leaf, root
from tests.unit.trust.world import NOW_MS, sigstore

DAY_MS = 86_400_000


def verify(
    *certificates: x509.Certificate,
    anchors: tuple[x509.Certificate, ...] | None = None,
    at_ms: int = NOW_MS,
    purpose: Purpose = "notary",
) -> Verified:
    trusted = (root().certificate,) if anchors is None else anchors
    offered = tuple(der(one) for one in certificates)
    return chain.verify(offered, tuple(der(one) for one in trusted), at_ms=at_ms, purpose=purpose)


def code(*certificates: x509.Certificate, **more: object) -> str:
    with pytest.raises(TrustError) as caught:
        verify(*certificates, **more)  # type: ignore[arg-type]
    return caught.value.code


def under(count: int) -> list[Issuer]:
    """Give a root and `count` authorities below it, each under the one before."""
    found = [authority("deep 0")]
    for number in range(1, count + 1):
        found.append(authority(f"deep {number}", under=found[-1]))
    return found


def test_a_path_is_found_in_any_order_past_what_does_not_belong() -> None:
    deep = under(3)
    one = leaf(by=deep[-1])
    rest = [deep[1].certificate, root().certificate, deep[3].certificate, issuing().certificate, deep[2].certificate]
    found = verify(one, *rest, anchors=(root().certificate, deep[0].certificate))
    assert [part.der for part in found.path] == [der(one), *(der(each.certificate) for each in reversed(deep))]
    assert found.leaf.der == der(one)


def test_an_anchor_need_not_be_a_root() -> None:
    assert len(verify(leaf(), anchors=(issuing().certificate,)).path) == 2


def test_a_path_has_its_limit() -> None:
    deep = under(PATH_LIMIT - 1)
    for below, fits in ((PATH_LIMIT - 2, True), (PATH_LIMIT - 1, False)):
        one, between = leaf(by=deep[below]), [each.certificate for each in deep[1 : below + 1]]
        if fits:
            assert len(verify(one, *between, anchors=(deep[0].certificate,)).path) == PATH_LIMIT
        else:
            assert code(one, *between, anchors=(deep[0].certificate,)) == "SM2021"


def test_what_is_offered_has_its_limit() -> None:
    filler = [authority("filler").certificate for _ in range(2)] * 16
    assert code(leaf(), *filler) == "SM2021"
    assert code(anchors=(root().certificate,)) == "SM2021"
    assert code(leaf(), anchors=()) == "SM2021"


def test_authorities_of_the_same_name_are_told_apart_by_their_keys() -> None:
    decoys = [authority("corp issuing", under=root()).certificate for _ in range(5)]
    assert len(verify(leaf(), *decoys, issuing().certificate).path) == 3
    assert code(leaf(), *decoys) == "SM2021"
    assert code(leaf(), issuing().certificate, anchors=(authority("corp root").certificate,)) == "SM2021"


def test_tries_have_their_limit() -> None:
    """Authorities that certify each other crosswise make a search grow; it ends, and undecided is no."""
    keys = [authority("same") for _ in range(9)]
    crossed = [_cross(subject, by) for subject in keys for by in keys if subject is not by][:30]
    assert code(leaf(by=keys[0]), *crossed) == "SM2021"


def _cross(subject: Issuer, by: Issuer) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(subject.certificate.subject)
        .issuer_name(by.certificate.subject)
        .public_key(subject.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage(issue=True), critical=True)
        .sign(by.key, hashes.SHA256())
    )


def test_self_issued_certificates_do_not_count_for_a_paths_length() -> None:
    top = authority("rolled", length=0)
    fresh = authority("rolled")
    rolled = Issuer(_cross(fresh, top), fresh.key)
    assert len(verify(leaf(by=rolled), rolled.certificate, anchors=(top.certificate,)).path) == 3


def test_both_ends_of_a_validity_are_inside() -> None:
    one = leaf(start=NOW, end=NOW + timedelta(days=1))
    for at_ms in (NOW_MS, NOW_MS + DAY_MS):
        assert verify(one, issuing().certificate, at_ms=at_ms).path
    for at_ms in (NOW_MS - 1, NOW_MS + DAY_MS + 1):
        assert code(one, issuing().certificate, at_ms=at_ms) == "SM2022"


def test_the_anchor_must_be_valid_too() -> None:
    ended = authority("ended", end=NOW - timedelta(days=1))
    assert code(leaf(by=ended), anchors=(ended.certificate,)) == "SM2022"


def test_of_two_paths_the_one_that_holds_is_taken() -> None:
    ended = Issuer(_ended(issuing()), issuing().key)
    assert verify(leaf(), ended.certificate, issuing().certificate).path[1].der == der(issuing().certificate)
    assert code(leaf(), ended.certificate) == "SM2022"


def _ended(one: Issuer) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(one.certificate.subject)
        .issuer_name(root().certificate.subject)
        .public_key(one.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=9))
        .not_valid_after(NOW - timedelta(days=8))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(root().key, hashes.SHA256())
    )


def test_a_leaf_for_time_stamps_is_for_nothing_else() -> None:
    stamping = sigstore().tsa
    anchors = (sigstore().tsa_root.certificate,)
    assert verify(stamping, anchors=anchors, purpose="time-stamping").path
    both = [ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING]
    assert code(sigstore().tsa_certificate(uses=both), anchors=anchors, purpose="time-stamping") == "SM2023"
    assert code(stamping, anchors=anchors, purpose="code-signing") == "SM2023"


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP224R1()), rsa.generate_private_key(65537, 1024)], ids=["p224", "rsa1024"]
)
def test_a_certificate_with_a_weak_key_is_not_read(key: object) -> None:
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    assert code(leaf(key), issuing().certificate) == "SM2020"


@pytest.mark.parametrize("raw", [b"", b"0\x00", der(leaf())[:-1], der(leaf()) + b"\x00", b"x" * (64 << 10) + b"x"])
def test_what_is_no_certificate(raw: bytes) -> None:
    with pytest.raises(TrustError) as caught:
        certificate.read(raw)
    assert caught.value.code == "SM2020"
    with pytest.raises(TrustError) as caught:
        chain.verify((der(leaf()), raw), (der(root().certificate),), at_ms=NOW_MS, purpose="notary")
    assert caught.value.code == "SM2020"


def test_attributes_are_those_that_stand_once() -> None:
    one = leaf(subject=[("CN", "a"), ("O", "b"), ("OU", "c"), ("OU", "d")])
    assert certificate.attributes(certificate.read(der(one))) == {"CN": "a", "O": "b"}


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
