"""`login` and `logout`: what is asked, what is kept, and what never shows."""

from __future__ import annotations

import base64
import io
import json
import os
import pty
import select
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from secmount.app import naming
from secmount.registry.hosts.files import HostFiles
from tests.support.certificates import authority, leaf, server_context
from tests.support.command import Desk, Result
from tests.support.lying import Gate, Lying

ORDINARY = os.geteuid() or 1000  # whoever runs the tests, or as root somebody whom files of root's do not alarm

SECRET = "correct horse"


@pytest.fixture
def registry() -> Iterator[Lying]:
    with Lying() as made:
        made.gate = Gate("basic")
        made.serve("/v2/", ok())
        yield made


def ok() -> Any:
    from tests.support.lying import Reply

    return Reply(body=b"{}")


def typed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def login(secmount: Desk, registry: Lying, monkeypatch: pytest.MonkeyPatch, *, data: bytes = SECRET.encode()) -> Result:
    typed(monkeypatch, data)
    result = secmount.json(
        *("login", registry.host(), "-u", "user", "--password-stdin"), *("--plain-http", "--authfile", "auth.json")
    )
    assert SECRET not in result.out + result.err
    return result


def kept(secmount: Desk) -> Any:
    return json.loads((secmount.folder / "auth.json").read_text())


