"""A user's home with credential files and helper programs in it."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from secmount.registry.credentials.programs import Helpers

USER = os.geteuid() or 1000  # an ordinary user; root's files are believed for one, too


def auth(username: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


class Home:
    def __init__(self, folder: Path) -> None:
        self.folder, self.bin = folder, folder / "bin"
        self.bin.mkdir(mode=0o755)
        self.environment = {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "PATH": f"{self.bin}:/usr/bin:/bin",
        }

    def write(self, name: str, document: Any) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        path.write_bytes(data)
        path.chmod(0o600)
        return path

    def helper(self, name: str, script: str) -> Path:
        """Write `docker-credential-NAME`, a shell script."""
        path = self.bin / f"docker-credential-{name}"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def helpers(self, *, uid: int = USER, deadline: float = 20.0, **programs: str) -> Helpers:
        return Helpers(programs, self.environment, uid, deadline)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)
