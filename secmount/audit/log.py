"""The audit log as the pipeline and the operations use it: append before an effect, append after it, settle, read.

`append` returns when the entry cannot be lost; where that fails it raises, and whoever asked grants nothing. Taking
away must not depend on the log: `append_essential` falls back to the reserve and never raises.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

from secmount.audit import mask, parts, shrink
from secmount.audit.entry import Entry, parse
from secmount.audit.intents import Intents, may_concern
from secmount.audit.marks import Marks
from secmount.audit.record import record as build
from secmount.audit.repeats import Repeats
from secmount.audit.reserve import Reserve
from secmount.audit.tlog.anchor import JOURNAL, Anchors, Witness
from secmount.audit.tlog.folder import CHECKPOINT, VERIFIER, Folder, open_folder
from secmount.audit.tlog.locks import Lock
from secmount.audit.tlog.note import Checkpoint, stated
from secmount.audit.tlog.writer import Writer
from secmount.errors import StorageError
from secmount.local import files
from secmount.local.fault import storage_error
from secmount.oci import canonical
from secmount.oci.instant import Clock
from secmount.value import dataclass

SALT = "mask.salt"
REFUSED = frozenset({"denied", "undecided"})  # verdicts that anyone can cause, as often as they like
JOIN_LOOK = 4096  # entries back that are searched for what waits in the reserve
_NO_SPACE, _BUSY = "SM7001", "SM7006"


@dataclass(frozen=True, slots=True)
class _Beside:
    """What stands beside the entries in the log's folder, opened by one process."""

    pid: int
    folder: Folder
    reserve: Reserve
    intents: Intents