def pair(username: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_what_the_registry_takes_is_kept(
    secmount: Desk, registry: Lying, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    result = login(secmount, registry, monkeypatch, data=f"{SECRET}{ending}".encode())
    path = secmount.folder / "auth.json"
    row = {"registry": registry.host(), "username": "user", "file": str(path), "helper": None, "checked": True}
    assert result.exit == 0 and result.document["login"] == row
    assert kept(secmount) == {"auths": {registry.host(): pair("user", SECRET)}}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [line for line in result.document["warnings"] if "unencrypted" in line] == result.document["warnings"]


def test_what_the_registry_refuses_is_not_kept(
    secmount: Desk, registry: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = login(secmount, registry, monkeypatch, data=b"wrong")
    assert (result.exit, result.code) == (4, "SM4208")
    assert not (secmount.folder / "auth.json").exists()


def test_a_token_server_decides_too(secmount: Desk, registry: Lying, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.gate = Gate("bearer", registry.url("/token"))
    assert login(secmount, registry, monkeypatch).document["login"]["checked"]
    (secmount.folder / "auth.json").unlink()
    result = login(secmount, registry, monkeypatch, data=b"wrong")
    assert (result.exit, result.code) == (4, "SM4208") and not (secmount.folder / "auth.json").exists()


def test_a_registry_that_does_not_ask_is_said(secmount: Desk, registry: Lying, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.gate = None
    result = login(secmount, registry, monkeypatch, data=b"anything")
    assert result.exit == 0 and result.document["login"]["checked"] is False
    assert any("did not ask" in line for line in result.document["warnings"])
    assert all(seen.authorization is None for seen in registry.asked())


def test_what_is_kept_is_used_and_shown(secmount: Desk, registry: Lying, monkeypatch: pytest.MonkeyPatch) -> None:
    login(secmount, registry, monkeypatch)
    where = ("--authfile", "auth.json")
    assert secmount("login", registry.host(), "--get-login", *where).out == "user\n"
    assert secmount.json("login", "other.example", "--get-login", *where).code == "SM4207"
    gone = secmount.json("logout", registry.host(), *where)
    assert gone.document["logout"]["registries"] == [registry.host()] and kept(secmount) == {"auths": {}}
    again = secmount.json("logout", registry.host(), *where)
    assert (again.exit, again.code) == (3, "SM4207")


def test_a_namespace_and_everything(secmount: Desk, registry: Lying, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, SECRET.encode())
    where = ("--authfile", "auth.json")
    words = ("login", f"https://{registry.host()}/acme/", "-u", "user", "--password-stdin", "--plain-http", *where)
    assert secmount(*words).exit == 0
    assert set(kept(secmount)["auths"]) == {f"{registry.host()}/acme"}
    assert secmount.json("logout", registry.host(), *where).code == "SM4207"
    assert secmount("logout", "--all", *where).exit == 0 and kept(secmount) == {"auths": {}}
    assert secmount("logout", "--all", *where).out == "nothing was kept\n"


def test_over_tls_with_a_named_authority(secmount: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, _ = authority().write(secmount.folder, "ca")
    os.chmod(certificate, 0o600)
    with Lying(tls=server_context(leaf(authority(), "127.0.0.1"), secmount.folder)) as registry:
        registry.gate = Gate("basic")
        registry.serve("/v2/", ok())
        words = ("login", registry.host(), "-u", "user", "--password-stdin", "--authfile", "auth.json")
        typed(monkeypatch, SECRET.encode())
        assert secmount.json(*words).code == "SM4130"
        assert registry.asked() == [] and not (secmount.folder / "auth.json").exists()
        typed(monkeypatch, SECRET.encode())
        assert secmount(*words, "--ca-file", certificate).exit == 0


def test_a_blocked_registry_is_not_asked(secmount: Desk, registry: Lying, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = secmount.folder / "registries.conf"
    conf.write_text(f'[[registry]]\nlocation = "127.0.0.1:{registry.port}"\nblocked = true\n')
    environment = {"CONTAINERS_REGISTRIES_CONF": str(conf), "HOME": str(secmount.folder)}
    monkeypatch.setattr(naming, "hosts", lambda *_: HostFiles(uid=ORDINARY, environment=environment))
    result = login(secmount, registry, monkeypatch)
    assert result.code == "SM4220" and registry.asked() == []


@pytest.mark.parametrize(
    ("words", "data"),
    [
        (("ghcr.io",), b""),
        (("ghcr.io", "--password-stdin"), b"pw"),
        (("ghcr.io", "-u", "ann"), b"pw"),
        (("ghcr.io", "-u", "ann", "--password-stdin"), b""),
        (("ghcr.io", "-u", "", "--password-stdin"), b"pw"),
        (("ghcr.io", "-u", "a:b", "--password-stdin"), b"pw"),
        (("ghcr.io", "-u", "a\x1b[2J", "--password-stdin"), b"pw"),
        (("ghcr.io", "-u", "ann", "--password-stdin"), b"pw\r\nX-Evil: 1"),
        (("ghcr.io", "-u", "ann", "--password-stdin"), b"\xff"),
        (("ghcr.io", "-u", "ann", "--password-stdin"), b"x" * 70_000),
        (("ghcr.io", "-u", "ann", "--password-stdin", "--offline"), b"pw"),
        (("ghcr.io", "-u", "ann", "--password", "pw"), b""),
        (("ghcr.io", "-u", "ann", "-p", "pw"), b""),
        (("bert", "-u", "ann", "--password-stdin"), b"pw"),
        (("http://ghcr.io", "-u", "ann", "--password-stdin"), b"pw"),
        (("ghcr.io/acme:v1", "-u", "ann", "--password-stdin"), b"pw"),
        (("ghcr.io@evil.example", "-u", "ann", "--password-stdin"), b"pw"),
        (("", "-u", "ann", "--password-stdin"), b"pw"),
    ],
)
def test_misuse_asks_nobody(
    secmount: Desk, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], data: bytes
) -> None:
    typed(monkeypatch, data)
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("a host was looked up"))
    result = secmount.json("login", *words, "--authfile", "auth.json")
    assert (result.exit, result.code) == (2, "SM1010")
    assert not (secmount.folder / "auth.json").exists()


@pytest.mark.parametrize("words", [(), ("ghcr.io", "--all"), ("bert",)])
def test_misuse_of_logout(secmount: Desk, words: tuple[str, ...]) -> None:
    assert secmount.json("logout", *words, "--authfile", "auth.json").code == "SM1010"


def test_a_broken_file_is_left_alone(secmount: Desk, registry: Lying, monkeypatch: pytest.MonkeyPatch) -> None:
    path = secmount.folder / "auth.json"
    path.write_text('{"auths":{"x.io":{"auth":"' + base64.b64encode(SECRET.encode()).decode() + '"')
    path.chmod(0o600)
    before = path.read_bytes()
    result = login(secmount, registry, monkeypatch)
    assert result.code == "SM4200" and path.read_bytes() == before


def test_at_a_terminal_name_and_password_are_asked_for_and_the_password_is_not_shown(
    secmount: Desk, registry: Lying
) -> None:
    screen = at_terminal(
        secmount.folder,
        ("login", registry.host(), "--plain-http", "--authfile", "auth.json"),
        (("name: ", "user\n"), ("password: ", f"{SECRET}\n")),
    )
    assert "logged in" in screen and "user" in screen
    assert SECRET not in screen
    assert kept(secmount)["auths"] == {registry.host(): pair("user", SECRET)}


def at_terminal(folder: Path, words: tuple[str, ...], talk: tuple[tuple[str, str], ...]) -> str:
    """Run a command at a pseudo-terminal; wait for each text before its answer is typed; give what was shown."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "secmount", *words]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environment, start_new_session=True
    )
    os.close(theirs)
    screen, todo = "", list(talk)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if not select.select([ours], [], [], 1)[0]:
            continue
        try:
            chunk = os.read(ours, 4096).decode()
        except OSError:  # EIO: the other side is closed
            break
        screen += chunk
        if todo and screen.endswith(todo[0][0]):
            os.write(ours, todo.pop(0)[1].encode())
    os.close(ours)
    assert process.wait(10) == 0, screen
    return screen


def test_what_another_file_still_knows_is_said(
    secmount: Desk, registry: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an ordinary user, whose files are several."""
    monkeypatch.setattr("os.geteuid", lambda: ORDINARY)
    home = secmount.folder / "home"
    for name in ("run", ".docker"):
        (home / name).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "run"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    docker = home / ".docker/config.json"
    docker.write_text(json.dumps({"auths": {registry.host(): pair("old", "old")}}))
    typed(monkeypatch, SECRET.encode())
    assert secmount("login", registry.host(), "-u", "user", "--password-stdin", "--plain-http").exit == 0
    gone = secmount.json("logout", registry.host())
    assert gone.document["logout"]["left"] == str(docker) and str(docker) in gone.document["warnings"][0]
    again = secmount.json("logout", registry.host())
    assert again.code == "SM4207" and str(docker) in again.document["error"]["help"][0]
    docker.write_text('{"credsStore":"none-such"}')
    assert "none-such" in secmount.json("login", registry.host(), "--get-login").document["error"]["got"]
    typed(monkeypatch, SECRET.encode())
    docker.write_text("{")
    assert secmount("login", registry.host(), "-u", "user", "--password-stdin", "--plain-http").exit == 0
    gone = secmount.json("logout", registry.host())
    assert gone.exit == 0 and "SM4200" in gone.document["warnings"][0]
