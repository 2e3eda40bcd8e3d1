"""`audit show`, `stats`, `prove`, `replay`, `export`: what they tell, and what they refuse to tell."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from secmount.audit import record
from secmount.audit.statement import open_statement_key
from secmount.audit.tlog.note import Signer, parse_proof
from secmount.errors import PolicyError, StorageError
from secmount.oci import canonical
from secmount.review import proof, replay, show, stats, text
from secmount.review.export import opa, vsa
from secmount.review.reader import read_verifier
from secmount.review.replay import Answer, RecordedPolicy
from tests.support.logs import NOW, UID, Desk, decision, decision_id, effect

INPUT = canonical.encode({"schema": "secmount.input/v1", "now_ms": NOW})
CHECK = {"id": "signatures", "ok": False, "got": 0, "want": 1}
LOOKED = {
    "material": "sha256:99",
    "format": "bundle",
    "outcome": "other-key",
    "code": "SM2010",
    "got": "k",
    "want": "r",
}
DETAILS = record.decision_details(
    name="ghcr.io/acme/bert", rule="acme", line=7, checks=[CHECK], considered=[LOOKED], approved=[], elapsed_ms=40
)


@pytest.fixture
def told(desk: Desk) -> Desk:
    """A policy, an allowed decision with its mount, a denied one, one without an input."""
    with desk.open() as log:
        files = {"policy.toml": log.put_part(b"version = 1\n")}
        row = record.record(
            "policy.loaded", now_ms=NOW, policy_revision=f"sha256:{7:064x}", parts=files, details={"files": files}
        )
        log.append(row)
        log.append(
            decision(1, withheld=[{"path": f"{n}.pkl", "reason": "exclude"} for n in range(900)]), document=INPUT
        )
        log.append(effect("mount.intent", 1, target="/mnt"))
        log.append(effect("mount.done", 1, target="/mnt", enforced=["ro", "nosuid"]))
        log.append(decision(2, verdict="denied", details=DETAILS), document=INPUT)
        log.append(decision(3, verdict="undecided", deny=["SM4010"], subject=None))
    return desk


def test_a_story_has_everything_from_request_to_proof(told: Desk) -> None:
    with told.reader() as reader:
        story = show.show(reader, decision_id(2))
        lines = "\n".join(text.story(story, str))
    for part in (
        "denied SM3010",
        "user alice",
        "rule acme (policy.toml:7)",
        "FAIL  signatures",
        "got:  0",
        "want: 1",
        "signature sha256:99 (bundle): other-key",
        "SM2010: got k, want r",
    ):
        assert part in lines
    assert story.input == json.loads(INPUT)
    assert [made.index for made in story.proofs] == [5]


def test_effects_follow_and_long_fields_come_from_their_parts(told: Desk) -> None:
    with told.reader() as reader:
        story = show.show(reader, decision_id(1))
        document = text.story_document(story)
        lines = "\n".join(text.story(story, str))
    assert len(story.withheld) == 900
    assert [row["kind"] for row in story.effects] == ["mount.intent", "mount.done"]
    assert "/mnt (ro,nosuid)" in lines
    assert len(document["entries"]) == 3 and document["problems"] == []


def test_stats_count_what_happened(told: Desk) -> None:
    with told.reader() as reader:
        found = stats.stats(reader)
        none = stats.stats(reader, since=NOW + 9_999_999_999)
    assert dict(found.verdicts) == {"allowed": 1, "denied": 1, "undecided": 1}
    assert dict(found.denials_by_code) == {"SM3010": 1, "SM4010": 1}
    assert dict(found.denials_by_repository) == {"ghcr.io/acme/bert": 1, "ghcr.io/acme/model-3": 1}
    assert dict(found.signers) == {"release": 1}
    assert dict(found.latency)["decision"].p50 == 40
    assert none.entries == 0 and none.latency == ()
    assert "1 measured" in "\n".join(text.stats(found, str))


def test_a_repeated_denial_counts_as_often_as_it_happened(desk: Desk) -> None:
    with desk.open() as log:
        for number in range(20):
            log.append(decision(1, verdict="denied", decision_id=decision_id(number)))
        desk.clock.now += 3_600_000
        log.append(decision(2, verdict="denied"))
    with desk.reader() as reader:
        assert dict(stats.stats(reader).verdicts) == {"denied": 21}
        story = show.show(reader, decision_id(19))
        assert "repeated  17 times" in "\n".join(text.story(story, str))


def test_percentiles_are_by_nearest_rank() -> None:
    assert stats.latency(list(range(1, 101))) == stats.Latency(100, 50, 90, 99, 100)
    assert stats.latency([5]) == stats.Latency(1, 5, 5, 5, 5)


def test_a_proof_convinces_with_the_public_key_alone(told: Desk) -> None:
    with told.reader() as reader:
        made = proof.prove(reader, reader.entry(5)).text()
        key = str(reader.verifier)
    found = proof.check(made, read_verifier(key))
    assert (found.index, found.record["decision_id"]) == (5, decision_id(2))
    assert "✔ entry 5 is in" in "\n".join(text.proven(found, str))


def test_a_proof_that_was_changed_in_anything_proves_nothing(told: Desk) -> None:
    with told.reader() as reader:
        made = proof.prove(reader, reader.entry(5)).text()
        verifier = reader.verifier
    parsed = parse_proof(made)
    other = base64.b64encode((parsed.extra or b"").replace(b"denied", b"allwed")).decode()
    lines = made.split("\n")
    broken = [
        made.replace("index 5", "index 4"),
        made.replace(lines[1], f"extra {other}"),
        made.replace(lines[1] + "\n", ""),
        made.replace(lines[3] + "\n", ""),
        made.replace(lines[3], lines[4]),
        made.replace(f"\n{reader.size}\n", f"\n{reader.size + 1}\n"),
        made + "\n",
        "",
        "x" * 200_000,
    ]
    for text_ in broken:
        assert text_ != made
        with pytest.raises(StorageError) as caught:
            proof.check(text_, verifier)
        assert caught.value.code == "SM7111"
    with pytest.raises(StorageError) as caught:
        proof.check(made, Signer(verifier.name, bytes(32)).verifier())
    assert caught.value.code == "SM7111"


def same(document: Mapping[str, Any], policy: RecordedPolicy | None) -> Answer:
    """Answer every input as it was answered then."""
    assert policy is not None and policy.files == {"policy.toml": b"version = 1\n"}
    return Answer("allowed")


def replayed(desk: Desk, evaluate: replay.Evaluate, *, other: bool = False) -> list[replay.Replayed]:
    with desk.reader() as reader:
        return list(replay.replay(reader, reader.entries(), evaluate, other_policy=other))


def test_replay_says_what_is_the_same_changed_and_impossible(told: Desk) -> None:
    rows = replayed(told, same)
    assert [row.outcome for row in rows] == ["same", "changed", "impossible"]
    assert "no input" in (rows[2].reason or "")
    assert "denied SM3010 → allowed" in text.replayed(rows[1], str)


def test_replay_under_another_policy_gets_none_of_the_recorded(told: Desk) -> None:
    def stricter(_: Mapping[str, Any], policy: RecordedPolicy | None) -> Answer:
        assert policy is None
        return Answer("denied", ("SM3020",))

    assert [row.outcome for row in replayed(told, stricter, other=True)] == ["changed", "changed", "impossible"]


def test_codes_of_signatures_that_fell_short_count_as_one_reason(told: Desk) -> None:
    rows = replayed(told, lambda *_: Answer("denied", ("SM3011", "SM3003")), other=True)
    assert rows[1].outcome == "same"


def test_replay_goes_on_where_a_decision_cannot_be_repeated(told: Desk) -> None:
    def down(*_: object) -> Answer:
        raise PolicyError("SM3092", subject="engine")

    assert {row.outcome for row in replayed(told, down)} == {"impossible"}


def test_replay_refuses_a_changed_input_a_masked_one_and_a_lost_policy(desk: Desk) -> None:
    with desk.open(masks=["/input/now_ms"]) as log:
        log.append(decision(1), document=INPUT)
    with desk.open() as log:
        log.append(decision(2), document=INPUT)
        log.append(decision(3), document=b'{"b":1, "a":2}')
        log.append(decision(4), document=canonical.encode({"other": 1}))
    (part,) = (desk.folder / "parts").rglob(sha256(canonical.encode({"other": 1})).hexdigest())
    part.chmod(0o600)
    part.write_bytes(INPUT)
    reasons = [row.reason or "" for row in replayed(desk, same, other=False)]
    assert "masked: /now_ms" in reasons[0]
    assert "SM7112" in reasons[1]
    assert "not the canonical JSON" in reasons[2]
    assert "SM7109" in reasons[3]


def test_the_policy_of_many_files_is_found_in_its_part(desk: Desk) -> None:
    with desk.open() as log:
        files = {f"keys/{number:0200}.pub": log.put_part(b"%d" % number) for number in range(90)}
        row = record.record(
            "policy.loaded", now_ms=NOW, policy_revision="sha256:aa", parts=files, details={"files": files}
        )
        assert log.append(row).record["details"] is None
    with desk.reader() as reader:
        assert len(replay.recorded_policy(reader, "sha256:aa").files) == 90


def test_opa_lines_are_decision_log_events(told: Desk) -> None:
    with told.reader() as reader:
        rows = [json.loads(line) for line in opa.export(reader, reader.entries(), version="1")]
    assert [row["decision_id"] for row in rows] == [decision_id(number) for number in (1, 2, 3)]
    assert [row["result"]["allow"] for row in rows] == [True, False, False]
    assert rows[1]["input"] == json.loads(INPUT)
    assert rows[1]["metrics"] == {"timer_server_handler_ns": 40_000_000}
    assert rows[2]["input"] is None


def test_a_summary_is_signed_by_a_key_of_its_own_and_says_what_was_decided(told: Desk) -> None:
    key = open_statement_key(str(told.state), uid=UID)
    assert open_statement_key(str(told.state), uid=UID).spki == key.spki
    with told.reader() as reader:
        made = vsa.export(reader, reader.entry(2), key, version="1")
    envelope = json.loads(made.envelope)
    payload = base64.b64decode(envelope["payload"])
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    key.private.public_key().verify(
        signature, b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(payload), payload)
    )
    statement = json.loads(payload)
    assert statement["subject"][0]["digest"] == {"sha256": f"{1:064x}"}
    assert statement["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert statement["predicate"]["verificationResult"] == "PASSED"


class LogKey:
    """The log's own key, posing as a statement key."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, data: bytes) -> bytes:
        return self._private.sign(data)


