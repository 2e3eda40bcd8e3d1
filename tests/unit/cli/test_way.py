"""The whole way by the command line, with files copied instead of mounted: what is allowed, and each attack refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from secmount.oci import manifest
from secmount.oci.manifest import Manifest
from secmount.publish.layout import LayoutWriter
from secmount.registry.layout import LayoutSource
from tests.support.command import Desk, Result

COPY = ("--backend", "copy")


def mount(secmount: Desk, name: str, *more: str) -> Result:
    return secmount.json("mount", f"oci:models/{name}:v1", "mnt", *COPY, *more)


def layers(path: Path) -> Manifest:
    with LayoutSource(str(path)) as source:
        found = manifest.parse(source.manifest(source.head("v1", None)), expected=None, subject=str(path))
    assert isinstance(found, Manifest)
    return found


def blob(path: Path, position: int) -> Path:
    digest = layers(path).layers[position].digest
    return path / "blobs" / digest.algorithm / digest.hex


def nothing_came_of_it(secmount: Desk) -> None:
    assert not (secmount.folder / "mnt").exists()
    assert not [row for row in secmount.log() if row["kind"] == "mount.done"]


def test_a_signed_artifact_is_copied_without_what_the_policy_withholds(secmount: Desk) -> None:
    result = mount(secmount.ready(), "bert")
    assert result.exit == 0
    document = result.document
    assert document["mount"]["enforced"] == [] and document["mount"]["partial"] is True
    withheld = {"preprocess.pkl", "tokenizer/cache.pkl"}
    assert {row["path"] for row in document["decision"]["withheld"]} == withheld
    made = {str(path.relative_to("mnt")) for path in Path("mnt").rglob("*") if path.is_file()}
    assert made == {"config.json", "model.safetensors", "tokenizer/merges.txt", "tokenizer/vocab.json"}
    shown = secmount.json("inspect", "mnt").document
    assert {row["path"] for row in shown["withheld"]} == withheld
    done = [row for row in secmount.log() if row["kind"] == "mount.done"]
    assert {row["path"] for row in done[0]["withheld"]} == withheld
    kinds = [row["kind"] for row in secmount.log()]
    assert kinds == [
        "log.created",
        "key.used",
        "config.loaded",
        "policy.loaded",
        "decision",
        "mount.intent",
        "mount.done",
    ]


def test_check_and_unmount_of_a_copy(secmount: Desk) -> None:
    mount(secmount.ready(), "bert")
    assert secmount.json("check", "mnt").exit == 0
    listed = secmount.json("ls").document
    assert [row["target"] for row in listed["mounts"]] == [str(secmount.folder / "mnt")]
    assert [row["complete"] for row in listed["artifacts"]] == [False]
    removed = secmount.json("unmount", "mnt")
    assert removed.exit == 0 and removed.document["left"] == []
    assert not Path("mnt").exists()
    assert secmount.json("unmount", "mnt").code == "SM1012"
    assert secmount.log()[-1]["kind"] == "unmount"


def test_a_file_changed_after_the_copy_is_found(secmount: Desk) -> None:
    mount(secmount.ready(), "bert")
    changed = Path("mnt/config.json")
    changed.chmod(0o644)
    changed.write_text('{"hidden_size":65,"layers":2}')
    result = secmount.json("check", "mnt")
    assert result.exit == 30 and result.code == "SM5003"
    assert secmount.log()[-1]["details"]["findings"]


def test_an_unsigned_artifact(secmount: Desk) -> None:
    secmount.ready().model("unsigned", variant=1, key=None)
    assert mount(secmount, "unsigned").exit == 10
    nothing_came_of_it(secmount)


def test_a_tampered_blob(secmount: Desk) -> None:
    path = secmount.ready().model("tampered", variant=2)
    weights = blob(path, 2)
    data = bytearray(weights.read_bytes())
    data[4096] ^= 1
    weights.write_bytes(data)
    result = mount(secmount, "tampered")
    assert (result.exit, result.code) == (30, "SM5001")
    nothing_came_of_it(secmount)
    assert secmount.log()[-1]["kind"] == "mount.failed" and secmount.log()[-1]["error"]["code"] == "SM5001"


def test_a_short_blob(secmount: Desk) -> None:
    path = secmount.ready().model("short", variant=2)
    weights = blob(path, 2)
    weights.write_bytes(weights.read_bytes()[:-1])
    result = mount(secmount, "short")
    assert result.exit == 30 and result.code in {"SM5001", "SM5002"}
    nothing_came_of_it(secmount)


def test_a_tampered_manifest(secmount: Desk) -> None:
    path = secmount.ready().model("changed", variant=2)
    digest = layers(path).digest
    file = path / "blobs" / digest.algorithm / digest.hex
    file.write_bytes(file.read_bytes().replace(b"Apache-2.0", b"Apache-3.0"))
    result = mount(secmount, "changed")
    assert (result.exit, result.code) == (30, "SM5001")
    nothing_came_of_it(secmount)


def test_a_copied_signature(secmount: Desk) -> None:
    bert = secmount.ready().folder / "models" / "bert"
    copied = secmount.model("copied", variant=3, key=None)
    with LayoutSource(str(bert)) as source, LayoutSource(str(copied)) as other, LayoutWriter(str(copied)) as writer:
        row = source.referrers(source.head("v1", None).digest)[0]
        referrer = manifest.parse(source.manifest(row), expected=None, subject="referrer")
        assert isinstance(referrer, Manifest)
        bundle = referrer.layers[0]
        writer.put(bundle, source.small(bundle, limit=bundle.size))
        writer.add_manifest([bundle], artifact_type=referrer.artifact_type, subject=other.head("v1", None))
    result = mount(secmount, "copied")
    assert result.exit == 12
    reasons = [row["got"] for row in result.document["decision"]["checks"] if row["id"] == "signatures"]
    assert "a signature of sha256:" in reasons[0]
    nothing_came_of_it(secmount)


def test_a_wrong_signer(secmount: Desk) -> None:
    secmount.ready()
    assert secmount("key", "generate", "intruder").exit == 0
    secmount.model("foreign", variant=4, key="intruder")
    assert mount(secmount, "foreign").exit == 12
    nothing_came_of_it(secmount)


def test_a_signature_for_another_place(secmount: Desk) -> None:
    bert = secmount.ready().folder / "models" / "bert"
    shutil.copytree(bert, bert.parent / "moved")
    assert mount(secmount, "moved").exit == 12 or mount(secmount, "moved").code == "SM3012"
    nothing_came_of_it(secmount)


def test_no_rule_for_the_name_and_nothing_is_opened(secmount: Desk) -> None:
    secmount.ready()
    result = secmount.json("mount", "oci:elsewhere/none:v1", "mnt", *COPY)
    assert (result.exit, result.code) == (20, "SM3001")
    assert secmount.log()[-1]["verdict"] == "denied"


def test_an_asserted_name_is_recorded_and_needs_its_own_rule(secmount: Desk) -> None:
    secmount.ready()
    result = secmount.json("mount", "oci:models/bert:v1", "mnt", "--as", "ghcr.io/acme/bert", *COPY)
    assert (result.exit, result.code) == (20, "SM3001")


def test_no_policy(secmount: Desk) -> None:
    result = secmount.json("mount", "oci:models/bert:v1", "mnt", *COPY)
    assert (result.exit, result.code) == (2, "SM1105")
    assert any("secmount policy init" in line for line in result.document["error"]["help"])


def test_a_policy_key_that_nobody_knows(secmount: Desk) -> None:
    file = secmount.ready().folder / "policy" / "policy.toml"
    file.write_text(file.read_text() + 'max-sise = "1GiB"\n')
    result = mount(secmount, "bert")
    assert result.exit == 2
    source = result.document["error"]["source"]
    assert source["line"] == len(file.read_text().splitlines())
    nothing_came_of_it(secmount)


@pytest.mark.parametrize("kind", ["full", "link", "file", "no parent"])
def test_a_target_that_will_not_do(secmount: Desk, kind: str) -> None:
    secmount.ready()
    target = secmount.folder / "mnt"
    match kind:
        case "full":
            target.mkdir()
            (target / "x").write_text("x")
        case "link":
            (secmount.folder / "real").mkdir()
            target.symlink_to("real")
        case "file":
            target.write_text("x")
        case _:
            assert not target.exists()
    where = "none/mnt" if kind == "no parent" else "mnt"
    result = secmount.json("mount", "oci:models/bert:v1", where, *COPY)
    assert result.exit in {2, 32} and str(result.code).startswith("SM60")
    assert not [row for row in secmount.log() if row["kind"] == "mount.intent"]


def test_duplicate_keys_in_a_manifest(secmount: Desk) -> None:
    path = secmount.ready().model("twice", variant=5, key=None)
    raw = layers(path).raw.replace(b'"schemaVersion":2', b'"schemaVersion":2,"schemaVersion":2', 1)
    index = json.loads((path / "index.json").read_text())
    digest = hashlib.sha256(raw).hexdigest()
    (path / "blobs" / "sha256" / digest).write_bytes(raw)
    index["manifests"][0].update({"digest": f"sha256:{digest}", "size": len(raw)})
    (path / "index.json").write_text(json.dumps(index))
    result = mount(secmount, "twice")
    assert (result.exit, result.code) == (30, "SM5010")


def test_usage_answers_in_json_too(secmount: Desk) -> None:
    assert secmount.json("mount").code == "SM1010"
    assert secmount.json("nonsense").code == "SM1010"
    result = secmount("mount", "oci:models/bert:v1", "mnt", "-o", "ro,noexec")
    assert result.exit == 2 and "SM1011" in result.err


def test_mounting_twice_at_one_place(secmount: Desk) -> None:
    assert mount(secmount.ready(), "bert").exit == 0
    result = mount(secmount, "bert")
    assert result.exit == 32 and result.code == "SM6013"
    assert Path("mnt/config.json").exists()
