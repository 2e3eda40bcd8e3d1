"""Trust roots: read whole or not at all; the one that ships, and those that are kept."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from secmount.errors import SecmountError, TrustError
from secmount.oci import instant
from secmount.trust.root import ROOT_LIMIT, TrustRoot, Window
from secmount.trust.roots import kept, public
from secmount.trust.roots import parse as reading
from secmount.trust.roots.parse import parse
from tests.support.layouts import Json
from tests.support.minisig import Edit, MiniSigstore, b64
from tests.unit.trust.attacks.build import put
from tests.unit.trust.world import NOW_MS, plain_root, root_of, sigstore, window

UID = os.geteuid()
URL = "https://tuf.acme.example"
LATER = MiniSigstore().trusted_root()


@pytest.fixture(autouse=True)
def anew() -> None:
    """Read every root in its test: mutmut tries a mutant in a process that has run all of them before."""
    reading._parse.cache_clear()


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
        put("certificateAuthorities", 0, "subject", to={"more": 1}),
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
    def tomorrow(root: Json) -> None:
        (log,) = root["tlogs"]
        key = log["publicKey"] | {"rawBytes": b64(b"tomorrow")}
        root["tlogs"].insert(0, log | {"publicKey": key, "logId": {"keyId": b64(b"1234")}})

    found = parse(root_of(sigstore(), tomorrow))
    assert found.logs == parse(plain_root()).logs
    assert [text.partition(": ")[0] for text in found.unusable] == ["tlogs https://mini.test"]


def test_what_is_just_good_enough() -> None:
    def edit(root: Json) -> None:
        root["tlogs"][0]["logId"]["keyId"] = b64(b"1234")
        root["ctlogs"][0]["publicKey"]["validFor"] = window(start=1, end=1)

    found = parse(root_of(sigstore(), edit))
    assert found.logs[0].log_id == b"1234"
    assert found.ctlogs[0].window.start_ms == found.ctlogs[0].window.end_ms == NOW_MS + 86_400_000


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


def _installed(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Have a sigstore package in `folder`, named by a relative path; give where its root.json belongs."""
    monkeypatch.chdir(folder)
    spec = SimpleNamespace(submodule_search_locations=["sigstore"])
    monkeypatch.setattr("importlib.util.find_spec", lambda _: spec)
    place = folder / "sigstore" / public._FOLDER / "root.json"
    place.parent.mkdir(parents=True)
    return place


@pytest.mark.parametrize("extra", [None, 0, 1])
def test_a_package_without_a_root_or_with_an_endless_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, extra: int | None
) -> None:
    place = _installed(monkeypatch, tmp_path)
    raw = b"x" * (ROOT_LIMIT + (extra or 0))
    if extra is not None:
        place.write_bytes(raw)
    if extra == 0:
        assert public.bootstrap() == raw
        return
    with pytest.raises(TrustError) as caught:
        public.bootstrap()
    assert (caught.value.code, caught.value.subject) == ("SM2202", str(place.relative_to(tmp_path)))


def test_of_an_endless_file_no_more_is_read_than_a_root_can_have(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _installed(monkeypatch, tmp_path)

    class Endless(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if size is None or not 0 <= size <= ROOT_LIMIT + 1:  # the one byte shows that it has more
                raise MemoryError
            return b"x" * size

    monkeypatch.setattr(public, "open", lambda *_: Endless(), raising=False)
    with pytest.raises(TrustError) as caught:
        public.bootstrap()
    assert caught.value.got == f"more than {ROOT_LIMIT} bytes"


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


def test_it_is_kept_where_earlier_versions_kept_it_and_for_nobody_else(state: str) -> None:
    found = keep(state)
    folder = Path(state) / "roots" / "351878388d90263b73c76f1cbb4ab5e1"
    assert str(folder) == kept.folder(state, URL)
    names = {kept.RECORD, *(f"{digest.partition(':')[2]}.json" for digest in (found.root.digest, found.bootstrap))}
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == dict.fromkeys(names, 0o600)


def test_an_update_that_never_ended_left_nothing_that_counts(state: str) -> None:
    keep(state)
    (Path(state) / "roots" / "0").mkdir(mode=0o700)
    assert [one.url for one in kept.every(state, uid=UID)] == [URL]


@pytest.mark.parametrize("at", [-1, 0, instant.LIMIT, instant.LIMIT + 1])
def test_a_time_that_is_none_is_refused(state: str, at: int) -> None:
    if 0 <= at <= instant.LIMIT:
        assert keep(state, updated_ms=at).root.updated_ms == at
        return
    with pytest.raises(TrustError) as caught:
        keep(state, updated_ms=at)
    assert caught.value.code == "SM2206"


def test_what_is_kept_may_belong_to_the_caller(state: str) -> None:
    """As root: to another user, who asks."""
    keep(state, url=public.URL)
    uid = UID or 12345
    for folder, _, names in os.walk(state):
        for path in (folder, *(os.path.join(folder, name) for name in names)):
            os.chown(path, uid, -1)
    found = keep(state, url=public.URL, uid=uid)
    assert kept.load(state, public.URL, uid=uid) == found
    assert kept.every(state, uid=uid) == (found,)
    assert kept.default(state, uid=uid) == found.root
    assert kept.bootstrap(state, found, uid=uid) == b"first"


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
    found = kept.load(state, URL, uid=UID)
    assert found is not None
    asks: dict[str, Callable[[], object]] = {
        "load": lambda: kept.load(state, URL, uid=UID),
        "bootstrap": lambda: kept.bootstrap(state, found, uid=UID),
        "keep": lambda: keep(state),
        "every": lambda: kept.every(state, uid=UID),
    }
    for name, ask in asks.items():
        folder = os.path.join(state, kept.FOLDER) if name == "every" else kept.folder(state, URL)
        os.chmod(folder, 0o777)
        with pytest.raises(SecmountError) as caught:
            ask()
        assert (caught.value.code, caught.value.subject) == ("SM7011", f"kept trust root {folder}"), name


def test_a_beginning_of_trust_that_was_changed_is_refused(state: str) -> None:
    found = keep(state)
    folder = Path(kept.folder(state, URL))
    (folder / f"{found.bootstrap.partition(':')[2]}.json").write_bytes(b"second")
    with pytest.raises(TrustError) as caught:
        kept.bootstrap(state, found, uid=UID)
    assert (caught.value.code, caught.value.subject) == ("SM2206", str(folder))


def test_the_default_is_the_kept_public_root_or_what_ships_where_that_is_newer(state: str) -> None:
    assert kept.default(state, uid=UID) == public.public_good()
    keep(state, url=public.URL)
    assert kept.default(state, uid=UID).digest == plain_root().digest
    keep(state, url=public.URL, updated_ms=1)
    assert kept.default(state, uid=UID) == public.public_good()


@pytest.mark.parametrize(
    ("here", "shipped", "newer"),
    [(5, 5, False), (5, 6, True), (6, 5, False), (0, 1, True), (0, 0, False), (0, None, False)],
)
def test_which_of_the_two_is_newer(
    monkeypatch: pytest.MonkeyPatch, state: str, here: int, shipped: int | None, newer: bool
) -> None:
    """One that nobody vouched for at any time is the oldest."""
    ships = TrustRoot("ships", "sha256:" + "0" * 64, LATER, shipped)
    monkeypatch.setattr(public, "public_good", lambda: ships)
    found = keep(state, url=public.URL, updated_ms=here).root
    assert kept.default(state, uid=UID) == (ships if newer else found)
