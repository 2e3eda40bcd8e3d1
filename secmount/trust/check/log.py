"""Whether a transparency log has this very signature. Sigstore client specification, sections 4 and 5; Rekor v1, v2.

An entry is compared with what was signed, the signature and its key or certificate, always and first: an entry that
holds by itself may be about something else (CVE-2022-23649, CVE-2022-36056, CVE-2026-22703). What is there must hold,
the log's promise and the proof; one of them must be there. Never used: the entry's outer index and, without a promise,
its time, which nothing vouches for. Keys come from the trust root and nowhere else (CVE-2023-47122).
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import field
from typing import Any

from secmount.errors import ContentError, TrustError
from secmount.oci import canonical, exact, instant
from secmount.trust.check import key, note
from secmount.trust.claim import LogEntry
from secmount.trust.encoding import decode_base64
from secmount.trust.evidence import MATERIAL_LIMIT
from secmount.trust.root import Log
from secmount.value import dataclass

_HASHES = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}  # sigstore_common.proto, HashAlgorithm
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END \1-----\r?\n?")


@dataclass(frozen=True, slots=True)
class Made:
    """A signature that holds: what an entry must be about.

    `payload`: of a DSSE envelope; `envelope`: that itself, where its bytes are known. `verifier`: the DER of the
    certificate, if `certified`, or of the key.
    """

    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    payload: bytes | None = field(repr=False)
    verifier: bytes = field(repr=False)
    certified: bool
    envelope: bytes | None = field(default=None, repr=False)


def verify(entry: LogEntry, made: Made, logs: tuple[Log, ...], *, stamped_ms: tuple[int, ...] = ()) -> int | None:
    """Check that a log of `logs` has `made`; give when, in milliseconds, where the log promised that: Rekor v1.

    `stamped_ms`: trusted times of the signature, by which the window of the log's key is judged where the log says
    none. Raise `TrustError` SM2026 (the entry does not hold), SM2027 (it is about something else), SM2028 (an unknown
    log, or its key out of its window).
    """
    _compare(entry, made)
    log = next((log for log in logs if log.log_id == entry.log_id), None)
    if log is None:
        known = ", ".join(log.url for log in logs[:4]) or "no log"
        raise TrustError("SM2028", got=f"an entry of log {entry.log_id[:32].hex()}", want=f"one of {known}")
    if entry.proof is None and not entry.promise:
        raise _unsound(log, "neither a proof nor a promise", "an inclusion proof")
    at_ms = _promised(entry, log) if entry.promise else None
    _included(entry, log)
    times = stamped_ms if at_ms is None else (at_ms,)
    if not times and log.window.end_ms is not None:
        want = f"a promise or stamp that says when, as the log's key is good {log.window}"
        raise TrustError("SM2028", subject=log.url, got="an entry without a trusted time", want=want)
    for time in times:
        if not log.window.holds(time):
            got = f"an entry made at {instant.render(time)}"
            raise TrustError("SM2028", subject=log.url, got=got, want=f"a log whose key is good {log.window}")
    return at_ms


def _promised(entry: LogEntry, log: Log) -> int:
    """Check the signed entry timestamp, which is over the RFC 8785 form of these four fields."""
    if entry.version != "0.0.1" or not entry.integrated_time:
        raise _unsound(log, f"a promise for {entry.kind} {entry.version} without a time", "a promise of Rekor v1")
    try:
        signed = canonical.encode(
            {
                "body": base64.b64encode(entry.body).decode("ascii"),
                "integratedTime": entry.integrated_time,
                "logID": entry.log_id.hex(),
                "logIndex": entry.log_index,
            }
        )
    except ValueError as err:
        raise _unsound(log, str(err), "numbers that JSON can hold") from err
    if entry.integrated_time > instant.LIMIT // 1000 or not key.holds(log.key, entry.promise, signed):
        raise _unsound(log, "a promise that does not hold under the log's key", "one that does")
    return entry.integrated_time * 1000


def _included(entry: LogEntry, log: Log) -> None:
    proof = entry.proof
    if proof is None:
        return
    try:
        checkpoint = note.read(proof.checkpoint)
    except ValueError as err:
        raise _unsound(log, str(err), "a signed checkpoint") from err
    if not note.signed_by(checkpoint, log):
        raise _unsound(log, f"a checkpoint of {checkpoint.origin!r} not signed by the log", "one that it signed")
    if (checkpoint.size, checkpoint.root) != (proof.tree_size, proof.root_hash):
        got = f"a checkpoint of {checkpoint.size} entries, a proof for {proof.tree_size}"
        raise _unsound(log, got, "both about the same tree")
    if not note.includes(
        entry.body, index=proof.log_index, size=proof.tree_size, path=proof.hashes, root=proof.root_hash
    ):
        raise _unsound(log, "a proof that does not lead to the log's tree", "one that does")


def _unsound(log: Log, got: str, want: str) -> TrustError:
    return TrustError("SM2026", subject=log.url, got=got, want=want)


def _compare(entry: LogEntry, made: Made) -> None:
    try:
        body = exact.read(entry.body, limit=MATERIAL_LIMIT, subject="log entry")
    except ContentError as err:
        raise TrustError("SM2027", subject="log entry", got=err.got, want="an entry in exact JSON") from err
    expect = _BODIES.get((entry.kind, entry.version))
    if expect is None:
        kinds = ", ".join(f"{kind} {version}" for kind, version in _BODIES)
        raise TrustError("SM2027", got=f"an entry of kind {entry.kind!r} {entry.version!r}", want=f"one of {kinds}")
    want = "an entry about this signature"
    try:
        expected = {"kind": entry.kind, "apiVersion": entry.version, "spec": expect(body, made)}
    except ValueError as err:
        raise TrustError("SM2027", got=f"an entry of kind {entry.kind} with {err}", want=want) from err
    if body != expected:
        got = f"an entry of kind {entry.kind} about another signature, key or content"
        raise TrustError("SM2027", got=got, want=want)


def _hashed_v1(body: Any, made: Made) -> Any:
    algorithm, content = _at(body, "spec", "data", "hash", "algorithm"), ("spec", "signature", "publicKey", "content")
    if algorithm not in _HASHES.values():
        raise ValueError(f"hash algorithm {algorithm!r}")
    signature = {"content": _base64(made.signature), "publicKey": {"content": _verifier(_at(body, *content), made)}}
    return {
        "data": {"hash": {"algorithm": algorithm, "value": hashlib.new(algorithm, made.signed).hexdigest()}},
        "signature": signature,
    }


def _dsse_v1(body: Any, made: Made) -> Any:
    """Expect payload, signature and key; the envelope's own hash is over bytes that the material does not have."""
    if made.payload is None:
        raise ValueError("an envelope, where there is none")
    rows = _at(body, "spec", "signatures")
    pem = _at(rows[0], "verifier") if isinstance(rows, list) and rows else None
    return {
        "envelopeHash": _at(body, "spec", "envelopeHash"),
        "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(made.payload).hexdigest()},
        "signatures": [{"signature": _base64(made.signature), "verifier": _verifier(pem, made)}],
    }


