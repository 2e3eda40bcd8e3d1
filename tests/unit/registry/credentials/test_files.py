"""Which credential files are asked, in which order, by whom, and what is not believed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from secmount.errors import RegistryError, StorageError
from secmount.registry.credentials import places
from secmount.registry.credentials.files import CredentialFiles, of_user
from secmount.registry.credentials.value import Basic, IdentityToken

from .conftest import USER, Home, auth

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to somebody else")


def opened(home: Home, *, uid: int = USER, authfile: str | None = None, offline: bool = False) -> CredentialFiles:
    return of_user(home.environment, uid=uid, authfile=authfile, offline=offline)


def user(home: Home, host: str = "ghcr.io", repository: str = "acme/x") -> str | None:
    found = opened(home).find(host, repository)
    assert found is None or isinstance(found, Basic)
    return found.username if found else None


def test_the_order_of_the_containers_tools(home: Home) -> None:
    files = [
        home.write(".dockercfg", {"ghcr.io": auth("dockercfg", "p")}),
        home.write(".docker/config.json", {"auths": {"ghcr.io": auth("docker", "p")}}),
        home.write("config/containers/auth.json", {"auths": {"ghcr.io": auth("config", "p")}}),
        home.write("run/containers/auth.json", {"auths": {"ghcr.io": auth("runtime", "p")}}),
    ]
    seen = []
    for path in reversed(files):
        seen.append(user(home))
        path.unlink()
    assert seen == ["runtime", "config", "docker", "dockercfg"] and user(home) is None


def test_docker_config_moves_dockers_file(home: Home) -> None:
    home.write(".docker/config.json", {"auths": {"ghcr.io": auth("home", "p")}})
    home.write("dc/config.json", {"auths": {"ghcr.io": auth("moved", "p")}})
    home.environment["DOCKER_CONFIG"] = str(home.folder / "dc")
    assert user(home) == "moved"


def test_a_file_without_the_host_does_not_hide_the_next(home: Home) -> None:
    home.write("run/containers/auth.json", {"auths": {"quay.io": auth("q", "p"), "ghcr.io": {}}})
    home.write(".docker/config.json", {"auths": {"https://ghcr.io/v2/": auth("docker", "p")}})
    assert user(home) == "docker"


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_named_file_is_the_only_one(home: Home, way: str) -> None:
    home.write("run/containers/auth.json", {"auths": {"ghcr.io": auth("runtime", "p")}})
    named = str(home.write("named.json", {"auths": {"quay.io": auth("q", "p")}}))
    if way == "environment":
        home.environment["REGISTRY_AUTH_FILE"] = named
    found = opened(home, authfile=named if way == "option" else None)
    assert found.find("ghcr.io", "x") is None and found.find("quay.io", "x") == Basic("q", "p")


def test_the_option_goes_before_the_environment(home: Home) -> None:
    home.environment["REGISTRY_AUTH_FILE"] = str(home.write("env.json", {"auths": {"ghcr.io": auth("env", "p")}}))
    named = str(home.write("named.json", {"auths": {"ghcr.io": auth("named", "p")}}))
    assert opened(home, authfile=named).find("ghcr.io", "x") == Basic("named", "p")


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_named_file_must_be_there(home: Home, way: str) -> None:
    named = str(home.folder / "none.json")
    if way == "environment":
        home.environment["REGISTRY_AUTH_FILE"] = named
    with pytest.raises(RegistryError, match="SM4201"):
        opened(home, authfile=named if way == "option" else None).find("ghcr.io", "x")


def test_as_root_only_roots_file_and_a_named_one_are_asked(home: Home) -> None:
    home.write(".docker/config.json", {"auths": {"ghcr.io": auth("mallory", "p")}})
    home.environment |= {
        "REGISTRY_AUTH_FILE": str(home.write("env.json", {"auths": {"ghcr.io": auth("mallory", "p")}})),
        "DOCKER_CONFIG": str(home.folder / ".docker"),
    }
    home.write("run/containers/auth.json", {"auths": {"ghcr.io": auth("mallory", "p")}})
    found = places.reading(home.environment, uid=0, authfile=None)
    assert [place.path for place in found] == ["/run/containers/0/auth.json"]
    assert [place.path for place in places.reading(home.environment, uid=0, authfile="/a.json")] == ["/a.json"]
    assert places.writing(home.environment, uid=0, authfile=None) == "/run/containers/0/auth.json"


def test_what_a_user_writes_is_the_first_file_that_is_read(home: Home) -> None:
    assert places.writing(home.environment, uid=USER, authfile=None) == f"{home.folder}/run/containers/auth.json"
    assert places.writing(home.environment, uid=USER, authfile="/a.json") == "/a.json"
    home.environment["REGISTRY_AUTH_FILE"] = "/e.json"
    assert places.writing(home.environment, uid=USER, authfile=None) == "/e.json"


def test_without_a_runtime_folder_what_is_written_is_read(home: Home) -> None:
    del home.environment["XDG_RUNTIME_DIR"]
    written = places.writing(home.environment, uid=USER, authfile=None)
    assert written == f"{home.folder}/config/containers/auth.json"
    assert written in [place.path for place in places.reading(home.environment, uid=USER, authfile=None)]


def test_relative_folders_of_the_environment_are_ignored(home: Home) -> None:
    home.environment |= {"XDG_RUNTIME_DIR": "run", "XDG_CONFIG_HOME": "."}
    found = [place.path for place in places.reading(home.environment, uid=4242, authfile=None)]
    assert found[:2] == ["/run/containers/4242/auth.json", f"{home.folder}/.config/containers/auth.json"]


@needs_root
@pytest.mark.parametrize("uid", [0, 1000])
def test_a_file_of_another_user_is_not_believed(home: Home, uid: int) -> None:
    path = home.write("a.json", {"auths": {"ghcr.io": auth("mallory", "p")}})
    os.chown(path, 4242, 4242)
    with pytest.raises(StorageError, match="SM7010"):
        opened(home, uid=uid, authfile=str(path)).find("ghcr.io", "x")


@needs_root
def test_as_root_a_file_in_a_users_folder_is_not_believed(home: Home) -> None:
    path = home.write("theirs/a.json", {"auths": {"ghcr.io": auth("mallory", "p")}})
    os.chown(path.parent, 4242, 4242)
    with pytest.raises(StorageError, match="SM7010"):
        opened(home, uid=0, authfile=str(path)).find("ghcr.io", "x")


@needs_root
def test_a_link_of_another_user_is_not_followed(home: Home) -> None:
    target = home.write("a.json", {"auths": {"ghcr.io": auth("a", "p")}})
    link = home.folder / "link.json"
    link.symlink_to(target)
    assert opened(home, authfile=str(link)).find("ghcr.io", "x") == Basic("a", "p")
    os.chown(link, 4242, 4242, follow_symlinks=False)
    with pytest.raises(StorageError, match="SM7012"):
        opened(home, authfile=str(link)).find("ghcr.io", "x")


@pytest.mark.parametrize("name", ["named.json", "run/containers/auth.json"])
def test_a_file_that_others_can_write_is_not_believed(home: Home, name: str) -> None:
    path = home.write(name, {"auths": {"ghcr.io": auth("mallory", "p")}})
    path.chmod(0o602)
    with pytest.raises(StorageError, match="SM7011"):
        opened(home, authfile=str(path) if name == "named.json" else None).find("ghcr.io", "x")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_at_once(home: Home, make: Callable[[Path], None]) -> None:
    make(home.folder / "a.json")
    with pytest.raises(StorageError, match="SM7013"):
        opened(home, authfile=str(home.folder / "a.json")).find("ghcr.io", "x")


def test_a_huge_file_is_not_read(home: Home) -> None:
    path = home.write("a.json", b"{}")
    os.truncate(path, 1 << 40)
    with pytest.raises(RegistryError, match="SM4200"):
        opened(home, authfile=str(path)).find("ghcr.io", "x")


def test_a_default_file_that_is_none_is_an_error_too(home: Home) -> None:
    home.write(".docker/config.json", b"{")
    with pytest.raises(RegistryError, match="SM4200"):
        opened(home).find("ghcr.io", "x")


def token(text: str) -> str:
    return f'cat >/dev/null; printf \'{{"Username":"<token>","Secret":"{text}"}}\''


def test_a_helper_for_the_host_goes_before_entries_and_the_store_after_them(home: Home) -> None:
    home.helper("one", token("one"))
    home.helper("all", token("all"))
    document = {
        "auths": {"ghcr.io/acme": auth("entry", "p"), "quay.io": auth("entry", "p"), "gcr.io": {}},
        "credHelpers": {"ghcr.io": "one"},
        "credsStore": "all",
    }
    home.write(".docker/config.json", document)
    found = opened(home)
    assert found.find("ghcr.io", "acme/x") == IdentityToken("one")
    assert found.find("quay.io", "acme/x") == Basic("entry", "p")
    assert found.find("gcr.io", "acme/x") == IdentityToken("all")
    kept = found.kept("gcr.io", "x")
    assert kept is not None and (kept.helper, kept.file) == ("all", f"{home.folder}/.docker/config.json")


def test_what_a_helper_does_not_know_the_rest_is_asked_for(home: Home) -> None:
    home.helper("one", "printf 'credentials not found in native keychain'; exit 1")
    home.write(".docker/config.json", {"auths": {"ghcr.io": auth("entry", "p")}, "credHelpers": {"ghcr.io": "one"}})
    assert user(home) == "entry"


def test_docker_hub_is_asked_for_by_dockers_name_first(home: Home) -> None:
    log = home.folder / "log"
    home.helper("one", f"cat >> {log}; echo >> {log}; printf 'credentials not found in native keychain'; exit 1")
    home.write(".docker/config.json", {"credHelpers": {"docker.io": "one"}})
    assert opened(home).find("docker.io", "library/x") is None
    assert log.read_text().split() == ["https://index.docker.io/v1/", "docker.io"]


def test_a_helper_named_for_the_host_must_answer(home: Home) -> None:
    home.write(".docker/config.json", {"auths": {"ghcr.io": auth("a", "p")}, "credHelpers": {"ghcr.io": "none"}})
    with pytest.raises(RegistryError, match="SM4204"):
        opened(home).find("ghcr.io", "x")
    assert opened(home).find("quay.io", "x") is None


def test_a_store_that_is_not_there_is_a_warning(home: Home) -> None:
    home.write(".docker/config.json", {"credsStore": "desktop"})
    found = opened(home)
    assert found.find("ghcr.io", "x") is None
    assert len(found.warnings) == 1 and "desktop" in found.warnings[0]


def test_a_store_with_a_name_that_leads_elsewhere_is_an_error(home: Home) -> None:
    home.write(".docker/config.json", {"credsStore": "../../x"})
    with pytest.raises(RegistryError, match="SM4203"):
        opened(home).find("ghcr.io", "x")


def test_offline_no_helper_runs(home: Home) -> None:
    home.helper("one", f"touch {home.folder}/ran")
    home.write(".docker/config.json", {"credHelpers": {"ghcr.io": "one"}, "credsStore": "one"})
    assert opened(home, offline=True).find("ghcr.io", "x") is None
    assert not (home.folder / "ran").exists()


def test_a_file_is_read_once(home: Home) -> None:
    path = home.write(".docker/config.json", {"auths": {"ghcr.io": auth("a", "p")}})
    found = opened(home)
    assert found.find("ghcr.io", "x") == Basic("a", "p")
    path.unlink()
    assert found.find("ghcr.io", "y") == Basic("a", "p")


def test_behind_sudo_the_users_files_are_named_and_not_read(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home.write(".docker/config.json", b"{ not read at all")

    class Ann:
        pw_dir, pw_uid = str(home.folder), 4242

    monkeypatch.setattr("pwd.getpwnam", lambda name: {"ann": Ann}[name])
    home.environment["SUDO_USER"] = "ann"
    assert places.unasked(home.environment, uid=0) == (str(path),)
    assert places.unasked(home.environment, uid=USER) == ()
    for nobody in ("", "root", "nobody-known"):
        assert places.unasked({"SUDO_USER": nobody}, uid=0) == ()
    found = CredentialFiles((), uid=0, helpers=None, unasked=places.unasked(home.environment, uid=0))
    assert found.find("ghcr.io", "x") is None and found.find("ghcr.io", "y") is None
    assert len(found.warnings) == 1 and str(path) in found.warnings[0]
