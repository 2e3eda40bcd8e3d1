"""Runs `secmount` commands in this process, in a folder of its own, and reads what they print."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from secmount.cli.main import run
from secmount.publish import sample

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "docs" / "formats" / "json"


@cache
def schemas() -> Registry[Any]:
    """Load the published schemas of every verb."""
    found = [json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")]
    pairs = [(document["$id"], Resource.from_contents(document)) for document in found]
    return Registry().with_resources(pairs)


@dataclass
class Result:
    """What a command printed and its exit status."""

    exit: int
    out: str
    err: str

    @property
    def code(self) -> str | None:
        """The code of the error in the JSON document."""
        error = self.document["error"]
        return None if error is None else str(error["code"])

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document, which fits the verb's published schema and nothing beyond it."""
        document: dict[str, Any] = json.loads(self.out)
        name = document["schema"].removeprefix("secmount.").removesuffix("/v1")
        schema = json.loads((SCHEMAS / f"{name}.v1.schema.json").read_text())
        jsonschema.Draft202012Validator(schema, registry=schemas()).validate(document)
        assert set(document) == set(schema["required"]), "a field that the schema does not know, or lacks"
        assert document["exit"] == self.exit and document["ok"] == (self.exit == 0)
        return document


class Desk:
    """A folder with a configuration, and a way to run commands in it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        lines = [f'{key} = "{folder}/{key}"\n' for key in ("store", "policy", "state")]
        (folder / "config.toml").write_text("".join(lines))

    def __call__(self, *words: str) -> Result:
        """Run a command; `-o json` and the like are the caller's."""
        self._capsys.readouterr()
        status = run(words)
        printed = self._capsys.readouterr()
        return Result(status, printed.out, printed.err)

    def json(self, *words: str) -> Result:
        """Run a command with `-o json`, and check its document against the published schema."""
        result = self(*words, "-o", "json")
        assert result.document["schema"] and result.out.count("\n") == 1, result.out
        return result

    def ready(self, *, exclude: str = "**/*.pkl") -> Desk:
        """Make keys, a policy for ./models and a signed model in models/bert."""
        assert self("key", "generate", "release").exit == 0
        rule = ("--key", "release.pub", "--match", "oci:models/**", "--exclude", exclude)
        assert self("policy", "init", *rule).exit == 0
        self.model("bert")
        return self

    def model(self, name: str, *, variant: int = 0, key: str | None = "release") -> Path:
        """Pack a model into models/NAME under v1, and sign it unless `key` is None."""
        path = self.folder / "models" / name
        sample.pack(str(path), "v1", variant=variant)
        if key is not None:
            assert self("sign", f"oci:models/{name}:v1", "--key", f"{key}.key").exit == 0
        return path

    def log(self) -> list[dict[str, Any]]:
        """Read the log, oldest first, past the command line."""
        from secmount.app.assembly import now_ms
        from secmount.audit.log import AuditLog

        log = AuditLog(
            str(self.folder / "store" / "audit"),
            clock=now_ms,
            uid=os.geteuid(),
            random=os.urandom,
            state=str(self.folder / "state"),
        )
        with log:
            return [dict(entry.record) for entry in log.read(newest_first=False)]


@contextmanager
def desk(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Work in `folder`."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SECMOUNT_CONFIG", str(folder / "config.toml"))
    monkeypatch.setenv("NO_COLOR", "1")
    yield Desk(folder, capsys)
