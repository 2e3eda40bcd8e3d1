"""The root of the public-good Sigstore, as the installed sigstore package carries it: no network, and no import of it.

Its age: the package does not say when its root was taken from the repository. The newest window in the root began
before that, so the root is taken to be that old, which is never newer than it is. `secmount trust update` gets one
whose age is known.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
from functools import lru_cache

from secmount.errors import TrustError
from secmount.trust.root import ROOT_LIMIT, TrustRoot
from secmount.trust.roots.parse import parse

URL = "https://tuf-repo-cdn.sigstore.dev"  # of the repository; root-signing's README
_FOLDER = os.path.join("_store", "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev")
_VERSION = re.compile(r'^__version__ = "([0-9A-Za-z.+-]{1,40})"$', re.MULTILINE)


@lru_cache(maxsize=1)
def public_good() -> TrustRoot:
    """Give the root that ships with sigstore; raise `TrustError` SM2202, SM2201."""
    raw = _file(os.path.join(_FOLDER, "trusted_root.json"))
    found = _VERSION.search(_file("__init__.py").decode("utf-8", "replace"))
    source = f"sigstore {found[1] if found else 'of an unknown version'}"
    digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    roots = parse(TrustRoot(source, digest, raw))
    windows = [one.window for one in (*roots.authorities, *roots.stampers)]
    windows += [one.window for one in (*roots.logs, *roots.ctlogs)]
    starts = [window.start_ms for window in windows if window.start_ms is not None]
    return TrustRoot(source, digest, raw, max(starts, default=None))


def bootstrap() -> bytes:
    """Give the TUF root.json with which trust in the public-good repository begins; raise `TrustError` SM2202."""
    return _file(os.path.join(_FOLDER, "root.json"))


def _file(name: str) -> bytes:
    """Read a file of the sigstore package, which is believed as the code beside it is."""
    want = "the sigstore package, with the root in it"
    spec = importlib.util.find_spec("sigstore")
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise TrustError("SM2202", got="no package of that name", want=want)
    path = os.path.join(places[0], name)
    try:
        with open(path, "rb") as file:
            raw = file.read(ROOT_LIMIT + 1)
    except OSError as err:
        raise TrustError("SM2202", subject=path, got=err.strerror, want=want) from err
    if len(raw) > ROOT_LIMIT:
        raise TrustError("SM2202", subject=path, got=f"more than {ROOT_LIMIT} bytes", want=want)
    return raw
