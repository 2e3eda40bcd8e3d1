"""Progress on stderr: what takes longer than a second is said; what is pulled has bars at a terminal, lines elsewhere.

Nothing is shown in CI, at TERM=dumb, with -q or
-o json. May be fed from several threads.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Literal, Protocol, TextIO, TypeVar

from secmount.cli.view import render
from secmount.cli.view.settings import Settings
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.value import dataclass

QUIET_S = 1.0  # what takes less is not worth a word
REFRESH_S = 0.1  # between two looks at one bar
Stage = Literal[
    "resolving", "verifying", "pulling", "unpacking", "mounting", "discovering", "examining", "packing", "sending"
]
Moving = Literal["pulling", "sending"]
_DONE = {"pulling": "pulled", "sending": "sent"}

T = TypeVar("T")


class Display(Protocol):
    """Where progress goes; called by one thread at a time."""

    def expect(self, layers: Sequence[Descriptor]) -> None:
        """Learn what will be fetched, each once."""

    def stage(self, text: str) -> None:
        """Say what is being done, and has been for a while."""

    def layer(self, layer: Descriptor, done: int, began: float) -> None:
        """Show how much of `layer` is there; `began`: since when, by the monotonic clock."""

    def total(self, done: int, size: int) -> None:
        """Show how much of everything that is fetched is there."""

    def close(self) -> None:
        """Leave the terminal as it was."""


@dataclass(slots=True)
class _Layer:
    descriptor: Descriptor
    began: float
    done: int = 0
    held: bool = False  # it was there before


class Progress:
    """What one command does, from stage to stage."""

    def __init__(self, display: Display, *, moving: Moving = "pulling") -> None:
        self._display, self._began, self._moving = display, time.monotonic(), moving
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._stage: Stage | None = None
        self._layers: dict[Digest, _Layer] = {}
        self._expected: list[Descriptor] = []
        self._drawn = 0.0  # when, by the monotonic clock

    @classmethod
    @contextmanager
    def on(
        cls, settings: Settings, stream: TextIO, *, stage: Stage = "resolving", moving: Moving = "pulling"
    ) -> Iterator[Progress | None]:
        """Give a progress that begins with `stage`, None where nobody wants one; `moving`: what happens to layers."""
        terminal = stream.isatty()
        dumb = render.is_dumb(os.environ) if terminal else _is_silenced()
        if settings.quiet or settings.output == "json" or dumb:
            yield None
            return
        progress = cls(_bars(stream) if terminal else Lines(stream, moving=moving), moving=moving)
        progress.enter(stage)
        try:
            yield progress
        finally:
            progress.close()

    def enter(self, stage: Stage) -> None:
        """Begin `stage`; it is shown when it takes long."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._stage = stage
            self._timer = threading.Timer(QUIET_S, self._is_long, (stage,))
            self._timer.daemon = True
            self._timer.start()

    def expect(self, layers: Sequence[Descriptor]) -> None:
        """Say what will be pulled or sent, and begin to."""
        with self._lock:
            self._expected = list({layer.digest: layer for layer in layers}.values())
            self._display.expect(self._expected)
        self.enter(self._moving)

    def show(self, layer: Descriptor, done: int) -> None:
        """Show that `done` bytes of `layer` are there."""
        with self._lock:
            now = time.monotonic()
            row = self._layers.get(layer.digest)
            if row is None:
                row = self._layers[layer.digest] = _Layer(layer, now, held=done == layer.size)
            row.done = done
            if now - self._began >= QUIET_S and (done == layer.size or now - self._drawn >= REFRESH_S):
                self._draw(row, now)

    def around(self, build: Callable[..., T]) -> Callable[..., T]:
        """Give `build` with the stages that it is and that follow it."""

        def building(*parts: Any) -> T:
            self.enter("unpacking")
            built = build(*parts)
            self.enter("mounting")
            return built

        return building

    def close(self) -> None:
        """Leave the terminal as it was."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._stage = None
            with suppress(OSError):
                self._display.close()

    def _is_long(self, stage: Stage) -> None:
        with self._lock:
            if self._stage != stage:
                return
            if stage == self._moving:
                self._draw(None, time.monotonic())
                return
            with suppress(OSError):  # nobody reads it any more; what is done goes on
                self._display.stage(stage)

    def _draw(self, changed: _Layer | None, now: float) -> None:
        rows = [row for row in self._layers.values() if not row.held]
        held = sum(row.descriptor.size for row in self._layers.values() if row.held)
        size = sum(layer.size for layer in self._expected) - held
        with suppress(OSError):
            for row in rows if not self._drawn else [changed] if changed and not changed.held else []:
                self._display.layer(row.descriptor, row.done, row.began)
            self._display.total(sum(row.done for row in rows), size)
        self._drawn = now


class Lines:
    """One plain line for each layer that is there, and for each stage that takes long."""

    def __init__(self, stream: TextIO, *, moving: Moving = "pulling") -> None:
        self._stream, self._moving = stream, moving
        self._said: set[Digest] = set()
        self._announced = False

    def expect(self, layers: Sequence[Descriptor]) -> None:
        """Write nothing yet."""

    def stage(self, text: str) -> None:
        """Write a line."""
        self._write(f"{text} …")

    def layer(self, layer: Descriptor, done: int, began: float) -> None:
        """Write a line when the whole of it is there."""
        if done == layer.size and layer.digest not in self._said:
            self._said.add(layer.digest)
            speed = layer.size / max(time.monotonic() - began, 0.001)
            facts = (str(layer.digest), render.size(layer.size), render.layer(layer), render.rate(speed))
            self._write("  ".join((_DONE[self._moving], *facts)))

    def total(self, done: int, size: int) -> None:
        """Write once how much there is to fetch."""
        if not self._announced and done < size:
            self._announced = True
            self._write(f"{self._moving} {render.size(size)} …")

    def close(self) -> None:
        """Write nothing."""

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


def _bars(stream: TextIO) -> Display:
    from secmount.cli.view.bars import Bars

    return Bars(stream)


def _is_silenced() -> bool:
    return bool(os.environ.get("CI")) or os.environ.get("TERM") == "dumb"
