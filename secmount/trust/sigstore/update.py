"""Fetch a trust root from a TUF repository: The Update Framework specification 1.0, by python-tuf's client.

Every update starts from the root.json that was pinned when trust in the repository began, walks its successors, and
refuses what is older than what was seen (rollback), past its expiry (freeze) or not signed by enough of the keys. What
is kept from before is only compared with: nothing in it is believed without its signatures.
"""

from __future__ import annotations

import os
import tempfile

from secmount.errors import TrustError
from secmount.trust.root import ROOT_LIMIT

TARGET = "trusted_root.json"
_TIMEOUT_S = 30  # for a connection and for each read
_ROTATIONS = 64  # roots on the way from the pinned one; the public-good repository is at its fifteenth since 2021


def fetch(url: str, *, bootstrap: bytes, metadata: str) -> bytes:
    """Give the bytes of the trusted root in the repository at `url`.

    `bootstrap` is the root.json to begin with, `metadata` a folder that nobody else controls, for what was seen of
    this repository. Raise `TrustError` SM2203 (no answer), SM2204 (refused).
    """
    from tuf.api import exceptions

    try:
        return _target(url, bootstrap, metadata)
    except TrustError:
        raise
    except Exception as err:  # metadata of any shape comes from outside: what is not understood is refused
        silent = isinstance(err, (exceptions.DownloadError, OSError))
        if silent and not isinstance(err, exceptions.DownloadLengthMismatchError):
            raise TrustError("SM2203", subject=url, got=_said(err), want="an answer") from err
        raise _refused(url, _said(err), "metadata that holds by the rules of TUF") from err


def _target(url: str, bootstrap: bytes, metadata: str) -> bytes:
    from tuf.ngclient.config import UpdaterConfig
    from tuf.ngclient.updater import Updater
    from tuf.ngclient.urllib3_fetcher import Urllib3Fetcher

    updater = Updater(
        metadata,
        url,
        target_base_url=f"{url}/targets/",
        fetcher=Urllib3Fetcher(socket_timeout=_TIMEOUT_S, app_user_agent="secmount"),
        config=UpdaterConfig(max_root_rotations=_ROTATIONS),
        bootstrap=bootstrap,
    )
    updater.refresh()
    target = updater.get_targetinfo(TARGET)
    if target is None:
        raise _refused(url, f"no {TARGET}", "a repository of a Sigstore")
    if target.length > ROOT_LIMIT:
        raise _refused(url, f"{TARGET} of {target.length} bytes", f"at most {ROOT_LIMIT} bytes")
    with tempfile.TemporaryDirectory(dir=metadata) as place:
        path = updater.download_target(target, os.path.join(place, TARGET))
        with open(path, "rb") as file:
            return file.read(ROOT_LIMIT)


def _refused(url: str, got: str, want: str) -> TrustError:
    return TrustError("SM2204", subject=url, got=got, want=want)


def _said(err: BaseException) -> str:
    """Give its words; python-tuf has none for a server that does not answer, and urllib3 names the server again."""
    told = getattr(err.__cause__, "reason", None) or err.__cause__
    return f"{type(err).__name__}: {str(err) or str(told).rpartition('): ')[2]}"
