"""Time stamps, each by itself: under an authority that names its certificate, and under a mere anchor."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from secmount.errors import TrustError
from secmount.trust.check import certificate, cms, stamp
from secmount.trust.check import der as reader
from secmount.trust.root import Authority, Window
from tests.support import rfc3161
from tests.support.minisig import NOW, authority, der, p256
from tests.unit.trust import corporate
from tests.unit.trust.world import NOW_MS, sigstore

SIGNATURE = b"the signature"
NAMED = Authority("https://tsa", (der(sigstore().tsa), der(sigstore().tsa_root.certificate)), Window())
ANCHOR = Authority("", (der(sigstore().tsa_root.certificate),), Window())


def made(**more: Any) -> bytes:
    return sigstore().stamp(SIGNATURE, NOW, **more)


def code(raw: bytes, *authorities: Authority, **more: Any) -> tuple[str, str]:
    with pytest.raises(TrustError) as caught:
        stamp.verify(raw, SIGNATURE, authorities or (NAMED,), **more)
    return caught.value.code, caught.value.got or ""


@pytest.mark.parametrize("authorities", [(NAMED,), (ANCHOR,), (NAMED, ANCHOR)])
@pytest.mark.parametrize("second", [True, False])
def test_a_stamp_says_when(authorities: tuple[Authority, ...], second: bool) -> None:
    assert stamp.verify(made(), SIGNATURE, authorities, second=second) == NOW_MS


def test_a_stamp_need_not_bring_a_certificate_that_is_known() -> None:
    assert stamp.verify(made(bag=()), SIGNATURE, (NAMED,)) == NOW_MS
    assert code(made(bag=()), ANCHOR)[0] == "SM2030"


def test_an_intermediate_authority_may_stand_in_the_token_or_in_the_root() -> None:
    between = authority("tsa between", under=sigstore().tsa_root)
    key = p256()
    one = sigstore().tsa_certificate(key, between)
    inside = made(certificate=one, key=key, bag=(der(one), der(between.certificate)))
    assert stamp.verify(inside, SIGNATURE, (ANCHOR,)) == NOW_MS
    known = Authority("", (der(one), der(between.certificate), ANCHOR.certificates[0]), Window())
    assert stamp.verify(made(certificate=one, key=key, bag=()), SIGNATURE, (known,)) == NOW_MS
    assert code(made(certificate=one, key=key, bag=(der(one),)), ANCHOR)[0] == "SM2030"


def test_the_authority_that_is_named_signs_and_no_other_under_its_root() -> None:
    key = p256()
    other = sigstore().tsa_certificate(key)
    raw = made(certificate=other, key=key, bag=(der(other),))
    assert stamp.verify(raw, SIGNATURE, (ANCHOR,)) == NOW_MS
    assert code(raw, NAMED)[0] == "SM2030"


def test_of_the_certificates_that_a_root_names_the_first_one_signs() -> None:
    key = p256()
    other = sigstore().tsa_certificate(key)
    both = Authority("", (der(sigstore().tsa), der(other), ANCHOR.certificates[0]), Window())
    assert stamp.verify(made(), SIGNATURE, (both,)) == NOW_MS
    assert code(made(certificate=other, key=key, bag=()), both)[0] == "SM2030"


def test_a_token_brings_nothing_to_an_authority_that_is_named() -> None:
    between, key = authority("tsa between", under=sigstore().tsa_root), p256()
    one = sigstore().tsa_certificate(key, between)
    raw = made(certificate=one, key=key, bag=(der(one), der(between.certificate)))
    assert stamp.verify(raw, SIGNATURE, (ANCHOR,)) == NOW_MS
    assert code(raw, Authority("", (der(one), ANCHOR.certificates[0]), Window()))[0] == "SM2030"


def test_the_signers_certificate_is_looked_for_in_the_whole_token() -> None:
    """Behind an authority's, and behind one of its own name and number that leads nowhere."""
    real = sigstore().tsa
    false = sigstore().tsa_certificate(p256(), authority("mini tsa root"), serial=real.serial_number)
    for first in (sigstore().tsa_root.certificate, false):
        assert stamp.verify(made(bag=(der(first), der(real))), SIGNATURE, (ANCHOR,), second=False) == NOW_MS


