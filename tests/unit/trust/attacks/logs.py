"""Attacks on windows of time and on log entries."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support import keys, minisig
from tests.support.layouts import Json
from tests.support.minisig import NOW, b64, p256, sha, spki
from tests.unit.trust import world
from tests.unit.trust.attacks.build import (
    Attack,
    Made,
    body,
    bundle,
    edited,
    entry,
    put,
    rooted,
)
from tests.unit.trust.world import made, sigstore

MINUTE = timedelta(minutes=1)
_HASHED = ("spec", "hashedRekordV002")


def _other_entry(whole: Json) -> None:
    other = world.decoded(made())
    whole["verificationMaterial"]["tlogEntries"] = other["verificationMaterial"]["tlogEntries"]


def _larger(text: str) -> str:
    origin, size, root, end = text.split("\n")
    return "\n".join((origin, str(int(size) + 1), root, end))


def _renoted(**how: Any) -> minisig.Edit:
    def edit(row: Json) -> None:
        text = row["inclusionProof"]["checkpoint"]["envelope"].partition("\n\n")[0] + "\n"
        row["inclusionProof"]["checkpoint"]["envelope"] = sigstore().note(text, **how)

    return edit


def _relogged(row: Json) -> None:
    row.update(sigstore(1).entry(json.loads(base64.b64decode(row["canonicalizedBody"])), at=NOW + MINUTE))


def _unpromised(row: Json) -> None:
    del row["inclusionPromise"]


def _repromised(key: Any) -> minisig.Edit:
    def edit(row: Json) -> None:
        signed = {
            "body": row["canonicalizedBody"],
            "integratedTime": int(row["integratedTime"]),
            "logID": base64.b64decode(row["logId"]["keyId"]).hex(),
            "logIndex": int(row["logIndex"]),
        }
        signature = keys.KeyPair(key).sign(minisig.canon(signed))
        row["inclusionPromise"]["signedEntryTimestamp"] = b64(signature)

    return edit


def _v2(edit: minisig.Edit) -> Made:
    return body(edit, rekor=2, stamps=1)


def _pem(certificate: x509.Certificate) -> str:
    return b64(certificate.public_bytes(Encoding.PEM))


def _bare(whole: Json) -> None:
    """Take promise and proof away, in the version of bundles that demands no proof."""
    whole["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1"
    (row,) = whole["verificationMaterial"]["tlogEntries"]
    del row["inclusionPromise"], row["inclusionProof"]


LOGS: tuple[Attack, ...] = (
    Attack(
        "entry-of-another",
        "sound log entry of another signature by the same signer (CVE-2022-23649, CVE-2024-51746)",
        "SM2027",
        edited(_other_entry),
    ),
    Attack(
        "entry-digest",
        "log entry over other content (CVE-2022-36056)",
        "SM2027",
        body(put("spec", "payloadHash", "value", to="0" * 64)),
    ),
    Attack(
        "entry-signature",
        "log entry with another signature (CVE-2022-36056)",
        "SM2027",
        body(put("spec", "signatures", 0, "signature", to=b64(b"other"))),
    ),
    Attack(
        "entry-certificate",
        "log entry with another certificate (CVE-2026-22703)",
        "SM2027",
        body(lambda row: row["spec"]["signatures"][0].update(verifier=_pem(sigstore().certificate(p256())))),
    ),
    Attack("entry-null", "log entry without content", "SM2027", body(put("spec", to=None))),
    Attack(
        "entry-null-key", "log entry without a key", "SM2027", body(put("spec", "signatures", 0, "verifier", to=None))
    ),
    Attack(
        "entry-two-signatures",
        "log entry with a second signature",
        "SM2027",
        body(lambda row: row["spec"]["signatures"].append(dict(row["spec"]["signatures"][0], signature=b64(b"other")))),
    ),
    Attack(
        "entry-v2-digest",
        "Rekor v2 entry over other content (CVE-2026-22703)",
        "SM2027",
        _v2(put(*_HASHED, "data", "digest", to=b64(sha(b"other")))),
    ),
    Attack(
        "entry-v2-signature",
        "Rekor v2 entry with another signature",
        "SM2027",
        _v2(put(*_HASHED, "signature", "content", to=b64(b"other"))),
    ),
    Attack(
        "entry-v2-key",
        "Rekor v2 entry that names a key instead of the certificate",
        "SM2027",
        _v2(
            put(
                *_HASHED,
                "signature",
                "verifier",
                to={"keyDetails": "PKIX_ECDSA_P256_SHA_256", "publicKey": {"rawBytes": b64(spki(p256()))}},
            )
        ),
    ),
    Attack(
        "entry-v2-null",
        "Rekor v2 entry with a null for the signature",
        "SM2027",
        _v2(put(*_HASHED, "signature", to=None)),
    ),
    Attack(
        "entry-v2-hash",
        "Rekor v2 entry whose hash algorithm is no text",
        "SM2027",
        _v2(put(*_HASHED, "data", "algorithm", to=["SHA2_256"])),
    ),
    Attack(
        "entry-v2-envelope-hash",
        "Rekor v2 entry of an envelope whose hash algorithm is no text",
        "SM2027",
        body(put("spec", "dsseV002", "payloadHash", "algorithm", to={}), rekor=2, stamps=1, kind="dsse"),
    ),
    Attack(
        "entry-kind",
        "entry that calls itself of another kind",
        "SM2027",
        entry(put("kindVersion", "kind", to="rekord")),
    ),
    Attack(
        "entry-kind-envelope",
        "entry that calls itself of the kind that names a whole envelope, which a bundle does not have",
        "SM2027",
        entry(put("kindVersion", "kind", to="intoto")),
    ),
    Attack(
        "entry-version",
        "entry that calls itself of another version",
        "SM2027",
        entry(put("kindVersion", "version", to="0.0.2")),
    ),
    Attack(
        "log-unknown",
        "log that the root does not name (CVE-2023-47122)",
        "SM2028",
        rooted(put("tlogs", 0, "logId", "keyId", to=b64(sha(b"other")))),
        open=True,
    ),
    Attack("log-foreign", "entry in the log of another Sigstore", "SM2028", entry(_relogged)),
    Attack(
        "log-key",
        "entry of a log with another key in the root",
        "SM2026",
        rooted(put("tlogs", 0, "publicKey", "rawBytes", to=b64(spki(p256())))),
    ),
    Attack("promise-forged", "promise signed by another key", "SM2026", entry(_repromised(p256()))),
    Attack(
        "promise-time",
        "integrated time changed under the promise",
        "SM2026",
        entry(put("integratedTime", to=str(int(NOW.timestamp()) + 90))),
    ),
    Attack("promise-index", "outer index changed under the promise", "SM2026", entry(put("logIndex", to="7"))),
    Attack(
        "time-unpromised",
        "integrated time without the log's promise (GHSA-hhfg-fwrw-87w7)",
        "SM2031",
        entry(_unpromised),
    ),
    Attack(
        "promise-v2",
        "promise beside a Rekor v2 entry, whose log gives none",
        "SM2026",
        entry(
            lambda row: row.update(inclusionPromise={"signedEntryTimestamp": b64(b"x")}, integratedTime="1"),
            rekor=2,
            stamps=1,
        ),
    ),
    Attack("checkpoint-key", "checkpoint signed by another key", "SM2026", entry(_renoted(key=p256()))),
    Attack(
        "checkpoint-signer",
        "checkpoint signed under another name",
        "SM2026",
        entry(_renoted(signer="other.test")),
        open=True,
    ),
    Attack(
        "checkpoint-origin",
        "checkpoint of another log of the same operator and key",
        "SM2026",
        bundle(entering={"note": lambda text: text.replace("mini.test", "other.test")}),
        open=True,
    ),
    Attack(
        "checkpoint-size",
        "checkpoint of another size than the proof's, root hash equal",
        "SM2026",
        bundle(entering={"note": _larger}),
        open=True,
    ),
    Attack(
        "checkpoint-root",
        "proof that leads to another root than the checkpoint's",
        "SM2026",
        bundle(entering={"note": lambda text: "\n".join([*text.split("\n")[:2], b64(sha(b"other")), ""])}),
    ),
    Attack(
        "checkpoint-shape",
        "checkpoint that is no signed note",
        "SM2026",
        entry(put("inclusionProof", "checkpoint", "envelope", to="mini.test\n9\n")),
    ),
    Attack("proof-index", "proof for another index", "SM2026", entry(put("inclusionProof", "logIndex", to="0"))),
    Attack(
        "proof-cut", "proof without its last hash", "SM2026", entry(lambda row: row["inclusionProof"]["hashes"].pop())
    ),
    Attack(
        "proof-foreign",
        "sound promise beside a proof of another entry",
        "SM2026",
        entry(lambda row: row.update(inclusionProof=sigstore().proof(b"other"))),
    ),
    Attack(
        "entry-bare",
        "entry with neither promise nor proof",
        "SM2026",
        edited(_bare),
    ),
)
