"""Running secmount as a user would: the command line, in folders of one test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secmount.oci import reference
from secmount.policy import folder
from secmount.registry import resolve
from secmount.registry.layout import LayoutSource
from secmount.trust.evidence import Evidence
from secmount.trust.gather import gather

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one command left: its exit status, its JSON document and its stderr."""

    exit: int
    document: dict[str, Any]
    errors: str


@dataclass(frozen=True, slots=True)
class Product:
    """secmount with store, log and policy below `folder`."""

    folder: Path

    @property
    def policy(self) -> Path:
        return self.folder / "policy"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def configure(self) -> Product:
        """Write the configuration that every command is given."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = [f'{name} = "{self.folder / name}"' for name in ("store", "policy", "audit", "state")]
        (self.folder / "config.toml").write_text("\n".join(lines) + "\n")
        return self

    def trust(self, public: Path, match: str) -> None:
        """Write a policy with one signer and one rule that withholds pickles."""
        (self.policy / "keys").mkdir(parents=True)
        shutil.copy(public, self.policy / "keys/release.pub")
        (self.policy / "policy.toml").write_text(
            'version = 1\n[signers.release]\nkey = "keys/release.pub"\n'
            f'[[rules]]\nmatch = "{match}"\nsigners = ["release"]\nexclude = ["**/*.pkl"]\n'
        )

    def run(self, verb: str, *words: str, cwd: Path | None = None, password: str | None = None) -> Answer:
        """Run `secmount VERB …`; a verb of two words is given as one text."""
        command = [sys.executable, "-m", "secmount", *verb.split(), *words]
        command += ["--config", str(self.folder / "config.toml"), "-o", "json"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        if password is not None:
            environment["COSIGN_PASSWORD"] = password
        done = subprocess.run(
            command,
            cwd=cwd or self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Answer(done.returncode, json.loads(done.stdout), done.stderr)

    def evidence(self, layout: Path, at: str = ":v1") -> Evidence:
        """Gather, in this process, what the policy's signers said of an artifact in a layout, `:TAG` or `@DIGEST`."""
        signers = folder.load(str(self.policy), uid=os.geteuid()).signers
        named = reference.parse(f"oci:{layout}{at}", cwd="/")
        with LayoutSource(str(layout)) as source:
            found = resolve.resolve(named, source, name=named.name, name_source="asked", platform=None)
            return gather(found, source, signers, now_ms=time.time_ns() // 1_000_000)


def mounting() -> list[str]:
    """Say which backend this machine can use: the kernel's, or copies."""
    kernel = Path("/proc/filesystems").read_text()
    return [] if os.geteuid() == 0 and "erofs" in kernel else ["--backend", "copy"]
