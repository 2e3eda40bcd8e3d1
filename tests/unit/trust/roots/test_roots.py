"""Trust roots: read whole or not at all; the one that ships, and those that are kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from secmount.errors import SecmountError, TrustError
from secmount.oci import instant
from secmount.trust.root import TrustRoot, Window
from secmount.trust.roots import kept, public
from secmount.trust.roots.parse import parse
from tests.support.minisig import Edit, MiniSigstore, b64
from tests.unit.trust.attacks.build import put
from tests.unit.trust.world import NOW_MS, plain_root, root_of, sigstore, window

UID = os.geteuid()
URL = "https://tuf.acme.example"
LATER = MiniSigstore().trusted_root()


def test_a_root_says_who_is_believed_and_since_when() -> None:
    found = parse(plain_root())
    assert [len(part) for part in (found.authorities, found.stampers, found.logs, found.ctlogs)] == [1, 1, 1, 1]
    assert found.logs[0].url == "https://mini.test"
    assert found.authorities[0].window == Window(NOW_MS - 30 * 86_400_000, None)
    assert found.unusable == ()


@pytest.mark.parametrize(
    "edit",
    [
        put("mediaType", to="application/json"),
        put("tlogs", to={}),
        put("more", to=1),
        put("certificateAuthorities", to=[]),
        put("certificateAuthorities", 0, "certChain", to={}),
        put("certificateAuthorities", 0, "certChain", "certificates", 0, "rawBytes", to=""),
        put("certificateAuthorities", 0, "validFor", to=window(start=1, end=-1)),
        put("certificateAuthorities", 0, "validFor", "start", to="yesterday"),
        put("tlogs", 0, "hashAlgorithm", to="SHA1"),
        put("tlogs", 0, "logId", "keyId", to=b64(b"abc")),
        put("tlogs", 0, "publicKey", "rawBytes", to="===="),
        lambda root: root["tlogs"].append(root["tlogs"][0]),
        lambda root: root["tlogs"].extend([root["tlogs"][0]] * 64),
    ],
)
def test_a_root_is_read_whole_or_not_at_all(edit: Edit) -> None:
    with pytest.raises(TrustError) as caught:
        parse(root_of(sigstore(), edit))
    assert (caught.value.code, caught.value.subject) == ("SM2201", "mini")


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"a":1,"a":2}', b"\xff", b" " * (1 << 20) + b"{}"])
def test_what_is_no_root_at_all(raw: bytes) -> None:
    with pytest.raises(TrustError) as caught:
        parse(TrustRoot("x", "sha256:" + "0" * 64, raw))
    assert caught.value.code == "SM2201"


def test_a_log_with_a_key_of_tomorrow_is_left_out_and_named() -> None:
    found = parse(root_of(sigstore(), put("tlogs", 0, "publicKey", "rawBytes", to=b64(b"tomorrow"))))
    assert found.logs == ()
    assert found.unusable[0].startswith("tlogs https://mini.test: ")


@pytest.mark.parametrize(
    ("span", "at", "inside"),
    [
        (Window(), 0, True),
        (Window(5, 7), 4, False),
        (Window(5, 7), 5, True),
        (Window(5, 7), 7, True),
        (Window(5, 7), 8, False),
        (Window(None, 7), 0, True),
        (Window(5), 1 << 40, True),
    ],
)
def test_both_ends_of_a_window_are_inside(span: Window, at: int, inside: bool) -> None:
    assert span.holds(at) is inside


def test_the_public_good_root_is_there_without_network_and_without_importing_sigstore() -> None:
    code = (
        "import sys; from secmount.trust.roots.public import public_good; print(public_good().source);"
        "print([name for name in sys.modules if name.partition('.')[0] in ('sigstore', 'cryptography', 'tuf')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    source, modules = ran.stdout.splitlines()
    assert source.startswith("sigstore 4.")
    assert modules == "[]"


def test_the_public_good_root_is_taken_to_be_as_old_as_its_newest_window() -> None:
    root = public.public_good()
    found = parse(root)
    assert len(found.authorities) >= 2
    assert len(found.stampers) >= 1
    starts = [log.window.start_ms or 0 for log in found.logs]
    assert root.updated_ms is not None
    assert max(starts) <= root.updated_ms < instant.parse("2026-11-24T00:00:00Z")


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(TrustError) as caught:
        public.bootstrap()
    assert caught.value.code == "SM2202"


@pytest.fixture
def state(tmp_path: Path) -> str:
    os.chmod(tmp_path, 0o700)
    return str(tmp_path / "state")


def keep(state: str, raw: bytes = plain_root().raw, url: str = URL, **more: Any) -> kept.Kept:
    given = {"uid": UID, "updated_ms": NOW_MS, "bootstrap": b"first", **more}
    return kept.keep(state, url, raw, **given)


def test_a_kept_root_is_what_was_kept(state: str) -> None:
    assert kept.load(state, URL, uid=UID) is None
    assert kept.every(state, uid=UID) == ()
    assert keep(state) == kept.load(state, URL, uid=UID)
    other = keep(state, url="https://a.example")
    assert [one.url for one in kept.every(state, uid=UID)] == ["https://a.example", URL]
    assert other.root.digest == plain_root().digest


@pytest.mark.parametrize("what", ["root", "record", "shape", "digest", "gone"])
def test_a_kept_root_that_was_changed_is_refused(state: str, what: str) -> None:
    found = keep(state)
    folder = Path(kept.folder(state, URL))
    root, record = folder / f"{found.root.digest.partition(':')[2]}.json", folder / kept.RECORD
    if what == "root":
        root.write_bytes(LATER)
    elif what == "gone":
        root.unlink()
    elif what == "record":
        record.write_bytes(b'{"url":1,"url":2}')
    elif what == "shape":
        record.write_bytes(b"{}")
    else:
        record.write_bytes(record.read_bytes().replace(b"sha256:", b"sha256:../"))
    with pytest.raises(TrustError) as caught:
        kept.load(state, URL, uid=UID)
    assert caught.value.code == "SM2206"


def test_a_kept_root_that_others_can_write_is_not_believed(state: str) -> None:
    keep(state)
    os.chmod(kept.folder(state, URL), 0o777)
    with pytest.raises(SecmountError) as caught:
        kept.load(state, URL, uid=UID)
    assert caught.value.code == "SM7011"


def test_the_default_is_the_kept_public_root_or_what_ships_where_that_is_newer(state: str) -> None:
    assert kept.default(state, uid=UID) == public.public_good()
    keep(state, url=public.URL)
    assert kept.default(state, uid=UID).digest == plain_root().digest
    keep(state, url=public.URL, updated_ms=1)
    assert kept.default(state, uid=UID) == public.public_good()
