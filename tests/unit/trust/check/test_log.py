"""Log entries, each by itself: kinds, promises, proofs, and what they are compared with."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from secmount.errors import TrustError
from secmount.oci import instant
from secmount.trust.check import log
from secmount.trust.check.log import Made
from secmount.trust.claim import CertificateChain, Envelope, LogEntry
from secmount.trust.formats import bundle as bundles
from secmount.trust.root import Log, Window
from secmount.trust.roots.parse import parse
from tests.support import keyless, keys, minisig
from tests.support.keyless import Keyless
from tests.support.minisig import V03, Json, b64
from tests.unit.trust.attacks.build import put
from tests.unit.trust.bench import MODEL, RELEASE
from tests.unit.trust.world import NOW_MS, STATEMENT, plain_root, sigstore

LOGS = parse(plain_root()).logs
TIME = NOW_MS + 30_000


def pair(edit_body: minisig.Edit | None = None, **what: Any) -> tuple[LogEntry, Made]:
    """Give an entry of a sound bundle, and what it must be about."""
    entering: Json = {} if edit_body is None else {"edit_body": edit_body}
    made = Keyless(
        statement=None if what.get("artifact") else STATEMENT, entering=entering, key=RELEASE.private, **what
    )
    claim = bundles.parse(keyless.bundle(sigstore(), made), declared=V03)
    payload = claim.content.payload if isinstance(claim.content, Envelope) else None
    certified = isinstance(claim.by, CertificateChain)
    verifier = claim.by.certificates[0] if isinstance(claim.by, CertificateChain) else RELEASE.spki
    return claim.entries[0], Made(claim.signed or MODEL.raw, claim.signature, payload, verifier, certified)


FORMS: dict[str, Json] = {
    "message v1": {"artifact": MODEL.raw},
    "message v2": {"artifact": MODEL.raw, "rekor": 2},
    "dsse v1": {},
    "hashedrekord v2": {"rekor": 2},
    "dsse v2": {"rekor": 2, "kind": "dsse"},
}


@pytest.mark.parametrize("managed", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_each_kind_of_entry_holds_for_keys_and_certificates(form: str, managed: bool) -> None:
    entry, made = pair(managed=managed, **FORMS[form])
    assert made.certified is not managed
    assert log.verify(entry, made, LOGS) == (TIME if form.endswith("v1") else None)


@pytest.mark.parametrize("managed", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_each_kind_is_about_signature_content_key_and_kind_of_key(form: str, managed: bool) -> None:
    entry, made = pair(managed=managed, **FORMS[form])
    others = [
        replace(made, signature=b"other"),
        replace(made, verifier=keys.pair("ecdsa-p256", 1).spki),
        replace(made, certified=managed),
    ]
    dsse = form.startswith("dsse")
    others.append(replace(made, payload=b"other") if dsse else replace(made, signed=b"other"))
    others += [replace(made, payload=None)] if dsse else []
    for other in others:
        assert code(entry, other) == "SM2027"


def code(entry: LogEntry, made: Made, logs: tuple[Log, ...] = LOGS, **more: Any) -> str:
    with pytest.raises(TrustError) as caught:
        log.verify(entry, made, logs, **more)
    return caught.value.code


def test_a_log_that_is_not_known_is_named_beside_four_that_are() -> None:
    entry, made = pair()
    entry = replace(entry, log_id=b"\0" * 40)
    five = tuple(replace(LOGS[0], url=f"https://log{number}") for number in range(5))
    for logs, want in (
        ((), "one of no log"),
        (five, "one of https://log0, https://log1, https://log2, https://log3"),
    ):
        with pytest.raises(TrustError) as caught:
            log.verify(entry, made, logs)
        found = caught.value
        assert (found.code, found.got, found.want) == ("SM2028", f"an entry of log {'00' * 32}", want)


def test_a_promise_alone_or_a_proof_alone_is_enough() -> None:
    entry, made = pair()
    assert log.verify(replace(entry, proof=None), made, LOGS) == TIME
    assert log.verify(replace(entry, promise=b""), made, LOGS) is None
    assert code(replace(entry, proof=None, promise=b""), made) == "SM2026"


def promised(entry: LogEntry, **change: Any) -> LogEntry:
    """Have the log promise the changed entry."""
    entry = replace(entry, **change)
    row = {
        "body": b64(entry.body),
        "integratedTime": entry.integrated_time,
        "logID": entry.log_id.hex(),
        "logIndex": entry.log_index,
    }
    return replace(entry, promise=keys.KeyPair(sigstore().log_key).sign(minisig.canon(row)))


@pytest.mark.parametrize("seconds", [0, instant.LIMIT // 1000 + 1, 1 << 53, (1 << 63) - 1])
def test_a_promise_of_no_time_is_none(seconds: int) -> None:
    entry, made = pair()
    assert code(promised(entry, integrated_time=seconds), made) == "SM2026"


def test_a_promise_of_the_last_instant_is_one() -> None:
    entry, made = pair()
    last = instant.LIMIT // 1000
    assert log.verify(promised(entry, integrated_time=last), made, LOGS) == last * 1000


def test_rekor_v2_makes_no_promises() -> None:
    entry, made = pair(rekor=2)
    assert code(promised(entry, integrated_time=TIME // 1000), made) == "SM2026"


@pytest.mark.parametrize(
    ("window", "stamped", "expected"),
    [
        (Window(None, NOW_MS), (), "SM2028"),
        (Window(None, NOW_MS), (NOW_MS,), None),
        (Window(None, NOW_MS), (NOW_MS, NOW_MS + 1), "SM2028"),
        (Window(NOW_MS, None), (NOW_MS - 1,), "SM2028"),
        (Window(NOW_MS, None), (), None),
    ],
)
def test_without_a_promise_the_stamps_say_when_the_key_was_used(
    window: Window, stamped: tuple[int, ...], expected: str | None
) -> None:
    entry, made = pair(rekor=2)
    logs = (replace(LOGS[0], window=window),)
    if expected is None:
        assert log.verify(entry, made, logs, stamped_ms=stamped) is None
    else:
        assert code(entry, made, logs, stamped_ms=stamped) == expected


def test_the_promised_time_is_what_the_window_is_held_against() -> None:
    entry, made = pair()
    assert code(entry, made, (replace(LOGS[0], window=Window(None, TIME - 1)),), stamped_ms=(NOW_MS,)) == "SM2028"


def _weak(body: Json) -> None:
    body["spec"]["data"]["hash"] = {"algorithm": "md5", "value": hashlib.md5(MODEL.raw).hexdigest()}


def _relabelled(body: Json) -> None:
    """The certificate's own bytes under the label of a key."""
    row = body["spec"]["signatures"][0]
    row["verifier"] = b64(base64.b64decode(row["verifier"]).replace(b"CERTIFICATE", b"PUBLIC KEY"))


