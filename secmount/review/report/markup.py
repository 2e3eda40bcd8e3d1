"""HTML for the report: escaping, tables, the style. Text from outside enters a page through `text` only."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
CELL_LIMIT: Final = 300  # characters of one cell

STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c2330;--soft:#5b6675;--line:#d9dfe7;--card:#f6f8fa;--bg:#fff;--bad:#b3261e;
--good:#1f7a4d;--warn:#8a5a00}
@media (prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa6b5;--line:#2e3744;--card:#1a212b;--bg:#11161d;
--bad:#ff8a80;--good:#6fd19c;--warn:#f0c36d}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:2rem 1.5rem 4rem;background:var(--bg);color:var(--ink);
font:15px/1.5 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
h1{font-size:1.6rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:2.2rem 0 .6rem}
p{margin:.25rem 0}.soft{color:var(--soft)}.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.75rem;margin:1.25rem 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.7rem .9rem}
.tile b{display:block;font-size:1.5rem;font-variant-numeric:tabular-nums}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(21rem,1fr));gap:0 1.75rem}
table{border-collapse:collapse;width:100%;font-size:.87rem}
th{text-align:left;font-weight:600;color:var(--soft);border-bottom:1px solid var(--line);padding:.3rem .6rem .3rem 0}
td{border-bottom:1px solid var(--line);padding:.3rem .6rem .3rem 0;vertical-align:top;overflow-wrap:anywhere}
th.number,td.number{text-align:right;font-variant-numeric:tabular-nums}
td.number,td.whole,th{white-space:nowrap}
.mono,code{font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:.92em}
svg{width:100%;height:auto;background:var(--card);border:1px solid var(--line);border-radius:.5rem}
svg .denied{fill:var(--bad)}svg .allowed{fill:var(--good);opacity:.55}svg .hit{fill:transparent}
svg .grid{stroke:var(--line)}svg .axis{fill:var(--soft);font-size:11px}
.key::before{content:"";display:inline-block;width:.7em;height:.7em;border-radius:2px;margin-right:.4em;
background:currentColor}
@media print{body{max-width:none;padding:0}.tile,svg{break-inside:avoid}}
"""


def text(value: object, limit: int = CELL_LIMIT) -> str:
    r"""Escape text from outside: markup, and characters that control, reorder or hide text, shown as `\\u{hex}`."""
    shown = "".join(
        f"\\u{{{ord(char):x}}}" if unicodedata.category(char) in _HIDDEN else char for char in str(value)[:limit]
    )
    return html.escape(shown + ("…" if len(str(value)) > limit else ""), quote=True)


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: frozenset[int] = frozenset(),
    whole: frozenset[int] = frozenset(),
) -> str:
    """Lay out rows; every cell is escaped here. `numbers` are the columns set to the right, `whole` never broken."""
    kinds = {**dict.fromkeys(whole, ' class="whole"'), **dict.fromkeys(numbers, ' class="number"')}
    cells = ("".join(f"<td{kinds.get(at, '')}>{text(cell)}</td>" for at, cell in enumerate(row)) for row in rows)
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    if not body:
        return '<p class="soft">none</p>'
    heads = "".join(f'<th scope="col"{kinds.get(at, "")}>{text(cell)}</th>' for at, cell in enumerate(head))
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def tile(label: str, value: object, kind: str = "") -> str:
    """Show one number large."""
    return f'<div class="tile"><b class="{text(kind)}">{text(value)}</b>{text(label)}</div>'


def page(title: str, body: str) -> str:
    """Wrap a body; the page may load nothing and run nothing."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
