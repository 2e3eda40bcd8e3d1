"""What `login` and `logout` do to auth.json."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secmount.errors import RegistryError, StorageError
from secmount.registry.credentials.document import parse
from secmount.registry.credentials.store import AuthFile
from secmount.registry.credentials.value import Basic

from .conftest import USER, Home, auth

ANN = Basic("ann", "pä:ss")


def file(home: Home, name: str = "auth.json", *, uid: int = USER) -> AuthFile:
    return AuthFile(str(home.folder / name), uid, home.helpers(uid=uid))


def kept(home: Home, name: str = "auth.json") -> Any:
    return json.loads((home.folder / name).read_bytes())


def test_a_new_file_is_for_its_owner_alone(home: Home) -> None:
    old = os.umask(0)
    try:
        file(home, "new/containers/auth.json").put("ghcr.io", ANN)
    finally:
        os.umask(old)
    path = home.folder / "new/containers/auth.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert parse(path.read_bytes(), file="f").entry("ghcr.io", "x") == ANN
    assert os.listdir(path.parent) == ["auth.json"], "no lock and no temporary file is left"


def test_what_others_wrote_stays(home: Home) -> None:
    others = {
        "HttpHeaders": {"X": "1"},
        "auths": {"quay.io": {**auth("q", "p"), "email": "e"}, "https://index.docker.io/v1/": auth("h", "p")},
        "credHelpers": {"gcr.io": "gcloud"},
        "plugins": {"a": {"b": [1, 2.5, None, True]}},
    }
    path = home.write("auth.json", others)
    path.chmod(0o644)
    file(home).put("ghcr.io", ANN)
    assert kept(home) == {**others, "auths": {**others["auths"], "ghcr.io": auth("ann", "pä:ss")}}  # type: ignore[dict-item]
    assert list(kept(home)) == list(others), "the order stays, too"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    file(home).remove("ghcr.io")
    assert kept(home) == others


def test_a_second_login_replaces_the_first(home: Home) -> None:
    file(home).put("ghcr.io", Basic("old", "old"))
    file(home).put("ghcr.io", ANN)
    assert kept(home) == {"auths": {"ghcr.io": auth("ann", "pä:ss")}}


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"auths":{},"auths":{}}', b'{"auths":[]}', b"\xff"])
def test_a_file_that_is_none_is_left_alone(home: Home, data: bytes) -> None:
    path = home.write("auth.json", data)
    with pytest.raises(RegistryError, match="SM4200"):
        file(home).put("ghcr.io", ANN)
    with pytest.raises(RegistryError, match="SM4200"):
        file(home).remove("ghcr.io")
    with pytest.raises(RegistryError, match="SM4200"):
        file(home).clear()
    assert path.read_bytes() == data


def test_an_empty_file_is_a_new_one(home: Home) -> None:
    home.write("auth.json", b"")
    file(home).put("ghcr.io", ANN)
    assert set(kept(home)["auths"]) == {"ghcr.io"}


def test_a_failure_leaves_the_old_file(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write("auth.json", {"auths": {"quay.io": auth("q", "p")}})

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="SM7001"):
        file(home).put("ghcr.io", ANN)
    monkeypatch.undo()
    assert kept(home) == {"auths": {"quay.io": auth("q", "p")}}
    assert [name for name in os.listdir(home.folder) if name.endswith(".new")] == []


def test_many_at_once_lose_nothing(home: Home) -> None:
    def login(number: int) -> None:
        file(home).put(f"host{number}.example", ANN)

    threads = [threading.Thread(target=login, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(kept(home)["auths"]) == {f"host{number}.example" for number in range(8)}


def test_logout_takes_every_spelling_of_the_host_and_no_other(home: Home) -> None:
    rows = ("docker.io", "https://index.docker.io/v1/", "index.docker.io", "docker.io/acme", "ghcr.io")
    home.write("auth.json", {"auths": {key: auth("a", "p") for key in rows}})
    assert set(file(home).remove("docker.io").keys) == set(rows[:3])
    assert set(kept(home)["auths"]) == {"docker.io/acme", "ghcr.io"}
    assert file(home).remove("docker.io").keys == ()
    assert file(home).remove("docker.io/acme").keys == ("docker.io/acme",)


def test_logout_where_there_is_no_file_makes_none(home: Home) -> None:
    assert file(home).remove("ghcr.io").keys == () and file(home).clear().keys == ()
    assert not (home.folder / "auth.json").exists()


def test_a_helper_named_for_the_host_keeps_and_forgets_it(home: Home) -> None:
    home.helper("one", f"cat >> {home.folder}/$1")
    home.write("auth.json", {"auths": {}, "credHelpers": {"ghcr.io": "one"}})
    assert file(home).put("ghcr.io", ANN).helper == "one"
    assert kept(home)["auths"] == {} and "ann" in (home.folder / "store").read_text()
    changed = file(home).remove("ghcr.io")
    assert (changed.keys, changed.helper) == (("ghcr.io",), "one")
    assert (home.folder / "erase").read_text() == "ghcr.io"


def test_offline_no_helper_is_run_and_nothing_is_half_done(home: Home) -> None:
    home.helper("one", f"touch {home.folder}/ran")
    document = {"auths": {"ghcr.io": auth("a", "p")}, "credHelpers": {"ghcr.io": "one"}}
    home.write("auth.json", document)
    offline = AuthFile(str(home.folder / "auth.json"), USER, None)
    with pytest.raises(RegistryError, match="SM4204"):
        offline.put("ghcr.io", ANN)
    with pytest.raises(RegistryError, match="SM4204"):
        offline.remove("ghcr.io")
    with pytest.raises(RegistryError, match="SM4204"):
        offline.clear()
    assert kept(home) == document and not (home.folder / "ran").exists()
    assert offline.remove("quay.io").keys == ()


def test_logging_out_of_everything(home: Home) -> None:
    home.helper("one", f"cat >> {home.folder}/$1")
    document = {"auths": {"quay.io": auth("q", "p")}, "credHelpers": {"ghcr.io": "one"}, "plugins": {}}
    home.write("auth.json", document)
    assert set(file(home).clear().keys) == {"quay.io", "ghcr.io"}
    assert kept(home) == {**document, "auths": {}}


def test_a_link_of_ones_own_stays_and_what_it_leads_to_is_written(home: Home) -> None:
    target = home.write("dotfiles/auth.json", {"auths": {}})
    (home.folder / "auth.json").symlink_to(target)
    file(home).put("ghcr.io", ANN)
    assert (home.folder / "auth.json").is_symlink() and set(kept(home, "dotfiles/auth.json")["auths"]) == {"ghcr.io"}


JSON: Any = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**18), 10**18), st.text(max_size=6)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=4), inner, max_size=2)),
    max_leaves=6,
)
OTHERS = st.dictionaries(
    st.text(max_size=6).filter(lambda key: key not in {"auths", "credHelpers", "credsStore"}), JSON, max_size=3
)
ENTRIES = st.dictionaries(
    st.text(max_size=8).filter(lambda key: "h.io" not in key.lower()),
    st.dictionaries(st.text(max_size=4), JSON, max_size=2),
    max_size=3,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OTHERS, ENTRIES)
def test_whatever_others_wrote_stays(home: Home, others: dict[str, Any], entries: dict[str, Any]) -> None:
    document = {**others, "auths": entries}
    home.write("auth.json", document)
    file(home).put("h.io", ANN)
    assert kept(home) == {**others, "auths": {**entries, "h.io": auth("ann", "pä:ss")}}
    file(home).remove("h.io")
    assert kept(home) == document


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to somebody else")
@pytest.mark.parametrize("what", ["file", "folder", "link"])
def test_what_another_user_controls_is_not_written(home: Home, what: str) -> None:
    path = home.write("theirs/auth.json", {"auths": {}})
    if what == "link":
        path.rename(path.with_name("target.json"))
        path.symlink_to("target.json")
    os.chown(path.parent if what == "folder" else path, 4242, 4242, follow_symlinks=False)
    for uid in (0, USER):
        with pytest.raises(StorageError, match=r"SM701[02]"):
            file(home, "theirs/auth.json", uid=uid).put("ghcr.io", ANN)
    assert b"ghcr" not in Path(path).read_bytes()


def test_a_file_that_others_can_write_is_not_believed(home: Home) -> None:
    home.write("auth.json", {"auths": {}}).chmod(0o622)
    with pytest.raises(StorageError, match="SM7011"):
        file(home).put("ghcr.io", ANN)
