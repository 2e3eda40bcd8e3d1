"""Attacks on windows of time: of keys, of authorities, of certificates."""

from __future__ import annotations

from datetime import timedelta

from tests.support.minisig import NOW, MiniSigstore, authority
from tests.unit.trust.attacks.build import (
    Attack,
    beside,
    bundle,
    elsewhere,
    put,
    rooted,
)
from tests.unit.trust.world import sigstore, window

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def _expired_authority(one: MiniSigstore) -> None:
    """The intermediate ended before the signature, the leaf and the root did not."""
    one.intermediate = authority("mini intermediate", under=one.root, length=0, end=NOW - DAY)


WINDOWS: tuple[Attack, ...] = (
    Attack(
        "log-key-ended",
        "entry of a log whose key had ended before the integrated time",
        "SM2028",
        rooted(put("tlogs", 0, "publicKey", "validFor", to=window(start=-30, end=-1))),
        open=True,
    ),
    Attack(
        "log-key-not-yet",
        "entry of a log whose key was not good yet",
        "SM2028",
        rooted(put("tlogs", 0, "publicKey", "validFor", to=window(start=1))),
        open=True,
    ),
    Attack(
        "log-v2-key-ended",
        "Rekor v2 entry of a log whose key had ended before the time stamp",
        "SM2028",
        rooted(put("tlogs", 0, "publicKey", "validFor", to=window(start=-30, end=-1)), rekor=2, stamps=1),
        open=True,
    ),
    Attack(
        "authority-ended",
        "certificate of an authority whose window had ended before the signing time",
        "SM2022",
        rooted(put("certificateAuthorities", 0, "validFor", to=window(start=-30, end=-1))),
        open=True,
    ),
    Attack(
        "ct-key-ended",
        "certificate timestamp by a log whose key had ended before it",
        "SM2025",
        rooted(put("ctlogs", 0, "publicKey", "validFor", to=window(start=-30, end=-1))),
        open=True,
    ),
    Attack(
        "tsa-ended",
        "time stamp of an authority whose window had ended before it",
        "SM2030",
        rooted(put("timestampAuthorities", 0, "validFor", to=window(start=-30, end=-1)), rekor=2, stamps=1),
    ),
    Attack(
        "issuer-expired",
        "issuing authority's certificate expired before the signing time (CVE-2026-24122)",
        "SM2022",
        elsewhere(_expired_authority),
    ),
    Attack(
        "leaf-expired",
        "signed with the key of a certificate that had expired",
        "SM2022",
        bundle(signed_at=NOW + 11 * MINUTE),
    ),
    Attack("leaf-not-yet", "logged before the certificate was given out", "SM2022", bundle(signed_at=NOW - MINUTE)),
    Attack(
        "stamp-after-leaf",
        "logged in time, stamped after the certificate expired: one of two times is outside",
        "SM2022",
        beside(lambda signature: sigstore().stamp(signature, NOW + 20 * MINUTE)),
    ),
)
