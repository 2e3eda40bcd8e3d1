"""`explain` and `version`."""

from __future__ import annotations

import pytest

from secmount.errors import catalog
from tests.support.command import Desk


@pytest.mark.parametrize("code", ["SM5001", "sm5001", "5001", "error[SM5001]:", " SM5001 "])
def test_a_code_as_people_copy_it(secmount: Desk, code: str) -> None:
    assert secmount.json("explain", code).document["code"] == "SM5001"


def test_every_code_is_explained_in_lines_that_fit(secmount: Desk) -> None:
    for family in catalog.FAMILIES:
        for code in catalog.entries(family):
            result = secmount("explain", code)
            assert result.exit == 0 and result.out.startswith(f"{code}: ")
            assert max(len(line) for line in result.out.splitlines()[1:-1]) <= 160


def test_a_code_that_is_not_there_names_its_neighbours(secmount: Desk) -> None:
    document = secmount.json("explain", "SM5004").document
    assert document["exit"] == 3 and document["error"]["code"] == "SM1015"
    assert document["error"]["help"][:3] == [f"secmount explain SM500{number}" for number in (3, 2, 1)]


def test_a_word_finds_codes(secmount: Desk) -> None:
    document = secmount.json("explain", "whiteout").document
    named = [line.split()[-1] for line in document["error"]["help"] if line.startswith("secmount explain")]
    assert named and all("whiteout" in (catalog.entry(code) or pytest.fail()).explain.lower() for code in named)


def test_a_word_that_nothing_is_about(secmount: Desk) -> None:
    assert secmount.json("explain", "xyzzy").document["error"]["want"] == "a code such as SM5001"


def test_a_family_that_nobody_has(secmount: Desk) -> None:
    assert secmount.json("explain", "SM8000").code == "SM1015"
