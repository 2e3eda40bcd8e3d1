"""How many examples a property gets: what it asks for, or more under `make soak`."""

from __future__ import annotations

from hypothesis import settings

# of the profile that tests/conftest.py made
_PROFILE = settings.get_profile("secmount")
WANTED = 0 if _PROFILE.derandomize else _PROFILE.max_examples


def examples(count: int) -> settings:
    """Give a decorator for `count` examples, or as many as `make soak` wants if that is more."""
    return settings(max_examples=max(count, WANTED))
