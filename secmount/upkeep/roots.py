"""Trust roots: which are in use, what is in them, what ends soon; and the update of the kept ones."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from secmount.errors import TrustError
from secmount.local import files, owned
from secmount.oci import instant
from secmount.trust.check import certificate
from secmount.trust.root import Authority, Log, TrustRoot, Window
from secmount.trust.roots import kept, public
from secmount.trust.roots.kept import Kept
from secmount.trust.roots.parse import parse
from secmount.trust.signer import X509Signer
from secmount.value import dataclass

SOON_MS = 30 * 86_400_000  # before an end, there is a warning
OLD_MS = 90 * 86_400_000  # a root that nobody vouched for since then may lack what signs now
_LOOPBACK = re.compile(r"http://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?(?:/.*)?")
_SECURE = re.compile(r"https://[^/\s?#@]+(?:/[^\s?#]*)?")
_LOCK = "update.lock"


@dataclass(frozen=True, slots=True)
class Part:
    """One authority or log of a root; `ends_ms` is the first end of its window and certificates."""

    kind: str  # "certificate authority", "timestamp authority", "log", "certificate log", "anchor"
    name: str
    uri: str
    window: Window
    ends_ms: int | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A root with its parts, for people; `updated_ms`: when it was last vouched for, as far as anyone knows."""

    role: str  # "default", where it was kept from, the names of the signers that have it
    source: str
    digest: str
    updated_ms: int | None
    parts: tuple[Part, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What an update did; equal digests: the root is the same and was vouched for anew."""

    url: str
    place: str
    before: str | None
    after: str
    raw: bytes


def show(role: str, root: TrustRoot, *, now_ms: int) -> Shown:
    """Look at a root; raise `TrustError` SM2201, SM2020."""
    roots = parse(root)
    parts = (
        *(_authority("certificate authority", one) for one in roots.authorities),
        *(_authority("timestamp authority", one) for one in roots.stampers),
        *(_log("log", one) for one in roots.logs),
        *(_log("certificate log", one) for one in roots.ctlogs),
    )
    notes = [f"cannot be used here: {text}" for text in roots.unusable]
    if root.updated_ms is not None and now_ms - root.updated_ms > OLD_MS:
        days = (now_ms - root.updated_ms) // 86_400_000
        notes.append(f"nobody is known to have vouched for this root for {days} days")
    warnings = (*notes, *_ending(parts, now_ms))
    return Shown(role, root.source, root.digest, root.updated_ms, parts, warnings)


def anchors(signer: X509Signer, *, now_ms: int) -> Shown:
    """Look at the certificates that an X.509 signer stands under; raise `TrustError` SM2020."""
    rows = (("anchor", signer.anchors), ("timestamp authority", signer.stamp_anchors))
    parts = tuple(_authority(kind, Authority("", (der,), Window())) for kind, group in rows for der in group)
    source = "the certificates of x509 in policy.toml"
    return Shown(f"signer {signer.name}", source, signer.root, None, parts, tuple(_ending(parts, now_ms)))


def update(
    state: str,
    *,
    url: str | None,
    bootstrap: bytes | None,
    uid: int,
    now_ms: int,
    record: Callable[[Change], None],
) -> Change:
    """Fetch the root of the repository at `url` (None: the public-good one), verify it and keep it under `state`.

    `bootstrap` begins trust in a repository that none is kept of. `record` is called before the new root counts. Raise
    `TrustError` SM2203, SM2204, SM2205, SM2206, `StorageError`s; nothing has changed then.
    """
    url = public.URL if url is None else _address(url)
    before = _before(state, url, uid)
    first = _first(state, url, bootstrap, before, uid)
    place = kept.folder(state, url)
    os.close(owned.make_directory(place, uid=uid, what="kept trust root"))
    metadata = os.path.join(place, "metadata")
    handle = owned.make_directory(metadata, uid=uid, what="kept trust root")
    try:
        with files.lock(handle, _LOCK, exclusive=True):
            from secmount.trust.sigstore.update import fetch

            raw = fetch(url, bootstrap=first, metadata=metadata)
            digest = kept.digest_of(raw)
            try:
                parse(TrustRoot(url, digest, raw))
            except TrustError as err:
                raise TrustError("SM2204", subject=url, got=f"a root with {err.got}", want=err.want) from err
            change = Change(url, place, None if before is None else before.root.digest, digest, raw)
            record(change)
            kept.keep(state, url, raw, uid=uid, updated_ms=now_ms, bootstrap=first)
    finally:
        os.close(handle)
    return change


def _before(state: str, url: str, uid: int) -> Kept | None:
    try:
        return kept.load(state, url, uid=uid)
    except TrustError:
        return None  # damaged: fetched anew


def _first(state: str, url: str, given: bytes | None, before: Kept | None, uid: int) -> bytes:
    """Give the root.json to begin with; the one that was pinned cannot be exchanged by naming another."""
    if url == public.URL:
        if given is not None:
            raise TrustError("SM2205", subject=url, got="--bootstrap", want="none: the one that ships with sigstore")
        return public.bootstrap()
    if before is None:
        if given is None:
            raise TrustError("SM2205", subject=url, got="no --bootstrap", want="--bootstrap FILE, its root.json")
        return given
    pinned = kept.bootstrap(state, before, uid=uid)
    if given is not None and given != pinned:
        got = f"--bootstrap {kept.digest_of(given)}"
        raise TrustError("SM2205", subject=url, got=got, want=f"none, or {before.bootstrap}, with which trust began")
    return pinned


def _address(url: str) -> str:
    if len(url) > 2048 or not (_SECURE.fullmatch(url) or _LOOPBACK.fullmatch(url)) or not url.isprintable():
        raise TrustError("SM2205", subject=f"--url {url}", got=repr(url), want="https://HOST[/PATH]")
    return url.rstrip("/")


def _authority(kind: str, one: Authority) -> Part:
    read = [certificate.read(der) for der in one.certificates]
    ends = [found.not_after_ms for found in read]
    ends += [] if one.window.end_ms is None else [one.window.end_ms]
    return Part(kind, read[0].subject, one.uri, one.window, min(ends))


def _log(kind: str, one: Log) -> Part:
    return Part(kind, f"{one.key.kind} {one.log_id.hex()[:16]}", one.url, one.window, one.window.end_ms)


def _ending(parts: tuple[Part, ...], now_ms: int) -> list[str]:
    found = []
    for kind in dict.fromkeys(part.kind for part in parts):
        ends = [part.ends_ms for part in parts if part.kind == kind]
        last = None if None in ends else max(end for end in ends if end is not None)
        if last is not None and last - now_ms < SOON_MS:
            word = "ended" if last <= now_ms else "ends"
            found.append(f"the last {kind} {word} at {instant.render(last)}")
    return found
