"""Time stamps, each by itself: under an authority that names its certificate, and under a mere anchor."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from secmount.errors import TrustError
from secmount.trust.check import certificate, cms, stamp
from secmount.trust.check import der as reader
from secmount.trust.root import Authority, Window
from tests.support import rfc3161
from tests.support.minisig import NOW, authority, der, p256
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
            assert code(made(), one)[0] == "SM2030"
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
