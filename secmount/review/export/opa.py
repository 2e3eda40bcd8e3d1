"""`audit export --format opa`: decisions as lines of an OPA decision log, for tools that already read those.

Fields as in the Open Policy Agent documentation, Decision Logs: labels, decision_id, bundles, path, input, result,
requested_by, timestamp, metrics; `req_id` is the entry's index. What was masked is listed under `masked`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from secmount.audit.entry import Entry
from secmount.errors import SecmountError
from secmount.oci import canonical, exact
from secmount.review.reader import Reader

PATH: Final = "secmount/decision"
_INPUT_LIMIT = 64 << 20  # bytes


def export(reader: Reader, entries: Iterable[Entry], *, version: str) -> Iterator[bytes]:
    """Give one line of JSON for each decision among `entries`; an input that is missing or changed is left out."""
    for entry in entries:
        record = entry.record
        if record["kind"] == "decision":
            yield canonical.encode(event(reader, entry.index, record, version=version)) + b"\n"


def event(reader: Reader, index: int | None, record: Mapping[str, Any], *, version: str) -> dict[str, Any]:
    """Give the decision log event of one decision."""
    request = record["request"] if isinstance(record.get("request"), Mapping) else {}
    details = record["details"] if isinstance(record.get("details"), Mapping) else {}
    document = _input(reader, record.get("input_sha256"))
    elapsed = details.get("elapsed_ms")
    found: dict[str, Any] = {
        "labels": {"id": reader.checkpoint.origin, "app": "secmount", "version": version},
        "decision_id": record.get("decision_id"),
        "bundles": {"secmount": {"revision": record.get("policy_revision")}},
        "path": PATH,
        "input": document,
        "result": {
            "allow": record.get("verdict") == "allowed",
            "verdict": record.get("verdict"),
            "deny": record.get("deny"),
            "signers": record.get("signers"),
            "withheld": record.get("withheld"),
            "rule": details.get("rule"),
            "checks": details.get("checks"),
        },
        "requested_by": request.get("user"),
        "timestamp": record["time"],
        "req_id": index,
    }
    if isinstance(elapsed, int):
        found["metrics"] = {"timer_server_handler_ns": elapsed * 1_000_000}
    if isinstance(document, Mapping) and isinstance(document.get("masked"), list):
        found["masked"] = [f"/input{pointer}" for pointer in document["masked"]]
    return found


def _input(reader: Reader, digest: str | None) -> Any:
    if digest is None:
        return None
    try:
        return exact.read(reader.folder.part(digest), limit=_INPUT_LIMIT, subject=digest)
    except SecmountError:
        return None
