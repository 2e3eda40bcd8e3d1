"""What `doctor` shows: a mark, what was found, and below it the next command for what is not well."""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import Any

from secmount.cli.view import render
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings
from secmount.upkeep.doctor.diagnosis import Diagnosis
from secmount.upkeep.doctor.examine import examine
from secmount.upkeep.doctor.site import Site

_MARKS = {"ok": ("✔", "good"), "warning": ("!", "warn"), "failed": ("✖", "bad")}
_WIDTH = 13  # of the longest area


def show(site: Site, settings: Settings) -> Outcome:
    """Examine `site`; -q shows only what is not well."""
    found = tuple(examine(site))
    style = render.Style(colour=render.coloured(settings.color, sys.stdout, os.environ))
    counts = Counter(row.state for row in found)
    lines = [line for row in found if not (settings.quiet and row.state == "ok") for line in _lines(row, style)]
    summary = f"{counts['failed']} broken, {counts['warning']} to look at, {counts['ok']} well"
    fields = {
        "checks": [_row(row) for row in found],
        "counts": {state: counts[state] for state in ("ok", "warning", "failed")},
    }
    return Outcome(
        "doctor", (*lines, *(() if settings.quiet else ("", summary))), fields, exit=2 if counts["failed"] else 0
    )


def _lines(row: Diagnosis, style: render.Style) -> list[str]:
    mark, kind = _MARKS[row.state]
    code = f" [{row.code}]" if row.code else ""
    lines = [f"{style(kind, mark)} {row.area:<{_WIDTH}}  {render.escape(row.said)}{code}"]
    if row.state != "ok":
        lines += [style("dim", f"  {'':<{_WIDTH}}  → {render.escape(command)}") for command in row.remedy]
    return lines


def _row(row: Diagnosis) -> dict[str, Any]:
    return {"area": row.area, "state": row.state, "said": row.said, "code": row.code, "remedy": list(row.remedy)}
