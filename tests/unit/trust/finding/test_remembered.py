"""Evidence that is remembered: the same again without checking, and never under other circumstances."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pytest

from secmount.oci.digest import Digest
from secmount.policy import glob
from secmount.trust import remembered
from secmount.trust.evidence import Attestation, Considered, Evidence, Signature
from secmount.trust.gather import gather
from secmount.trust.judge.verdict import Judged
from secmount.trust.material import Material
from secmount.trust.signer import KeylessSigner, KeySigner, Signer, X509Signer
from tests.support import keys, legacy, modelsig, shelf
from tests.support.keyless import Keyless
from tests.support.layouts import Layout, describe
from tests.support.minisig import GITHUB
from tests.support.shelf import Shelf
from tests.unit.trust import corporate, world
from tests.unit.trust.attacks.formats.build import SUBJECT, company, keyless
from tests.unit.trust.attacks.formats.legacy import GOOD
from tests.unit.trust.attacks.formats.models import FILES
from tests.unit.trust.attacks.formats.notary import signed as notarized
from tests.unit.trust.attacks.formats.statements import PROVENANCE
from tests.unit.trust.bench import MODEL, OTHER, RELEASE, STRANGER, signed, signer, signers
from tests.unit.trust.world import NOW_MS, plain_root


@dataclass
class Memory:
    """A `Remembered` in a dict."""

    rows: dict[str, str] = field(default_factory=dict)
    hits: list[str] = field(default_factory=list)

    def get(self, key: str) -> str | None:
        if key in self.rows:
            self.hits.append(key)
        return self.rows.get(key)

    def put(self, key: str, value: str) -> None:
        self.rows[key] = value


def everything() -> Shelf:
    """Put one of each kind of material somewhere."""
    source = Shelf()
    source.attach(signed(repository="ghcr.io/acme/model", annotations={"ü": "n"}), to=SUBJECT)
    source.attach(signed(STRANGER), to=SUBJECT)
    source.attach(signed(predicate_type=PROVENANCE), to=SUBJECT)
    source.attach(keys.refer(shelf.row_of(MODEL), world.made()), to=SUBJECT)
    source.attach(keys.refer(shelf.row_of(MODEL), modelsig.sign(FILES, RELEASE)), to=SUBJECT)
    source.attach(keys.refer(shelf.row_of(MODEL), b"not json"), to=SUBJECT)
    bundle = world.made(Keyless(artifact=GOOD))
    legacy.attach(source, SUBJECT, legacy.layer(GOOD, RELEASE), legacy.keyless(bundle, GOOD))
    return source


BY: Mapping[str, Signer] = {"release": signer(RELEASE), **keyless()}


def look(source: Shelf, memory: Memory, by: Mapping[str, Signer] = BY, **more: Any) -> Evidence:
    given = {"now_ms": NOW_MS, "root": plain_root(), **more}
    return gather(shelf.resolved(MODEL), source, by, memory=memory, **given)


def test_what_is_remembered_is_the_same_evidence() -> None:
    memory, source = Memory(), everything()
    first = look(source, memory)
    assert len(first.signatures) == 5
    assert len(first.attestations) == 1
    assert first == look(source, Memory())
    assert first == gather(shelf.resolved(MODEL), source, BY, now_ms=NOW_MS, root=plain_root())
    assert len(memory.rows) == 7  # all but what cannot be parsed
    again = look(source, memory)
    assert again == first
    assert len(memory.hits) == 7


def test_another_root_or_artifact_is_judged_anew() -> None:
    memory, source = Memory(), Shelf()
    legacy.attach(source, SUBJECT, legacy.layer(GOOD, RELEASE))
    legacy.attach(source, str(OTHER.digest), legacy.layer(GOOD, RELEASE))
    assert look(source, memory).signatures
    look(source, memory, root=world.root_of(world.sigstore(1)))
    assert len(memory.rows) == 2
    assert gather(shelf.resolved(OTHER), source, BY, now_ms=NOW_MS, root=plain_root(), memory=memory).signatures == ()
    assert len(memory.rows) == 3


def test_memory_is_asked_about_the_artifact(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept says about which artifact it is, too; the name alone must tell them apart already."""
    asked: list[Digest] = []
    name = remembered.key

    def key(found: Material, about: Digest, by: Mapping[str, Signer], root: Any) -> str:
        asked.append(about)
        return name(found, MODEL.digest, by, root)

    monkeypatch.setattr(remembered, "key", key)
    assert look(everything(), Memory()).signatures
    assert set(asked) == {MODEL.digest}


def test_a_signature_among_the_files_is_remembered() -> None:
    memory, source = Memory(), Shelf()
    raw = modelsig.sign(FILES, RELEASE)
    row = describe(raw, "application/octet-stream", annotations={"org.opencontainers.image.title": "model.sig"})
    source.put(raw)
    carrying = shelf.resolved(shelf.artifact("carrying", [row]))
    first = gather(carrying, source, BY, memory=memory)
    assert len(first.signatures) == len(memory.rows) == 1
    assert gather(carrying, source, BY, memory=memory) == first == gather(carrying, source, BY)


