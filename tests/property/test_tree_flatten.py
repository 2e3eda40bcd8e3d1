"""Flattening against a model that is too simple to be wrong: layers applied one by one to a table of paths."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from secmount.errors import ContentError
from secmount.oci.digest import Digest
from secmount.tree.archive.entry import Entry, Layer
from secmount.tree.dump import dump, parse, walk
from secmount.tree.flatten import flatten
from secmount.tree.node import Directory, Extent, File, Symlink
from tests.support.examples import examples

HEX = Digest.of(b"").hex
BLOB = Digest.of(b"blob")

part = st.sampled_from(["a", "b", "c"])
paths = st.lists(part, min_size=1, max_size=3).map("/".join)


@st.composite
def entries(draw: st.DrawFn, *, image: bool) -> Entry:
    path, kind = draw(paths), draw(st.sampled_from("ffdd" + ("wo" if image else "")))
    head, slash, name = path.rpartition("/")
    if kind == "w":
        return Entry(f"{head}{slash}.wh.{name}", "f", False, 0, 0, 0, HEX, "")
    if kind == "o":
        return Entry(f"{path}/.wh..wh..opq", "f", False, 0, 0, 0, HEX, "")
    return Entry(path, "f" if kind == "f" else "d", False, 0, draw(st.integers(0, 9)), 1, HEX, "")


def layers(*, image: bool) -> st.SearchStrategy[list[list[Entry]]]:
    return st.lists(st.lists(entries(image=image), max_size=8), max_size=4)


Table = dict[str, int]  # path to a file's mark, or -1 for a directory


def model(stack: list[list[Entry]], *, image: bool) -> Table | None:
    """Apply layers to a table; None where one layer has a path with two types."""
    table: Table = {}
    for layer in stack:
        marks = [entry for entry in layer if ".wh." in entry.path] if image else []
        for entry in marks:
            head, _, name = entry.path.rpartition("/")
            gone = f"{head}/" if name == ".wh..wh..opq" else "/".join(filter(None, (head, name.removeprefix(".wh."))))
            if name == ".wh..wh..opq":
                if table.get(head, -1) == -1:
                    table = {path: mark for path, mark in table.items() if not path.startswith(gone)}
            else:
                table = {path: m for path, m in table.items() if path != gone and not path.startswith(gone + "/")}
        mine: Table = {}
        for entry in layer:
            if entry in marks:
                continue
            parts = entry.path.split("/")
            steps = [("/".join(parts[:end]), -1) for end in range(1, len(parts))]
            steps.append((entry.path, entry.offset if entry.kind == "f" else -1))
            for path, mark in steps:
                if path in mine and (mine[path] == -1) != (mark == -1):
                    return None
                if mark != -1 or table.get(path, 0) != -1:
                    table = {p: m for p, m in table.items() if p != path and not p.startswith(path + "/")}
                table[path] = mine[path] = mark
    return table


def ours(stack: list[list[Entry]], *, image: bool) -> Table | None:
    rows = [Layer(position, BLOB, layer, image) for position, layer in enumerate(stack)]
    try:
        root = flatten(rows).root
    except ContentError as err:
        assert err.code == "SM5114"
        return None
    assert not any(isinstance(node, Symlink) for _, node in walk(root))
    return {path: node.extent.offset if isinstance(node, File) else -1 for path, node in walk(root)}


@examples(300)
@given(layers(image=False))
def test_plain_layers(stack: list[list[Entry]]) -> None:
    assert ours(stack, image=False) == model(stack, image=False)


@examples(300)
@given(layers(image=True))
def test_image_layers(stack: list[list[Entry]]) -> None:
    assert ours(stack, image=True) == model(stack, image=True)


@st.composite
def trees(draw: st.DrawFn, depth: int = 2) -> Directory:
    names = st.text(st.sampled_from("ab -\\\n~é\udcff\U00010000\ufffe"), min_size=1, max_size=3)
    found: dict[str, File | Symlink | Directory] = {}
    for name in draw(st.lists(names, max_size=4)):
        kind = draw(st.sampled_from("fld" if depth else "fl"))
        if kind == "d":
            found[name] = draw(trees(depth=depth - 1))
        elif kind == "l":
            found[name] = Symlink(draw(names), 0, 0)
        else:
            content = Digest.of(draw(st.binary(max_size=2)))
            found[name] = File(Extent(BLOB, 0, 1), content, draw(st.booleans()), 0, 0)
    return Directory(dict(sorted(found.items(), key=lambda item: item[0].encode("utf-8", "surrogateescape"))), 0, 0)


@examples(200)
@given(trees(), trees())
def test_the_dump_is_injective(one: Directory, other: Directory) -> None:
    assert (dump(one) == dump(other)) == (one == other)
    assert [row.path for row in parse(dump(one))] == ["", *(path for path, _ in walk(one))]
