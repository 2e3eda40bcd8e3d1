"""Power loss: the checkpoint is not flushed and may come back old, empty or as zeros; no acknowledged entry is lost."""

from __future__ import annotations

import shutil

import pytest

from secmount.errors import StorageError
from tests.support.logs import Desk, decision


@pytest.mark.parametrize("left", [b"", bytes(200)])
@pytest.mark.parametrize("count", [3, 300])
def test_an_empty_checkpoint_is_made_again_from_the_flushed_one_and_the_entries(
    desk: Desk, left: bytes, count: int
) -> None:
    desk.fill(1)
    desk.grown(count)
    references = desk.references()
    (desk.folder / "checkpoint").write_bytes(left)
    with desk.open() as log:
        log.append(decision(9_000))
    assert desk.references() == [*references, decision(9_000)["reference"]]


def test_an_old_checkpoint_is_followed_by_the_entries_behind_it(desk: Desk) -> None:
    desk.fill(2)
    shutil.copy(desk.folder / "checkpoint", desk.base / "old")
    desk.fill(3)
    references = desk.references()
    shutil.copy(desk.base / "old", desk.folder / "checkpoint")
    with desk.open() as log:
        log.append(decision(9_000))
    assert desk.references() == [*references, decision(9_000)["reference"]]


def test_a_reader_sees_the_flushed_one_until_then(desk: Desk) -> None:
    desk.grown(300)
    (desk.folder / "checkpoint").write_bytes(b"")
    with desk.reader(state=False) as reader:
        assert 256 <= reader.size <= 302


def test_another_text_is_no_power_loss(desk: Desk) -> None:
    desk.fill(3)
    (desk.folder / "checkpoint").write_text("?\n")
    with pytest.raises(StorageError, match="SM7105"), desk.open() as log:
        log.append(decision(9_000))


def test_the_flushed_copy_is_at_most_a_bundle_back(desk: Desk) -> None:
    desk.grown(250)
    for _ in range(10):
        desk.fill(1)
    kept = (desk.folder / "checkpoint.kept").read_text().split("\n")[1]
    now = (desk.folder / "checkpoint").read_text().split("\n")[1]
    assert int(kept) // 256 == int(now) // 256 == 1
