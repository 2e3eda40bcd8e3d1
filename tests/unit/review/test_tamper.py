"""The tamper table: each row is done to a log, and each command notices as docs/formats/audit.md says, or does not.

python -m tests.unit.review.test_tamper      prints the table as it is now
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from secmount.audit.tlog.anchor import Anchors
from secmount.review.verify import NOT_ANCHORED, verify
from tests.support import tamper
from tests.support.logs import Desk
from tests.support.memory import memory_folder

PAGE = Path(__file__).parents[3] / "docs/formats/audit.md"


@pytest.fixture(scope="module")
def sound() -> Iterator[Path]:
    with memory_folder() as path:
        tamper.build(path / "sound")
        yield path / "sound"


def copied(sound: Path, to: Path) -> Desk:
    shutil.copytree(sound, to)
    return Desk(to)


def cells(sound: Path, row: tamper.Tampering) -> list[str]:
    found = []
    for number, command in enumerate(tamper.COMMANDS.values()):
        with memory_folder() as path:
            desk = copied(sound, path / str(number))
            # The remembered copy is named by the log's path, so it must be renamed with it.
            (copy,) = desk.state.iterdir()
            place = Anchors(str(desk.folder), state=str(desk.state), uid=0).place
            copy.rename(str(place))
            row.do(desk)
            found.append(tamper.noticed(desk, command))
    return found


@pytest.mark.parametrize("row", tamper.ROWS, ids=[row.name for row in tamper.ROWS])
def test_a_row_of_the_table_is_noticed_as_the_page_says(row: tamper.Tampering, sound: Path) -> None:
    (line,) = [text for text in PAGE.read_text("utf-8").splitlines() if text.startswith(f"| {row.name} |")]
    assert [cell.strip() for cell in line.strip("|").split("|")[1:]] == cells(sound, row)


def test_nothing_is_noticed_in_a_sound_log(sound: Path) -> None:
    nothing = tamper.Tampering("nothing", lambda _: None)
    assert cells(sound, nothing) == ["–"] * len(tamper.COMMANDS)


def test_the_page_has_a_row_for_everything_that_is_tried() -> None:
    head = f"| what was done to the folder | {' | '.join(tamper.COMMANDS)} |"
    lines = PAGE.read_text("utf-8").splitlines()
    at = lines.index(head)
    rows = [line.split("|")[1].strip() for line in lines[at + 2 : at + 2 + len(tamper.ROWS)]]
    assert rows == [row.name for row in tamper.ROWS]
    assert not lines[at + 2 + len(tamper.ROWS)].startswith("|")


def test_without_anything_remembered_verify_says_not_anchored(sound: Path, tmp_path: Path) -> None:
    desk = copied(sound, tmp_path / "copy")
    with desk.reader(state=False) as reader:
        assert verify(reader).notes == (NOT_ANCHORED,)
        assert NOT_ANCHORED.startswith("not anchored")
        note = (desk.base / "remembered").read_text()
        assert verify(reader, checkpoints=[("elsewhere", note)]).notes == ()
    assert "not anchored" in PAGE.read_text("utf-8")


if __name__ == "__main__":
    with memory_folder() as base:
        tamper.build(base / "sound")
        sys.stdout.write(tamper.table(lambda row: cells(base / "sound", row)))
