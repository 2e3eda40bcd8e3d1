"""Folders packed by us: the same content gives the same bytes, and a reader gets back what was there."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from secmount.publish.pack.layers import Options
from secmount.publish.pack.package import Package, pack
from tests.support.examples import examples

NAMES = st.text(
    st.characters(codec="utf-8", categories=("L", "N"), include_characters="._- +"), min_size=1, max_size=40
)
CLEAN = NAMES.filter(lambda name: name not in {".", ".."} and len(name.encode()) < 200 and not name.startswith("~"))
FILES = st.tuples(st.binary(max_size=1200), st.booleans())
TREES = st.dictionaries(st.lists(CLEAN, min_size=1, max_size=3).map("/".join), FILES, max_size=8)
Tree = dict[str, tuple[bytes, bool]]


def written(tree: Tree, root: Path, *, order: int, mtime: int) -> Tree:
    """Write what fits into one tree, in this order; give what was written."""
    made: Tree = {}
    rows = sorted(tree.items())
    for path, (data, executable) in rows if order else reversed(rows):
        target = root / path
        if any(other.startswith(f"{path}/") or path.startswith(f"{other}/") for other in made):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(0o711 if executable else 0o640)
        os.utime(target, (mtime, mtime))
        made[path] = (data, executable)
    return made


def packed(root: Path) -> tuple[Package, bytes]:
    with pack([str(root)], Options("x")) as package:
        data = package.blobs[0].data
        return package, b"".join([data] if isinstance(data, bytes) else data)


def unpacked(data: bytes) -> Tree:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))) as archive:
        files = [(row, archive.extractfile(row)) for row in archive if row.isfile()]
        return {row.name: (file.read(), bool(row.mode & 0o100)) for row, file in files if file}


@examples(40)
@given(TREES, st.integers(0, 1 << 32))
def test_the_same_bytes_and_what_was_there(tree: Tree, mtime: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "1/model"), Path(folder, "2/model")
        first.mkdir(parents=True)
        second.mkdir(parents=True, mode=0o700)
        made = written(tree, first, order=1, mtime=mtime)
        written(made, second, order=0, mtime=0)
        (one, data), (two, _) = packed(first), packed(second)
        assert one.raw == two.raw
        assert unpacked(data) == {f"model/{name}": row for name, row in made.items()}
