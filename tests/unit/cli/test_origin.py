"""References to registries: what is asked of the registry, what of the store, and what comes of a registry that lies.

The registry here is a layout that changes its mind, lies or is away on demand; real ones are in tests/interop.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from secmount.app import wire
from secmount.app.assembly import assemble
from secmount.app.ways import Ways
from secmount.config import file
from secmount.errors import InputError, RegistryError, StorageError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.reference import RegistryReference
from secmount.publish.layout import LayoutWriter
from secmount.registry.layout import LayoutSource
from secmount.registry.source import Referrers
from secmount.store.tables.memory import History
from tests.support.command import Desk

NAME = "reg.example/acme/bert"
REF = f"{NAME}:v1"
COPY = ("mnt", "--backend", "copy")
AWAY = "SM4101"


class FakeRegistry:
    """A registry that a test can take away, and that counts what it is asked."""

    def __init__(self, path: Path) -> None:
        self.path, self.away, self.asked = path, False, list[str]()
        self.tags: list[Digest] = []  # what a tag means, one after the other, before what the layout says
        self.lies: dict[Digest, bytes] = {}

    def __call__(self, *_: object) -> FakeRegistry:
        self.asked.append("opened")
        return self

    def close(self) -> None:
        """Nothing is open."""

    def _layout(self, what: str) -> LayoutSource:
        self.asked.append(what)
        if self.away:
            raise RegistryError(AWAY, subject=NAME, got="connection refused")
        return LayoutSource(str(self.path))

    def head(self, tag: str | None, digest: Digest | None) -> Descriptor:
        with self._layout("head") as layout:
            if tag == "v1" and self.tags:
                return layout.head(None, self.tags.pop(0))
            return layout.head(tag, digest)

    def manifest(self, wanted: Descriptor) -> bytes:
        with self._layout("manifest") as layout:
            return layout.manifest(wanted)

    def small(self, wanted: Descriptor, *, limit: int) -> bytes:
        with self._layout("small") as layout:
            return layout.small(wanted, limit=limit)

    def stream(self, wanted: Descriptor, *, offset: int = 0) -> AbstractContextManager[Iterator[bytes]]:
        layout = self._layout("stream")
        return _Stream(layout, wanted, offset, self.lies.get(wanted.digest))

    def referrers(self, subject: Digest) -> Referrers:
        with self._layout("referrers") as layout:
            return layout.referrers(subject)


class _Stream:
    def __init__(self, layout: LayoutSource, wanted: Descriptor, offset: int, lie: bytes | None) -> None:
        self._layout, self._lie, self._inner = layout, lie, layout.stream(wanted, offset=offset)

    def __enter__(self) -> Iterator[bytes]:
        honest = self._inner.__enter__()
        return honest if self._lie is None else iter([self._lie])

    def __exit__(self, *error: object) -> None:
        self._inner.__exit__(*error)  # type: ignore[arg-type]
        self._layout.close()


@pytest.fixture
def registry(secmount: Desk, monkeypatch: pytest.MonkeyPatch) -> FakeRegistry:
    assert secmount("key", "generate", "release").exit == 0
    assert secmount("policy", "init", "--key", "release.pub", "--match", "reg.example/acme/**").exit == 0
    path = secmount.model("bert", key=None)
    sign(secmount)
    made = FakeRegistry(path)
    monkeypatch.setattr(wire, "registry", made)
    return made


def sign(secmount: Desk) -> None:
    assert secmount("sign", "oci:models/bert:v1", "--key", "release.key", "--as", NAME).exit == 0


def configure(secmount: Desk, more: str) -> None:
    with (secmount.folder / "config.toml").open("a") as file:
        file.write(more)


def decisions(secmount: Desk) -> list[dict[str, Any]]:
    return [row["details"] for row in secmount.log() if row["kind"] == "decision"]


def digest(registry: FakeRegistry) -> Digest:
    with LayoutSource(str(registry.path)) as layout:
        return layout.head("v1", None).digest


def test_it_is_mounted_and_the_log_says_where_the_evidence_was(secmount: Desk, registry: FakeRegistry) -> None:
    result = secmount.json("mount", REF, *COPY)
    assert result.exit == 0 and result.document["artifact"]["name"] == NAME
    assert (secmount.folder / "mnt" / "config.json").is_file()
    assert [row["evidence_from"] for row in decisions(secmount)] == ["registry"]


def test_a_reference_without_a_rule_opens_nothing(secmount: Desk, registry: FakeRegistry) -> None:
    for verb in ("resolve", "verify", "pull"):
        result = secmount.json(verb, "other.example/acme/bert:v1")
        assert (result.exit, result.code) == (20, "SM3001")
    assert registry.asked == []


def test_what_is_held_is_mounted_again_without_more_than_asking_for_the_tag(
    secmount: Desk, registry: FakeRegistry
) -> None:
    assert secmount.json("pull", REF).document["pulled"]["layers"] == 4
    registry.asked.clear()
    assert secmount.json("mount", REF, *COPY).exit == 0
    assert registry.asked == ["opened", "head"]
    registry.asked.clear()
    assert secmount.json("verify", f"{NAME}@{digest(registry)}").exit == 0
    assert registry.asked == []


def test_always_asks_the_registry_anew(secmount: Desk, registry: FakeRegistry) -> None:
    secmount.json("pull", REF)
    registry.asked.clear()
    assert secmount.json("verify", REF, "--pull", "always").exit == 0
    assert {"manifest", "referrers"} <= set(registry.asked)
    registry.away = True
    assert secmount.json("verify", f"{NAME}@{digest(registry)}", "--pull", "always").exit == 5


@pytest.mark.parametrize("how", [("--offline",), ("--pull", "never")], ids=lambda words: words[0])
def test_without_the_registry(secmount: Desk, registry: FakeRegistry, how: tuple[str, ...]) -> None:
    unknown = secmount.json("verify", REF, *how)
    assert (unknown.exit, unknown.code) == (3, "SM4302")
    unheld = secmount.json("verify", f"{NAME}@{digest(registry)}", *how)
    assert (unheld.exit, unheld.code) == (3, "SM4303")
    assert registry.asked == []
    secmount.json("pull", REF)
    registry.asked.clear()
    held = secmount.json("mount", REF, *COPY, *how)
    assert held.exit == 0 and "was last resolved" in held.document["warnings"][0]
    assert registry.asked == []
    assert decisions(secmount)[-1]["evidence_from"] == "kept" and decisions(secmount)[-1]["tag_resolved"]


def test_a_verify_alone_keeps_nothing(secmount: Desk, registry: FakeRegistry) -> None:
    assert secmount.json("verify", REF).exit == 0
    assert secmount.json("verify", REF, "--offline").code == "SM4302"


def test_content_that_is_gone_from_the_store_is_fetched_again_or_missed(secmount: Desk, registry: FakeRegistry) -> None:
    secmount.json("pull", REF)
    max((secmount.folder / "store" / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size).unlink()
    missing = secmount.json("mount", REF, *COPY, "--offline")
    assert (missing.exit, missing.code) == (3, "SM4301")
    registry.asked.clear()
    assert secmount.json("mount", REF, *COPY).exit == 0
    assert registry.asked.count("stream") == 1 and "manifest" not in registry.asked


def test_a_registry_that_is_away(secmount: Desk, registry: FakeRegistry) -> None:
    secmount.json("pull", REF)
    registry.away = True
    assert secmount.json("verify", f"{NAME}@{digest(registry)}").exit == 0
    tag = secmount.json("verify", REF)
    assert (tag.exit, tag.code) == (5, AWAY)
    configure(secmount, '[registry]\nstale-tags = "24h"\n')
    stale = secmount.json("verify", REF)
    assert stale.exit == 0 and "was last resolved" in stale.document["warnings"][0]
    assert decisions(secmount)[-1]["tag_resolved"]


def test_a_tag_is_remembered_only_as_it_was_resolved(
    secmount: Desk, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names the digest as well says nothing of the tag; and what was not asked anew is no younger."""
    from secmount.app import assembly

    assert secmount.json("pull", f"{REF}@{digest(registry)}").exit == 0
    assert secmount.json("verify", REF, "--offline").code == "SM4302"
    assert secmount.json("pull", REF).exit == 0
    now = assembly.now_ms()
    monkeypatch.setattr(assembly, "now_ms", lambda: now + 86_400_000)
    for _ in range(2):
        late = secmount.json("pull", REF, "--offline")
        assert late.exit == 0 and "1 days 0 h ago" in late.document["warnings"][0]


