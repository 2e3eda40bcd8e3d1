"""Attacks on signatures of a model's files. What the files must be is held against the tree: tests/unit/tree."""

from __future__ import annotations

from typing import Any

from tests.support import keys, modelsig, shelf
from tests.support.keys import Signed
from tests.support.layouts import Json
from tests.unit.trust.attacks.formats.build import FormatAttack, Make, put, referring, remove
from tests.unit.trust.bench import MODEL, RELEASE, STRANGER

FILES = {"config.json": b"{}", "weights/a.bin": b"aaaa", "weights/b.bin": b"bb"}
INDEX = shelf.index_of(MODEL)


def made(edit: Any = None, *, key: keys.KeyPair = RELEASE) -> Make:
    return referring(lambda: _signed(edit, key))


def _signed(edit: Any, key: keys.KeyPair, to: Json | None = None) -> Signed:
    return keys.refer(to or shelf.row_of(MODEL), modelsig.sign(FILES, key, edit))


def resource(name: str, to: Any) -> Make:
    """Really sign another resource, with the subject of it."""

    def edit(document: Json) -> None:
        document["predicate"]["resources"][0][name] = to
        if name != "digest" or len(to) == 64:
            document["subject"][0]["digest"]["sha256"] = modelsig.together(document["predicate"]["resources"])

    return made(edit)


def twice(document: Json) -> None:
    rows = document["predicate"]["resources"]
    rows.append({**rows[0], "digest": "00" * 32})
    document["subject"][0]["digest"]["sha256"] = modelsig.together(rows)


def serialized(name: str, to: Any) -> Make:
    return made(put("predicate", "serialization", name, to=to))


def another_subject(document: Json) -> None:
    document["subject"].append({"name": "x", "digest": {"sha256": MODEL.digest.hex}})


def at_index(source: Any) -> None:
    source.attach(_signed(None, RELEASE, shelf.row_of(INDEX)), to=str(INDEX.digest))


MODELS = (
    FormatAttack("model-stranger", "a model signature by an unknown key", "SM2004", made(key=STRANGER)),
    FormatAttack(
        "model-subject",
        "a subject that is not of the listed files",
        "SM2071",
        made(put("subject", 0, "digest", "sha256", to="00" * 32)),
    ),
    FormatAttack(
        "model-manifest",
        "the manifest as the subject of a model signature",
        "SM2071",
        made(put("subject", 0, "digest", "sha256", to=MODEL.digest.hex)),
    ),
    FormatAttack("model-two-subjects", "a second subject", "SM2071", made(another_subject)),
    FormatAttack("model-twice", "a file listed twice with two digests", "SM2070", made(twice)),
    FormatAttack("model-empty", "a list without files", "SM2070", made(put("predicate", "resources", to=[]))),
    FormatAttack("model-no-list", "no list of files", "SM2070", made(remove("predicate", "resources"))),
    FormatAttack("model-no-how", "no serialization", "SM2070", made(remove("predicate", "serialization"))),
    FormatAttack("model-above", "a path that leaves the model", "SM2070", resource("name", "../config.json")),
    FormatAttack("model-absolute", "an absolute path", "SM2070", resource("name", "/config.json")),
    FormatAttack("model-dot", "a path in a second spelling", "SM2070", resource("name", "./config.json")),
    FormatAttack("model-digest", "a digest that is none", "SM2070", resource("digest", "AB")),
    FormatAttack("model-shards", "a model signed in shards", "SM2072", serialized("method", "shards")),
    FormatAttack("model-hash", "a model signed with another hash", "SM2072", serialized("hash_type", "blake2b")),
    FormatAttack("model-mixed-hash", "one file with another hash", "SM2072", resource("algorithm", "blake2b")),
    FormatAttack("model-at-index", "a model signature at an index", "SM2073", at_index, above=INDEX),
)
