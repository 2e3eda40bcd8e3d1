"""An interrupt at every line of ours that an action runs, one after another: what a signal does, without its chance."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

import secmount

_OURS = str(Path(secmount.__file__).parent) + "/"

_Action: TypeAlias = Callable[[], object]


def interrupts(prepared: Callable[[], _Action], *, within: str = "") -> Iterator[str]:
    """Run what `prepared` gives, interrupted one line later each time, until a run reaches its end.

    Lines count that are of secmount's files whose path in the package begins with `within`. Given after each run is the
    line that was interrupted. An action may end as if nothing had been; what it raises must be the interrupt.
    """
    at = 0
    while where := interrupted(prepared(), at, within=within):
        yield where
        at += 1


def interrupted(action: _Action, at: int, *, within: str = "") -> str:
    """Run `action`, interrupted at the line of ours that `at` others came before; give it, "" if the end came first."""
    files, left, where = _OURS + within, at, ""

    def enter(frame: FrameType, _: str, __: Any) -> Any:
        return line if frame.f_code.co_filename.startswith(files) else None

    def line(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left, where
        if event == "line" and not where:
            if left == 0:
                where = f"{frame.f_code.co_filename[len(_OURS) :]}:{frame.f_lineno}"
                raise KeyboardInterrupt(where)
            left -= 1
        return line

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        action()
    except KeyboardInterrupt as err:
        assert err.args == (where,)
    finally:
        sys.settrace(before)
    return where
