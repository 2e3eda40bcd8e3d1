"""Bars at a terminal, made by rich: one for each layer on its way, one for all, and one without an end for a stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.text import Text

from secmount.cli.view import render
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest


class Bars:
    """A display; it takes nothing of the terminal before there is something to show."""

    def __init__(self, stream: TextIO) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), _Amount(), _Left())
        console = Console(file=stream)
        # not redirected: what is written to standard output meanwhile is data
        self._bars = Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
        self._expected: Sequence[Descriptor] = ()
        self._tasks: dict[Digest, TaskID] = {}
        self._total: TaskID | None = None
        self._stage: TaskID | None = None

    def expect(self, layers: Sequence[Descriptor]) -> None:
        """Learn what will be fetched."""
        self._expected = layers

    def stage(self, text: str) -> None:
        """Show a bar without an end, alone."""
        self._bars.start()
        for task in self._bars.task_ids:
            self._bars.update(task, visible=False)
        self._stage = self._bars.add_task(f"{text} …", total=None)

    def layer(self, layer: Descriptor, done: int, began: float) -> None:  # noqa: ARG002  # rich has its own clock
        """Move a bar; one that is full makes room."""
        self._begin()
        if layer.digest in self._tasks:
            self._bars.update(self._tasks[layer.digest], completed=done, visible=done < layer.size)

    def total(self, done: int, size: int) -> None:
        """Move the last bar."""
        self._bars.update(self._begin(), completed=done, total=size, visible=True)

    def close(self) -> None:
        """Take the bars away."""
        self._bars.stop()

    def _begin(self) -> TaskID:
        """Put the bars in their order, the total below; each is seen from its first bytes on."""
        if self._total is None:
            for row in self._expected:
                self._tasks[row.digest] = self._bars.add_task(render.layer(row), total=row.size, visible=False)
            self._total = self._bars.add_task("total", visible=False)
        if self._stage is not None:
            self._bars.update(self._stage, visible=False)
            self._stage = None
        self._bars.start()
        return self._total


class _Amount(ProgressColumn):
    """Bytes and rate."""

    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text("")
        speed = task.finished_speed or task.speed
        shown = f"{render.size(int(task.completed))}/{render.size(int(task.total))}"
        return Text(shown if speed is None else f"{shown}  {render.rate(speed)}")


class _Left(ProgressColumn):
    """The time that is left, as far as the rate tells."""

    def render(self, task: Task) -> Text:
        left = task.time_remaining
        if task.total is None or left is None:
            return Text("")
        minutes, seconds = divmod(int(left), 60)
        hours, minutes = divmod(minutes, 60)
        return Text(f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}")
