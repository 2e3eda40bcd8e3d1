"""A folder in which commands run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Desk, desk


@pytest.fixture
def secmount(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with desk(tmp_path, capsys, monkeypatch) as made:
        yield made
