"""Our `dataclass` beside the standard one: whatever the fields, values are built, compared, shown and copied alike."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import InitVar, field
from typing import Any, ClassVar

import pytest

from secmount.value import dataclass


def both(make: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Give a class by our decorator, and by the standard one."""
    return make(dataclass), make(dataclasses.dataclass)


def plain(decorator: Any) -> Any:
    @decorator(frozen=True, slots=True)
    class Plain:
        """With a default, a factory, a field that is not shown and one that is not compared."""

        name: str
        size: int = 5
        rows: list[int] = field(default_factory=list, hash=False)
        secret: str = field(repr=False, default="s")
        note: str = field(compare=False, default="n")

        @property
        def double(self) -> int:
            return self.size * 2

    return Plain


def checked(decorator: Any) -> Any:
    @decorator(frozen=True, slots=True)
    class Checked:
        size: int

        def __post_init__(self) -> None:
            if self.size < 0:
                raise ValueError("negative")

    return Checked


def empty(decorator: Any) -> Any:
    @decorator(frozen=True, slots=True)
    class Empty:
        pass

    return Empty


def own(decorator: Any) -> Any:
    @decorator(frozen=True, slots=True)
    class Own:
        name: str

        def __eq__(self, other: object) -> bool:
            return other.__class__ is self.__class__

        def __hash__(self) -> int:
            return 7

        def __repr__(self) -> str:
            return "own"

    return Own


def unusual(decorator: Any) -> Any:
    @decorator(frozen=True, slots=True)
    class Unusual:
        kind: ClassVar[str] = "k"
        name: str
        seal: InitVar[int] = 0  # type: ignore[assignment]

    return Unusual


def child(decorator: Any) -> Any:
    @decorator(frozen=True, slots=True)
    class Child(plain(decorator)):  # type: ignore[misc]
        more: int = 1

    return Child


@dataclass(frozen=True, slots=True)
class Kept:
    """At a module's top, as pickle wants it."""

    name: str
    rows: tuple[int, ...] = ()


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (plain, [("a",), ("a", 6), ("a", 6, [1]), ("b",), ("a", 5, [], "t"), ("a", 5, [], "s", "m")]),
        (checked, [(1,), (2,)]),
        (empty, [()]),
        (own, [("a",)]),
        (unusual, [("a",), ("a", 3), ("b",)]),
        (child, [("a",), ("a", 5, [], "s", "n", 2)]),
    ],
)
def test_alike(make: Callable[[Any], Any], arguments: list[tuple[Any, ...]]) -> None:
    ours, standard = both(make)
    mine, theirs = [ours(*row) for row in arguments], [standard(*row) for row in arguments]
    for a, b in zip(mine, theirs, strict=True):
        assert repr(a).rpartition(".")[2] == repr(b).rpartition(".")[2]
        assert dataclasses.asdict(a) == dataclasses.asdict(b)
        assert hash(a) == hash(b)
        assert copy.copy(a) == a == copy.deepcopy(a) == dataclasses.replace(a)
        assert not hasattr(a, "__dict__")
    assert [[a == other for other in mine] for a in mine] == [[b == other for other in theirs] for b in theirs]
    assert [row.name for row in dataclasses.fields(ours)] == [row.name for row in dataclasses.fields(standard)]
    assert ours.__match_args__ == standard.__match_args__
    assert ours.__slots__ == standard.__slots__
    assert all(a != b for a, b in zip(mine, theirs, strict=True))


def test_named_arguments_and_defaults() -> None:
    value = plain(dataclass)(size=7, name="x")
    assert (value.size, value.rows, value.double) == (7, [], 14)
    assert plain(dataclass)("x").rows is not value.rows
    for wrong in ({}, {"name": "x", "other": 1}):
        with pytest.raises(TypeError):
            plain(dataclass)(**wrong)


def test_frozen() -> None:
    value = plain(dataclass)("x")
    attempts: list[Callable[[], None]] = [
        lambda: setattr(value, "name", "y"),
        lambda: setattr(value, "new", 1),
        lambda: delattr(value, "name"),
    ]
    for attempt in attempts:
        with pytest.raises(dataclasses.FrozenInstanceError):
            attempt()
    assert value.name == "x"


def test_what_is_built_is_checked() -> None:
    with pytest.raises(ValueError, match="negative"):
        checked(dataclass)(-1)
    with pytest.raises(ValueError, match="negative"):
        dataclasses.replace(checked(dataclass)(1), size=-1)


def test_a_default_that_could_change_is_refused() -> None:
    with pytest.raises(ValueError, match="default_factory"):

        @dataclass(frozen=True, slots=True)
        class Wrong:
            rows: list[int] = []  # noqa: RUF012


def test_pickled() -> None:
    value = Kept("a", (1, 2))
    assert pickle.loads(pickle.dumps(value)) == value
