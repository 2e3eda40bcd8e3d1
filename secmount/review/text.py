"""Results of the review as lines for a terminal. `escape` is the face's: text from outside passes through it only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from secmount.review.proof import Proven
from secmount.review.replay import Answer, Replayed
from secmount.review.show import Story
from secmount.review.stats import Stats
from secmount.review.verify import Verification

Escape = Callable[[object], str]


def verification(found: Verification, escape: Escape) -> Iterator[str]:
    """Say whether the log holds, and compared with what."""
    how = "entries, tiles, records, parts and index" if found.full else "entries and tiles"
    yield f"log     {escape(found.directory)}"
    yield f"origin  {escape(found.origin)}"
    yield f"key     {escape(found.key)}"
    yield f"size    {found.size} entries, root {found.root}"
    for problem in found.problems:
        yield f"✖ {problem.code} {escape(problem.subject)}: got {escape(problem.got)}, want {escape(problem.want)}"
    if found.ok:
        yield f"✔ {how} are what was signed"
    for anchor in found.anchored:
        yield f"✔ continues the {anchor.size} entries remembered by {escape(anchor.place)}"
    for note in found.notes:
        yield f"! {escape(note)}"


def proven(found: Proven, escape: Escape) -> Iterator[str]:
    """Say what a proof showed."""
    yield f"✔ entry {found.index} is in {escape(found.checkpoint.origin)} at {found.checkpoint.size} entries"
    record = found.record
    for name in ("time", "kind", "verdict", "decision_id", "reference", "subject", "policy_revision"):
        if record.get(name) is not None:
            yield f"  {name:<16}{escape(record[name])}"
    if record.get("signers"):
        yield f"  {'signers':<16}{escape(', '.join(record['signers']))}"


def stats(found: Stats, escape: Escape) -> Iterator[str]:
    """Lay out counts and percentiles."""
    yield f"{found.entries} entries"
    for head, rows in (
        ("verdicts", found.verdicts),
        ("denials by code", found.denials_by_code),
        ("denials by repository", found.denials_by_repository),
        ("signers that counted", found.signers),
        ("kinds", found.kinds),
    ):
        if rows:
            yield f"{head}:"
            width = max(len(escape(name)) for name, _ in rows)
            for name, number in rows:
                yield f"  {escape(name):<{width}}  {number}"
    for kind, each in found.latency:
        name = f"{escape(kind)}, {each.count} measured"
        yield f"{name}: p50 {each.p50} ms, p90 {each.p90} ms, p99 {each.p99} ms, longest {each.longest} ms"


def replayed(found: Replayed, escape: Escape) -> str:
    """Say in one line how a decision came out now."""
    name = escape(found.reference or found.subject or "")
    head = f"{found.outcome:<10}  {escape(found.decision_id or found.index)}  {name}"
    if found.outcome == "impossible" or found.now is None:
        return f"{head}  {escape(found.reason or '')}"
    return head if found.outcome == "same" else f"{head}  {_answer(found.then, escape)} → {_answer(found.now, escape)}"


def story(found: Story, escape: Escape) -> Iterator[str]:
    """Tell one decision from request to proof."""
    record = found.decision
    verdict = " ".join([escape(record.get("verdict") or record["kind"]), *_codes(record, escape)])
    yield f"decision {escape(found.id)}: {verdict}"
    yield from _facts(record, escape)
    rule = found.details.get("rule")
    if isinstance(rule, Mapping):
        yield f"rule {escape(rule.get('name'))} (policy.toml:{escape(rule.get('line'))})"
    for check in _rows(found.details, "checks"):
        yield f"  {'ok  ' if check.get('ok') else 'FAIL'}  {escape(check.get('id'))}"
        if check.get("got") is not None:
            yield f"        got:  {escape(check.get('got'))}"
        if check.get("want") is not None:
            yield f"        want: {escape(check.get('want'))}"
    for row in _rows(found.details, "considered"):
        yield f"signature {escape(row.get('material'))} ({escape(row.get('format'))}): {escape(row.get('outcome'))}"
        if row.get("code"):
            yield f"        {escape(row['code'])}: got {escape(row.get('got'))}, want {escape(row.get('want'))}"
    for row in found.withheld:
        yield f"withheld {escape(row.get('path'))} ({escape(row.get('reason'))})"
    yield from _effects(found, escape)
    yield from _proofs(found, escape)


def story_document(found: Story) -> dict[str, Any]:
    """Give a story as one JSON document's fields."""
    return {
        "id": found.id,
        "entries": [{"index": entry.index, **json.loads(entry.raw)} for entry in found.entries],
        "details": dict(found.details),
        "withheld": [dict(row) for row in found.withheld],
        "input": found.input,
        "proofs": [proof.text() for proof in found.proofs],
        "problems": [
            {"code": problem.code, "subject": problem.subject, "got": problem.got} for problem in found.problems
        ],
    }


def _facts(record: Mapping[str, Any], escape: Escape) -> Iterator[str]:
    request = record["request"] if isinstance(record.get("request"), Mapping) else {}
    asked = ", ".join(f"{name} {escape(value)}" for name, value in sorted(request.items()) if value is not None)
    rows = [
        ("time", record["time"]),
        ("reference", record.get("reference")),
        ("digest", record.get("subject")),
        ("policy", record.get("policy_revision")),
        ("engine", record.get("engine")),
        ("input", record.get("input_sha256")),
    ]
    if asked:
        yield f"  {'request':<10}{asked}"
    for name, value in rows:
        if value is not None:
            yield f"  {name:<10}{escape(value)}"
    for name, values in (("signers", record.get("signers")),):
        if isinstance(values, list) and values:
            yield f"  {name:<10}{escape(', '.join(map(str, values)))}"
    repeated = record.get("repeated")
    if isinstance(repeated, Mapping):
        yield f"  repeated  {repeated['count']} times, {escape(repeated['first'])} to {escape(repeated['last'])}"


def _effects(found: Story, escape: Escape) -> Iterator[str]:
    for record in found.effects:
        error = record.get("error")
        why = f": {escape(error.get('code'))} {escape(error.get('got') or '')}" if isinstance(error, Mapping) else ""
        target = f" {escape(record['target'])}" if record.get("target") else ""
        options = record.get("enforced")
        how = f" ({escape(','.join(map(str, options)))})" if isinstance(options, list) and options else ""
        yield f"{escape(record['time'])} {escape(record['kind'])}{target}{how}{why}"


def _proofs(found: Story, escape: Escape) -> Iterator[str]:
    if found.proofs:
        indices = ", ".join(str(proof.index) for proof in found.proofs)
        yield f"proven in the log: entries {indices}; to show it to others: secmount audit prove {escape(found.id)}"
    for problem in found.problems:
        yield f"✖ {problem.code} {escape(problem.subject)}: got {escape(problem.got)}, want {escape(problem.want)}"


def _codes(record: Mapping[str, Any], escape: Escape) -> list[str]:
    return [escape(code) for code in record["deny"]] if isinstance(record.get("deny"), list) else []


def _rows(details: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = details.get(name)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _answer(answer: Answer, escape: Escape) -> str:
    return " ".join([escape(answer.verdict), *map(escape, answer.deny)])