def test_no_summary_by_the_logs_or_a_signers_key_nor_of_what_is_no_proven_decision(told: Desk) -> None:
    signer = Signer.parse((told.folder / "log.key").read_text())
    key = open_statement_key(str(told.state), uid=UID)
    seen = {"schema": "secmount.input/v1", "signatures": [{"principal": f"sha256:{sha256(key.spki).hexdigest()}"}]}
    with told.open() as log:
        log.append(decision(4), document=canonical.encode(seen))
    with told.reader() as reader:
        own = LogKey(Ed25519PrivateKey.from_private_bytes(signer.seed))
        for entry, by in ((2, own), (7, key), (3, key), (6, key)):
            with pytest.raises(StorageError) as caught:
                vsa.export(reader, reader.entry(entry), by, version="1")
            assert caught.value.code == "SM7116"
        (bundle,) = (told.folder / "tile/entries/000.p").iterdir()
        bundle.write_bytes(bundle.read_bytes().replace(b"alice", b"malry"))
        with pytest.raises(StorageError) as caught:
            vsa.export(reader, reader.entry(2), key, version="1")
        assert caught.value.code == "SM7106"


def test_a_statement_key_that_others_may_read_is_refused(told: Desk) -> None:
    open_statement_key(str(told.state), uid=UID)
    (told.state / "vsa.key").chmod(0o644)
    with pytest.raises(StorageError) as caught:
        open_statement_key(str(told.state), uid=UID)
    assert caught.value.code == "SM7103"
