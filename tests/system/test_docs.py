"""Every command that a page shows is run, and prints what the page says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import docs

PAGES = sorted(
    str(path.relative_to(docs.ROOT))
    for path in (docs.ROOT / "README.md", *(docs.ROOT / "docs").rglob("*.md"))
    if any(docs.blocks(path.read_text()))
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the pages mount: needs root")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_what_its_commands_print(page: str) -> None:
    shown = list(docs.replay(Path(docs.ROOT, page).read_text()))
    assert shown
    for command, said, got in shown:
        assert said in (None, got), f"{page}: $ {command}"
