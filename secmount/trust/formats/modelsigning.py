"""OpenSSF model signing v1.0: a statement whose predicate lists every file of the model with its digest.

model-transparency `docs/model_signing_format.md`. The subject is the SHA-256 of the resources' digests, one after the
other. Names are paths from the model's folder on. Only whole files by SHA-256 can be held against a tree, whose digests
are that: shards and other hashes are refused. The older `https://model_signing/Digests/v0.1` says nothing of links and
ignored files, and is no signature here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from secmount.errors import TrustError
from secmount.oci.digest import Digest
from secmount.trust.claim import Statement

PREDICATE = "https://model_signing/signature/v1.0"
NAME = "model.sig"  # what model-signing calls the file by default
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


def files(statement: Statement) -> Mapping[str, Digest]:
    """Give path and digest of each file that was signed.

    `ignore_paths` and `allow_symlinks` say what the signer looked past; what they name is refused in the tree unless
    it is listed. Raise `TrustError` SM2070 (shape), SM2071 (the subject is of other resources), SM2072 (shards, hash).
    """
    predicate = statement.predicate
    resources = predicate.get("resources") if isinstance(predicate, dict) else None
    how = predicate.get("serialization") if isinstance(predicate, dict) else None
    if not isinstance(how, dict) or not isinstance(resources, list) or not resources:
        raise _malformed("a predicate without resources or serialization", "both")
    method, kind = how.get("method"), how.get("hash_type")
    if method != "files" or kind != "sha256":
        raise TrustError("SM2072", got=f"method {method!r}, hash_type {kind!r}", want="'files', 'sha256'")
    found: dict[str, Digest] = {}
    together = hashlib.sha256()
    for row in resources:
        name, digest = _resource(row)
        if name in found:
            raise _malformed(f"{name!r} twice", "each file once")
        found[name] = digest
        together.update(bytes.fromhex(digest.hex))
    _agree(statement, together.hexdigest())
    return MappingProxyType(found)


def _resource(row: Any) -> tuple[str, Digest]:
    value = row if isinstance(row, dict) else {}
    name, digest, algorithm = value.get("name"), value.get("digest"), value.get("algorithm")
    if algorithm != "sha256":
        raise TrustError("SM2072", got=f"algorithm {algorithm!r}", want="'sha256'")
    if not isinstance(name, str) or any(part in ("", ".", "..") for part in name.split("/")):
        raise _malformed(f"name {name!r}", "a path below the model's folder")
    if not isinstance(digest, str) or not _HEX.fullmatch(digest):
        raise _malformed(f"digest {digest!r}", "64 hexadecimal digits")
    return name, Digest("sha256", digest)


def _agree(statement: Statement, together: str) -> None:
    named = [subject.digests.get("sha256") for subject in statement.subjects]
    if named != [together]:
        got = ", ".join(str(text) for text in named)
        raise TrustError("SM2071", got=f"a signature of sha256 {got}", want=f"of the listed resources, {together}")


def _malformed(got: str, want: str) -> TrustError:
    return TrustError("SM2070", got=got, want=want)
