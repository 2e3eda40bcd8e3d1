"""The HTML report: self-contained, and a hostile name is text wherever it stands."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from secmount.audit import record
from secmount.review.report import chart, markup, page
from secmount.review.verify import verify
from tests.support.logs import NOW, Desk, decision

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></td></table><iframe src=//evil.example>",
    "javascript:alert(1)",
    "\u202egnp.exe\u2066",
    "a\x1b[2Jb\x00c",
    "&lt;b&gt;",
    "x" * 5000,
)
ALLOWED = frozenset(
    """html head meta title style body header h1 h2 p code section div b svg g rect line text table thead tbody tr th td
    span""".split()  # noqa: SIM905 - readable
)


class Tags(HTMLParser):
    """Collects tags and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.data: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.data.append(data)


def made(desk: Desk, **named: int) -> str:
    with desk.reader() as reader:
        return page.report(reader, now_ms=NOW + 60_000, verified=verify(reader), **named)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text(desk: Desk, name: str) -> None:
    who = record.request(face="csi", use="csi", verb="mount", user=name, namespace=name, pod=name)
    with desk.open() as log:
        row = decision(1, verdict="denied", request=who, reference=name, signers=[name], deny=["SM3010", name])
        log.append({**row, "details": {"name": name, "elapsed_ms": 3}})
        log.append(decision(2, signers=[name]))
    seen = Tags()
    text = made(desk)
    seen.feed(text)
    assert seen.tags <= ALLOWED
    assert not {name for name in seen.attributes if name.startswith("on")} and "src" not in seen.attributes
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", text)
    shown = "".join(seen.data)
    if name.isascii() and name.isprintable():
        assert name[:200] in shown, "what was asked for is there to be read"


def test_the_page_loads_nothing_and_runs_nothing(desk: Desk) -> None:
    desk.fill(3)
    text = made(desk)
    assert "default-src 'none'" in text
    assert not re.search(r"(?i)\b(src|href|action)\s*=|url\(|@import|<script|<link", text)


def test_the_totals_and_the_state_of_the_log_are_said(desk: Desk) -> None:
    with desk.open() as log:
        log.append(decision(1))
        log.append(decision(2, verdict="denied"))
    text = made(desk)
    assert "The log verifies and continues" in text
    assert "Decisions over time: 1 denied, 1 allowed" in text
    with desk.reader(state=False) as reader:
        assert "is not anchored" in page.report(reader, now_ms=NOW, verified=verify(reader))
        assert "was not verified" in page.report(reader, now_ms=NOW)
    (bundle,) = (desk.folder / "tile/entries/000.p").iterdir()
    bundle.write_bytes(bundle.read_bytes().replace(b"alice", b"malry"))
    assert "The log does not verify: SM7106" in made(desk)


def test_a_period_without_decisions_is_a_page_too(desk: Desk) -> None:
    desk.fill(1)
    assert "Decisions over time: 0 denied, 0 allowed" in made(desk, since=NOW + 10_000, until=NOW + 20_000)


@pytest.mark.parametrize("span", [1, 59_000, 3_600_000, 86_400_000, 40 * 86_400_000, 4000 * 86_400_000])
def test_bars_hold_every_event_of_the_period(span: int) -> None:
    events = [(NOW + span * at // 10, bool(at % 2), 1 + at) for at in range(10)]
    found, step = chart.bars(events, since=NOW, until=NOW + span)
    assert len(found) <= chart.BARS + 1
    assert sum(bar.allowed + bar.denied for bar in found) == sum(count for _, _, count in events)
    drawn = chart.svg(found, step)
    assert drawn.count("<rect") == 3 * len(found)
    labels = [float(x) for x in re.findall(r'class="axis" x="([0-9.]+)" y="198"', drawn)]
    assert labels and max(labels) < 841 and len(labels) <= 7  # none is cut off by the edge at 920


def test_text_shows_what_hides() -> None:
    assert markup.text("a\u202eb<") == "a\\u{202e}b&lt;"