def _intoto_v1(body: Any, made: Made) -> Any:
    """Expect the very envelope, and with it the signature, which the entry does not name."""
    if made.payload is None or made.envelope is None:
        raise ValueError("an envelope whose bytes are not here")
    contents = {"hash": made.envelope, "payloadHash": made.payload}
    return {
        "content": {
            name: {"algorithm": "sha256", "value": hashlib.sha256(one).hexdigest()} for name, one in contents.items()
        },
        "publicKey": _verifier(_at(body, "spec", "publicKey"), made),
    }


def _hashed_v2(body: Any, made: Made) -> Any:
    inner = _at(body, "spec", "hashedRekordV002")
    name = _at(inner, "data", "algorithm")
    data = {"algorithm": name, "digest": _digest_v2(name, made.signed)}
    return {"hashedRekordV002": {"data": data, "signature": _signature_v2(_at(inner, "signature"), made)}}


def _dsse_v2(body: Any, made: Made) -> Any:
    inner = _at(body, "spec", "dsseV002")
    name, rows = _at(inner, "payloadHash", "algorithm"), _at(inner, "signatures")
    if made.payload is None or not isinstance(rows, list) or not rows:
        raise ValueError("an envelope that is not this one")
    digest = {"algorithm": name, "digest": _digest_v2(name, made.payload)}
    return {"dsseV002": {"payloadHash": digest, "signatures": [_signature_v2(rows[0], made)]}}


_BODIES = {
    ("hashedrekord", "0.0.1"): _hashed_v1,
    ("dsse", "0.0.1"): _dsse_v1,
    ("intoto", "0.0.1"): _intoto_v1,
    ("hashedrekord", "0.0.2"): _hashed_v2,
    ("dsse", "0.0.2"): _dsse_v2,
}


def _digest_v2(name: Any, content: bytes) -> str:
    if not isinstance(name, str) or name not in _HASHES:  # a list or an object cannot even be looked up
        raise ValueError(f"hash algorithm {name!r}")
    return _base64(hashlib.new(_HASHES[name], content).digest())


def _signature_v2(row: Any, made: Made) -> Any:
    name = "x509Certificate" if made.certified else "publicKey"
    details = _at(row, "verifier", "keyDetails")
    if not isinstance(details, str):
        raise ValueError(f"keyDetails {details!r}")  # noqa: TRY004 - one error for every body that does not fit
    verifier = {"keyDetails": details, name: {"rawBytes": _base64(made.verifier)}}
    return {"content": _base64(made.signature), "verifier": verifier}


def _verifier(text: Any, made: Made) -> Any:
    """Give `text`, base64 of PEM however its lines are broken, if it holds the certificate or key of `made`."""
    if not isinstance(text, str):
        raise ValueError("no key")  # noqa: TRY004
    pem = _PEM.fullmatch(decode_base64(text).decode("ascii"))
    label = "CERTIFICATE" if made.certified else "PUBLIC KEY"
    if pem is None or pem[1] != label or decode_base64("".join(pem[2].split())) != made.verifier:
        raise ValueError("another certificate or key")
    return text


def _at(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")
