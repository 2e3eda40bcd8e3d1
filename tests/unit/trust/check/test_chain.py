"""Paths from a certificate to an anchor, each by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from secmount.errors import TrustError
from secmount.trust.check import certificate, chain
from secmount.trust.check.chain import PATH_LIMIT, Purpose, Verified
from tests.support.minisig import NOW, Issuer, authority, der, usage
from tests.unit.trust.corporate import issuing, leaf, root
from tests.unit.trust.world import NOW_MS, sigstore

DAY_MS = 86_400_000
_AUTHORITY = x509.BasicConstraints(ca=True, path_length=None)


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
    assert len(verify(leaf(), *filler[:30], issuing().certificate).path) == 3
    assert code(leaf(), *filler[:31], issuing().certificate) == "SM2021"
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


@pytest.mark.parametrize(("decoys", "fits"), [(62, True), (63, False)])
def test_the_last_try_that_is_made(decoys: int, fits: bool) -> None:
    """Each authority of the right name is one try: the decoys, then the leaf's issuer, then the issuer's own."""
    of_the_name = authority("corp issuing")
    anchors = (*(_cross(of_the_name, of_the_name) for _ in range(decoys)), root().certificate)
    if fits:
        assert len(verify(leaf(), issuing().certificate, anchors=anchors).path) == 3
    else:
        assert code(leaf(), issuing().certificate, anchors=anchors) == "SM2021"


def test_four_of_the_anchors_are_named() -> None:
    anchors = tuple(authority(f"other {number}").certificate for number in range(5))
    with pytest.raises(TrustError) as caught:
        verify(leaf(), issuing().certificate, anchors=anchors)
    names = " or ".join(f"CN=other {number},O=mini.test" for number in range(4))
    assert caught.value.want == f"a certificate issued under {names}"


@pytest.mark.parametrize("basic", [None, x509.BasicConstraints(ca=False, path_length=None)])
def test_an_issuer_says_that_it_is_an_authority(basic: x509.BasicConstraints | None) -> None:
    """Whatever its key usage says: it may sign certificates."""
    one = authority("no authority")
    plain = Issuer(_cross(one, root(), basic=basic), one.key)
    with pytest.raises(TrustError) as caught:
        verify(leaf(by=plain), plain.certificate)
    assert (caught.value.code, caught.value.got) == ("SM2023", "a certificate that may not issue others")


def _cross(
    subject: Issuer,
    by: Issuer,
    *,
    basic: x509.BasicConstraints | None = _AUTHORITY,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject.certificate.subject)
        .issuer_name(by.certificate.subject)
        .public_key(subject.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(usage(issue=True), critical=True)
    )
    builder = builder if basic is None else builder.add_extension(basic, critical=True)
    return builder.sign(by.key, hashes.SHA256())


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


def test_a_commitment_is_enough_for_time_stamps_and_for_nothing_else() -> None:
    anchors, may = (sigstore().tsa_root.certificate,), usage(commit=True)
    assert verify(sigstore().tsa_certificate(may=may), anchors=anchors, purpose="time-stamping").path
    one = sigstore().tsa_certificate(may=may, uses=[ExtendedKeyUsageOID.CODE_SIGNING])
    purposes: tuple[Purpose, ...] = ("notary", "code-signing")
    for purpose in purposes:
        assert code(one, anchors=anchors, purpose=purpose) == "SM2023"
    assert code(sigstore().tsa_certificate(may=usage()), anchors=anchors, purpose="time-stamping") == "SM2023"


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