def _named(*path: Any) -> Callable[[Json], None]:
    def edit(body: Json) -> None:
        put("spec", *path, to="SHA2_224")(body)

    return edit


@pytest.mark.parametrize(
    ("form", "edit"),
    [
        ("message v1", _weak),
        ("message v1", put("spec", "signature", "publicKey", "content", to="")),
        ("message v1", put("spec", "signature", "publicKey", "content", to=b64(b"no PEM"))),
        ("message v1", put("spec", "more", to=1)),
        ("message v2", _named("hashedRekordV002", "data", "algorithm")),
        ("message v2", put("spec", "hashedRekordV002", "signature", "verifier", "keyDetails", to=None)),
        ("dsse v1", _relabelled),
        ("dsse v1", put("spec", "signatures", to={})),
        ("dsse v1", put("spec", "signatures", to=[])),
        ("dsse v1", put("spec", "signatures", to=["x"])),
        ("dsse v1", put("spec", "payloadHash", "algorithm", to="sha512")),
        ("dsse v2", _named("dsseV002", "payloadHash", "algorithm")),
        ("dsse v2", put("spec", "dsseV002", "signatures", to=[])),
        ("dsse v2", put("spec", "dsseV002", "signatures", to="")),
        ("dsse v2", put("spec", "dsseV002", to=None)),
    ],
)
def test_what_an_entry_may_not_say(form: str, edit: minisig.Edit) -> None:
    entry, made = pair(edit, **FORMS[form])
    assert code(entry, made) == "SM2027"


def test_the_lines_of_a_certificate_may_be_broken_otherwise() -> None:
    def one_line(body: Json) -> None:
        row = body["spec"]["signatures"][0]
        label, *lines, end = base64.b64decode(row["verifier"]).split()
        del label, end
        text = b"-----BEGIN CERTIFICATE-----\n" + b"".join(lines[1:-1]) + b"\n-----END CERTIFICATE-----"
        row["verifier"] = b64(text)

    entry, made = pair(one_line)
    assert log.verify(entry, made, LOGS) == TIME


def test_a_body_is_exact_json() -> None:
    entry, made = pair()
    for body in (b"", entry.body[:-1], entry.body + b" {}", entry.body.replace(b'"kind"', b'"kind":"x","kind"')):
        assert code(replace(entry, body=body), made) == "SM2027"
