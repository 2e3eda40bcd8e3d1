"""Findings about a file that people write (config.toml, policy.toml), as rows and as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from secmount.cli.view import render
from secmount.errors import Place, catalog


class Finding(Protocol):
    """What `policy.toml.Finding` and its like have."""

    @property
    def severity(self) -> str:
        """Give error or warning."""

    @property
    def code(self) -> str:
        """Give the code."""

    @property
    def place(self) -> Place:
        """Give file and line."""

    @property
    def subject(self) -> str | None:
        """Say what it is about."""

    @property
    def got(self) -> object:
        """Say what is there."""

    @property
    def want(self) -> object:
        """Say what should be."""


def row(finding: Finding) -> dict[str, Any]:
    """Show a finding as JSON."""
    return {
        "severity": finding.severity,
        "code": finding.code,
        "subject": finding.subject,
        "file": finding.place.file,
        "line": finding.place.line,
        "got": finding.got,
        "want": finding.want,
    }


def line(row: Mapping[str, Any]) -> str:
    """Show a finding as a line."""
    place = render.escape(row["file"]) + ("" if row["line"] is None else f":{row['line']}")
    entry = catalog.entry(row["code"])
    said = [entry.title if entry else "", render.escape(row["subject"]) if row["subject"] else ""]
    facts = [f"{word} {render.escape(row[word])}" for word in ("got", "want") if row[word] is not None]
    return f"{row['severity']}[{row['code']}] {place}: {': '.join(filter(None, said))}" + (
        f" ({', '.join(facts)})" if facts else ""
    )


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """Count errors and warnings."""
    errors = sum(row["severity"] == "error" for row in rows)
    return f"{_count(errors, 'error')}, {_count(len(rows) - errors, 'warning')}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
