"""The store alone, for commands that only look: nothing is made where there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from secmount.store.cas import STATE, Store

if TYPE_CHECKING:
    from secmount.config.value import Config


@contextmanager
def held_store(config: Config) -> Iterator[Store | None]:
    """Open the store of `config`, or give None where none has been made."""
    if not os.path.lexists(os.path.join(config.store, STATE)):
        yield None
        return
    with Store(config.store, uid=os.geteuid()) as store:
        yield store
