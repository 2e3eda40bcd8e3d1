"""OpenSSF model signatures made by hand to `model_signing_format.md`, without our code."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from tests.support import keys
from tests.support.keys import Edit, KeyPair
from tests.support.layouts import Json, digest_of, encode

PREDICATE = "https://model_signing/signature/v1.0"
IGNORED = ("model.sig", ".git", ".gitattributes", ".github", ".gitignore")


def statement(files: Mapping[str, bytes], edit: Edit | None = None) -> Json:
    """Give the statement about `files`."""
    rows = [
        {"name": name, "algorithm": "sha256", "digest": hashlib.sha256(files[name]).hexdigest()}
        for name in sorted(files)
    ]
    document: Json = {
        "_type": keys.STATEMENT_V1,
        "subject": [{"name": "model", "digest": {"sha256": together(rows)}}],
        "predicateType": PREDICATE,
        "predicate": {
            "resources": rows,
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": list(IGNORED),
            },
        },
    }
    if edit:
        edit(document)
    return document


def together(rows: list[Json]) -> str:
    """Hash the digests of resources, one after the other."""
    return hashlib.sha256(b"".join(bytes.fromhex(row["digest"]) for row in rows)).hexdigest()


def sign(files: Mapping[str, bytes], key: KeyPair, edit: Edit | None = None) -> bytes:
    """Give the bundle."""
    payload = encode(statement(files, edit))
    return keys.bundle(digest_of(payload), key, payload=payload)
