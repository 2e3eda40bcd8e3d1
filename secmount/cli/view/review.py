"""What the `audit` commands show, over the functions of `review`. The log is opened for as long as it is read."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict

from secmount import __version__
from secmount.app.assembly import Application, now_ms
from secmount.app.replay import evaluator
from secmount.cli.view import render
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings
from secmount.config.value import Config
from secmount.errors import InputError
from secmount.local.fault import faults
from secmount.policy.input import Request
from secmount.review import filter as filters
from secmount.review import listing, proof, text
from secmount.review import replay as replays
from secmount.review import show as stories
from secmount.review import stats as statistics
from secmount.review import verify as verification
from secmount.review.reader import Reader, open_log, read_verifier

PROOF_LIMIT = 1 << 20  # characters of a proof or checkpoint file


def log(
    config: Config,
    settings: Settings,
    *,
    since: str | None,
    until: str | None,
    exact: Mapping[str, str | None],
    follow: bool,
) -> Outcome:
    """List entries lazily; a table on a terminal or with -o text, NDJSON otherwise."""
    wanted = filters.parse(now_ms=now_ms(), since=since, until=until, **exact)
    table = settings.output == "text" and (settings.explicit or sys.stdout.isatty())
    return Outcome("audit-log", lines=_log_lines(config, wanted, table=table, follow=follow))


def _log_lines(config: Config, wanted: filters.Filter, *, table: bool, follow: bool) -> Iterator[str]:
    with _opened(config) as reader:
        if table:
            yield _row(listing.HEAD)
        for entry in listing.log(reader, wanted, newest_first=not follow):
            yield _row(listing.cells(entry)) if table else _json(listing.line(entry))
        start = reader.size
    if follow:
        with ExitStack() as held:

            def again() -> Reader:
                held.close()
                return held.enter_context(_opened(config))

            for entry in listing.follow(again, wanted, start=start, wait=time.sleep):
                yield _row(listing.cells(entry)) if table else _json(listing.line(entry))


def _json(line: bytes) -> str:
    """Give a line of JSON as the same value in visible ASCII: stdout may be a terminal."""
    text = line.decode().rstrip("\n")
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if " " <= char <= "~" else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return "\\u007f" if char == "\x7f" else json.dumps(char)[1:-1]


def _row(cells: Sequence[str]) -> str:
    widths = (19, 13, 18, 34, 12)
    shown = [render.escape(cell) for cell in cells]
    return "  ".join(
        [*(cell.ljust(width) for cell, width in zip(shown, widths, strict=False)), *shown[len(widths) :]]
    ).rstrip()


def show(config: Config, entry: str) -> Outcome:
    """Tell one decision's story; a part of it that cannot be shown is the outcome's error."""
    with _opened(config) as reader:
        story = stories.show(reader, entry)
    error = story.problems[0] if story.problems else None
    fields = {"story": text.story_document(story)}
    return Outcome("audit-show", tuple(text.story(story, render.escape)), fields, error=error)


def stats(config: Config, *, since: str | None, until: str | None) -> Outcome:
    """Count what happened in a period."""
    wanted = filters.parse(now_ms=now_ms(), since=since, until=until)
    with _opened(config) as reader:
        found = statistics.stats(reader, since=wanted.since, until=wanted.until)
    return Outcome("audit-stats", tuple(text.stats(found, render.escape)), {"stats": asdict(found)})


def verify(config: Config, *, checkpoints: Sequence[str], full: bool, key: str | None) -> Outcome:
    """Check the log; its first problem is the outcome's error."""
    notes = [(path, _read(path)) for path in checkpoints]
    with _opened(config, key) as reader:
        found = verification.verify(reader, checkpoints=notes, full=full)
    fields = {"verification": asdict(found)}
    return Outcome("audit-verify", tuple(text.verification(found, render.escape)), fields, error=found.error())


def verify_proof(path: str, key: str | None) -> Outcome:
    """Check a proof with nothing but the log's public key."""
    if key is None:
        raise InputError("SM1010", subject="--proof", got="no --key", want="the log's public key, as its owner gave it")
    found = proof.check(_read(path), read_verifier(key))
    fields = {"proven": {"index": found.index, "origin": found.checkpoint.origin, "record": dict(found.record)}}
    return Outcome("audit-verify", tuple(text.proven(found, render.escape)), fields)


