"""A registry that lies gains nothing, and every lie ends in the outcome that docs/operations.md has for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from secmount.errors import SecmountError
from tests.support.lying import Lying
from tests.support.wires import model, place, wire
from tests.unit.registry.http.lies import FINE, LIES, Lie

PAGE = Path(__file__).parents[4] / "docs/operations.md"


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.what)
def test_a_lie_ends_as_documented(lie: Lie) -> None:
    with Lying() as server:
        held = model(server)
        lie.tell(server, held)
        found = wire(place(server), timeout_ms=300 if lie.outcome == "SM4102" else 20_000)
        with found.source as source:
            try:
                lie.act(source, held)
                outcome = FINE
            except SecmountError as err:
                outcome = err.code
    assert outcome == lie.outcome


def test_the_page_has_these_lies_and_no_others() -> None:
    section = PAGE.read_text().partition("\n## What a registry may do\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+?) \| (accepted|SM[0-9]{4}) \|$", section, re.MULTILINE)
    assert rows == [(lie.what, lie.outcome) for lie in LIES]
