"""The record's shape is frozen, and no secret gets into it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secmount.audit import mask, record, shrink
from secmount.audit.tlog.tiles import ENTRY_LIMIT
from secmount.errors import StorageError
from secmount.oci import canonical
from tests.support.logs import NOW, Desk, decision

GOLDEN = Path(__file__).with_name("record.golden.json")
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIG\n-----END PRIVATE KEY-----"


def full() -> dict[str, object]:
    """A record with every field set."""
    return record.record(
        "decision",
        now_ms=NOW,
        decision_id="019c29aa-0000-7bcf-9340-000000000001",
        subject=f"sha256:{1:064x}",
        reference="ghcr.io/acme/bert:v1",
        request=record.request(
            face="csi", use="csi", verb="mount", user="u", namespace="ml", pod="p", service_account="sa"
        ),
        verdict="denied",
        enforced=["ro", "nosuid"],
        deny=["SM3010"],
        signers=["release"],
        withheld=[{"path": "a.pkl", "reason": "exclude"}],
        policy_revision=f"sha256:{2:064x}",
        engine="wasm",
        memo=True,
        input_sha256=f"sha256:{3:064x}",
        target="/mnt",
        tree_digest=f"sha256:{4:064x}",
        error={"code": "SM5001", "subject": "s", "got": "g", "want": "w"},
        parts={"manifest": f"sha256:{5:064x}"},
        details=record.decision_details(
            name="ghcr.io/acme/bert",
            rule="acme",
            line=7,
            checks=[{"id": "signatures", "ok": False, "got": 0, "want": 1}],
            considered=[{"material": "sha256:9", "format": "bundle", "outcome": "other-key", "code": "SM2010"}],
            approved=[0, 2],
            elapsed_ms=12,
        ),
    )


def test_the_bytes_of_a_record_are_frozen() -> None:
    assert canonical.encode(full()).decode() + "\n" == GOLDEN.read_text("utf-8")


def test_every_field_is_always_there_and_none_beside_it() -> None:
    empty = record.record("prune", now_ms=0)
    assert tuple(sorted(empty)) == tuple(sorted(full())) == record.FIELDS
    assert {name for name, value in empty.items() if value is not None} == {"schema", "kind", "time", "parts"}


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"kind": "mount"}, "unknown kind"),
        ({"kind": "decision", "verdict": "yes"}, "unknown verdict"),
        ({"kind": "decision", "request": {"user": "x"}}, "a request has exactly"),
    ],
)
def test_what_is_not_of_the_format_is_a_bug(named: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        record.record(now_ms=0, **named)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "https://bob:hunter2hunter2@ghcr.io/v2/",
        "Authorization: Bearer hunter2hunter2",
        "authorization: basic hunter2hunter2==",
        '{"password":"hunter2hunter2"}',
        "passwd = hunter2hunter2",
        "?access_token=hunter2hunter2&x=1",
        '"identitytoken": "hunter2hunter2"',
        PEM.replace("MC4C", "hunter2hunter2"),
        PEM.replace("MC4C", "hunter2hunter2").partition("-----END")[0],
        PEM.replace("PRIVATE", "EC PRIVATE").replace("MC4C", "hunter2hunter2"),
    ],
)
def test_a_credential_in_text_from_outside_is_cut_out_wherever_it_stands(text: str) -> None:
    made = record.record(
        "check",
        now_ms=0,
        reference=text,
        error={"code": "SM4001", "subject": text, "got": f"x {text}", "want": None},
        details={"deep": [{"er": (text,)}], text: 1},
    )
    assert "hunter2" not in json.dumps(made)


@pytest.mark.parametrize(
    "text",
    [
        "ghcr.io/acme/bert:v1",
        "sha256:" + "a" * 64,
        "https://ghcr.io/token/basic",
        "docker://bert:v1@sha256:" + "a" * 64,
    ],
)
def test_what_is_no_credential_stays(text: str) -> None:
    assert record.record("check", now_ms=0, reference=text)["reference"] == text


def test_texts_have_a_limit_and_surrogates_a_spelling() -> None:
    made = record.record("check", now_ms=0, reference="x" * 10_000, target="a\udcffb")
    assert len(made["reference"]) == record.TEXT_LIMIT + 1
    straddling = "x" * (record.TEXT_LIMIT - 13) + " Bearer hunter2hunter2"
    assert "hunt" not in record.record("check", now_ms=0, reference=straddling)["reference"]
    assert made["target"] == "a\\udcffb"


def test_long_fields_become_parts_and_nothing_is_larger_than_an_entry() -> None:
    parts: dict[str, bytes] = {}

    def put(data: bytes) -> str:
        parts[str(len(parts))] = data
        return f"sha256:{len(parts):064x}"

    rows = [{"path": f"{number:0900}", "reason": "exclude"} for number in range(100)]
    raw = shrink.encode({**full(), "withheld": rows, "details": {"x": ["y" * 900] * 30}}, put)
    value = json.loads(raw)
    assert len(raw) <= ENTRY_LIMIT
    assert value["withheld"] == rows[: shrink.ROWS] and value["details"] is None
    assert json.loads(parts["1"]) == rows
    assert set(value["parts"]) == {"manifest", "details", "withheld"}
    with pytest.raises(StorageError) as caught:
        shrink.encode({**full(), "enforced": ["x" * 4000] * 40}, put)
    assert caught.value.code == "SM7104"


def test_a_masked_value_is_a_salted_digest_in_the_record_and_in_the_input(desk: Desk) -> None:
    with desk.open(masks=["/request/user", "/input/request/user", "/details/checks/0/got"]) as log:
        row = decision(1, details={"checks": [{"id": "a", "got": "alice"}]})
        entry = log.append(row, document=b'{"request":{"user":"alice"}}')
        again = log.append(row, document=b'{"request":{"user":"alice"}}')
        found = entry.record
        assert found["request"]["user"].startswith(mask.PREFIX)
        assert found["request"]["user"] == again.record["request"]["user"], "equal values can be recognised"
        assert found["details"]["checks"][0]["got"] == found["request"]["user"]
        document = json.loads(log._writer.folder().part(found["input_sha256"]))
        assert document["masked"] == ["/request/user"]
    assert not [path for path in desk.folder.rglob("*") if path.is_file() and b"alice" in path.read_bytes()]
    salt = desk.folder / "mask.salt"
    assert salt.stat().st_mode & 0o777 == 0o600
    assert mask.digest("alice", salt.read_bytes()) == found["request"]["user"]


@pytest.mark.parametrize("pointer", ["request", "/verdict", "/kind/x", "/parts", "/deny", "/input", "/a~2", "/~"])
def test_what_a_review_needs_cannot_be_masked(pointer: str) -> None:
    with pytest.raises(ValueError, match=r"pointer|cannot be masked"):
        mask.pointers([pointer])


def test_pointers_of_rfc_6901_name_what_they_say() -> None:
    value = {"a/b": [{"m~n": "x"}], "": 1, "null": None}
    masked, done = mask.apply(value, mask.pointers(["/a~1b/0/m~0n", "/null", "/a~1b/9", "/gone"]), b"salt")
    assert masked["a/b"][0]["m~n"] == mask.digest("x", b"salt")
    assert done == ["/a~1b/0/m~0n"]
    assert masked["null"] is None
