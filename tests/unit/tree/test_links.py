"""Symbolic links of a finished tree: followed as the kernel would, never out of it."""

from __future__ import annotations

import pytest

from secmount.errors import ContentError
from secmount.tree import links
from secmount.tree.dump import walk
from secmount.tree.node import Directory, File, Symlink
from tests.support.trees import folder, link, whole


def check(root: Directory) -> None:
    links.check(root, [(path, node) for path, node in walk(root) if isinstance(node, Symlink)])


def code(root: Directory) -> str:
    with pytest.raises(ContentError) as caught:
        check(root)
    return caught.value.code


A = whole(b"a")


def test_links_that_stay_inside() -> None:
    inner = folder({"a": A, "up": link("../a"), "out and in": link("../d/../a"), "root": link("..")})
    check(
        folder(
            {
                "a": A,
                "d": inner,
                "l": link("d"),
                "m": link("l/a"),
                "n": link("./l//up"),
                "gone": link("nowhere/at/all"),
                "through a file": link("a/b"),
                "back": link("d/root/a"),
            }
        )
    )


@pytest.mark.parametrize("target", ["/", "/a", "..", "../tree/a", "d/../..", "./../a", "d/../../d/a"])
def test_letters_that_leave(target: str) -> None:
    assert code(folder({"a": A, "d": folder({"a": A}), "l": link(target)})) == "SM5112"


def test_links_that_leave_through_others() -> None:
    assert code(folder({"d": folder({"e": folder({"out": link("../up/..")}), "up": link("..")})})) == "SM5112"
    deep = folder({"y": folder({"z": link("../../b/b/b/b/a")})})
    check(folder({"a": A, "c": folder({"b": link("../b")}), "b": link("c"), "x": deep}))


def test_an_absolute_link_on_the_way_leaves() -> None:
    root = folder({"abs": link("/etc"), "l": link("abs/passwd")})
    with pytest.raises(ContentError) as caught:
        links.resolve(root, "l", subject="test")
    assert caught.value.code == "SM5112"


def test_cycles() -> None:
    assert code(folder({"l": link("l")})) == "SM5127"
    assert code(folder({"a": link("b"), "b": link("./a")})) == "SM5127"
    assert code(folder({"d": folder({"l": link("../d/l/x")})})) == "SM5127"


def test_forty_links_are_followed_and_no_more() -> None:
    chain = {f"l{n}": link(f"l{n - 1}" if n > 1 else "a") for n in range(1, 41)}
    check(folder({"a": A, **chain}))
    assert code(folder({"a": A, **chain, "l41": link("l40")})) == "SM5127"


def test_all_of_them_together_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "STEPS_LIMIT", 100)
    long = "d/../" * 10 + "a"
    check(folder({"a": A, "d": folder({}), **{f"l{n}": link(long) for n in range(4)}}))
    assert code(folder({"a": A, "d": folder({}), **{f"l{n}": link(long) for n in range(6)}})) == "SM5107"


def test_resolving() -> None:
    root = folder({"a": A, "d": folder({"b": A}), "l": link("d"), "m": link("l/b")})
    assert links.resolve(root, "m", subject="test") is A
    assert links.resolve(root, "l", subject="test") is root.entries["d"]
    assert isinstance(links.resolve(root, "l/b", subject="test"), File)
    assert links.resolve(root, "l/b/c", subject="test") is None
    assert links.resolve(root, "a/.", subject="test") is A
    assert links.resolve(root, "", subject="test") is root
