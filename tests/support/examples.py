"""How many examples a property gets: what it asks for, or more under `make soak`."""

from __future__ import annotations

import os

from hypothesis import settings

WANTED = int(os.environ.get("SECMOUNT_TEST_EXAMPLES", "0"))  # make soak


def examples(count: int) -> settings:
    """Give a decorator for `count` examples, or as many as `make soak` wants if that is more."""
    return settings(max_examples=max(count, WANTED))
