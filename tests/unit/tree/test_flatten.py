"""Layers into one tree: who wins, what merges, what whiteouts take, where links lead."""

from __future__ import annotations

from typing import Any

import pytest

from secmount.errors import ContentError
from secmount.oci.digest import Digest
from secmount.tree.archive.entry import Entry, Layer, Note
from secmount.tree.dump import walk
from secmount.tree.flatten import Flat, flatten
from secmount.tree.node import Directory, Dropped, File, Symlink

BLOB = Digest.of(b"blob")
HEX = Digest.of(b"").hex


def file(path: str, *, mark: int = 0, mtime: int = 5) -> Entry:
    """`mark` tells files apart: it is their offset."""
    return Entry(path, "f", False, mtime, mark, 1, HEX, "")


def folder(path: str, *, mtime: int = 5) -> Entry:
    return Entry(path, "d", False, mtime, 0, 0, "", "")


def link(path: str, target: str) -> Entry:
    return Entry(path, "l", False, 5, 0, 0, "", target)


def hard(path: str, target: str) -> Entry:
    return Entry(path, "h", False, 5, 0, 0, "", target)


def flat(*layers: list[Entry], image: bool = False, **more: Any) -> Flat:
    rows = [Layer(position, BLOB, entries, image) for position, entries in enumerate(layers)]
    return flatten(rows, **more)


def shown(result: Flat) -> dict[str, str]:
    """Give every path: `/` for a directory, a file's mark, or `-> target`."""
    return {path: describe(node) for path, node in walk(result.root)}


def describe(node: File | Symlink | Directory) -> str:
    if isinstance(node, Directory):
        return "/"
    return f"-> {node.target}" if isinstance(node, Symlink) else str(node.extent.offset)


def code(*layers: list[Entry], image: bool = False, **more: Any) -> str:
    with pytest.raises(ContentError) as caught:
        flat(*layers, image=image, **more)
    assert caught.value.subject
    return caught.value.code


def test_nothing_is_an_empty_tree() -> None:
    assert shown(flat()) == {}
    assert shown(flat([])) == {}


def test_a_later_layer_wins_and_directories_merge() -> None:
    result = flat(
        [folder("d"), file("d/a", mark=1), file("d/b", mark=2), file("c", mark=3)],
        [folder("d", mtime=9), file("d/b", mark=4), file("e", mark=5)],
    )
    assert shown(result) == {"c": "3", "d": "/", "d/a": "1", "d/b": "4", "e": "5"}
    assert result.dropped == (Dropped("d/b", 0, "replaced by layer 1"),)
    merged = result.root.entries["d"]
    assert isinstance(merged, Directory)
    assert (merged.mtime, merged.layer) == (9, 1)


@pytest.mark.parametrize("image", [False, True])
def test_types_replace_each_other_between_layers(image: bool) -> None:
    lower = [folder("a"), file("a/x"), file("b"), link("c", "b")]
    upper = [file("a", mark=1), folder("b"), file("b/y", mark=2), folder("c"), file("c/z", mark=3)]
    assert shown(flat(lower, upper, image=image)) == {"a": "1", "b": "/", "b/y": "2", "c": "/", "c/z": "3"}


def test_a_file_gives_way_to_a_directory_that_nobody_names() -> None:
    result = flat([file("a")], [file("a/b", mark=1)])
    assert shown(result) == {"a": "/", "a/b": "1"}
    assert result.dropped == (Dropped("a", 0, "replaced by layer 1"),)


def test_missing_directories_are_made() -> None:
    result = flat([file("a/b/c", mtime=7)])
    made = result.root.entries["a"]
    assert shown(result) == {"a": "/", "a/b": "/", "a/b/c": "0"}
    assert isinstance(made, Directory)
    assert (made.mtime, made.layer) == (7, 0)


def test_the_root_keeps_its_time() -> None:
    assert flat([folder("", mtime=8), file("a")]).root.mtime == 8


def test_names_are_in_the_order_of_their_bytes() -> None:
    names = ["\udc80", "z", "é", "\uffff", "\U00010000", "Z", "a-b", "a"]
    assert list(flat([file(name) for name in names]).root.entries) == sorted(
        names, key=lambda name: name.encode("utf-8", "surrogateescape")
    )


def test_the_same_path_twice_in_one_layer() -> None:
    result = flat([file("a", mark=1), file("a", mark=2)])
    assert shown(result) == {"a": "2"}
    assert result.dropped == (Dropped("a", 0, "replaced by a later entry of its layer"),)
    assert code([file("a"), file("a")], on_conflict="error") == "SM5115"
    assert shown(flat([link("a", "b"), link("a", "b")])) == {"a": "-> b"}


def test_the_same_path_twice_in_one_layer_with_a_difference() -> None:
    other = file("a")._replace(digest=Digest.of(b"other").hex)
    assert code([file("a"), other]) == "SM5115"
    assert code([file("a"), file("a")._replace(executable=True)], image=True) == "SM5115"
    assert code([link("a", "b"), link("a", "c")]) == "SM5115"
    assert code([other, file("b"), hard("a", "b")]) == "SM5115"
    assert shown(flat([file("a")], [other])) == {"a": "0"}


