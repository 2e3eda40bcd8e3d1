"""`audit report --html`: one self-contained page for a period, to be read and kept by people without secmount."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from secmount.errors import catalog
from secmount.oci import instant
from secmount.review.filter import Filter
from secmount.review.reader import Reader
from secmount.review.report import chart, markup
from secmount.review.row import Row, split
from secmount.review.stats import Stats, count, rows
from secmount.review.verify import Verification

DENIALS: Final = 200  # rows of the table; the newest
TOP: Final = 12  # rows of the other tables
_FIRST: Final = frozenset({0})


def report(
    reader: Reader,
    *,
    now_ms: int,
    since: int | None = None,
    until: int | None = None,
    verified: Verification | None = None,
) -> str:
    """Give the page for a period (milliseconds; None: from the first entry, until now)."""
    events: list[tuple[int, bool, int]] = []
    denials: deque[Row] = deque(maxlen=DENIALS)
    wanted = Filter(since=since, until=until)
    found = count(_noted(rows(reader, wanted), events, denials), since=since, until=until)
    start = since if since is not None else min((time for time, _, _ in events), default=now_ms - 86_400_000)
    end = max(until or now_ms, start + 1)
    bars, step = chart.bars(events, since=start, until=end)
    title = f"secmount audit report, {_moment(start)} to {_moment(end)}"
    parts = [
        "<header><h1>secmount audit report</h1>",
        f"<p>{markup.text(_moment(start))} to {markup.text(_moment(end))} UTC</p>",
        _log(reader, verified, now_ms),
        "</header>",
        _tiles(found),
        f"<h2>Decisions over time</h2>{chart.svg(bars, step)}",
        f'<p class="soft"><span class="key bad">denied</span> &#160; <span class="key good">allowed</span> &#160; '
        f"one bar is {markup.text(chart.step_name(step))}</p>",
        _tables(found),
        f"<h2>Denials</h2>{_denials(denials, found)}",
    ]
    return markup.page(title, "\n".join(parts))


def _noted(found: Iterable[Row], events: list[tuple[int, bool, int]], denials: deque[Row]) -> Iterator[Row]:
    """Pass rows on, and keep what chart and table show of them."""
    for row in found:
        if row.kind == "decision" and row.verdict is not None:
            refused = row.verdict != "allowed"
            events.append((row.time, refused, row.occurrences))
            if refused:
                denials.append(row)
        yield row


def _log(reader: Reader, verified: Verification | None, now_ms: int) -> str:
    checkpoint = reader.checkpoint
    head = (
        f'<p class="soft">log <code>{markup.text(checkpoint.origin)}</code>, {checkpoint.size} entries, root '
        f"<code>{checkpoint.root.hex()}</code>, made {markup.text(_moment(now_ms))} UTC</p>"
    )
    if verified is None:
        return (
            head
            + '<p class="warn">The log was not verified for this report: run <code>secmount audit verify</code>.</p>'
        )
    if not verified.ok:
        what = "; ".join(f"{problem.code} {problem.subject}: {problem.got}" for problem in verified.problems)
        return head + f'<p class="bad">The log does not verify: {markup.text(what, 2000)}</p>'
    if not verified.anchored:
        return (
            head
            + '<p class="warn">The log verifies, but is not anchored: it was compared with no outside checkpoint.</p>'
        )
    places = ", ".join(f"{anchor.place} ({anchor.size} entries)" for anchor in verified.anchored)
    return head + f'<p class="good">The log verifies and continues what is remembered by {markup.text(places)}.</p>'


def _tiles(found: Stats) -> str:
    verdicts, kinds = dict(found.verdicts), dict(found.kinds)
    rows = [
        markup.tile("decisions", sum(verdicts.values())),
        markup.tile("allowed", verdicts.get("allowed", 0), "good"),
        markup.tile("denied", verdicts.get("denied", 0), "bad"),
        markup.tile("undecided", verdicts.get("undecided", 0), "warn"),
        markup.tile("mounted", kinds.get("mount.done", 0)),
        markup.tile("mounts failed", kinds.get("mount.failed", 0)),
        markup.tile("unmounted", kinds.get("unmount", 0)),
    ]
    return f'<section class="tiles">{"".join(rows)}</section>'


def _tables(found: Stats) -> str:
    one, both = frozenset({1}), frozenset({2})
    reasons = [(code, _title(code), number) for code, number in found.denials_by_code[:TOP]]
    latency = [
        (kind, each.count, f"{each.p50} ms", f"{each.p90} ms", f"{each.p99} ms", f"{each.longest} ms")
        for kind, each in found.latency
    ]
    sections = [
        ("Top reasons for denial", markup.table(("code", "reason", "denials"), reasons, numbers=both, whole=_FIRST)),
        ("Denied most", markup.table(("repository", "denials"), found.denials_by_repository[:TOP], numbers=one)),
        ("Signers that counted", markup.table(("signer", "decisions"), found.signers[:TOP], numbers=one)),
        (
            "How long it took",
            markup.table(
                ("step", "count", "median", "90 %", "99 %", "longest"),
                latency,
                numbers=frozenset(range(1, 6)),
                whole=_FIRST,
            ),
        ),
    ]
    return (
        f'<div class="columns">{"".join(f"<section><h2>{head}</h2>{body}</section>" for head, body in sections)}</div>'
    )


def _denials(denials: Sequence[Row] | deque[Row], found: Stats) -> str:
    total = sum(number for verdict, number in found.verdicts if verdict != "allowed")
    note = f'<p class="soft">the newest {len(denials)} entries of {total} denials</p>' if len(denials) < total else ""
    cells = [
        (
            _moment(row.time),
            row.reference or row.subject or "",
            " ".join(split(row.codes)) or row.verdict or "",
            row.namespace or "",
            row.user or "",
            row.occurrences,
            row.decision or "",
        )
        for row in reversed(denials)
    ]
    head = ("time (UTC)", "reference", "codes", "namespace", "user", "times", "decision")
    return note + markup.table(head, cells, numbers=frozenset({5}), whole=frozenset({0, 6}))


def _title(code: str) -> str:
    entry = catalog.entry(code)
    return entry.title if entry else ""


def _moment(ms: int) -> str:
    return instant.render(ms)[:19].replace("T", " ")
