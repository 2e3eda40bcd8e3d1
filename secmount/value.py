"""`dataclass(slots=True)`, made in a tenth of the time; with `frozen` and `order`, or without.

The standard one writes and compiles six functions for every class. With 140 value classes on the way to a mount that
was more than a third of the whole program's time. Here only `__init__` is compiled, once for all classes of a shape
(how many fields, which of them have factories), and given the names of each; comparing, hashing and showing are
functions over the fields' names. What comes out is a dataclass to `fields`, `replace`, `asdict`, `copy` and `pickle`.
What this does not know (`ClassVar`, other options, a dataclass as a base) it leaves to the standard one.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import MISSING, Field, FrozenInstanceError, InitVar
from functools import cache
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any


@dataclasses.dataclass(init=False, repr=False, eq=False)
class _Sample:
    """Whose marks every class here gets: `dataclasses` tells fields, and what is frozen, by them."""

    field: int = 0
    passed: InitVar[int] = 0


__all__ = ["dataclass"]
_FIELDS = "__dataclass_fields__"
_PARAMETERS = _Sample.__dataclass_params__  # type: ignore[attr-defined]
_IS_FIELD, _IS_PASSED = (row._field_type for row in _Sample.__dataclass_fields__.values())  # type: ignore[attr-defined]  # noqa: SLF001
_OTHERS = ("ClassVar", "KW_ONLY")  # annotations with a meaning of their own
_KNOWN = {"frozen", "slots", "order"}
_ORDERS = {"__lt__": operator.lt, "__le__": operator.le, "__gt__": operator.gt, "__ge__": operator.ge}


def _dataclass(**options: bool) -> Callable[[type], type]:
    standard = dataclasses.dataclass(**options)

    def make(cls: type) -> type:
        known = options.get("slots") and options.keys() <= _KNOWN
        if not known or any(hasattr(base, _FIELDS) for base in cls.__bases__):
            made: type = standard(cls)
        elif any(str(kind).startswith(_OTHERS) for kind in cls.__annotations__.values()):
            made = standard(cls)
        else:
            made = _value(cls, frozen=options.get("frozen", False), order=options.get("order", False))
        return made

    return make


def _value(cls: type, *, frozen: bool, order: bool) -> type:
    rows = {name: _field(cls, name, kind) for name, kind in cls.__annotations__.items()}
    kept = {name: row for name, row in rows.items() if row._field_type is _IS_FIELD}  # type: ignore[attr-defined]  # noqa: SLF001
    space = {key: item for key, item in cls.__dict__.items() if key not in {*rows, "__dict__", "__weakref__"}}
    names = tuple(kept)
    for key, function in _methods(kept, frozen=frozen, order=order):
        space.setdefault(key, function)
    space |= {
        "__slots__": names,
        "__match_args__": tuple(rows),
        "__init__": _init(rows, checked="__post_init__" in space),
        _FIELDS: rows,
        "__dataclass_params__": _parameters(frozen=frozen, order=order),
    }
    if frozen:
        space |= {"__setattr__": _refuse, "__delattr__": _refuse}
    return type(cls)(cls.__name__, cls.__bases__, space)


@cache
def _parameters(*, frozen: bool, order: bool) -> Any:
    """Say to `dataclasses` what a class is."""
    made = copy(_PARAMETERS)
    made.init = made.repr = made.eq = True
    made.frozen, made.order = frozen, order
    return made


def _methods(rows: Mapping[str, Field[Any]], *, frozen: bool, order: bool) -> Iterator[tuple[str, Any]]:
    """Give what a class has of these fields unless it says otherwise."""
    names, shown = tuple(rows), tuple(name for name, row in rows.items() if row.repr)
    compared = _reader(tuple(name for name, row in rows.items() if row.compare))
    hashed = _reader(tuple(name for name, row in rows.items() if (row.compare if row.hash is None else row.hash)))

    def comparing(compare: Callable[[Any, Any], Any]) -> Callable[[Any, object], Any]:
        return lambda self, other: (
            compare(compared(self), compared(other)) if other.__class__ is self.__class__ else NotImplemented
        )

    def show(self: Any) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def state(self: Any) -> list[Any]:
        return [getattr(self, name) for name in names]

    def restore(self: Any, state: list[Any]) -> None:
        for name, item in zip(names, state, strict=True):
            object.__setattr__(self, name, item)

    yield from (("__eq__", comparing(operator.eq)), ("__repr__", show))
    yield from (("__getstate__", state), ("__setstate__", restore))
    yield "__hash__", (lambda self: hash(hashed(self))) if frozen else None
    if order:
        yield from ((key, comparing(compare)) for key, compare in _ORDERS.items())


def _field(cls: type, name: str, kind: Any) -> Field[Any]:
    default = cls.__dict__.get(name, MISSING)
    row: Field[Any] = default if isinstance(default, Field) else dataclasses.field(default=default)
    if row.default is not MISSING and row.default.__class__.__hash__ is None:
        raise ValueError(f"mutable default for field {name}: use default_factory")
    if row.kw_only is True or not row.init:
        raise ValueError(f"field {name} can be given by place: nothing else is known here")
    row.kw_only = False
    row.name, row.type = name, kind
    passed = str(kind).startswith("InitVar")
    if passed and default is not MISSING:
        raise ValueError(f"field {name} is passed on and has a default: nothing is known of that here")
    row._field_type = _IS_PASSED if passed else _IS_FIELD  # type: ignore[attr-defined]  # noqa: SLF001
    return row


def _init(rows: Mapping[str, Field[Any]], *, checked: bool) -> Callable[..., None]:
    """Make `__init__`: the code of its shape, with these names; defaults are the function's own."""
    space: dict[str, Any] = {"_set": object.__setattr__, "_missing": MISSING}
    defaults: list[Any] = []
    kinds = ""
    for at, (name, row) in enumerate(rows.items()):
        kind = "given"
        if row._field_type is _IS_PASSED:  # type: ignore[attr-defined]  # noqa: SLF001
            kind = "passed"
        elif row.default_factory is not MISSING:
            kind, space[f"_make{at}"] = "made", row.default_factory
        kinds += kind[0]
        if row.default is not MISSING or kind == "made":
            defaults.append(row.default)
        elif defaults:
            raise TypeError(f"field {name} has no default and follows one that has")
    code = _shape(kinds, checked=checked)
    names = dict(zip(code.co_varnames, ("self", *rows), strict=True))
    constants = tuple(names.get(item, item) for item in code.co_consts)
    code = code.replace(co_varnames=tuple(names.values()), co_consts=constants)
    return FunctionType(code, space, "__init__", tuple(defaults))


@cache
def _shape(kinds: str, *, checked: bool) -> CodeType:
    """Compile an `__init__` of fields that are given, made by a factory unless given, or passed on, by first letter."""
    taken = [f"_{at}" for at in range(len(kinds))]
    items = {"g": "_{0}", "m": "_make{0}() if _{0} is _missing else _{0}"}
    body = [f"_set(self,'_{at}',{items[kind].format(at)})" for at, kind in enumerate(kinds) if kind in items]
    if checked:
        body.append(f"self.__post_init__({','.join(f'_{at}' for at, kind in enumerate(kinds) if kind == 'p')})")
    space: dict[str, FunctionType] = {}
    exec(f"def __init__({','.join(['self', *taken])}):\n {';'.join(body) or 'pass'}", space)  # noqa: S102 - numbers only
    return space["__init__"].__code__


def _reader(names: tuple[str, ...]) -> Callable[[Any], Any]:
    """Give what reads the named fields: as a tuple, where there are several."""
    if len(names) > 1:
        return operator.attrgetter(*names)
    return (lambda value: (getattr(value, names[0]),)) if names else (lambda _: ())


def _refuse(_: object, name: str, *__: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _dataclass