def test_conflicts_are_errors_where_asked() -> None:
    assert code([file("a")], [file("a")], on_conflict="error") == "SM5115"
    assert code([file("a")], [folder("a")], on_conflict="error") == "SM5115"
    assert code([file("a")], [file("a/b")], on_conflict="error") == "SM5115"
    assert shown(flat([folder("d"), file("d/a")], [folder("d"), file("d/b")], on_conflict="error")) == {
        "d": "/",
        "d/a": "0",
        "d/b": "0",
    }
    assert shown(flat([file("a")], [file("a", mark=1)], image=True, on_conflict="error")) == {"a": "1"}


def test_hard_links_are_one_file() -> None:
    result = flat([file("a", mark=1), hard("b", "a"), hard("c", "b")], [file("a", mark=2)])
    assert shown(result) == {"a": "2", "b": "1", "c": "1"}
    assert result.root.entries["b"] is result.root.entries["c"]


@pytest.mark.parametrize("image", [False, True])
def test_hard_links_reach_into_earlier_layers(image: bool) -> None:
    result = flat([folder("d"), file("d/a", mark=1)], [hard("b", "d/a")], image=image)
    folder_d = result.root.entries["d"]
    assert isinstance(folder_d, Directory)
    assert result.root.entries["b"] is folder_d.entries["a"]


def test_a_hard_link_to_a_symlink_is_the_symlink() -> None:
    assert shown(flat([link("l", "a"), hard("m", "l")])) == {"l": "-> a", "m": "-> a"}


def test_a_hard_link_to_itself_changes_nothing() -> None:
    assert shown(flat([file("a", mark=1)], [hard("a", "a")])) == {"a": "1"}


def test_what_a_linked_name_is_counts_for_its_layer() -> None:
    assert code([file("a")], [hard("b", "a"), folder("b")]) == "SM5114"
    assert shown(flat([file("a", mark=1)], [hard("b", "a"), file("b", mark=2)])) == {"a": "1", "b": "2"}


def test_entries_below_symlinks_are_refused() -> None:
    assert code([folder("d"), link("l", "d"), file("l/a")]) == "SM5113"
    assert code([folder("d"), link("l", "d")], [file("l/a")]) == "SM5113"
    assert code([folder("d"), link("l", "d")], [hard("h", "l/a")]) == "SM5113"


def test_notes_of_layers_become_dropped() -> None:
    layer = Layer(3, BLOB, [file("a")], False, (Note("a", "setuid"),))
    assert flatten([layer]).dropped == (Dropped("a", 3, "setuid"),)


def test_a_withheld_file_hides_what_was_there() -> None:
    lower = Layer(0, BLOB, [folder("d"), file("d/a"), file("b")])
    result = flatten(
        [lower, Layer(1, BLOB, (), mask="d/a"), Layer(2, BLOB, (), mask="b"), Layer(3, BLOB, (), mask="x/y")]
    )
    assert shown(result) == {"d": "/"}
    assert result.dropped == (
        Dropped("d/a", 0, "hidden by withheld layer 1"),
        Dropped("b", 0, "hidden by withheld layer 2"),
    )


def test_a_withheld_file_hides_a_directory_and_later_layers_come_back() -> None:
    lower = Layer(0, BLOB, [folder("d"), file("d/a")])
    upper = Layer(2, BLOB, [file("d/b", mark=2)])
    assert shown(flatten([lower, Layer(1, BLOB, (), mask="d"), upper])) == {"d": "/", "d/b": "2"}


def test_a_hard_link_to_what_is_withheld_is_refused() -> None:
    layers = [Layer(0, BLOB, [file("a")]), Layer(1, BLOB, (), mask="a"), Layer(2, BLOB, [hard("b", "a")])]
    with pytest.raises(ContentError) as caught:
        flatten(layers)
    assert caught.value.code == "SM5111"


def test_a_withheld_file_below_a_symlink_is_refused() -> None:
    layers = [Layer(0, BLOB, [folder("d"), file("d/a"), link("l", "d")]), Layer(1, BLOB, (), mask="l/a")]
    with pytest.raises(ContentError) as caught:
        flatten(layers)
    assert caught.value.code == "SM5113"


def test_whiteouts_take_from_lower_layers() -> None:
    result = flat([folder("d"), file("d/a"), file("d/b"), file("c")], [file("d/.wh.a"), file(".wh.c")], image=True)
    assert shown(result) == {"d": "/", "d/b": "0"}
    assert result.dropped == (Dropped("d/a", 0, "whiteout in layer 1"), Dropped("c", 0, "whiteout in layer 1"))


def test_a_whiteout_of_a_directory_takes_all_of_it() -> None:
    assert shown(flat([file("d/e/a"), file("d/b")], [file(".wh.d")], image=True)) == {}


