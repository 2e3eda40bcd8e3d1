"""Writes docs/errors.md from the catalogue: `python -m tests.support.errors_page`."""

from __future__ import annotations

from pathlib import Path

from secmount.errors.catalog import entries

PAGE = Path(__file__).resolve().parents[2] / "docs" / "errors.md"
_FAMILIES = {
    "SM1": "Input and configuration",
    "SM2": "Signatures and keys",
    "SM3": "Decisions",
    "SM4": "Registries and layouts",
    "SM5": "Content",
    "SM6": "Mounts",
    "SM7": "Store and audit log",
    "SM9": "Bugs",
}
_HEAD = """\
# Errors

Generated from `secmount/errors/codes/`; `secmount explain CODE` says the same.

Exit statuses: 0 done or allowed · 1 a bug · 2 usage or configuration · 3 not found · 4 registry refused credentials ·
5 registry unreachable · 10 no signature · 12 signatures, none acceptable · 13 signature material invalid · 20 denied by
policy · 21 undecided · 30 content does not match, or a hostile archive · 32 mount failed · 40 audit log broken ·
50 local storage · 75 busy · 130 interrupted. A denial exits by its first failed check: 10, 13, 12, else 20.
"""


def page() -> str:
    """Write the page."""
    parts = [_HEAD]
    for family, title in _FAMILIES.items():
        parts.append(f"\n## {title}\n")
        for entry in entries(family).values():
            text = " ".join(entry.explain.split())
            helps = " · ".join(f"`{line}`" for line in entry.help)
            parts.append(
                f"\n### {entry.code}: {entry.title}\n\n{text}\n\n"
                f"Exit {entry.exit}, stage {entry.stage}. Consequence: {entry.consequence}. Next: {helps}\n"
            )
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
