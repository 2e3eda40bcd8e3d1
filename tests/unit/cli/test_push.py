"""`push` and `sign` by the command line, into layouts and to registries."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from secmount.oci.digest import Digest
from secmount.registry.layout import LayoutSource
from tests.support.command import Desk
from tests.support.lying import Gate
from tests.support.storing import Storing


@pytest.fixture
def registry() -> Iterator[Storing]:
    with Storing() as made:
        yield made


@pytest.fixture
def name(registry: Storing) -> str:
    return f"{registry.host()}/acme/model"


@pytest.fixture(autouse=True)
def files(secmount: Desk) -> None:
    Path("weights.bin").write_bytes(b"w" * 5000)
    Path("data").mkdir()
    Path("data/a").write_text("a")
    assert secmount("key", "generate", "release").exit == 0


def push(secmount: Desk, ref: str, *more: str) -> str:
    done = secmount.json("push", ref, "weights.bin", "data", "--plain-http", *more)
    assert done.exit == 0, done.out
    return str(done.document["artifact"]["digest"])


class TestPush:
    def test_into_a_layout_and_to_a_registry_is_the_same(self, secmount: Desk, registry: Storing, name: str) -> None:
        digest = push(secmount, f"{name}:v1")
        assert push(secmount, "oci:made:v1") == digest
        with LayoutSource("made") as layout:
            assert layout.manifest(layout.head("v1", None)) == registry.manifests["v1"][1]

    def test_what_is_said(self, secmount: Desk, name: str) -> None:
        first = secmount.json("push", f"{name}:v1", "weights.bin", "data", "--plain-http").document["pushed"]
        assert [row["title"] for row in first["layers"]] == ["weights.bin", "data"]
        assert first["present"] == 0 and first["sent"] > 5000
        digest = push(secmount, f"{name}:v2")
        assert first["next"] == f"secmount sign {name}@{digest} --key release.key"
        text = secmount("push", f"{name}:v3", "weights.bin", "data", "--plain-http")
        assert first["next"] in text.out and digest in text.out
        assert secmount("push", f"{name}:v3", "weights.bin", "data", "--plain-http", "-q").out == f"{digest}\n"

    def test_what_is_there_is_not_sent_again(self, secmount: Desk, registry: Storing, name: str) -> None:
        push(secmount, f"{name}:v1")
        before = len(registry.asked("POST"))
        again = secmount.json("push", f"{name}:v2", "weights.bin", "data", "--plain-http").document["pushed"]
        assert again["sent"] == 0 and len(registry.asked("POST")) == before

    def test_the_options(self, secmount: Desk, registry: Storing, name: str) -> None:
        Path("c.json").write_text("{}")
        words = ["--artifact-type", "application/vnd.acme.model", "-a", "a=b=c", "--annotation", "d="]
        push(secmount, f"{name}:v1", *words, "--artifact-config", "c.json:application/vnd.acme.config.v1+json")
        made = registry.tagged("v1")
        assert made["artifactType"] == "application/vnd.acme.model" and made["annotations"] == {"a": "b=c", "d": ""}
        assert made["config"]["mediaType"] == "application/vnd.acme.config.v1+json"

    def test_in_chunks(self, secmount: Desk, registry: Storing, name: str) -> None:
        with Path("weights.bin").open("wb") as file:
            file.truncate((5 << 20) + 1)
        push(secmount, f"{name}:v1", "--chunk-size", "2")
        sizes = [len(seen.body) for seen in registry.asked("PATCH")]
        assert sizes[:3] == [2 << 20, 2 << 20, (1 << 20) + 1]

    def test_in_chunks_where_one_piece_is_too_large(self, secmount: Desk, registry: Storing, name: str) -> None:
        registry.on(r"PUT .*digest=", lambda seen, truth: truth.but(status=413) if seen.body else truth)
        push(secmount, f"{name}:v1")
        assert registry.asked("PATCH") and "v1" in registry.manifests

    def test_with_times(self, secmount: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        plain = push(secmount, "oci:a:v1")
        os.utime("data/a", (1_000_000_000, 1_000_000_000))
        assert push(secmount, "oci:b:v1") == plain
        kept = push(secmount, "oci:c:v1", "--keep-times")
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "5")
        assert len({plain, kept, push(secmount, "oci:d:v1", "--keep-times")}) == 3
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
        assert secmount.json("push", "oci:d:v1", "data", "--keep-times").code == "SM1010"

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (("HOST/acme/model@sha256:" + "0" * 64, "weights.bin"), "SM1036"),
            (("oci-archive:a.tar:v1", "weights.bin"), "SM1036"),
            (("HOST/acme/model:v1", "weights.bin", "--offline"), "SM1039"),
            (("HOST/acme/model:v1", "weights.bin", "--format", "other"), "SM1010"),
            (("HOST/acme/model:v1", "weights.bin", "-a", "x"), "SM1010"),
            (("HOST/acme/model:v1", "absent"), "SM1030"),
            (("model:v1", "weights.bin"), "SM1002"),
            (("HOST/acme/model:v1",), "SM1010"),
            (("HOST/acme/model:v1", "weights.bin", "--chunk-size", "0"), "SM1010"),
        ],
    )
    def test_refused_before_anything_is_contacted(
        self, secmount: Desk, registry: Storing, words: tuple[str, ...], code: str
    ) -> None:
        result = secmount.json("push", *(word.replace("HOST", registry.host()) for word in words))
        assert (result.exit, result.code) == (2, code), result.out
        assert registry.seen == []

    def test_no_tag_for_what_changed_meanwhile(
        self, secmount: Desk, registry: Storing, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registry.on("HEAD", lambda _, truth: (Path("weights.bin").write_bytes(b"x" * 5000), truth)[1])
        result = secmount.json("push", f"{name}:v1", "weights.bin", "--plain-http")
        assert result.code == "SM1034" and registry.manifests == {} and registry.blobs == {}

    def test_a_push_that_cannot_be_noted_is_a_push(self, secmount: Desk, registry: Storing, name: str) -> None:
        Path("taken").write_text("")
        done = secmount.json("push", f"{name}:v1", "data", "--plain-http", "--store", "taken")
        assert done.exit == 0 and "v1" in registry.manifests
        assert done.document["warnings"] and "only the digest" in done.document["warnings"][0]

    def test_with_credentials_of_a_file(self, secmount: Desk, registry: Storing, name: str) -> None:
        registry.gate = gate = Gate("basic")
        kept = {"auths": {f"{registry.host()}/acme": {"auth": gate.basic.removeprefix("Basic ")}}}
        Path("auth.json").write_text(json.dumps(kept))
        Path("auth.json").chmod(0o600)
        push(secmount, f"{name}:v1", "--authfile", "auth.json")
        refused = secmount.json("push", f"{name}:v2", "weights.bin", "--plain-http")
        assert refused.exit == 4 and "v2" not in registry.manifests


class TestSign:
    def sign(self, secmount: Desk, ref: str, *more: str) -> str | None:
        return secmount.json("sign", ref, "--key", "release.key", "--plain-http", *more).code

    def test_a_digest(self, secmount: Desk, registry: Storing, name: str) -> None:
        digest = push(secmount, f"{name}:v1")
        done = secmount.json("sign", f"{name}@{digest}", "--key", "release.key", "--plain-http").document["signature"]
        assert (done["subject"], done["repository"], done["format"], done["tag"]) == (digest, name, "bundle", None)
        assert json.loads(registry.manifests[done["referrer"]][1])["subject"]["digest"] == digest

    def test_it_says_what_is_about_to_be_signed_before(self, secmount: Desk, registry: Storing, name: str) -> None:
        digest = push(secmount, f"{name}:v1", "-a", "owner=\x1b[31mme")
        said = secmount("sign", f"{name}@{digest}", "--key", "absent.key", "--plain-http").err
        for text in (digest, "application/vnd.unknown.artifact.v1", "weights.bin", "owner=", f"for       {name}"):
            assert text in said
        assert "\x1b" not in said and len(registry.manifests) == 2

    def test_a_tag_that_this_store_pushed(self, secmount: Desk, name: str) -> None:
        push(secmount, f"{name}:v1")
        assert self.sign(secmount, f"{name}:v1") is None

    def test_a_tag_that_somebody_moved_since(self, secmount: Desk, registry: Storing, name: str) -> None:
        push(secmount, f"{name}:v1")
        moved = registry.manifests["v1"][1].replace(b"data", b"atad")
        registry.manifests["v1"] = registry.manifests[str(Digest.of(moved))] = (registry.manifests["v1"][0], moved)
        result = secmount.json("sign", f"{name}:v1", "--key", "release.key", "--plain-http")
        assert result.code == "SM1038" and not registry.asked("PUT .*v2/acme/model/manifests/sha256")
        command = f"secmount sign {name}@{Digest.of(moved)} --key release.key"
        assert result.document["error"]["help"][0] == command

    def test_a_tag_that_somebody_else_pushed(self, secmount: Desk, registry: Storing, name: str) -> None:
        digest = push(secmount, f"{name}:v1")
        registry.manifests["theirs"] = registry.manifests["v1"]
        result = secmount.json("sign", f"{name}:theirs", "--key", "release.key", "--plain-http")
        assert result.code == "SM1037"
        assert result.document["error"]["help"][0] == f"secmount sign {name}@{digest} --key release.key"
        elsewhere = secmount.json("sign", f"{name}:v1", "--key", "release.key", "--plain-http", "--store", "other")
        assert elsewhere.code == "SM1037"

    def test_bytes_that_are_not_the_digest(self, secmount: Desk, registry: Storing, name: str) -> None:
        digest = push(secmount, f"{name}:v1")
        registry.manifests[digest] = (registry.manifests["v1"][0], registry.manifests["v1"][1] + b" ")
        assert self.sign(secmount, f"{name}@{digest}", "--store", "other") in ("SM5001", "SM5002")

    @pytest.mark.parametrize("place", ["registry", "layout"])
    def test_as_cosign_did_before(self, secmount: Desk, registry: Storing, name: str, place: str) -> None:
        ref = f"{name}:v1" if place == "registry" else "oci:made:v1"
        digest = push(secmount, ref)
        for _ in range(2):
            assert self.sign(secmount, ref, "--format", "legacy") is None
        tag = f"{digest.replace(':', '-')}.sig"
        if place == "registry":
            made = registry.tagged(tag)
        else:
            with LayoutSource("made") as layout:
                made = json.loads(layout.manifest(layout.head(tag, None)))
        assert len(made["layers"]) == 2

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (("HOST/acme/model:v1", "--offline"), "SM1039"),
            (("HOST/acme/model:v1", "--format", "pgp"), "SM1010"),
            (("HOST/acme/model:v1", "-a", "io.secmount.repository=x"), "SM1019"),
            (("oci-archive:a.tar",), "SM1018"),
        ],
    )
    def test_refused_before_anything_is_contacted(
        self, secmount: Desk, registry: Storing, words: tuple[str, ...], code: str
    ) -> None:
        given = [word.replace("HOST", registry.host()) for word in words]
        assert secmount.json("sign", *given, "--key", "release.key").code == code
        assert registry.seen == []
