"""Decisions over time as an inline SVG: stacked bars, axes, and titles that a screen reader speaks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from secmount.oci import instant
from secmount.value import dataclass

STEPS: Final = tuple(
    unit * count
    for unit, counts in ((60_000, (1, 5, 15)), (3_600_000, (1, 3, 6, 12)), (86_400_000, (1, 7, 28, 91, 364)))
    for count in counts
)  # milliseconds that a bar can stand for
BARS: Final = 60  # at most
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 920, 220, 48, 40, 12  # user units
_LABEL = 80  # user units that a label on the axis takes


@dataclass(frozen=True, slots=True)
class Bar:
    """What happened from `start` (milliseconds) on, for one step."""

    start: int
    allowed: int
    denied: int


def bars(events: Iterable[tuple[int, bool, int]], *, since: int, until: int) -> tuple[list[Bar], int]:
    """Count events (time, denied, occurrences) of the period into at most BARS bars; give them with their step."""
    span = max(until - since, 1)
    step = next((step for step in STEPS if span <= step * BARS), -(-span // BARS))
    first = since // step * step
    counts = [[0, 0] for _ in range(min(BARS + 1, (until - 1 - first) // step + 1))]
    for time, denied, occurrences in events:
        at = (time - first) // step
        if 0 <= at < len(counts):
            counts[at][int(denied)] += occurrences
    return [Bar(first + at * step, allowed, denied) for at, (allowed, denied) in enumerate(counts)], step


def svg(found: Sequence[Bar], step: int) -> str:
    """Draw the bars; every text in it is ours."""
    top = max((bar.allowed + bar.denied for bar in found), default=0)
    scale = _rounded(top)
    plot = _HEIGHT - _BOTTOM - _TOP
    width = (_WIDTH - _LEFT - 8) / max(len(found), 1)
    shapes = [_grid(scale, plot)]
    for at, bar in enumerate(found):
        x = _LEFT + at * width
        high = bar.denied * plot / scale
        low = bar.allowed * plot / scale
        title = f"{instant.render(bar.start)[:16].replace('T', ' ')}: {bar.denied} denied, {bar.allowed} allowed"
        base = _TOP + plot
        shapes.append(
            f'<g><title>{title}</title><rect class="hit" x="{x:.1f}" y="{_TOP}" width="{width:.1f}" height="{plot}"/>'
            f'<rect class="denied" x="{x + 1:.1f}" y="{base - high:.1f}" width="{max(width - 2, 1):.1f}" '
            f'height="{high:.1f}"/><rect class="allowed" x="{x + 1:.1f}" y="{base - high - low:.1f}" '
            f'width="{max(width - 2, 1):.1f}" height="{low:.1f}"/></g>'
        )
    shapes += _labels(found, width, step)
    denied, allowed = sum(bar.denied for bar in found), sum(bar.allowed for bar in found)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="chart-title">'
        f'<title id="chart-title">Decisions over time: {denied} denied, {allowed} allowed</title>'
        f"{''.join(shapes)}</svg>"
    )


def step_name(step: int) -> str:
    """Name what one bar stands for."""
    for unit, name in ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute")):
        if step >= unit:
            count = step // unit
            return name if count == 1 else f"{count} {name}s"
    return f"{step} ms"


def _rounded(top: int) -> int:
    """Give the smallest 1, 2 or 5 times a power of ten that is not below `top`."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power >= top:
                return max(factor * power, 1)
        power *= 10


def _grid(scale: int, plot: int) -> str:
    lines = []
    for value in sorted({0, scale // 2, scale} if scale > 1 else {0, scale}):
        y = _TOP + plot - value * plot / scale
        lines.append(
            f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - 8}" y2="{y:.1f}"/>'
            f'<text class="axis" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value}</text>'
        )
    return "".join(lines)


def _labels(found: Sequence[Bar], width: float, step: int) -> list[str]:
    every = max(1, -(-len(found) // 7))
    labels: list[str] = []
    for at in range(0, len(found), every):
        text = instant.render(found[at].start)
        shown = text[:10] if step >= 86_400_000 else text[5:16].replace("T", " ")
        x = _LEFT + at * width
        if labels and x > _WIDTH - _LABEL:
            break  # it would be cut off
        labels.append(f'<text class="axis" x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 18}">{shown}</text>')
    return labels