def test_four_of_the_authorities_are_named() -> None:
    foreign = authority("other").certificate
    five = [Authority(f"https://tsa{number}", (der(foreign),), Window()) for number in range(4)]
    five.insert(1, Authority("", (der(foreign),), Window()))
    with pytest.raises(TrustError) as caught:
        stamp.verify(made(bag=()), SIGNATURE, tuple(five))
    names = "https://tsa0, an anchor of the policy, https://tsa1, https://tsa2"
    assert (caught.value.code, caught.value.want) == ("SM2030", f"one of {names}")


def test_an_authority_has_its_time() -> None:
    for window, fits in (
        (Window(NOW_MS, NOW_MS), True),
        (Window(NOW_MS + 1, None), False),
        (Window(None, NOW_MS - 1), False),
    ):
        one = replace(NAMED, window=window)
        if fits:
            assert stamp.verify(made(), SIGNATURE, (one,)) == NOW_MS
        else:
            assert code(made(), one) == ("SM2030", "a stamp made at 2026-11-01T12:00:00.000Z")
    closed = replace(NAMED, window=Window(None, 0))
    assert stamp.verify(made(), SIGNATURE, (closed, NAMED)) == NOW_MS


def test_without_an_authority_there_is_no_stamp() -> None:
    with pytest.raises(TrustError) as caught:
        stamp.verify(made(), SIGNATURE, ())
    assert caught.value.code == "SM2030"


@pytest.mark.parametrize("second", [True, False])
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        made()[:-1],
        made() + b"\x00",
        made(status=1),
        made(status=2),
        made(digest=b"\x00" * 32),
        made(ess=b"\x00" * 32),
        made(ess=None),
        made(extra_signer=True),
        made(imprint_hash=rfc3161.SHA1),
        made(content_type="1.2.840.113549.1.7.1"),
        made(key=p256()),
        made(bag=tuple(der(authority("filler").certificate) for _ in range(17))),
        sigstore().stamp(b"another", NOW),
        b"0" * (64 << 10) + b"0",
    ],
    ids=range(15),
)
def test_what_is_no_stamp_of_this(raw: bytes, second: bool) -> None:
    assert code(raw, second=second)[0] == "SM2029"


OID_0, SIGNER, ATTRIBUTES = reader.wrap(reader.OID, b"\x2a"), (1, 1, 0, 4, 0), (1, 1, 0, 4, 0, 3)
FITS = "not the elements that belong there"
SIGNED = "a token that is no signed data"
SIGNERS = "a token without signers, or with too many certificates"


def retagged(at: int, tag: int) -> Any:
    return lambda parts: [*parts[:at], reader.wrap(tag, *rfc3161.children(parts[at])), *parts[at + 1 :]]


@pytest.mark.parametrize(
    ("path", "to", "words"),
    [
        ((), retagged(1, reader.SET), SIGNED),
        ((1,), lambda parts: [OID_0, parts[1]], SIGNED),
        ((1, 1, 0), retagged(2, reader.SET), FITS),
        ((1, 1, 0), lambda parts: parts[:-1], SIGNERS),
        ((1, 1, 0), lambda parts: [*parts, parts[-1]], SIGNERS),
        ((1, 1, 0), retagged(4, reader.SEQUENCE), SIGNERS),
        ((1, 1, 0, 3), lambda parts: parts * 17, SIGNERS),
        (SIGNER, lambda parts: [*parts[:5], reader.wrap(reader.BITS, parts[5][2:])], FITS),
        ((*SIGNER, 1), lambda parts: [parts[0], rfc3161.tlv(reader.INTEGER, b"\0\1")], "an integer with padding"),
        (ATTRIBUTES, lambda parts: [*parts, parts[0]], "attribute 1.2.840.113549.1.9.3 twice"),
        ((*ATTRIBUTES, 0, 1), lambda parts: parts * 2, "an attribute with 2 values"),
        ((*ATTRIBUTES, 0, 1), lambda _: [rfc3161.integer(1)], "no object identifier"),
        (ATTRIBUTES, lambda parts: parts[1:], "a token without content type or message digest"),
        (ATTRIBUTES, lambda parts: [parts[0], parts[2]], "a token without content type or message digest"),
        (ATTRIBUTES, lambda parts: parts[:2], "a token that does not name its certificate"),
    ],
    ids=range(15),
)
def test_a_stamp_of_another_form(path: tuple[int, ...], to: Any, words: str) -> None:
    """What is not signed can be changed by anyone; our reader refuses it before OpenSSL is asked."""
    assert code(rfc3161.changed(made(), *path, to=to), second=False) == ("SM2029", words)


