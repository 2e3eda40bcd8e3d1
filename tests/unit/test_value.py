"""Our `dataclass` beside the standard one: whatever the fields, values are built, compared, shown and copied alike."""

from __future__ import annotations

import copy
import dataclasses
import inspect
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


def sealed(decorator: Any) -> Any:
    @decorator(frozen=True, slots=True)
    class Sealed:
        name: str
        seal: InitVar[int]
        rows: list[int] = field(default_factory=list, hash=False)

        def __post_init__(self, seal: int) -> None:
            if seal != 7:
                raise TypeError("only seven makes one")

    return Sealed


def ordered(decorator: Any) -> Any:
    @decorator(frozen=True, slots=True, order=True)
    class Ordered:
        name: str
        size: int = field(compare=False, default=0)
        rest: int = 0

    return Ordered


def mutable(decorator: Any) -> Any:
    @decorator(slots=True)
    class Mutable:
        name: str
        rows: list[int] = field(default_factory=list)

    return Mutable


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


def test_what_is_passed_on_is_asked_for_and_not_kept() -> None:
    for made in both(sealed):
        value = made("a", 7)
        assert repr(value).endswith("Sealed(name='a', rows=[])")
        assert (value, dataclasses.asdict(value)) == (made("a", seal=7, rows=[]), {"name": "a", "rows": []})
        assert (made.__slots__, made.__match_args__) == (("name", "rows"), ("name", "seal", "rows"))
        assert dataclasses.replace(value, name="b", seal=7) == made("b", 7)
        with pytest.raises((ValueError, TypeError), match="seal"):  # TypeError from Python 3.13 on
            dataclasses.replace(value, name="b")
        for wrong in (("a", 8), ("a",)):
            with pytest.raises(TypeError):
                made(*wrong)
        assert not hasattr(value, "seal")
    with pytest.raises(ValueError, match="passed on"):

        @dataclass(frozen=True, slots=True)
        class Wrong:
            seal: InitVar[int] = 7


def test_ordered() -> None:
    for made in both(ordered):
        rows = [made("b"), made("a", 2, 2), made("a", 3, 1), made("a", 1, 2)]
        assert [(row.name, row.size) for row in sorted(rows)] == [("a", 3), ("a", 2), ("a", 1), ("b", 0)]
        assert rows[1] == rows[3]
        assert (rows[1] <= rows[3], rows[1] < rows[3], rows[1] >= rows[3], rows[1] > rows[3]) == (True, False) * 2
        with pytest.raises(TypeError):
            assert rows[0] < "a"


def test_mutable() -> None:
    for made in both(mutable):
        value = made("a", [1])
        assert value == copy.copy(value) == made("a", [1])
        value.name = "b"
        assert value != made("a", [1]) and copy.deepcopy(value) == value
        assert repr(value).endswith("Mutable(name='b', rows=[1])")
        with pytest.raises(TypeError, match="unhashable"):
            hash(value)
        with pytest.raises(AttributeError):
            value.other = 1


@pytest.mark.parametrize("make", [plain, ordered, mutable, sealed])
def test_the_marks_are_alike(make: Callable[[Any], Any]) -> None:
    ours, standard = both(make)
    for name in ("init", "repr", "eq", "order", "frozen"):
        assert getattr(ours.__dataclass_params__, name) == getattr(standard.__dataclass_params__, name)
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(standard).parameters)


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
