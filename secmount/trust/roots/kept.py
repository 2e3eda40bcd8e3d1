"""Roots that `secmount trust update` fetched: kept under `state`, one folder for each repository.

`roots/<hash of the address>/` has the TUF metadata, the root under its digest, and `kept.json`, which names that digest
and says when it was vouched for. It is 0700 and believed because nobody else controls it, and the digest catches the
rest. A root is only ever used as it was verified then; verifying it again would need the network.
"""

from __future__ import annotations

import hashlib
import json
import os
import re

from secmount.errors import SecmountError, TrustError
from secmount.local import files, owned
from secmount.oci import exact, instant
from secmount.trust.root import ROOT_LIMIT, TrustRoot
from secmount.trust.roots import public
from secmount.trust.roots.parse import parse
from secmount.value import dataclass

FOLDER = "roots"
RECORD = "kept.json"
_WHAT = "kept trust root"
_RECORD_LIMIT = 16 << 10
_ROOTS_LIMIT = 256
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Kept:
    """A root as it was kept; `bootstrap` is the digest of the root.json that trust in the repository began with."""

    url: str
    root: TrustRoot
    bootstrap: str


def folder(state: str, url: str) -> str:
    """Give the path of the folder for the repository at `url`."""
    return os.path.join(state, FOLDER, hashlib.sha256(url.encode()).hexdigest()[:32])


def load(state: str, url: str, *, uid: int) -> Kept | None:
    """Give what is kept of the repository at `url`, if anything is.

    Raise `TrustError` SM2206 (not as it was kept), SM2201, `StorageError` SM7010 to SM7014 (others control it).
    """
    path = folder(state, url)
    return _load(path, uid) if os.path.lexists(os.path.join(path, RECORD)) else None


def every(state: str, *, uid: int) -> tuple[Kept, ...]:
    """Give all that is kept, in an order of their addresses."""
    base = os.path.join(state, FOLDER)
    if not os.path.lexists(base):
        return ()
    handle = owned.open_directory(base, uid=uid, what=_WHAT)
    try:
        names = sorted(os.listdir(handle))[:_ROOTS_LIMIT]
    finally:
        os.close(handle)
    paths = [path for name in names if os.path.lexists(os.path.join(path := os.path.join(base, name), RECORD))]
    return tuple(sorted((_load(path, uid) for path in paths), key=lambda one: one.url))


def keep(state: str, url: str, raw: bytes, *, uid: int, updated_ms: int, bootstrap: bytes) -> Kept:
    """Keep a root that was verified, and what trust began with; the record that makes them count is written last."""
    first = digest_of(bootstrap)
    record = {"bootstrap": first, "digest": digest_of(raw), "updated_ms": updated_ms, "url": url}
    path = folder(state, url)
    handle = owned.make_directory(path, uid=uid, what=_WHAT)
    try:
        files.write_atomic(handle, _file(first), bootstrap, mode=0o600)
        files.write_atomic(handle, _file(digest_of(raw)), raw, mode=0o600)
        files.write_atomic(handle, RECORD, json.dumps(record).encode() + b"\n", mode=0o600)
    finally:
        os.close(handle)
    return _load(path, uid)


def digest_of(raw: bytes) -> str:
    """Give `sha256:<hex>`."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def bootstrap(state: str, found: Kept, *, uid: int) -> bytes:
    """Give the root.json that trust in the repository of `found` began with; raise `TrustError` SM2206."""
    path = folder(state, found.url)
    handle = owned.open_directory(path, uid=uid, what=_WHAT)
    try:
        return _pinned(handle, found.bootstrap, path)
    finally:
        os.close(handle)


def default(state: str, *, uid: int) -> TrustRoot:
    """Give the public-good root: the kept one, or the one that ships with sigstore where that is newer.

    Raise like `load` and `public.public_good`.
    """
    found = load(state, public.URL, uid=uid)
    if found is None:
        return public.public_good()
    try:
        shipped = public.public_good()
    except TrustError:
        return found.root
    newer = (shipped.updated_ms or 0) > (found.root.updated_ms or 0)
    return shipped if newer else found.root


def _load(path: str, uid: int) -> Kept:
    handle = owned.open_directory(path, uid=uid, what=_WHAT)
    try:
        record = _record(files.read_bounded(handle, RECORD, _RECORD_LIMIT), path)
        raw = _pinned(handle, record.digest, path)
    finally:
        os.close(handle)
    source = f"{record.url} at {instant.render(record.updated_ms)}"
    root = TrustRoot(source, record.digest, raw, record.updated_ms)
    parse(root)
    return Kept(record.url, root, record.bootstrap)


def _pinned(handle: int, digest: str, path: str) -> bytes:
    raw = files.read_if_any(handle, _file(digest), ROOT_LIMIT)
    found = "nothing" if raw is None else digest_of(raw)
    if raw is None or found != digest:
        raise TrustError("SM2206", subject=path, got=found, want=digest)
    return raw


def _file(digest: str) -> str:
    return f"{digest.removeprefix('sha256:')}.json"


@dataclass(frozen=True, slots=True)
class _Record:
    bootstrap: str
    digest: str
    updated_ms: int
    url: str


def _record(raw: bytes, path: str) -> _Record:
    try:
        value = exact.read(raw, limit=_RECORD_LIMIT, subject=RECORD)
    except SecmountError as err:
        raise TrustError("SM2206", subject=path, got=err.got, want="a record in exact JSON") from err
    match value:
        case {"bootstrap": str(bootstrap), "digest": str(digest), "updated_ms": int(updated_ms), "url": str(url)} if (
            _DIGEST.fullmatch(digest) and 0 <= updated_ms <= instant.LIMIT
        ):
            return _Record(bootstrap, digest, updated_ms, url)
        case _:
            want = "bootstrap, digest, updated_ms, url"
            raise TrustError("SM2206", subject=path, got="a record of another shape", want=want)
