"""Writes docs/formats/artifacts.md from the rows of `tests.conformance.producers`.

`python -m tests.conformance.page` writes the file; a test compares what is committed with it.
"""

from __future__ import annotations

from pathlib import Path

from tests.conformance.producers import ROWS

PAGE = Path(__file__).parents[2] / "docs" / "formats" / "artifacts.md"

HEAD = """\
# Artifacts: what mounts as what

This page is written by `python -m tests.conformance.page` from the rows that tests/conformance/test_producers.py runs;
a test fails if it is out of date. Every row is an artifact as its producer makes one, built to a tree and compared
path by path: type, content, link target, whether it is executable, and its time where the producer states one.

A layer is an archive, a file, or not known until its bytes are seen. In this order: the annotation
`io.deis.oras.content.unpack`; the media type, whose parts between `.` and `+` are looked at (`tar`, `tgz`; then `gzip`,
`gz`, `zstd`, `zst`); the bytes. Where the bytes are not what was said, the artifact is refused (SM5104). The one known
exception: a plain file that ORAS typed `….layer.v1.tar` because nobody typed it otherwise is the file that it is.

A file's name is the first of: `org.opencontainers.image.title`, `org.cncf.model.filepath`,
`org.cnai.model.filepath`, the fixed name of its producer, `sha256-` and 12 hexadecimal digits of its digest. A name
that leaves the tree in any spelling refuses the artifact; none is repaired. [tree.md](tree.md) says how layers become
one tree.

Adding a producer is adding a row to `secmount/oci/producers.py`, if it names its layers by none of the annotations, and
one to `tests/conformance/{models,packages,images}.py`.

"""


def page() -> str:
    """Give the page."""
    lines = ["| producer | artifact | mounts as | checked against |", "|---|---|---|---|"]
    for row in ROWS:
        checked = f"{row.source}; run: {row.real}" if row.real else row.source
        lines.append(f"| {row.producer} | {row.what} | {row.mounts} | {checked} |")
    return HEAD + "\n".join(lines) + "\n"


def write(path: Path = PAGE) -> None:
    """Write the page."""
    path.write_text(page(), "utf-8")


if __name__ == "__main__":
    write()
