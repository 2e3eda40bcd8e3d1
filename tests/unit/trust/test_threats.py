"""docs/threat-model.md holds the attacks that are tried, and its tests exist."""

from __future__ import annotations

import re

import pytest

from secmount.errors import catalog
from tests.support import threats
from tests.support.threats import ADVISORIES, PAGE, ROOT, Advisory


def test_the_page_is_written_from_the_tests() -> None:
    page = PAGE.read_text()
    assert threats.written(page) == page, "run: python -m tests.support.threats"


def test_there_are_many_and_each_has_a_code_of_its_own_cause() -> None:
    rows = list(threats.attacks())
    assert len(rows) >= 50
    assert len({(where, name) for name, _, _, where in rows}) == len(rows)
    assert all(catalog.entry(code) is not None for _, _, code, _ in rows)


@pytest.mark.parametrize("row", ADVISORIES, ids=lambda row: row.names)
def test_a_lesson_has_a_test(row: Advisory) -> None:
    file, _, name = row.test.partition("::")
    file, bracket, attack = file.partition("[") if not name else (file, "", "")
    if bracket:
        assert attack.rstrip("]") in {known for known, *_, where in threats.attacks() if where == file}
    else:
        assert re.search(rf"^ *def {name}\(", (ROOT / file).read_text(), re.MULTILINE)
