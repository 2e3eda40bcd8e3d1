"""Artifacts as their producers' tools make them, each with the tree that it must mount as, and whose word that is.

The rows are the source of docs/formats/artifacts.md: `python -m tests.conformance.page` writes it, and a test compares
it with what is committed.
"""

from __future__ import annotations

from tests.conformance import images, models, packages
from tests.conformance.row import Row

ROWS: tuple[Row, ...] = (*packages.ROWS, *models.ROWS, *images.ROWS, packages.ANYTHING_ELSE)