def test_nothing_is_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    memory, source = Memory(), Shelf()
    source.attach(signed(), to=SUBJECT)
    first = look(source, memory)

    def never(*_: object, **__: object) -> Judged:
        raise AssertionError("judged again")

    monkeypatch.setattr("secmount.trust.judge.claims.judge", never)
    assert look(source, memory) == first


CHANGED: dict[str, Callable[[KeySigner], KeySigner]] = {
    "name": lambda one: replace(one, name="other"),
    "line": lambda one: replace(one, line=2),
    "spki": lambda one: replace(one, spki=STRANGER.spki),
    "principal": lambda one: replace(one, principal=STRANGER.principal),
    "valid_from": lambda one: replace(one, valid_from=1),
    "valid_until": lambda one: replace(one, valid_until=1),
    "revoked": lambda one: replace(one, revoked=True),
    "revoked_since": lambda one: replace(one, revoked_since=1),
    "message_signature": lambda one: replace(one, message_signature=True),
    "logged": lambda one: replace(one, logged=True),
}


class _Other(KeySigner):
    """A kind of signer that has the same fields."""


def vars_of(signer: KeySigner) -> dict[str, Any]:
    return {one.name: getattr(signer, one.name) for one in fields(signer)}


def material(source: Shelf | None = None) -> Material:
    from secmount.trust import discovery

    place = source or Shelf()
    place.attach(signed(), to=SUBJECT)
    (found,) = discovery.find(place, MODEL, lambda: False)
    assert isinstance(found, Material)
    return found


def test_every_field_of_a_signer_is_part_of_the_key() -> None:
    assert set(CHANGED) == {one.name for one in fields(KeySigner)}
    found = material()
    names = {
        remembered.key(found, MODEL.digest, {"release": change(signer(RELEASE))}, None) for change in CHANGED.values()
    }
    names.add(remembered.key(found, MODEL.digest, signers(), None))
    names.add(remembered.key(found, MODEL.digest, {"release": _Other(**vars_of(signer(RELEASE)))}, None))
    assert len(names) == len(CHANGED) + 2


def test_identity_root_and_anchors_are_part_of_the_key() -> None:
    found, ci, corp = material(), world.signer(), corporate.stamping()
    other_root = world.root_of(world.sigstore(1))
    variants: list[KeylessSigner | X509Signer] = [
        ci,
        replace(ci, issuer="https://other.example"),
        replace(ci, identity=glob.identity("https://github.com/acme/other@refs/tags/**")),
        replace(ci, root=other_root),
        replace(ci, root=replace(ci.root, updated_ms=1)),
        replace(ci, claims={"source-repository": "https://github.com/acme/model"}),
        replace(ci, claims={"source-repository": "https://github.com/evil/model"}),
        corp,
        replace(corp, anchors=corp.stamp_anchors),
        replace(corp, stamp_anchors=()),
        replace(corp, subject={"CN": "x"}),
        replace(corp, crl=b"x"),
    ]
    names = {remembered.key(found, MODEL.digest, {"x": one}, None) for one in variants}
    names |= {remembered.key(found, MODEL.digest, {"x": ci}, root) for root in (plain_root(), other_root)}
    assert len(names) == len(variants) + 2


def test_material_carrier_artifact_and_version_are_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    found = material()
    notes = {"dev.cosignproject.cosign/signature": "QUJD"}
    another = replace(found, layer=replace(found.layer, annotations=notes))
    names = {
        remembered.key(one, about, signers(), None)
        for one in (
            found,
            another,
            replace(found, own=True),
            replace(found, manifest=shelf.artifact("x")),
            replace(found, layer=replace(found.layer, media_type="application/x")),
            replace(found, layer=replace(found.layer, digest=Digest.of(b"x"))),
        )
        for about in (MODEL.digest, Digest.of(b"x"))
    }
    monkeypatch.setattr("secmount.__version__", "0.0.0")
    names.add(remembered.key(found, MODEL.digest, signers(), None))
    assert len(names) == 13


def test_what_depends_on_the_time_of_day_is_not_remembered() -> None:
    memory, source = Memory(), Shelf()
    source.attach(notarized()(), to=SUBJECT)
    by = {**company(), "release": signer(RELEASE)}
    assert look(source, memory, by).signatures
    assert memory.rows == {}
    assert look(source, memory, by, now_ms=NOW_MS + 30 * 86_400_000).signatures == ()
    source.attach(signed(), to=SUBJECT)
    look(source, memory, by)
    assert len(memory.rows) == 1  # a managed key's, under the same policy


def test_what_json_cannot_hold_is_not_remembered() -> None:
    memory, source = Memory(), Shelf()

    def edit(document: dict[str, Any]) -> None:
        document["predicate"] = {"n": 1 << 60}

    source.attach(signed(predicate_type=PROVENANCE, edit_statement=edit), to=SUBJECT)
    assert len(look(source, memory).attestations) == 1
    assert memory.rows == {}