@pytest.mark.parametrize("second", [True, False])
def test_sixteen_certificates_and_revocation_lists_may_be_in_a_token(second: bool) -> None:
    listed = x509.load_pem_x509_crl(corporate.revoking()).public_bytes(Encoding.DER)

    def more(parts: list[bytes]) -> list[bytes]:
        return [*parts[:4], rfc3161.tlv(0xA1, listed), *parts[4:]]

    raw = rfc3161.changed(made(bag=(der(sigstore().tsa),) * 16), 1, 1, 0, to=more)
    assert stamp.verify(raw, SIGNATURE, (NAMED,), second=second) == NOW_MS


def test_a_stamp_of_exactly_the_limit_is_read() -> None:
    plain = made()

    def filled(size: int) -> bytes:
        return rfc3161.changed(plain, 1, 1, 0, 3, to=lambda parts: [*parts, rfc3161.octets(bytes(size))])

    size = stamp.STAMP_LIMIT - (len(filled(60_000)) - 60_000)
    assert len(filled(size)) == stamp.STAMP_LIMIT
    assert stamp.verify(filled(size), SIGNATURE, (NAMED,), second=False) == NOW_MS
    assert code(filled(size + 1), second=False) == ("SM2029", f"{stamp.STAMP_LIMIT + 1} bytes")


def test_where_the_second_reader_disagrees_there_is_no_stamp() -> None:
    """Unless it will be asked elsewhere, it is asked: whoever forgets to say so gets both."""
    raw = made(bag=(der(sigstore().tsa_root.certificate),))
    assert stamp.verify(raw, SIGNATURE, (NAMED,), second=False) == NOW_MS
    words = "VerificationError: No leaf certificate found matching the SignerInfo."
    assert code(raw) == code(raw, second=True) == ("SM2029", words)


SHA256, SHA512 = (rfc3161.seq(rfc3161.oid(one)) for one in (rfc3161.SHA256, rfc3161.SHA512))
NUMBER = rfc3161.seq(rfc3161.seq(), rfc3161.integer(1))  # who issued it, and its serial number: not asked


@pytest.mark.parametrize(
    ("older", "row", "holds"),
    [
        (False, lambda raw: [SHA512, rfc3161.octets(hashlib.sha512(raw).digest())], True),
        (False, lambda raw: [SHA512, rfc3161.octets(hashlib.sha512(raw).digest()), NUMBER], True),
        (False, lambda raw: [rfc3161.octets(hashlib.sha256(raw).digest()), NUMBER], True),
        (False, lambda raw: [SHA256, rfc3161.octets(hashlib.sha512(raw).digest())], False),
        (False, lambda raw: [rfc3161.octets(b"other"), rfc3161.octets(hashlib.sha256(raw).digest())], False),
        (False, lambda raw: [rfc3161.utf8(""), rfc3161.octets(hashlib.sha256(raw).digest())], False),
        (False, lambda raw: [rfc3161.tlv(reader.BITS, hashlib.sha256(raw).digest())], False),
        (False, lambda _: [SHA256], False),
        (False, lambda _: [], False),
        (True, lambda raw: [rfc3161.octets(hashlib.sha1(raw).digest()), NUMBER], True),
        (True, lambda raw: [SHA256, rfc3161.octets(hashlib.sha256(raw).digest())], False),
        (True, lambda _: [], False),
    ],
    ids=range(12),
)
def test_a_token_names_its_certificate_by_a_hash(older: bool, row: Any, holds: bool) -> None:
    token, one = cms.read(made()), certificate.read(der(sigstore().tsa))
    named = reader.read(rfc3161.seq(rfc3161.seq(rfc3161.seq(*row(one.der)))), reader.SEQUENCE)
    rest = {name: value for name, value in token.attributes.items() if name != cms._CERTIFICATE_V2}
    kind = cms._CERTIFICATE_V1 if older else cms._CERTIFICATE_V2
    assert cms.holds(replace(token, attributes={**rest, kind: named}), one) is holds


