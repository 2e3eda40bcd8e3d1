"""The newest time that this store knows of: a clock behind it was set back, and decides nothing.

Ages are counted by the clock, so what had expired would pass once more. The instant of a decision is remembered in the
state's history, coarsely, so that decisions in quick succession cost no further flush. Design, promise 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from secmount.errors import PolicyError
from secmount.oci import instant
from secmount.policy.credit.force import SKEW

if TYPE_CHECKING:
    from secmount.pipeline.parts import Parts
    from secmount.store.state import State

MARK = ("\0clock", "", "", "")  # beside the marks of `no-rollback`, whose first is a path: none has this character
STEP_MS = 60_000  # what the remembered instant may lag behind the newest decision


def now(parts: Parts) -> int:
    """Read the clock (milliseconds); raise `PolicyError` SM3097 where it is further back than clocks may differ."""
    shown, known = parts.clock(), newest(parts.store().state)
    if known is not None and known > shown + SKEW:
        want = f"{instant.render(known)} or later, which this store has seen"
        raise PolicyError("SM3097", subject="clock", got=instant.render(shown), want=want)
    return shown


def newest(state: State) -> int | None:
    """Give the newest instant (milliseconds) of a decision, or of an answer about a tag."""
    return max((ms for ms in (state.history.newest(*MARK), state.tags.newest_ms()) if ms is not None), default=None)


def advance(parts: Parts, taken_ms: int) -> None:
    """Remember the instant of a decision; an older one, or one less than STEP_MS later, changes nothing."""
    history = parts.store().state.history
    known = history.newest(*MARK)
    if known is None or taken_ms > known + STEP_MS:
        history.note(*MARK, taken_ms)
