"""`audit replay`: decide recorded inputs again, by the policy of then or by another, and say what would change.

How to decide is the caller's: a function of the recorded input and a policy. The log gives the input, hashed, and the
files of the policy that was loaded, hashed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

from secmount.audit.entry import Entry
from secmount.errors import SecmountError, StorageError
from secmount.oci import canonical, exact
from secmount.review.filter import Filter
from secmount.review.listing import log
from secmount.review.reader import Reader
from secmount.value import dataclass

INPUT_LIMIT = 64 << 20  # bytes
SIGNATURE_CODES = frozenset({"SM3003", "SM3004", "SM3005", "SM3010", "SM3011", "SM3012", "SM3013"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What deciding anew gave."""

    verdict: str
    deny: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedPolicy:
    """The files of a policy folder as they were loaded, by path."""

    revision: str
    files: Mapping[str, bytes]


Evaluate = Callable[[Mapping[str, Any], RecordedPolicy | None], Answer]


@dataclass(frozen=True, slots=True)
class Replayed:
    """One decision, then and now. `outcome`: same, changed, or impossible (then `reason` says why).

    With the recorded policy, `changed` means that the decision was not reproducible.
    """

    index: int
    decision_id: str | None
    reference: str | None
    subject: str | None
    outcome: Literal["same", "changed", "impossible"]
    then: Answer
    now: Answer | None
    reason: str | None = None


def replay(
    reader: Reader, entries: Iterable[Entry], evaluate: Evaluate, *, other_policy: bool = False
) -> Iterator[Replayed]:
    """Decide `entries` again; those that are no decisions are passed over.

    `other_policy`: `evaluate` brings a policy of its own (`--policy DIR`) and gets None; otherwise it gets the recorded
    one. A fault of the world in `evaluate` makes that decision impossible to repeat, not the replay.
    """
    policies: dict[str, RecordedPolicy | StorageError] = {}
    for entry in entries:
        record = entry.record
        if record["kind"] != "decision" or record.get("verdict") is None or entry.index is None:
            continue
        then = Answer(record["verdict"], tuple(_texts(record.get("deny"))))
        now, reason = _again(reader, record, evaluate, None if other_policy else policies)
        outcome: Literal["same", "changed", "impossible"] = "impossible"
        if now is not None:
            same = now.verdict == then.verdict and _reasons(now) == _reasons(then)
            outcome = "same" if same else "changed"
        yield Replayed(
            entry.index,
            record.get("decision_id"),
            record.get("reference"),
            record.get("subject"),
            outcome,
            then,
            now,
            reason,
        )


def _reasons(answer: Answer) -> set[str]:
    """Give the codes of a denial; those that say in which way signatures fell short count as one.

    Which of them it is also depends on material that did not count, and that is not part of the input.
    """
    return {"signatures" if code in SIGNATURE_CODES else code for code in answer.deny}


def decided(reader: Reader, wanted: Filter) -> Iterator[Entry]:
    """Give the decisions that `wanted` matches, oldest first: what `replay --all` takes."""
    return (entry for entry in log(reader, wanted, newest_first=False) if entry.record["kind"] == "decision")


def recorded_policy(reader: Reader, revision: str) -> RecordedPolicy:
    """Find the policy of `revision` among the policies that were loaded; raise `StorageError` SM7112 or SM7109."""
    for entry in log(reader, Filter(kind="policy.loaded", revision=revision)):
        details = entry.record.get("details")
        if details is None and isinstance(parts := entry.record.get("parts"), Mapping) and "details" in parts:
            details = exact.read(reader.folder.part(parts["details"]), limit=INPUT_LIMIT, subject=parts["details"])
        files = details.get("files") if isinstance(details, Mapping) else None
        if isinstance(files, Mapping):
            return RecordedPolicy(revision, {path: reader.folder.part(str(digest)) for path, digest in files.items()})
    raise StorageError(
        "SM7112", subject=f"policy {revision}", got="no record of its files", want="a policy.loaded entry"
    )


def _again(
    reader: Reader,
    record: Mapping[str, Any],
    evaluate: Evaluate,
    policies: dict[str, RecordedPolicy | StorageError] | None,
) -> tuple[Answer | None, str | None]:
    try:
        document = _input(reader, record)
        if isinstance(document, str):
            return None, document
        policy = None if policies is None else _policy(reader, record.get("policy_revision"), policies)
        return evaluate(document, policy), None
    except SecmountError as err:
        return None, str(err)


def _input(reader: Reader, record: Mapping[str, Any]) -> Mapping[str, Any] | str:
    digest = record.get("input_sha256")
    if digest is None:
        return "the record has no input: it was denied before one could be made"
    raw = reader.folder.part(digest)
    document = exact.read(raw, limit=INPUT_LIMIT, subject=digest)
    if not isinstance(document, Mapping):
        return "the input is no object"
    if "masked" in document:
        return f"parts of the input are masked: {', '.join(_texts(document['masked']))}"
    if canonical.encode(document) != raw:
        return "the input is not the canonical JSON that was recorded"
    return document


def _policy(reader: Reader, revision: str | None, known: dict[str, RecordedPolicy | StorageError]) -> RecordedPolicy:
    if revision is None:
        raise StorageError("SM7112", subject="policy", got="no revision in the record", want="one")
    if revision not in known:
        try:
            known[revision] = recorded_policy(reader, revision)
        except StorageError as err:
            known[revision] = err
    found = known[revision]
    if isinstance(found, StorageError):
        raise found
    return found


def _texts(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