def test_a_tag_is_too_old(secmount: Desk, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    from secmount.app import assembly

    secmount.json("pull", REF)
    registry.away = True
    configure(secmount, '[registry]\nstale-tags = "24h"\n')
    now = assembly.now_ms()
    monkeypatch.setattr(assembly, "now_ms", lambda: now + 86_400_000 + 60_000)
    assert secmount.json("verify", REF).exit == 5
    monkeypatch.setattr(assembly, "now_ms", lambda: now - 240_000)  # resolved in the future: the clock ran back
    assert secmount.json("verify", REF).exit == 5
    monkeypatch.setattr(assembly, "now_ms", lambda: now - 3_600_000)
    registry.asked.clear()
    assert secmount.json("verify", REF).code == "SM3097" and registry.asked == []


def test_a_tag_that_moves_between_two_questions_is_asked_once(secmount: Desk, registry: FakeRegistry) -> None:
    first = digest(registry)
    other = secmount.model("other", variant=1, key=None)
    with LayoutSource(str(other)) as layout, LayoutWriter(str(registry.path)) as writer:
        head = layout.head("v1", None)
        writer.add_document(layout.manifest(head))
    registry.tags = [first, head.digest]
    result = secmount.json("mount", REF, *COPY)
    assert result.exit == 0 and result.document["artifact"]["digest"] == str(first)


def test_a_blob_that_was_changed_in_the_registry(secmount: Desk, registry: FakeRegistry) -> None:
    with LayoutSource(str(registry.path)) as layout:
        raw = layout.manifest(layout.head("v1", None)).decode()
    hexes = raw.split('"layers":')[1].split("sha256:")[1][:64]
    registry.lies[Digest.parse(f"sha256:{hexes}")] = b"other bytes"
    result = secmount.json("mount", REF, *COPY)
    assert result.exit == 30 and result.code in {"SM5001", "SM5002"}
    assert not (secmount.folder / "mnt").exists()
    assert not list((secmount.folder / "store" / "ingest").iterdir())


def test_what_is_kept_does_not_suffice_and_the_registry_has_more(secmount: Desk, registry: FakeRegistry) -> None:
    assert secmount("key", "generate", "second").exit == 0
    secmount.json("pull", REF)
    (secmount.folder / "policy" / "keys" / "second.pub").write_bytes((secmount.folder / "second.pub").read_bytes())
    policy = secmount.folder / "policy" / "policy.toml"
    text = policy.read_text().replace('signers = ["release"]', 'signers = ["second"]')
    policy.write_text(text + '\n[signers.second]\nkey = "keys/second.pub"\n')
    by_digest = f"{NAME}@{digest(registry)}"
    assert secmount.json("verify", by_digest).exit == 12
    assert secmount("sign", "oci:models/bert:v1", "--key", "second.key", "--as", NAME).exit == 0
    assert secmount.json("verify", by_digest, "--offline").exit == 12
    assert secmount.json("verify", by_digest).exit == 0
    registry.away = True
    assert secmount.json("verify", by_digest).exit == 12  # the denial that what is kept gives


def test_resolve_shows_the_digest(secmount: Desk, registry: FakeRegistry) -> None:
    result = secmount("resolve", REF)
    assert result.out == f"{NAME}@{digest(registry)}\n"
    assert secmount.json("resolve", REF).document["kept_since"] is None


def test_what_another_repository_gave_is_not_given_to_whoever_knows_the_digest(
    secmount: Desk, registry: FakeRegistry
) -> None:
    secmount.json("pull", REF)
    other = f"reg.example/acme/other@{digest(registry)}"
    refused = secmount.json("verify", other, "--offline")
    assert (refused.exit, refused.code) == (3, "SM4303")
    registry.away = True
    assert secmount.json("verify", other).exit == 5


@pytest.mark.parametrize("way", [("--offline",), ("--pull", "never")])
def test_signatures_of_another_repository_are_not_looked_for_where_no_registry_may_be_asked(
    secmount: Desk, registry: FakeRegistry, way: tuple[str, ...]
) -> None:
    policy = secmount.folder / "policy" / "policy.toml"
    policy.write_text(policy.read_text() + 'signatures-from = "sigs.example/acme/sigs"\n')
    asked = ("verify", "oci:models/bert:v1", "--as", NAME)
    assert secmount.json(*asked, *way).exit == 0
    assert registry.asked == []
    assert secmount.json(*asked).exit == 0
    assert registry.asked[0] == "opened"


def test_offline_no_source_is_made_that_could_connect(secmount: Desk) -> None:
    config = file.load({}, {"SECMOUNT_CONFIG": str(secmount.folder / "config.toml")}, uid=os.geteuid())
    with assemble(config, Ways(offline=True)) as application, pytest.raises(InputError, match="SM1039"):
        application.parts.open_source(RegistryReference(NAME, "reg.example", "acme/bert", None, None))


def test_a_mount_whose_mark_cannot_be_kept_does_not_stay(
    secmount: Desk, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = secmount.folder / "policy" / "policy.toml"
    policy.write_text(policy.read_text() + 'no-rollback = "tag"\n')
    assert secmount.json("verify", REF).exit == 0  # the clock's mark is there

    def full(*_: object) -> None:
        raise StorageError("SM7001", got="no space")

    with monkeypatch.context() as patch:
        patch.setattr(History, "note", full)
        refused = secmount.json("mount", REF, *COPY)
    assert (refused.exit, refused.code) == (50, "SM7001")
    assert not (secmount.folder / "mnt").exists()
    assert [row["kind"] for row in secmount.log()][-2:] == ["mount.intent", "mount.failed"]
    assert secmount.json("ls").document["mounts"] == []
    assert secmount.json("mount", REF, *COPY).exit == 0


@pytest.mark.parametrize(
    ("elsewhere", "asked", "plain"),
    [
        ("sigs.example/acme/sigs", (REF,), [True, False]),
        ("reg.example/acme/sigs", (REF,), [True, True]),
        ("reg.example/acme/sigs", ("oci:models/bert:v1", "--as", NAME), [False]),
    ],
)
def test_plain_http_is_for_the_host_that_was_named_and_no_other(
    secmount: Desk,
    registry: FakeRegistry,
    monkeypatch: pytest.MonkeyPatch,
    elsewhere: str,
    asked: tuple[str, ...],
    plain: list[bool],
) -> None:
    policy = secmount.folder / "policy" / "policy.toml"
    policy.write_text(policy.read_text() + f'signatures-from = "{elsewhere}"\n')
    said: list[bool] = []

    def opened(name: str, _: object, ways: Ways, *more: object) -> FakeRegistry:
        said.append(ways.plain_http)
        return registry(name, *more)

    monkeypatch.setattr(wire, "registry", opened)
    assert secmount.json("verify", *asked, "--plain-http").exit == 0
    assert said == plain
