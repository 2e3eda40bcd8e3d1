"""Whether a timestamp authority saw a signature, and when. RFC 3161.

Two readers must agree: ours, and rfc3161-client, which has OpenSSL check the CMS signature; sigstore-python brings the
latter along, and where it will be asked it is not asked twice.
The signer's certificate is the one in the trust root, or one that chains to an anchor there, never merely one that the
token brings. A stamp can be renewed by anyone at any time: it is an upper bound and nothing else.
"""

from __future__ import annotations

import hashlib

from cryptography import x509
from rfc3161_client import VerifierBuilder, decode_timestamp_response

from secmount.errors import TrustError
from secmount.oci import instant
from secmount.trust.check import certificate, chain, cms
from secmount.trust.check.certificate import Certificate
from secmount.trust.check.chain import Verified
from secmount.trust.check.cms import Token
from secmount.trust.root import Authority

STAMP_LIMIT = 64 << 10  # bytes; those of public authorities, with their chain, have 6 KiB


def verify(
    stamp: bytes,
    signature: bytes,
    authorities: tuple[Authority, ...],
    *,
    envelope: bytes | None = None,
    second: bool = True,
) -> int:
    """Give the time, milliseconds, at which an authority of `authorities` says that `signature` existed.

    `envelope`: bytes that `signature` stands in, which the authority may have seen instead: both existed then.
    An authority of one certificate is an anchor, and the token brings the rest; one of several names the certificate
    that signs, first. `second`: have rfc3161-client agree, too. Raise `TrustError` SM2029 (it does not hold, or is
    about something else), SM2030 (an authority that is not known, or not at that time).
    """
    want = "a time stamp of this signature, RFC 3161"
    try:
        if len(stamp) > STAMP_LIMIT:
            raise ValueError(f"{len(stamp)} bytes")  # noqa: TRY301 - one handler for all that keeps it from being read
        token = cms.read(stamp)
        seen = _seen(token, signature, envelope)
        found = _authority(token, authorities)
        if not cms.holds(token, found.leaf):
            raise ValueError(f"a stamp that {found.leaf.subject} did not sign")  # noqa: TRY301
        if second:
            _second(stamp, seen, found)
    except ValueError as err:
        raise TrustError("SM2029", got=str(err), want=want) from err
    return token.at_ms


def _seen(token: Token, signature: bytes, envelope: bytes | None) -> bytes:
    for one in (signature, envelope):
        if one is not None and hashlib.new(token.imprint_hash, one).digest() == token.imprint:
            return one
    raise ValueError("a stamp of another signature")


def _authority(token: Token, authorities: tuple[Authority, ...]) -> Verified:
    missed: TrustError | None = None
    for authority in authorities:
        *named, anchor = authority.certificates
        for leaf in named[:1] or token.certificates:
            try:
                one = certificate.read(leaf)
                if not token.by(one):
                    continue
                found = chain.verify(
                    (leaf, *named[1:], *(() if named else token.certificates)),
                    (anchor,),
                    at_ms=token.at_ms,
                    purpose="time-stamping",
                )
            except TrustError as err:
                missed = missed or err
                continue
            if authority.window.holds(token.at_ms):
                return found
            got = f"a stamp made at {instant.render(token.at_ms)}"
            want = f"an authority that is good {authority.window}"
            missed = missed or TrustError("SM2030", subject=authority.uri or None, got=got, want=want)
    if missed is not None:
        raise TrustError("SM2030", subject=missed.subject, got=missed.got, want=missed.want) from missed
    names = ", ".join(authority.uri or "an anchor of the policy" for authority in authorities[:4])
    want = f"one of {names}" if names else "one that the trust root names, and it names none"
    raise TrustError("SM2030", got="a stamp of an authority that is not in the trust root", want=want)


def _second(stamp: bytes, seen: bytes, found: Verified) -> None:
    builder = VerifierBuilder().tsa_certificate(_plain(found.leaf)).add_root_certificate(_plain(found.path[-1]))
    for one in found.path[1:-1]:
        builder = builder.add_intermediate_certificate(_plain(one))
    try:
        builder.build().verify_message(decode_timestamp_response(stamp), seen)
    except Exception as err:  # a refusal, whatever it is made of
        raise ValueError(f"{type(err).__name__}: {err}") from err


def _plain(one: Certificate) -> x509.Certificate:
    return one.parsed
