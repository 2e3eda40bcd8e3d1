"""registries.conf through commands: aliases, what is blocked, what is warned of."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from secmount.app import naming
from secmount.registry.hosts.files import HostFiles
from tests.support.command import Desk
from tests.support.lying import Lying

ORDINARY = os.geteuid() or 1000  # whoever runs the tests, or as root somebody whom files of root's do not alarm


@pytest.fixture
def conf(secmount: Desk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a system, which a rule for every registry lets be used."""
    etc = secmount.folder / "etc"
    (etc / "containers").mkdir(parents=True)

    def hosts(*_: object) -> HostFiles:
        return HostFiles(uid=ORDINARY, environment={"HOME": str(secmount.folder)}, etc=str(etc))

    monkeypatch.setattr(naming, "hosts", hosts)
    assert secmount("key", "generate", "release").exit == 0
    assert secmount("policy", "init", "--key", "release.pub", "--match", "**").exit == 0
    return etc / "containers" / "registries.conf"


def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("a host was looked up"))
    monkeypatch.setattr(socket.socket, "connect", lambda *_, **__: pytest.fail("a connection was made"))


def test_what_is_blocked_is_never_asked(secmount: Desk, conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf.write_text('\n[[registry]]\nlocation = "ghcr.io"\nblocked = true\n')
    nobody_is_asked(monkeypatch)
    result = secmount.json("verify", "ghcr.io/acme/x:v1")
    assert (result.exit, result.code) == (20, "SM4220")
    assert result.document["error"]["source"] == {"file": str(conf), "line": 2}


def test_a_short_name_is_an_alias_or_an_error(secmount: Desk, conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf.write_text('[aliases]\nbert = "ghcr.io/acme/bert"\n[[registry]]\nlocation = "ghcr.io"\nblocked = true\n')
    nobody_is_asked(monkeypatch)
    found = secmount.json("verify", "bert:v1")
    assert found.code == "SM4220" and found.document["error"]["subject"] == "ghcr.io/acme/bert"
    short = secmount.json("verify", "gpt:v1")
    assert short.code == "SM1002" and "docker.io/library/gpt:v1" in short.document["error"]["want"]


def test_the_configurations_own_aliases_come_first(secmount: Desk, conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf.write_text('[aliases]\nbert = "ghcr.io/acme/bert"\n[[registry]]\nlocation = "quay.io"\nblocked = true\n')
    with (secmount.folder / "config.toml").open("a") as file:
        file.write('[aliases]\nbert = "quay.io/acme/bert"\n')
    nobody_is_asked(monkeypatch)
    assert secmount.json("verify", "bert").document["error"]["subject"] == "quay.io/acme/bert"


def test_what_is_not_used_is_a_warning(secmount: Desk, conf: Path) -> None:
    with Lying() as registry:
        conf.write_text(f'future = 1\n[[registry]]\nlocation = "{registry.host()}"\ninsecure = true\n')
        result = secmount.json("verify", f"{registry.host()}/acme/x:v1")
    assert result.code == "SM4010"
    assert result.document["warnings"] == [f"{conf}:1: future: not known, and not used"]


def test_a_file_that_cannot_be_read_stops_everything(
    secmount: Desk, conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf.write_text('[[registry]]\nlocation = "ghcr.io"\nblocked = "yes"\n')
    nobody_is_asked(monkeypatch)
    result = secmount.json("verify", "quay.io/acme/x:v1")
    assert (result.exit, result.code) == (2, "SM4221")