def test_the_older_way_to_name_the_certificate_is_read() -> None:
    assert stamp.verify(made(ess_v1=True), SIGNATURE, (NAMED,)) == NOW_MS
    assert code(made(ess_v1=True, ess=b"\x00" * 20))[0] == "SM2029"


def test_an_imprint_may_be_of_a_longer_hash() -> None:
    assert stamp.verify(made(imprint_hash=rfc3161.SHA512), SIGNATURE, (NAMED,)) == NOW_MS


@pytest.mark.parametrize(
    "edit",
    [
        lambda info: info.replace(b"\x02\x01\x01", b"\x02\x01\x02", 1),
        lambda info: info.replace(b"20261101120000Z", b"20261301120000Z"),
        lambda info: info.replace(b"20261101120000Z", b"202611011200+01"),
        lambda info: info[:-1],
        lambda info: info.replace(b"\x18\x0f", b"\x17\x0f", 1),
    ],
    ids=["version", "month", "zone", "cut", "type"],
)
def test_a_signed_time_that_cannot_be_read(edit: Any) -> None:
    assert code(made(edit=edit))[0] == "SM2029"


def test_rsa_authorities_are_read() -> None:
    key = rsa.generate_private_key(65537, 2048)
    token = cms.read(made())
    signature = key.sign(token.signed, padding.PKCS1v15(), hashes.SHA256())
    public = sigstore().tsa_certificate(key)  # type: ignore[arg-type]
    one = certificate.read(der(public))
    bound = replace(token, signature=signature, attributes={**token.attributes, cms._CERTIFICATE_V2: _named(one.der)})
    for algorithm, fits in (
        ("1.2.840.113549.1.1.11", True),
        ("1.2.840.113549.1.1.1", True),
        ("1.2.840.10045.4.3.2", False),
    ):
        assert cms.holds(replace(bound, algorithm=algorithm), one) is fits
    assert not cms.holds(replace(bound, algorithm="1.2.840.113549.1.1.13"), one)
    with pytest.raises(ValueError, match="algorithm"):
        cms.holds(replace(bound, algorithm="1.2.840.113549.1.1.5"), one)


def _named(raw: bytes) -> Any:
    digest = rfc3161.octets(hashlib.sha256(raw).digest())
    return reader.read(rfc3161.seq(rfc3161.seq(rfc3161.seq(digest))), reader.SEQUENCE)


def test_signed_facts_that_must_be_there() -> None:
    token = cms.read(made())
    one = certificate.read(der(sigstore().tsa))
    assert cms.holds(token, one)
    for missing in (cms._CONTENT_TYPE, cms._MESSAGE_DIGEST, cms._CERTIFICATE_V2):
        rest = {name: row for name, row in token.attributes.items() if name != missing}
        with pytest.raises(ValueError, match="token"):
            cms.holds(replace(token, attributes=rest), one)


def test_a_stamp_of_the_day_after_tomorrow_is_judged_at_its_own_time() -> None:
    """What is too far ahead is the policy's to refuse; a certificate that is not valid then is refused here."""
    ended = sigstore().tsa_certificate(end=NOW + timedelta(days=1))
    raw = sigstore().stamp(SIGNATURE, NOW + timedelta(days=2), certificate=ended, bag=(der(ended),))
    found, got = code(raw, ANCHOR)
    assert (found, "valid only" in got) == ("SM2030", True)