def prove(config: Config, entry: str, path: str | None) -> Outcome:
    """Write an entry's proof to `path`, or show it."""
    with _opened(config) as reader:
        found = stories.find(reader, entry)
        made = proof.prove(reader, found[0]).text()
        key = str(reader.verifier)
    if path is not None:
        _write(path, made)
    lines = (made.rstrip("\n"),) if path is None else (f"proof  {render.escape(path)}", f"key    {key}")
    return Outcome("audit-prove", lines, {"proof": made, "key": key, "file": path})


def replay(
    application: Application, entry: str | None, *, every: bool, since: str | None, other: str | None
) -> Outcome:
    """Decide again; exit 20 if a decision came out otherwise under the policy that was recorded."""
    if every == (entry is not None):
        raise InputError("SM1010", subject="audit replay", got="both or neither", want="an ID or --all")
    wanted = filters.parse(now_ms=now_ms(), since=since)
    with _opened(application.config) as reader:
        entries = replays.decided(reader, wanted) if entry is None else iter(stories.find(reader, entry))
        evaluate = evaluator(application, other)
        found = list(replays.replay(reader, entries, evaluate, other_policy=other is not None))
    counts = {word: sum(row.outcome == word for row in found) for word in ("same", "changed", "impossible")}
    lines = [text.replayed(row, render.escape) for row in found if row.outcome != "same" or entry is not None]
    lines.append(", ".join(f"{count} {word}" for word, count in counts.items()))
    status = 20 if counts["changed"] and other is None else 0
    return Outcome(
        "audit-replay", tuple(lines), {"replayed": [asdict(row) for row in found], "counts": counts}, exit=status
    )


def export(
    config: Config,
    settings: Settings,
    request: Request,
    entry: str | None,
    *,
    form: str,
    key: str | None,
    since: str | None,
) -> Outcome:
    """Export for other tools: lines for OPA's, one signed envelope for SLSA's."""
    if form == "opa":
        return Outcome("audit-export", lines=_opa_lines(config, entry, since))
    if form != "vsa" or entry is None:
        raise InputError("SM1010", subject="audit export", got=form, want="--format opa, or --format vsa ID")
    from secmount.app.keyuse import record_use, statement_key
    from secmount.review.export import vsa

    private = statement_key(config, key)
    with _opened(config) as reader:
        (found, *_) = stories.find(reader, entry)
        summary = vsa.export(reader, found, private, version=__version__)
    settings.learned["warnings"] = record_use(
        config,
        request,
        "verification summary",
        principal=summary.principal,
        subject=found.record["subject"],
        reference=found.record["reference"],
    )
    return Outcome("audit-export", lines=iter([summary.envelope.decode()]))


def _opa_lines(config: Config, entry: str | None, since: str | None) -> Iterator[str]:
    from secmount.review.export import opa

    wanted = filters.parse(now_ms=now_ms(), since=since)
    with _opened(config) as reader:
        entries = replays.decided(reader, wanted) if entry is None else iter(stories.find(reader, entry))
        for line in opa.export(reader, entries, version=__version__):
            yield _json(line)


def report(config: Config, *, since: str | None, until: str | None, path: str) -> Outcome:
    """Write the HTML page of a period."""
    from secmount.review.report import page

    wanted = filters.parse(now_ms=now_ms(), since=since, until=until)
    with _opened(config) as reader:
        verified = verification.verify(reader)
        made = page.report(reader, now_ms=now_ms(), since=wanted.since, until=wanted.until, verified=verified)
    _write(path, made)
    return Outcome("audit-report", (f"wrote  {render.escape(path)}",), {"file": path}, error=verified.error())


def _opened(config: Config, key: str | None = None) -> AbstractContextManager[Reader]:
    verifier = None if key is None else read_verifier(key)
    return open_log(config.audit, uid=os.geteuid(), state=config.state, verifier=verifier)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(PROOF_LIMIT)
    except (OSError, UnicodeDecodeError) as err:
        raise InputError("SM1020", subject=path, got=str(err), want="a readable text file") from err


def _write(path: str, content: str) -> None:
    with faults(path), open(path, "w", encoding="utf-8") as file:
        file.write(content)
