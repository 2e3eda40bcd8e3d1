"""Credentials that skopeo, oras and crane wrote are read, and those that `login` writes are used by them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from secmount.registry.credentials.files import of_user
from secmount.registry.credentials.programs import Helpers
from secmount.registry.credentials.store import AuthFile
from secmount.registry.credentials.value import Basic
from tests.interop.peers.distribution import Distribution, distribution
from tests.interop.peers.run import run, tool

pytestmark = pytest.mark.peer

ADA = Basic("ada", "correct horse")
_HASH = "$2b$04$Z.Ytfpt0/l1MbLi6nVBYZeJ9b0vquqWHwzCwmQ1QSKM8Z7HHS3cHy"  # bcrypt of the password
UID = os.geteuid()

LOGINS = {
    "skopeo": ("login", "--tls-verify=false", "-u", "ada", "--password-stdin", "--authfile", "{file}", "{host}"),
    "oras": ("login", "--plain-http", "-u", "ada", "--password-stdin", "--registry-config", "{file}", "{host}"),
    "crane": ("auth", "login", "-u", "ada", "--password-stdin", "{host}"),
}
LOOKS = {
    "skopeo": ("list-tags", "--tls-verify=false", "--authfile", "{file}", "docker://{host}/acme/x"),
    "oras": ("repo", "tags", "--plain-http", "--registry-config", "{file}", "{host}/acme/x"),
    "crane": ("ls", "--insecure", "{host}/acme/x"),
}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Distribution]:
    passwords = tmp_path / "passwords"
    passwords.write_text(f"ada:{_HASH}\n")
    with distribution(tmp_path / "registry", passwords=passwords) as running:
        yield running


def filled(words: tuple[str, ...], registry: Distribution, file: Path) -> list[str]:
    return [word.format(host=registry.host, file=file) for word in words]


def ours(file: Path) -> AuthFile:
    return AuthFile(str(file), UID, Helpers({}, {}, UID))


@pytest.mark.parametrize("name", sorted(LOGINS))
def test_what_they_wrote_is_read_and_kept(registry: Distribution, tmp_path: Path, name: str) -> None:
    file = tmp_path / "config" / "config.json"
    file.parent.mkdir()
    subprocess.run(
        [tool(name), *filled(LOGINS[name], registry, file)],
        env={**os.environ, "DOCKER_CONFIG": str(file.parent)},
        input=ADA.password,
        text=True,
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert of_user({}, uid=UID, authfile=str(file)).find(registry.host, "acme/x") == ADA
    ours(file).put("quay.io", Basic("a", "b"))
    assert set(json.loads(file.read_text())["auths"]) == {registry.host, "quay.io"}
    assert of_user({}, uid=UID, authfile=str(file)).find(registry.host, "acme/x") == ADA


@pytest.mark.parametrize(("name", "part"), [("skopeo", ""), ("oras", ""), ("crane", ""), ("skopeo", "/acme")])
def test_what_is_written_they_use(registry: Distribution, tmp_path: Path, name: str, part: str) -> None:
    file = tmp_path / "config" / "config.json"
    ours(file).put(f"{registry.host}{part}", ADA)
    pushed = tmp_path / "x.txt"
    pushed.write_text("x")
    plain = tmp_path / "plain.json"
    ours(plain).put(registry.host, ADA)
    words = ["push", "--plain-http", "--registry-config", str(plain), f"{registry.host}/acme/x:v1", "x.txt"]
    run("oras", *words, cwd=tmp_path)
    shown = run(name, *filled(LOOKS[name], registry, file), environment={"DOCKER_CONFIG": str(file.parent)})
    assert "v1" in shown
