"""Every attack of the table is tried, and refused by the code that the table says."""

from __future__ import annotations

from pathlib import Path

import pytest

from secmount.errors import catalog
from tests.unit.policy.attacks import ROWS, TRIES


@pytest.mark.parametrize(("name", "code"), [(name, code) for name, _, code in ROWS], ids=[row[0] for row in ROWS])
def test_attack(tmp_path: Path, name: str, code: str) -> None:
    assert TRIES[name](tmp_path / "p") == code


def test_each_row_stands_once_and_its_code_is_explained() -> None:
    assert len(TRIES) == len(ROWS)
    assert len({text for _, text, _ in ROWS}) == len(ROWS)
    assert all(catalog.entry(code) for _, _, code in ROWS)
