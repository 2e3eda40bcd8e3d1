"""A user's home and an /etc, with registries.conf and certs.d in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from secmount.registry.hosts.files import HostFiles
from secmount.registry.hosts.value import Location

USER = os.geteuid() or 1000  # an ordinary user; root's files are believed for one, too


class System:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"HOME": str(folder / "home"), "XDG_CONFIG_HOME": str(folder / "home/config")}

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def system(self, text: str) -> Path:
        return self.write("etc/containers/registries.conf", text)

    def own(self, text: str) -> Path:
        return self.write("home/config/containers/registries.conf", text)

    def hosts(self, *, uid: int = USER, plain_http: bool = False, ca_files: tuple[str, ...] = ()) -> HostFiles:
        return HostFiles(
            uid=uid,
            environment=self.environment,
            plain_http=plain_http,
            ca_files=ca_files,
            etc=str(self.folder / "etc"),
        )

    def locate(self, name: str) -> tuple[Location, ...]:
        return self.hosts().locate(name)

    def names(self, name: str) -> list[str]:
        """Give where `name` leads, as `host/repository`."""
        return [f"{found.access.host}/{found.repository}" for found in self.locate(name)]


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)
