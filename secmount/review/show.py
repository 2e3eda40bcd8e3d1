"""`audit show`: the whole story of one decision, from the entries that carry its id and the parts they name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from secmount.audit.entry import Entry
from secmount.audit.tlog.note import Proof
from secmount.errors import SecmountError, StorageError
from secmount.oci import exact
from secmount.review.listing import SMALL
from secmount.review.proof import prove
from secmount.review.reader import Reader
from secmount.review.row import decisions
from secmount.review.row import reader as entry_reader
from secmount.value import dataclass

PART_LIMIT = 64 << 20  # bytes
_INDEX = re.compile(r"0|[1-9][0-9]{0,11}", re.ASCII)  # a decision id (UUIDv7) begins with 0 until the year 2527


@dataclass(frozen=True, slots=True)
class Story:
    """`entries` oldest first; `details` and `input` are the decision's, from a part if they were long.

    `withheld` is the mount's, which knows what archives hold, or else the decision's.

    `proofs` stand for entries that are proven to be in the log; `problems` say what could not be shown, and why.
    """

    id: str
    entries: tuple[Entry, ...]
    decision: Mapping[str, Any]
    details: Mapping[str, Any]
    withheld: tuple[Mapping[str, Any], ...]
    input: Mapping[str, Any] | None
    proofs: tuple[Proof, ...]
    problems: tuple[SecmountError, ...]

    @property
    def effects(self) -> tuple[Mapping[str, Any], ...]:
        """The records after the decision: pulls, mounts, unmounts."""
        return tuple(entry.record for entry in self.entries if entry.record["kind"] != "decision")


def find(reader: Reader, text: str) -> tuple[Entry, ...]:
    """Find the entries of a decision id, of the only one that begins with `text`, or of an index.

    Raise `StorageError` SM7112 if there is none, or several.
    """
    if _INDEX.fullmatch(text):
        return (reader.entry(int(text)),)
    if reader.size <= SMALL:
        return _search(reader, text)
    from secmount.review.index import open_index

    with open_index(reader) as index:
        return tuple(reader.entry(position) for position in sorted(set(index.decision(text))))


def show(reader: Reader, text: str) -> Story:
    """Tell the story of a decision; raise `StorageError` SM7112 if it is not in the log.

    What is missing or changed is a problem of the story: SM7106 (an entry), SM7109 (a part).
    """
    entries = find(reader, text)
    known = decisions(entry_reader()(entries[0].raw))
    if _INDEX.fullmatch(text) and known:
        entries = find(reader, known[0])
    problems: list[SecmountError] = []
    decision = next((entry.record for entry in entries if entry.record["kind"] == "decision"), entries[0].record)

    def part(digest: str | None) -> Any:
        if digest is None:
            return None
        try:
            return exact.read(reader.folder.part(digest), limit=PART_LIMIT, subject=digest)
        except SecmountError as err:
            problems.append(err)
            return None

    parts = decision["parts"] if isinstance(decision.get("parts"), Mapping) else {}
    details = decision.get("details")
    done = (entry.record for entry in reversed(entries) if entry.record["kind"] == "mount.done")
    mounted = next((row for row in done if row.get("withheld") is not None), decision)
    whole = mounted["parts"] if isinstance(mounted.get("parts"), Mapping) else {}
    withheld = part(whole["withheld"]) if "withheld" in whole else mounted.get("withheld")
    proofs = []
    for entry in entries:
        try:
            proofs.append(prove(reader, entry))
        except StorageError as err:
            problems.append(err)
    return Story(
        id=decision.get("decision_id") or text,
        entries=entries,
        decision=decision,
        details=_table(part(parts["details"]) if "details" in parts else details),
        withheld=tuple(row for row in withheld if isinstance(row, Mapping)) if isinstance(withheld, list) else (),
        input=part(decision.get("input_sha256")),
        proofs=tuple(proofs),
        problems=tuple(problems),
    )


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _search(reader: Reader, text: str) -> tuple[Entry, ...]:
    found: dict[str, list[Entry]] = {}
    read = entry_reader()
    for entry in reader.entries():
        for known in _beginning(decisions(read(entry.raw)), text):
            found.setdefault(known, []).append(entry)
    entries = found.get(text) or next(iter(found.values()), [])
    if not entries or (text not in found and len(found) > 1):
        got = f"{len(found)} decisions that begin so" if found else "nothing"
        raise StorageError("SM7112", subject=text[:80], got=got, want="a decision id of this log")
    return tuple(entries)


def _beginning(ids: list[str], text: str) -> Iterator[str]:
    return (known for known in ids if text and known.startswith(text))
