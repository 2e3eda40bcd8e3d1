"""A private Sigstore, a signer that trusts it, and one artifact: what tests of keyless signatures start from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

from secmount.oci import instant
from secmount.oci.manifest import Manifest
from secmount.policy import glob
from secmount.trust.formats import bundle as bundles
from secmount.trust.judge.claims import judge
from secmount.trust.judge.verdict import Judged
from secmount.trust.root import TrustRoot
from secmount.trust.signer import KeylessSigner, Signer
from tests.support import keyless, keys
from tests.support.keyless import Keyless
from tests.support.layouts import Json, encode
from tests.support.minisig import GITHUB, NOW, Edit, MiniSigstore, rfc3339
from tests.unit.trust.bench import MODEL

IDENTITY = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/**"
NOW_MS = instant.parse(NOW.isoformat())
STATEMENT = encode(keys.statement(str(MODEL.digest)))


@cache
def sigstore(number: int = 0) -> MiniSigstore:
    """Give the same Sigstore for the same number; another one is foreign to it."""
    del number
    return MiniSigstore()


def root_of(one: MiniSigstore, edit: Edit | None = None) -> TrustRoot:
    raw = one.trusted_root(edit)
    return TrustRoot("mini", f"sha256:{hashlib.sha256(raw).hexdigest()}", raw, NOW_MS)


@cache
def plain_root() -> TrustRoot:
    return root_of(sigstore())


def signer(name: str = "ci", **more: Any) -> KeylessSigner:
    """Give the signer of `IDENTITY` under the plain root, or as told."""
    given: Json = {
        "line": 1,
        "issuer": GITHUB,
        "identity": glob.identity(more.pop("pattern", IDENTITY)),
        "root": more.pop("root", None) or plain_root(),
        "claims": {"source-repository": "https://github.com/acme/app"},
        **more,
    }
    return KeylessSigner(name, **given)


def made(what: Keyless | None = None, *, by: MiniSigstore | None = None, **more: Any) -> bytes:
    """Make a bundle about MODEL: by default a statement, logged with Rekor v1."""
    what = what or Keyless(statement=STATEMENT, **more)
    return keyless.bundle(by or sigstore(), what)


def judged(
    raw: bytes,
    *signers: Signer,
    about: Manifest = MODEL,
    now_ms: int | None = NOW_MS,
    root: TrustRoot | None = None,
) -> Judged:
    """Parse and judge; without signers `signer()` alone."""
    named: Mapping[str, Signer] = {one.name: one for one in signers or (signer(),)}
    claim = bundles.parse(raw, declared=None)
    return judge(claim, about, named, now_ms=now_ms, root=root)


def window(*, start: float | None = None, end: float | None = None) -> Json:
    """Give a `validFor`, in days from NOW."""
    found = {}
    if start is not None:
        found["start"] = rfc3339(NOW + timedelta(days=start))
    if end is not None:
        found["end"] = rfc3339(NOW + timedelta(days=end))
    return found


def decoded(raw: bytes) -> Json:
    document: Json = json.loads(raw)
    return document
