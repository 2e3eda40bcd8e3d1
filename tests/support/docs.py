"""Runs the commands of a documentation page and compares what they print with what the page says.

A ```console block holds `$ command` lines, each followed by what it prints. An HTML comment before a block says where
it runs: `<!-- run: ready -->` in a new folder with a policy, a signed and an unsigned model; `<!-- run: fresh -->` in
one with an unsigned model only; `<!-- run: registry -->` in one with plain files and a registry that pages call
localhost:5000; without a comment it goes on in the folder of the block before. What differs from run
to run (ids, digests of keys, times, the folder) is written on the page as a fixed placeholder.

A ```sh block holds commands alone; each must succeed.

    python -m tests.support.docs README.md       writes what the commands print now into the page
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from secmount.publish import sample
from tests.support import docs_registry

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"(?:<!-- run: (?P<where>\w+) -->\n)?```(?P<kind>console|sh)\n(?P<body>.*?)```\n", re.DOTALL)
_STEADY = (
    (
        re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
        "01a20c29-8aa9-7bcf-9340-f605078f610d",
    ),
    (re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z?"), "2026-11-24T06:00:00.000Z"),
    (re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d"), "2026-11-24 06:00:00"),
    (
        re.compile(r"[\w.-]+/secmount/audit/[0-9a-f]{8}\+[0-9a-f]{8}\+[\w+/]{44}"),
        "host.example/secmount/audit/5a1e0c42+5f0c2b9e+AQ…",
    ),
    (re.compile(r"[\w.-]+/secmount/audit/[0-9a-f]{8}"), "host.example/secmount/audit/5a1e0c42"),
    (re.compile(r"\baudit-[0-9a-f]{16}\.checkpoint"), "audit-0123456789abcdef.checkpoint"),
    (re.compile(r"\b\d+ ms\b"), "9 ms"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "…"),
)


@dataclass(frozen=True)
class Block:
    """One block: where it runs, and its commands with what the page says they print."""

    where: str | None
    steps: tuple[tuple[str, str | None], ...]  # None where the page does not show what is printed


def blocks(page: str) -> Iterator[Block]:
    """Read the console blocks of a page."""
    for found in _BLOCK.finditer(page):
        if found["kind"] == "sh":
            yield Block(found["where"], tuple((line, None) for line in found["body"].splitlines() if line))
        else:
            yield Block(found["where"], tuple(_steps(found["body"])))


def _steps(body: str) -> Iterator[tuple[str, str | None]]:
    command: list[str] = []
    printed: list[str] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            if command:
                yield "\n".join(command), "\n".join(printed)
            command, printed = [line[2:]], []
        elif command and command[-1].endswith("\\"):
            command.append(line)
        else:
            printed.append(line)
    if command:
        yield "\n".join(command), "\n".join(printed)


def steady(text: str, folder: str) -> str:
    """Write what differs between runs as its placeholder; digests become an ellipsis."""
    text = text.replace(f"{folder}/policy", "/etc/secmount/policy").replace(folder, "/srv")
    for pattern, placeholder in _STEADY:
        text = pattern.sub(placeholder, text)
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())


class Place:
    """A folder in which blocks run, with a configuration of its own."""

    def __init__(self, where: str) -> None:
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="secmount-docs-"))
        self._stack = ExitStack()
        self._host = docs_registry.HOST
        lines = [f'{key} = "{self.folder}/{key}"\n' for key in ("store", "policy", "state")]
        Path(self.folder, "config.toml").write_text("".join(lines))
        sample.pack(f"{self.folder}/models/bert", "v1")
        if where == "registry":
            self._host = self._stack.enter_context(docs_registry.served(Path(self.folder)))
        if where == "ready":
            sample.pack(f"{self.folder}/models/unsigned", "v1", variant=1)
            for command in (
                "secmount key generate release",
                "secmount policy init --key release.pub --match 'oci:models/**' --exclude '**/*.pkl'",
                "secmount sign oci:models/bert:v1 --key release.key",
            ):
                self.run(command)

    def run(self, command: str, *, check: bool = True) -> str:
        """Run a shell command with `secmount` as this checkout; give what it printed, stderr too."""
        program = f"{shlex.quote(sys.executable)} -m secmount"
        environment = {
            **os.environ,
            "TERM": "dumb",  # no progress, which depends on how fast the machine is
            "SECMOUNT_CONFIG": f"{self.folder}/config.toml",
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
            "LANG": "C.UTF-8",
        }
        command = command.replace(docs_registry.HOST, self._host)
        script = f'secmount() {{ {program} "$@"; }}\n{command}\n'
        done = subprocess.run(
            ["bash", "-c", script],
            check=False,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if check and done.returncode:
            raise AssertionError(f"$ {command}\n{done.stdout}{done.stderr}(exit {done.returncode})")
        printed = (done.stdout + done.stderr).replace(self._host, docs_registry.HOST)
        return steady(printed, self.folder)

    def close(self) -> None:
        """Unmount what the page left mounted, stop what was started and remove the folder."""
        self._stack.close()
        for mount in sorted(Path("/proc/self/mountinfo").read_text().splitlines(), reverse=True):
            if mount.split()[4].startswith(self.folder):
                subprocess.run(["umount", mount.split()[4]], check=True)
        subprocess.run(["rm", "-rf", self.folder], check=True)


def replay(page: str) -> Iterator[tuple[str, str | None, str]]:
    """Run every command of `page`; yield (command, what the page says or None, what it printed)."""
    place: Place | None = None
    try:
        for block in blocks(page):
            if block.where is not None or place is None:
                if place is not None:
                    place.close()
                place = Place(block.where or "ready")
            for command, said in block.steps:
                got = place.run(command, check=said is None)
                yield command, None if said is None else steady(said, place.folder), got
    finally:
        if place is not None:
            place.close()


def rewrite(path: Path) -> None:
    """Put what the commands print now into the page."""
    page = path.read_text()
    printed = iter([(command, got) for command, _, got in replay(page)])

    def block(found: re.Match[str]) -> str:
        if found["kind"] == "sh":
            for _ in found["body"].splitlines():
                next(printed)
            return found[0]
        head = f"<!-- run: {found['where']} -->\n" if found["where"] else ""
        lines = []
        for command, _ in _steps(found["body"]):
            again, got = next(printed)
            assert again == command
            lines.append(f"$ {command}" + (f"\n{got}" if got else ""))
        return f"{head}```console\n" + "\n".join(lines) + "\n```\n"

    path.write_text(_BLOCK.sub(block, page))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        rewrite(Path(name))
