"""Ways to change an audit log behind its back, and which command notices: the table in docs/formats/audit.md."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from secmount.audit.tlog import tiles
from secmount.audit.tlog.note import Checkpoint, Signer, stated
from secmount.errors import SecmountError
from secmount.review import listing, show
from secmount.review.filter import Filter
from secmount.review.index import NAME, open_index
from secmount.review.verify import verify
from tests.support.logs import Desk, decision, log_bytes

SIZE = 600  # entries besides log.created: two full bundles and a partial one
VICTIM = 11  # the entry that is tampered with
INPUT = b'{"now_ms":1,"schema":"secmount.input/v1"}'


def build(base: Path) -> Desk:
    """Make a log with an index, one decision of which has an input; keep an older copy of it and a checkpoint."""
    desk = Desk(base)
    with desk.open() as log:
        for number in range(10):
            log.append(decision(number))
        log.append(decision(VICTIM - 1), document=INPUT)
    shutil.copytree(desk.folder, base / "old")
    desk.fill(1)
    with desk.open() as log:
        log._writer.append([log_bytes(decision(number)) for number in range(12, SIZE)], prologue=lambda *_: [])
        log.append(decision(SIZE))
    with desk.reader() as reader, open_index(reader):
        pass
    shutil.copy(desk.folder / "checkpoint", base / "remembered")
    (desk.folder / "reserve").unlink()  # it is large, the next append makes it again
    return desk


def entries(desk: Desk, change: Callable[[list[bytes]], list[bytes]], number: int = 0) -> None:
    """Change the entries of a bundle."""
    path = desk.folder / tiles.bundle_path(number)
    if not path.exists():
        (path,) = Path(f"{path}.p").iterdir()
    rows = change([raw for _, raw in tiles.frames(path.read_bytes())])
    path.write_bytes(b"".join(map(tiles.frame, rows)))


def byte(desk: Desk) -> None:
    entries(desk, lambda rows: [*rows[:VICTIM], rows[VICTIM].replace(b"alice", b"malry"), *rows[VICTIM + 1 :]])


def removed(desk: Desk) -> None:
    entries(desk, lambda rows: rows[:VICTIM] + rows[VICTIM + 1 :])


def swapped(desk: Desk) -> None:
    entries(desk, lambda r: [*r[: VICTIM - 1], r[VICTIM], r[VICTIM - 1], *r[VICTIM + 1 :]])


def inserted(desk: Desk) -> None:
    entries(desk, lambda rows: [*rows, rows[0]])


def cut(desk: Desk) -> None:
    entries(desk, lambda rows: rows[:-1], 2)


def rolled_back(desk: Desk) -> None:
    shutil.rmtree(desk.folder)
    shutil.copytree(desk.base / "old", desk.folder)


def rebuilt(desk: Desk) -> None:
    other = Desk(desk.base / "new")
    other.folder.mkdir(parents=True, mode=0o700)
    for name in ("log.key", "log.vkey"):
        shutil.copy(desk.folder / name, other.folder / name)
    with other.open(state=None) as log:
        for number in range(12):
            log.append(decision(number, request=None))
        log._writer.append([log_bytes(decision(number)) for number in range(12, SIZE + 9)], prologue=lambda *_: [])
    shutil.rmtree(desk.folder)
    os.rename(other.folder, desk.folder)


def forged(desk: Desk) -> None:
    path = desk.folder / "checkpoint"
    origin, size, rest = path.read_text().split("\n", 2)
    path.write_text(f"{origin}\n{int(size) - 1}\n{rest}")


def forged_with_another_key(desk: Desk) -> None:
    path = desk.folder / "checkpoint"
    head = stated(path.read_text(), subject="")
    signer = Signer(head.origin, b"another key's seed, of 32 bytes.")
    path.write_text(signer.sign(Checkpoint(head.origin, head.size, head.root).text()))
    (desk.folder / "log.vkey").write_text(f"{signer.verifier()}\n")


def gone(desk: Desk) -> None:
    (desk.folder / "checkpoint").unlink()


def emptied(desk: Desk) -> None:
    """As if power had been lost: the flushed checkpoint is read, and the entries behind it are cut off."""
    (desk.folder / "checkpoint").write_bytes(b"")
    size = int((desk.folder / "checkpoint.kept").read_text().split("\n")[1])
    entries(desk, lambda rows: rows[: size % tiles.WIDTH], 2)


def tile(desk: Desk) -> None:
    path = desk.folder / tiles.tile_path(0, 0)
    data = bytearray(path.read_bytes())
    data[VICTIM * 32] ^= 1
    path.write_bytes(data)


def upper_tile(desk: Desk) -> None:
    (path,) = (desk.folder / "tile/1/000.p").iterdir()
    path.write_bytes(bytes(path.stat().st_size))


def input_changed(desk: Desk) -> None:
    (path,) = [found for found in (desk.folder / "parts").rglob("*") if found.is_file()]
    path.chmod(0o600)
    path.write_bytes(INPUT.replace(b"1", b"2"))


def index_changed(desk: Desk) -> None:
    database = sqlite3.connect(desk.folder / NAME, isolation_level=None)
    database.execute("UPDATE entries SET subject = NULL WHERE position = ?", (VICTIM,))
    database.close()


def index_deleted(desk: Desk) -> None:
    (desk.folder / NAME).unlink()


@dataclass(frozen=True)
class Tampering:
    """A row: what the page calls it, and how it is done."""

    name: str
    do: Callable[[Desk], None]


ROWS = (
    Tampering("a byte of an old entry", byte),
    Tampering("an entry removed", removed),
    Tampering("two entries swapped", swapped),
    Tampering("an entry added behind a full bundle", inserted),
    Tampering("the end cut off", cut),
    Tampering("the folder put back to an old copy", rolled_back),
    Tampering("the log built anew with the same key", rebuilt),
    Tampering("the checkpoint changed", forged),
    Tampering("the checkpoint signed by another key, `log.vkey` too", forged_with_another_key),
    Tampering("the checkpoint deleted", gone),
    Tampering("the checkpoint emptied, and the end cut off to `checkpoint.kept`", emptied),
    Tampering("a hash in a tile of level 0", tile),
    Tampering("a tile of level 1", upper_tile),
    Tampering("a decision's input changed", input_changed),
    Tampering("a row of the index changed", index_changed),
    Tampering("the index deleted", index_deleted),
)


def mounts(desk: Desk) -> str | None:
    with desk.open() as log:
        log.append(decision(9_999))
    return None


def shows(desk: Desk) -> str | None:
    with desk.reader() as reader:
        story = show.show(reader, str(VICTIM))
    return story.problems[0].code if story.problems else None


def searches(desk: Desk) -> str | None:
    with desk.reader() as reader:
        list(listing.log(reader, Filter(digest=f"sha256:{VICTIM:064x}")))
    return None


def verifies(desk: Desk, *, state: bool = True, full: bool = False, remembered: bool = False) -> str | None:
    notes = [("a checkpoint kept elsewhere", (desk.base / "remembered").read_text())] if remembered else []
    with desk.reader(state=state) as reader:
        error = verify(reader, checkpoints=notes, full=full).error()
    return None if error is None else error.code


COMMANDS: dict[str, Callable[[Desk], str | None]] = {
    "next mount": mounts,
    "`audit show`": shows,
    "`audit log`": searches,
    "`audit verify`": verifies,
    "`audit verify --full`": lambda desk: verifies(desk, full=True),
    "`verify --full`, `state` lost too": lambda desk: verifies(desk, state=False, full=True),
    "the same with `--checkpoint`": lambda desk: verifies(desk, state=False, full=True, remembered=True),
}


def noticed(desk: Desk, command: Callable[[Desk], str | None]) -> str:
    """Give the code with which a command notices, or a dash."""
    try:
        return command(desk) or "–"
    except SecmountError as err:
        return err.code


def table(cells: Callable[[Tampering], list[str]]) -> str:
    """Lay out the page's table."""
    head = f"| what was done to the folder | {' | '.join(COMMANDS)} |\n|---|{'---|' * len(COMMANDS)}\n"
    return head + "".join(f"| {row.name} | {' | '.join(cells(row))} |\n" for row in ROWS)
