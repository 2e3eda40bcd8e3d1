"""A private key signs in the sight of the audit log: recorded first, and not used where that cannot be."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.support.command import Desk


def blobs(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("blobs/*/*")}


def used(desk: Desk) -> list[dict[str, object]]:
    return [record for record in desk.log() if record["kind"] == "key.used"]


def test_a_signature_stands_in_the_log(secmount: Desk) -> None:
    secmount.ready()
    done = secmount.json("sign", "oci:models/bert:v1", "--key", "release.key").document["signature"]
    record = used(secmount)[-1]
    assert record["subject"] == done["subject"]
    assert record["reference"] == "oci:models/bert:v1"
    assert record["details"] == {
        "key": {
            "purpose": "artifact signature",
            "principal": done["principal"],
            "repository": f"oci:{secmount.folder}/models/bert",
        }
    }
    assert (secmount.folder / "release.key").read_text() not in json.dumps(secmount.log())


def test_what_cannot_be_recorded_is_not_signed(secmount: Desk) -> None:
    secmount.ready()
    before = blobs(secmount.folder / "models")
    (secmount.folder / "store/audit/checkpoint").write_text("another\n")
    result = secmount("sign", "oci:models/bert:v1", "--key", "release.key")
    assert (result.exit, result.out) == (40, "")
    assert blobs(secmount.folder / "models") == before


@pytest.mark.parametrize("own", [True, False])
def test_so_does_a_summary_for_others(secmount: Desk, own: bool) -> None:
    secmount.ready()
    secmount("key", "generate", "speaker")
    secmount("verify", "oci:models/bert:v1")
    (decision,) = [record for record in secmount.log() if record["kind"] == "decision"]
    words = ("audit", "export", "--format", "vsa", decision["decision_id"])
    made = secmount(*words, *(() if own else ("--key", "speaker.key")))
    envelope = json.loads(made.out)
    record = used(secmount)[-1]
    assert record["subject"] == decision["subject"]
    details = record["details"]
    assert isinstance(details, dict)
    assert details["key"]["purpose"] == "verification summary"
    assert details["key"]["principal"] == envelope["signatures"][0]["keyid"]
    assert json.loads(base64.b64decode(envelope["payload"]))["predicate"]["verificationResult"] == "PASSED"
    assert (secmount.folder / "state/vsa.key").exists() == own


def test_the_artifacts_signer_does_not_speak_for_the_verifier(secmount: Desk) -> None:
    secmount.ready()
    secmount("verify", "oci:models/bert:v1")
    (decision,) = [record for record in secmount.log() if record["kind"] == "decision"]
    before = len(secmount.log())
    result = secmount("audit", "export", "--format", "vsa", decision["decision_id"], "--key", "release.key")
    assert (result.exit, result.out) == (40, "")
    assert "SM7116" in result.err
    assert len(secmount.log()) == before