def spoilt(text: str) -> list[str]:
    document = json.loads(text)
    other = str(Digest.of(b"other"))
    return [
        "",
        "[]",
        "{}",
        text[:-1],
        json.dumps({**document, "considered": {}}),
        json.dumps({**document, "considered": {**document["considered"], "subject": other}}),
        json.dumps({**document, "considered": {**document["considered"], "subject": None}}),
        json.dumps({**document, "signatures": [{**document["signatures"][0], "subject": other}]}),
        json.dumps({**document, "signatures": [{**document["signatures"][0], "subject": "sha256:x"}]}),
        json.dumps({**document, "signatures": [{**document["signatures"][0], "principal": {}}]}),
        json.dumps({**document, "signatures": [{**document["signatures"][0], "more": 1}]}),
        json.dumps({**document, "signatures": [{"subject": str(MODEL.digest)}]}),
        json.dumps({**document, "signatures": [{**document["signatures"][0], "time": []}]}),
        json.dumps({**document, "signatures": [{**document["signatures"][0], "claims": {"a": []}}]}),
        json.dumps({**document, "attestations": 1}),
        json.dumps({**document, "signatures": [{k: v for k, v in document["signatures"][0].items() if k != "files"}]}),
    ]


def test_what_is_not_what_was_written_is_judged_again() -> None:
    memory, source = Memory(), Shelf()
    source.attach(signed(), to=SUBJECT)
    first = look(source, memory)
    ((key, text),) = memory.rows.items()
    for changed in spoilt(text):
        memory.rows[key] = changed
        assert look(source, memory) == first
        assert memory.rows[key] == text


def test_every_field_comes_back() -> None:
    """A field that is added to evidence and not remembered would be lost."""
    memory = Memory()
    digest = MODEL.digest
    judged = Judged(
        Considered(digest, "f", "counts", "SM2004", "got", "want", ("a",), digest),
        (_full(Signature, digest),),
        (_full(Attestation, digest),),
    )
    remembered.note(memory, "x", judged)
    assert remembered.recall(memory, "x", digest) == judged


def test_what_is_absent_comes_back_as_that() -> None:
    memory = Memory()
    judged = Judged(
        Considered(None, "f", "unacceptable", subject=MODEL.digest),
        (Signature("f", MODEL.digest, (), "p"),),
        (Attestation("f", MODEL.digest, "t", None, (), "p"),),
    )
    remembered.note(memory, "x", judged)
    assert remembered.recall(memory, "x", MODEL.digest) == judged


@pytest.mark.parametrize(("less", "kept"), [(0, True), (1, False)])
def test_what_is_remembered_has_a_limit(monkeypatch: pytest.MonkeyPatch, less: int, *, kept: bool) -> None:
    memory, judged = Memory(), Judged(Considered(MODEL.digest, "f", "counts", got="ü", subject=MODEL.digest))
    remembered.note(memory, "x", judged)
    size = len(memory.rows["x"].encode())
    monkeypatch.setattr(remembered, "_LIMIT", size - less)
    assert remembered.recall(memory, "x", MODEL.digest) == (judged if kept else None)
    remembered.note(memory, "y", judged)
    assert ("y" in memory.rows) is kept


def _full(kind: type[Any], digest: Digest) -> Any:
    from secmount.trust.evidence import SignatureTime

    known: dict[str, Any] = {
        "subject": digest,
        "material": digest,
        "signers": ("a", "b"),
        "time": SignatureTime(1, "x", 2, "y"),
        "claims": {"c": "d"},
        "annotations": {"e": "f"},
        "files": {"g": digest},
        "predicate": {"h": [1, None, True, "i"]},
        "root_updated_ms": 3,
        "expires_ms": 4,
    }
    return kind(**{one.name: known.get(one.name, one.name) for one in fields(kind)})


def test_remembered_evidence_needs_no_cryptography(tmp_path: Path) -> None:
    """In processes of their own: what another test loaded says nothing."""
    layout = Layout(tmp_path / "layout")
    row = layout.add_document(MODEL.raw)
    layout.add_blob(b"{}")
    signed().attach(layout)
    keys.refer(shelf.row_of(MODEL), world.made()).attach(layout)
    policy = {
        "root": base64.b64encode(plain_root().raw).decode(),
        "identity": world.IDENTITY,
        "issuer": GITHUB,
        "key": base64.b64encode(RELEASE.spki).decode(),
        "principal": RELEASE.principal,
    }
    (tmp_path / "policy.json").write_text(json.dumps(policy))
    words = [layout.path, row["digest"], str(tmp_path / "policy.json"), str(tmp_path / "memory.json")]
    first, second = (
        subprocess.run(
            [sys.executable, "-m", "tests.unit.trust.finding.warm", *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout.split()
        for _ in range(2)
    )
    assert first[:3] == ["2", "cryptography.hazmat", "sigstore.models"]
    assert second == ["2"]
