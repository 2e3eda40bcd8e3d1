"""Progress of a pull on a terminal's stderr: one bar a layer, made by rich, imported only when there is one to show."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from secmount.cli.view import render
from secmount.cli.view.settings import Settings
from secmount.oci.descriptor import Descriptor

QUIET_S = 1.0  # a pull shorter than this shows nothing


class Progress:
    """Bars for layers that take longer than QUIET_S."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._began = stream, time.monotonic()
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}

    @classmethod
    @contextmanager
    def on(cls, settings: Settings, stream: TextIO) -> Iterator[Progress | None]:
        """Give a progress if `stream` is a terminal and nobody asked for quiet."""
        quiet = settings.quiet or settings.output == "json" or render.is_dumb(os.environ) or not stream.isatty()
        progress = None if quiet else cls(stream)
        try:
            yield progress
        finally:
            if progress is not None:
                progress.close()

    def show(self, layer: Descriptor, done: int) -> None:
        """Show that `done` bytes of `layer` are there."""
        if self._bars is None:
            if time.monotonic() - self._began < QUIET_S:
                return
            self._open()
        key = str(layer.digest)
        if key not in self._tasks:
            self._tasks[key] = self._bars.add_task(key[7:19], total=layer.size)
        self._bars.update(self._tasks[key], completed=done)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bars is not None:
            self._bars.stop()

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        self._bars = Bars(*columns, console=Console(file=self._stream), transient=True)
        self._bars.start()