class AuditLog:
    """One log. Nothing is opened or made before the first use; safe for threads, several processes and forks."""

    def __init__(
        self,
        directory: str,
        *,
        clock: Clock,
        uid: int,
        random: Callable[[int], bytes],
        state: str | None = None,
        key: str | None = None,
        masks: Sequence[str] = (),
        witnesses: Sequence[Witness] = (),
        journal: str = JOURNAL,
        host: str | None = None,
    ) -> None:
        """`state`: where the checkpoint is remembered; `key`: a key file, not the folder's own; `masks`: pointers."""
        self._directory, self._clock, self._uid, self._random = directory, clock, uid, random
        self._masks = mask.pointers(masks)
        self._anchors = Anchors(directory, state=state, uid=uid, witnesses=tuple(witnesses), journal=journal)
        self._writer = Writer(
            directory,
            uid=uid,
            random=random,
            host=host or os.uname().nodename,
            key=key,
            anchored=self._anchored,
            remembered=self._anchors.remembered,
        )
        self._opened: _Beside | None = None
        self._guard = threading.Lock()
        self._witnessed: Checkpoint | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back every handle; the next use opens them again."""
        if self._opened is not None:
            self._opened.intents.close()
            self._opened = None
        self._anchors.close()
        self._writer.close()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What went wrong outside the folder (state, journal, witnesses) without stopping an append."""
        return tuple(self._anchors.failures)

    def append(
        self,
        record: Mapping[str, Any],
        *,
        document: bytes | None = None,
        kept: Mapping[str, bytes] | None = None,
    ) -> Entry:
        """Append `record`, durable before this returns.

        A denial like many before it is only counted (`repeated`). `document` is the decision's input and `kept` what
        else the record names as parts: they are put beside the log, and named, only if the record stands there.
        Raise `StorageError` SM7101 (cannot be written, exit 50), SM7102 (no space), SM7114 (busy), SM7103 to SM7108
        (the log or its key is not what it was, exit 40).
        """
        with self._reported():
            beside = self._beside()
            masked = self._masked(record)

            def whole() -> Mapping[str, Any]:
                return self._with_parts(masked, document, kept or {})

            if record["kind"] == "decision" and record["verdict"] in REFUSED:
                return self._append_denial(beside, masked, whole)
            if not Repeats(beside.folder).idle(self._clock()):
                self._append_counted(beside.folder)
            return self._append(beside, whole())

    def append_once(
        self, mark: str, build: Callable[[], Mapping[str, Any]], *, kept: Callable[[], Mapping[str, bytes]]
    ) -> Entry | None:
        """Append what `build` gives, unless this log has it under `mark` (`[a-z0-9.-]`); None then.

        The mark stands in the log's folder, so whoever takes the log away takes it along. Raises like `append`.
        """
        with self._reported():
            marks = Marks(self._beside().folder)
            if marks.has(mark):
                return None
            entry = self.append(build(), kept=kept())
            marks.set(mark)
            return entry

    def append_essential(self, record: Mapping[str, Any]) -> Entry:
        """Append the record of a taking away; where the log does not take it, the reserve does. Never raises for that.

        An `index` of None says that it waits in the reserve, `kept` False that not even that was possible: say so.
        """
        try:
            return self.append(record)
        except StorageError:
            raw = shrink.bare(self._masked(record, essential=True))
        try:
            return Entry(None, raw, kept=self._beside().reserve.put(raw))
        except (StorageError, OSError):
            return Entry(None, raw, kept=False)

    def put_part(self, data: bytes) -> str:
        """Keep `data` beside the log, durable, and give its digest, to be named by a record. Raises like `append`."""
        with self._reported():
            return parts.put(self._beside().folder, data)

    def put_input(self, document: bytes) -> str:
        """Keep a decision's input, RFC 8785 bytes, masked as configured; give the digest of what is kept.

        A masked input says so under `masked`: it cannot be decided again.
        """
        places = [steps[1:] for steps in self._masks if steps[0] == "input"]
        if places:
            value, done = mask.apply(json.loads(document), places, self._salt())
            document = canonical.encode({**value, "masked": done}) if done else document
        return self.put_part(document)

    def unfinished(self) -> tuple[Entry, ...]:
        """Give the intents whose process died before it recorded an outcome, oldest first.

        Settle each: look whether its effect is there, take it back or not, and append `…done` or `…failed` with the
        same decision id. Raise `StorageError` as `append` does.
        """
        with self._reported():
            if open_and_close(self._directory, self._uid) is None:
                return ()
            beside = self._beside()
            size = self._size(beside.folder)
            start = beside.intents.settled(size)
            found = list(may_concern(beside.folder.entries(start, size)))
            open_ones = set(beside.intents.open(((index, parse(raw, index)) for index, raw in found), size))
            return tuple(Entry(index, raw) for index, raw in found if index in open_ones)

    def read(
        self,
        *,
        newest_first: bool = True,
        start: int = 0,
        where: Callable[[Mapping[str, Any]], bool] | None = None,
    ) -> Iterator[Entry]:
        """Give the signed entries from `start` on that `where` accepts; nothing if there is no log.

        Signatures are not checked here: that is `review.verify`.
        """
        dirfd = open_folder(self._directory, uid=self._uid)
        if dirfd is None:
            return
        try:
            folder = Folder(dirfd, self._directory)
            size = self._size(folder)
            rows = folder.entries_reversed(start, size) if newest_first else folder.entries(start, size)
            for index, raw in rows:
                entry = Entry(index, raw)
                if where is None or where(entry.record):
                    yield entry
        finally:
            os.close(dirfd)

    def _append(self, beside: _Beside, record: Mapping[str, Any]) -> Entry:
        raw = shrink.encode(record, lambda data: parts.put(beside.folder, data))
        stem, _, end = record["kind"].rpartition(".")
        key = f"{stem} {record['decision_id']}"
        joining: list[bytes] = []
        before = (lambda index: beside.intents.begin(key, index)) if end == "intent" else None
        try:
            index = self._writer.append([raw], prologue=lambda *facts: self._prologue(joining, *facts), before=before)
        except BaseException:
            if end == "intent":
                beside.intents.end(key)
            raise
        if end in {"done", "failed"}:
            beside.intents.end(key)
        if joining:
            beside.reserve.remove(set(joining))
        self._witness()
        return Entry(index, raw)

    def _append_denial(
        self, beside: _Beside, record: Mapping[str, Any], whole: Callable[[], Mapping[str, Any]]
    ) -> Entry:
        with self._counting(beside.folder) as repeats:
            now = self._clock()
            for row in repeats.due(now):
                self._append(beside, row)
            alone = repeats.note(record, now)
            repeats.save()
        return self._append(beside, whole()) if alone else Entry(None, canonical.encode(record), repeated=True)

    def _append_counted(self, folder: Folder) -> None:
        with self._counting(folder) as repeats:
            for row in repeats.due(self._clock()):
                self._append(self._beside(), row)
            repeats.save()

    @contextmanager
    def _counting(self, folder: Folder) -> Iterator[Repeats]:
        lock = Lock("lock.repeats")
        lock.open(folder.dirfd)
        try:
            with lock:
                repeats = Repeats(folder)
                repeats.load()
                yield repeats
        finally:
            lock.close()

    def _masked(self, record: Mapping[str, Any], *, essential: bool = False) -> Mapping[str, Any]:
        """Mask as configured. An `essential` record is masked even if the salt cannot be had: by a salt of its own."""
        places = [steps for steps in self._masks if steps[0] != "input"]
        if not places:
            return record
        try:
            salt = self._salt()
        except (StorageError, OSError):
            if not essential:
                raise
            salt = self._random(32)
        masked: Mapping[str, Any] = mask.apply(record, places, salt)[0]
        return masked

    def _with_parts(
        self, record: Mapping[str, Any], document: bytes | None, kept: Mapping[str, bytes]
    ) -> Mapping[str, Any]:
        named = {name: self.put_part(data) for name, data in kept.items()}
        whole = {**record, "parts": {**record["parts"], **named}} if named else record
        return whole if document is None else {**whole, "input_sha256": self.put_input(document)}

    def _prologue(self, joining: list[bytes], size: int, repairs: Sequence[str]) -> list[bytes]:
        """Give what goes before the record at hand: what was repaired, and what waited in the reserve.

        What waits may stand in the log already, put there by an append that did not live to empty the reserve.
        `joining` is told all that can be taken out of the reserve once the record stands.
        """
        beside = self._beside()
        now = self._clock()
        rows = []
        for repair in repairs:
            kind = "log.created" if repair == "created" else "log.repaired"
            details = {"what": repair, "entries": size}
            if repair == "created":
                details = {"key": (beside.folder.text(VERIFIER) or "").strip()}
            rows.append(canonical.encode(build(kind, now_ms=now, details=details)))
        waiting = beside.reserve.waiting()
        if waiting:
            known = {raw for _, raw in beside.folder.entries(max(0, size - JOIN_LOOK), size)}
            joining.extend(waiting)
            rows += [raw for raw in waiting if raw not in known]
        return rows

    def _anchored(self, checkpoint: Checkpoint) -> None:
        self._anchors.tell(checkpoint)
        self._witnessed = checkpoint

    def _witness(self) -> None:
        checkpoint, self._witnessed = self._witnessed, None
        if checkpoint is not None:
            self._anchors.witness(checkpoint)

    def _size(self, folder: Folder) -> int:
        note = folder.checkpoint()
        return 0 if note is None else stated(note, subject=f"{self._directory}/{CHECKPOINT}").size

    def _salt(self) -> bytes:
        folder = self._beside().folder
        found = files.read_if_any(folder.dirfd, SALT, 64)
        if found is None:
            found = self._random(32)
            files.write_atomic(folder.dirfd, SALT, found, mode=0o600)
        return found

    def _beside(self) -> _Beside:
        folder = self._writer.folder()
        with self._guard:
            if self._opened is None or self._opened.pid != os.getpid():
                reserve = Reserve(folder)
                reserve.make()
                self._opened = _Beside(os.getpid(), folder, reserve, Intents(folder))
            return self._opened

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Say of a fault of the disk that it was the log that could not be written."""
        try:
            yield
        except OSError as err:
            raise self._broken(storage_error(err, self._directory)) from err
        except StorageError as err:
            if err.code.startswith("SM71") or err.code == _BUSY:
                raise
            raise self._broken(err) from err

    def _broken(self, err: StorageError) -> StorageError:
        code = "SM7102" if err.code == _NO_SPACE else "SM7101"
        return StorageError(code, subject=err.subject or self._directory, got=err.got, want=err.want, place=err.place)


def open_and_close(directory: str, uid: int) -> bool | None:
    """Say whether there is a log folder that may be believed; None if there is none."""
    dirfd = open_folder(directory, uid=uid)
    if dirfd is None:
        return None
    os.close(dirfd)
    return True
