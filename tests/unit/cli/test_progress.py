"""Progress on stderr: who sees what, and that hostile names do nothing to a terminal."""

from __future__ import annotations

import io
import re
import sys
import threading
import time
import unicodedata
from collections.abc import Sequence

import pytest

from secmount.cli.view import progress as module
from secmount.cli.view.bars import Bars
from secmount.cli.view.progress import Lines, Progress
from secmount.cli.view.render import TITLE
from secmount.cli.view.settings import Settings
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest

MIB = 1 << 20
HOSTILE = "[red]x\x1b]0;owned\x07\u202egpj"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def layer(name: str, size: int = 4 * MIB) -> Descriptor:
    return Descriptor("application/octet-stream", Digest.of(name.encode()), size, {TITLE: name})


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(module, "QUIET_S", 0.0)
    monkeypatch.setattr(module, "REFRESH_S", 0.0)


def pull(progress: Progress, layers: Sequence[Descriptor]) -> None:
    progress.expect(layers)
    for row in layers:
        for done in range(MIB, row.size + 1, MIB):
            progress.show(row, done)


def test_lines_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    with Progress.on(Settings(), stream) as progress:
        assert progress is not None
        pull(progress, [layer("a"), layer("b")])
    lines = [line for line in stream.getvalue().splitlines() if line.startswith("pulled")]
    assert len(lines) == 2
    assert re.fullmatch(r"pulled  sha256:[0-9a-f]{64}  4\.0 MiB  a  [0-9.]+ [KMG]iB/s", lines[0])


@pytest.mark.parametrize(
    ("settings", "variable", "stream"),
    [
        (Settings(quiet=True), None, Terminal()),
        (Settings(output="json"), None, Terminal()),
        (Settings(), ("CI", "true"), Terminal()),
        (Settings(), ("CI", "true"), io.StringIO()),
        (Settings(), ("TERM", "dumb"), Terminal()),
        (Settings(), ("TERM", "dumb"), io.StringIO()),
        (Settings(quiet=True), None, io.StringIO()),
    ],
)
def test_who_does_not_want_it(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, variable: tuple[str, str] | None, stream: io.StringIO
) -> None:
    if variable is not None:
        monkeypatch.setenv(*variable)
    with Progress.on(settings, stream) as progress:
        assert progress is None
    assert stream.getvalue() == ""


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()], ids=["terminal", "file"])
def test_what_is_quick_is_not_worth_a_word(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> None:
    monkeypatch.setattr(module, "QUIET_S", 60.0)
    with Progress.on(Settings(), stream) as progress:
        assert progress is not None
        progress.enter("verifying")
        pull(progress, [layer("a")])
        progress.around(lambda: None)()
    assert stream.getvalue() == ""


def until(stream: io.StringIO, text: str) -> bool:
    end = time.monotonic() + 10
    while text not in stream.getvalue() and time.monotonic() < end:
        time.sleep(0.005)
    return text in stream.getvalue()


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()], ids=["terminal", "file"])
def test_a_stage_that_takes_long_is_said(stream: io.StringIO) -> None:
    with Progress.on(Settings(), stream) as progress:
        assert progress is not None
        assert until(stream, "resolving …")
        progress.enter("verifying")
        assert until(stream, "verifying …")
        progress.around(lambda: until(stream, "unpacking …"))()
        assert until(stream, "mounting …")
    assert "unpacking …" in stream.getvalue()


def test_a_stage_that_has_ended_is_not_said(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    progress = Progress(Lines(stream))
    progress.enter("resolving")
    progress.close()
    progress._is_long("resolving")
    progress.enter("verifying")
    progress._is_long("resolving")
    progress.close()
    assert stream.getvalue().count("resolving") <= 1  # the timer may have been first


class Kept:
    """A display that keeps what it is told."""

    def __init__(self) -> None:
        self.totals: list[tuple[int, int]] = []
        self.layers: list[str] = []

    def expect(self, layers: Sequence[Descriptor]) -> None: ...

    def stage(self, text: str) -> None: ...

    def layer(self, layer: Descriptor, done: int, began: float) -> None:
        self.layers.append(layer.annotations[TITLE])

    def total(self, done: int, size: int) -> None:
        self.totals.append((done, size))

    def close(self) -> None: ...


def test_what_was_held_before_is_not_counted() -> None:
    kept = Kept()
    progress = Progress(kept)
    held, fetched = layer("held"), layer("fetched")
    progress.expect([held, fetched, fetched])
    progress.show(held, held.size)
    progress.show(fetched, MIB)
    progress.show(fetched, fetched.size)
    progress.close()
    assert kept.totals[-1] == (fetched.size, fetched.size) and set(kept.layers) == {"fetched"}


def test_several_threads() -> None:
    kept = Kept()
    progress = Progress(kept)
    layers = [layer(f"layer {number}", 16 * MIB) for number in range(4)]
    progress.expect(layers)

    def work(row: Descriptor) -> None:
        for done in range(MIB, row.size + 1, MIB):
            progress.show(row, done)

    threads = [threading.Thread(target=work, args=(row,)) for row in layers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    progress.close()
    assert kept.totals[-1] == (64 * MIB, 64 * MIB)


def test_bars_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    progress = Progress(Bars(stream))
    big = layer("model.safetensors", 100 * MIB)
    progress.expect([big])
    progress.show(big, MIB)
    progress.show(big, 40 * MIB)
    assert until(stream, "40.0 MiB/100.0 MiB") and until(stream, "total")
    progress.close()
    assert "model.safetensors" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K") or "\x1b[?25h" in stream.getvalue()  # the cursor is back


def test_standard_output_is_left_alone_meanwhile(capsys: pytest.CaptureFixture[str]) -> None:
    stream = Terminal()
    progress = Progress(Bars(stream))
    row = layer("model")
    progress.expect([row])
    progress.show(row, MIB)
    sys.stdout.write("data\n")
    sys.stderr.write("a warning\n")
    progress.close()
    assert capsys.readouterr() == ("data\n", "a warning\n")
    assert "data" not in stream.getvalue()


def test_hostile_names_are_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    for display, stream in ((Bars, Terminal()), (Lines, io.StringIO())):
        progress = Progress(display(stream))
        rows = [layer(HOSTILE), layer("x" * 5000)]
        progress.expect(rows)
        for row in rows:
            progress.show(row, MIB)
        assert display is Lines or until(stream, "[red]")  # as written, not as rich's markup
        for row in rows:
            progress.show(row, row.size)
        progress.close()
        shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
        assert {char for char in shown if unicodedata.category(char) in {"Cc", "Cf"}} <= {"\n", "\r"}
        assert "x" * 100 not in shown


def test_a_reader_that_went_away_stops_nothing() -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    progress = Progress(Lines(Closed()))
    pull(progress, [layer("a")])
    progress.close()
