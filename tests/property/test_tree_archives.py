"""Archives with changed bytes: a tree that all readers agree on, or a code; never anything else."""

from __future__ import annotations

import io
import posixpath
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmount.errors import ContentError
from secmount.tree.archive.decompress import compression, decompress
from secmount.tree.archive.entry import Entry
from secmount.tree.archive.paths import Paths
from secmount.tree.dump import dump, parse, walk
from tests.support.archives import BLOCK
from tests.support.examples import examples
from tests.support.mutation import SEEDS, judge, mutants


@examples(300)
@given(mutants(), st.booleans())
def test_a_changed_archive_is_a_tree_or_a_code(data: bytes, image: bool) -> None:
    try:
        entries, root = judge(data, image=image)
    except ContentError as err:
        assert err.code.startswith("SM51")
        assert err.subject
        return
    assert len(parse(dump(root))) == 1 + sum(1 for _ in walk(root))
    for entry in entries:
        assert entry.path == "" or entry.path == posixpath.normpath(entry.path)
        assert not entry.path.startswith(("/", "../"))
        assert entry.path != ".."
    assert as_python_reads(data) == as_we_read(entries)


def as_we_read(entries: list[Entry]) -> list[tuple[str, str, int, str]]:
    return [(entry.path, entry.kind, entry.size, entry.target) for entry in entries]


def as_python_reads(data: bytes) -> list[tuple[str, str, int, str]]:
    """Read with `tarfile`: what we accept, it must read in the same way."""
    method = compression(data[:BLOCK])
    if method != "none":
        data = b"".join(decompress([data], method, subject="oracle", ratio=50))
    kinds = {tarfile.REGTYPE: "f", tarfile.AREGTYPE: "f", tarfile.CONTTYPE: "f"}
    kinds |= {tarfile.DIRTYPE: "d", tarfile.SYMTYPE: "l", tarfile.LNKTYPE: "h"}
    rows = []
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape", encoding="utf-8") as read:
        for member in read:
            kind = kinds[member.type]
            name = "" if member.name in {".", ""} else member.name.removeprefix("./").rstrip("/")
            target = member.linkname if kind in "lh" else ""
            rows.append((name, kind, member.size, target.removeprefix("./") if kind == "h" else target))
    return rows


@pytest.mark.parametrize("seed", range(len(SEEDS)))
@pytest.mark.parametrize("image", [False, True])
def test_the_seeds_are_sound(seed: int, image: bool) -> None:
    if seed == 5 and not image:
        with pytest.raises(ContentError) as caught:
            judge(SEEDS[seed], image=False)
        assert caught.value.code == "SM5113"
        return
    entries, _ = judge(SEEDS[seed], image=image)
    assert as_python_reads(SEEDS[seed]) == as_we_read(entries)


names = st.lists(st.sampled_from(["a", "b", "..", ".", "", "c:", "\\", "..\\x", "é", "\udcff", "\n"]), max_size=6)


@examples(300)
@given(st.lists(names.map("/".join), max_size=8), st.booleans())
def test_paths_are_judged_the_same_whatever_came_before(paths: list[str], directory: bool) -> None:
    """A path cleaner remembers directories; its verdicts must not depend on that."""
    remembering = Paths("layer 0")
    for path in paths:
        raw = path.encode("utf-8", "surrogateescape")
        assert verdict(remembering, raw, directory) == verdict(Paths("layer 0"), raw, directory)


def verdict(paths: Paths, raw: bytes, directory: bool) -> str:
    try:
        return paths.clean(raw, directory=directory)
    except ContentError as err:
        return err.code + ":"
