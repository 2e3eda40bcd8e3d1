"""docs/errors.md is what the catalogue says."""

from __future__ import annotations

from tests.support.errors_page import PAGE, page


def test_the_page_is_generated_from_the_catalogue() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.support.errors_page"