@pytest.mark.parametrize("first", [True, False])
def test_a_whiteout_spares_its_own_layer(first: bool) -> None:
    mark, new = file(".wh.d"), [folder("d"), file("d/new", mark=1)]
    upper = [mark, *new] if first else [*new, mark]
    assert shown(flat([file("d/old")], upper, image=True)) == {"d": "/", "d/new": "1"}


@pytest.mark.parametrize("first", [True, False])
def test_an_opaque_directory_takes_what_was_below_it(first: bool) -> None:
    mark, new = file("d/.wh..wh..opq"), file("d/new", mark=1)
    upper = [folder("d"), *((mark, new) if first else (new, mark))]
    result = flat([file("d/a"), file("d/e/b"), file("f")], upper, image=True)
    assert shown(result) == {"d": "/", "d/new": "1", "f": "0"}
    assert Dropped("d/e", 0, "opaque directory in layer 1") in result.dropped


def test_an_opaque_root() -> None:
    assert shown(flat([file("a"), file("d/b")], [file(".wh..wh..opq"), file("c", mark=1)], image=True)) == {"c": "1"}


def test_whiteouts_of_what_is_not_there_do_nothing() -> None:
    upper = [file("x/.wh.y"), file("d/.wh.z"), file("e/.wh..wh..opq"), file("a/.wh.b")]
    assert shown(flat([file("d/a"), file("a")], upper, image=True)) == {"a": "0", "d": "/", "d/a": "0"}


def test_whiteouts_outside_of_images_are_files() -> None:
    assert shown(flat([file("a")], [file(".wh.a", mark=1)])) == {".wh.a": "1", "a": "0"}


def test_what_aufs_left_is_dropped() -> None:
    result = flat([file(".wh..wh.aufs"), folder(".wh..wh.plnk"), file(".wh..wh.plnk/1.2"), file("a")], image=True)
    assert shown(result) == {"a": "0"}
    assert {drop.reason for drop in result.dropped} == {"aufs metadata"}


def test_names_that_only_look_like_whiteouts() -> None:
    assert shown(flat([file("a.wh.b"), file("d.wh.x/c")], image=True)) == {
        "a.wh.b": "0",
        "d.wh.x": "/",
        "d.wh.x/c": "0",
    }


@pytest.mark.parametrize("entry", [file(".wh."), file("d/.wh.."), file("d/.wh..."), folder(".wh.a"), file(".wh.a/b")])
def test_malformed_whiteouts(entry: Entry) -> None:
    assert code([entry], image=True) == "SM5116"


def test_a_hard_link_may_lead_to_what_its_layer_takes_away() -> None:
    lower = [folder("d"), file("d/a", mark=1), file("b", mark=2)]
    assert shown(flat(lower, [hard("c", "b"), file(".wh.b")], image=True))["c"] == "2"
    assert shown(flat(lower, [file(".wh.d"), hard("c", "d/a")], image=True))["c"] == "1"
    assert code(lower, [file(".wh.d"), hard("c", "d/x")], image=True) == "SM5111"
    assert code(lower, [file(".wh.b")], [hard("c", "b")], image=True) == "SM5111"


@pytest.mark.parametrize("target", ["real", "/real", "./real/", "../../real", "real/../real", "other/../real", "via"])
def test_image_entries_go_where_symlinks_lead(target: str) -> None:
    lower = [folder("real"), file("real/a"), folder("other"), link("via", "/real"), link("l", target)]
    result = flat(lower, [file("l/b", mark=1), folder("l/c"), link("l/d", "a"), hard("h", "l/a")], image=True)
    paths = shown(result)
    assert paths["l"] == f"-> {target}"
    assert (paths["real/b"], paths["real/c"], paths["real/d"], paths["h"]) == ("1", "/", "-> a", "0")
    assert shown(flat(lower, [file("l/.wh.a")], image=True)).get("real/a") is None


def test_image_entries_make_what_a_symlink_leads_to() -> None:
    assert shown(flat([link("l", "x/y")], [file("l/a", mark=1)], image=True))["x/y/a"] == "1"


def test_a_symlink_itself_is_replaced_not_followed() -> None:
    lower = [folder("d"), file("d/a"), link("l", "d")]
    assert shown(flat(lower, [file("l", mark=1)], image=True)) == {"d": "/", "d/a": "0", "l": "1"}
    assert shown(flat(lower, [folder("l")], image=True)) == {"d": "/", "d/a": "0", "l": "/"}


def test_what_a_symlink_leads_through_is_in_use() -> None:
    assert code([folder("d/e"), link("l", "d/e")], [file("l/a"), file("d")], image=True) == "SM5114"


def test_symlinks_that_lead_nowhere_in_images() -> None:
    assert code([link("a", "b"), link("b", "a"), file("a/c")], image=True) == "SM5127"
    assert code([file("f"), link("l", "f"), file("l/a")], image=True) == "SM5113"
    assert code([link("l", "f"), hard("h", "l/a")], image=True) == "SM5111"
