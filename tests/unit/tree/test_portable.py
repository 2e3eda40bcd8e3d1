"""Names that other file systems take for one, or do not have."""

from __future__ import annotations

import pytest

from secmount.errors import ContentError
from secmount.tree import portable
from tests.support.trees import folder, link, whole

A = whole(b"a")


def test_collisions_are_found_folder_by_folder() -> None:
    root = folder(
        {
            "Makefile": A,
            "makefile": link("Makefile"),
            "d": folder({"straße": A, "STRASSE": A, "é": A, "e\u0301": A, "K": A, "\u212a": A}),
            "e": folder({"makefile": A}),
        }
    )
    assert portable.collisions(root) == (
        ("Makefile", "makefile"),
        ("d/K", "d/\u212a"),
        ("d/STRASSE", "d/straße"),
        ("d/e\u0301", "d/é"),
    )


def test_names_that_differ_in_more_do_not_collide() -> None:
    assert portable.collisions(folder({"a": A, "b": folder({"a": A}), "ä": A, "\udcff": A})) == ()


def test_collisions_are_refused() -> None:
    root = folder({"A": A, "a": A})
    with pytest.raises(ContentError) as caught:
        portable.check(root, portable.collisions(root))
    assert (caught.value.code, caught.value.got) == ("SM5117", "'A', 'a'")


UNFIT = [
    "con",
    "NUL.txt",
    "Com1",
    "lpt9.log",
    "aux",
    "com¹",
    "a:b",
    "a?",
    "a\\b",
    "a|b",
    "<",
    'a"',
    "tab\t",
    "end.",
    "end ",
]


@pytest.mark.parametrize("name", [*UNFIT, "\udcff"])
def test_names_that_windows_cannot_store(name: str) -> None:
    with pytest.raises(ContentError) as caught:
        portable.check(folder({"d": folder({name: A})}), ())
    assert caught.value.code == "SM5126"


def test_names_that_every_file_system_has() -> None:
    portable.check(folder({name: A for name in ("console", "com10", "a.con", ".nul", "ünïcode", "a b", "nul-1")}), ())
