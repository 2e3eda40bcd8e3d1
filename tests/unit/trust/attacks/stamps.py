"""Attacks on time stamps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.support import minisig
from tests.support.minisig import NOW, MiniSigstore, der, p256, sha
from tests.unit.trust.attacks.build import (
    Attack,
    Made,
    beside,
    bundle,
    elsewhere,
)
from tests.unit.trust.world import sigstore

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def stamped(**how: Any) -> Made:
    return bundle(rekor=2, stamps=1, stamping=how)


def _foreign(signature: bytes) -> bytes:
    return sigstore(1).stamp(signature, NOW + MINUTE)


def _impostor(signature: bytes) -> bytes:
    """A token that names the authority and carries its certificate, signed with another key (CVE-2025-52556)."""
    return sigstore().stamp(signature, NOW + MINUTE, key=p256())


def _namesake(signature: bytes) -> bytes:
    """A certificate of the same issuer name and serial number with the attacker's key, in the bag (CVE-2026-39984)."""
    key = p256()
    real = sigstore().tsa
    false = sigstore().tsa_certificate(key, minisig.authority("mini tsa root"), serial=real.serial_number)
    return sigstore().stamp(signature, NOW + MINUTE, certificate=false, key=key, bag=(der(false), der(real)))


def _no_tsa_use(one: MiniSigstore) -> None:
    one.tsa = one.tsa_certificate(uses=[ExtendedKeyUsageOID.CODE_SIGNING])


def _mild_tsa(one: MiniSigstore) -> None:
    one.tsa = one.tsa_certificate(critical=False)


def _ended_tsa(one: MiniSigstore) -> None:
    one.tsa = one.tsa_certificate(end=NOW - DAY)


STAMPS: tuple[Attack, ...] = (
    Attack(
        "stamp-foreign-beside",
        "stamp of a foreign authority beside a sound log entry",
        "SM2030",
        beside(_foreign),
        open=True,
    ),
    Attack(
        "stamp-broken-beside",
        "stamp that is no stamp beside a sound one",
        "SM2029",
        beside(lambda _: b"0\x00", rekor=2, stamps=1),
    ),
    Attack(
        "stamp-foreign",
        "stamp of an authority that the root does not name",
        "SM2030",
        bundle(rekor=2, foreign_stamps=(_foreign,)),
    ),
    Attack(
        "stamp-of-another",
        "stamp of another signature",
        "SM2029",
        bundle(rekor=2, foreign_stamps=(lambda _: sigstore().stamp(b"other", NOW + MINUTE),)),
    ),
    Attack(
        "stamp-impostor",
        "stamp that names the authority, signed with another key (CVE-2025-52556)",
        "SM2029",
        bundle(rekor=2, foreign_stamps=(_impostor,)),
    ),
    Attack(
        "stamp-namesake",
        "stamp by a certificate of the same issuer name and serial number, the real one in the bag (CVE-2026-39984)",
        "SM2029",
        bundle(rekor=2, foreign_stamps=(_namesake,)),
    ),
    Attack("stamp-denied", "stamp that was not granted", "SM2029", stamped(status=2)),
    Attack("stamp-digest", "stamp whose signed digest is of other content", "SM2029", stamped(digest=sha(b"other"))),
    Attack("stamp-type", "signed data that is no time stamp", "SM2029", stamped(content_type="1.2.840.113549.1.7.1")),
    Attack("stamp-unnamed", "stamp that does not name its certificate", "SM2029", stamped(ess=None), open=True),
    Attack(
        "stamp-named-other", "stamp that names another certificate", "SM2029", stamped(ess=sha(b"other")), open=True
    ),
    Attack("stamp-two-signers", "stamp with a second signer", "SM2029", stamped(extra_signer=True)),
    Attack("stamp-sha1", "stamp over a SHA-1 imprint", "SM2029", stamped(imprint_hash="1.3.14.3.2.26")),
    Attack(
        "stamp-use",
        "authority's certificate is not for time stamps",
        "SM2030",
        elsewhere(_no_tsa_use, rekor=2, stamps=1),
    ),
    Attack("stamp-use-mild", "that use is not critical", "SM2030", elsewhere(_mild_tsa, rekor=2, stamps=1)),
    Attack("stamp-cert-ended", "authority's certificate had ended", "SM2030", elsewhere(_ended_tsa, rekor=2, stamps=1)),
    Attack("no-time", "Rekor v2 entry and nothing that says when", "SM2031", bundle(rekor=2)),
    Attack("no-entry", "neither log entry nor stamp", "SM2031", bundle(rekor=0)),
)
