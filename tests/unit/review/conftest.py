"""A log in memory for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.logs import Desk
from tests.support.memory import memory_folder


@pytest.fixture
def desk() -> Iterator[Desk]:
    with memory_folder() as path:
        yield Desk(path)
