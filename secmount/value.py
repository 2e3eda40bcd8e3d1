"""`dataclass(frozen=True, slots=True)`, made in a tenth of the time.

The standard one writes and compiles six functions for every class. With 140 value classes on the way to a mount that
was more than a third of the whole program's time. Here only `__init__` is compiled; comparing, hashing and showing are
functions over the fields' names. What comes out is a dataclass to `fields`, `replace`, `asdict`, `copy` and `pickle`.
What this does not know (`InitVar`, `ClassVar`, `order=True`, a dataclass as a base) it leaves to the standard one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, FrozenInstanceError
from operator import attrgetter
from typing import TYPE_CHECKING, Any


@dataclasses.dataclass(frozen=True, slots=True)
class _Sample:
    """Whose marks every class here gets: `dataclasses` tells fields and frozen classes by them."""

    field: int = 0


__all__ = ["dataclass"]
_FIELDS = "__dataclass_fields__"
_PARAMETERS = _Sample.__dataclass_params__  # type: ignore[attr-defined]
_IS_FIELD = _Sample.__dataclass_fields__["field"]._field_type  # type: ignore[attr-defined]  # noqa: SLF001
_OTHERS = ("ClassVar", "InitVar", "KW_ONLY")  # annotations with a meaning of their own


def _dataclass(**options: bool) -> Callable[[type], type]:
    standard = dataclasses.dataclass(**options)

    def make(cls: type) -> type:
        known = options == {"frozen": True, "slots": True} and not any(hasattr(base, _FIELDS) for base in cls.__bases__)
        if not known or any(str(kind).startswith(_OTHERS) for kind in cls.__annotations__.values()):
            made: type = standard(cls)
            return made
        return _value(cls)

    return make


def _value(cls: type) -> type:
    rows = {name: _field(cls, name, kind) for name, kind in cls.__annotations__.items()}
    names = tuple(rows)
    space = {key: item for key, item in cls.__dict__.items() if key not in {*names, "__dict__", "__weakref__"}}
    compared = _reader(tuple(name for name, row in rows.items() if row.compare))
    hashed = _reader(tuple(name for name, row in rows.items() if (row.compare if row.hash is None else row.hash)))
    shown = tuple(name for name, row in rows.items() if row.repr)

    def equal(self: Any, other: object) -> bool:
        return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

    def show(self: Any) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def state(self: Any) -> list[Any]:
        return [getattr(self, name) for name in names]

    def restore(self: Any, state: list[Any]) -> None:
        for name, item in zip(names, state, strict=True):
            object.__setattr__(self, name, item)

    for key, function in (
        ("__eq__", equal),
        ("__repr__", show),
        ("__getstate__", state),
        ("__setstate__", restore),
    ):
        space.setdefault(key, function)
    if space.get("__hash__") is None:
        space["__hash__"] = lambda self: hash(hashed(self))
    space |= {
        "__slots__": names,
        "__match_args__": names,
        "__init__": _init(rows, checked="__post_init__" in space),
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        _FIELDS: rows,
        "__dataclass_params__": _PARAMETERS,
    }
    return type(cls)(cls.__name__, cls.__bases__, space)


def _field(cls: type, name: str, kind: Any) -> Field[Any]:
    default = cls.__dict__.get(name, MISSING)
    row: Field[Any] = default if isinstance(default, Field) else dataclasses.field(default=default)
    if row.default is not MISSING and row.default.__class__.__hash__ is None:
        raise ValueError(f"mutable default for field {name}: use default_factory")
    if row.kw_only is True or not row.init:
        raise ValueError(f"field {name} can be given by place: nothing else is known here")
    row.kw_only = False
    row.name, row.type, row._field_type = name, kind, _IS_FIELD  # type: ignore[attr-defined]  # noqa: SLF001
    return row


def _init(rows: Mapping[str, Field[Any]], *, checked: bool) -> Callable[..., None]:
    """Compile `__init__`; defaults are the function's own, a factory's call stands in its body."""
    taken, body = ["self"], []
    space: dict[str, Any] = {"_set": object.__setattr__, "_missing": MISSING}
    for name, row in rows.items():
        item = name
        if row.default is not MISSING:
            space[f"_{name}"] = row.default
            taken.append(f"{name}=_{name}")
        elif row.default_factory is not MISSING:
            space[f"_{name}"] = row.default_factory
            item = f"_{name}() if {name} is _missing else {name}"
            taken.append(f"{name}=_missing")
        else:
            taken.append(name)
        body.append(f"_set(self,{name!r},{item})")
    if checked:
        body.append("self.__post_init__()")
    exec(f"def __init__({','.join(taken)}):\n {';'.join(body) or 'pass'}", space)  # noqa: S102 - names of fields only
    made: Callable[..., None] = space["__init__"]
    return made


def _reader(names: tuple[str, ...]) -> Callable[[Any], Any]:
    """Give what reads the named fields: as a tuple, where there are several."""
    if len(names) > 1:
        return attrgetter(*names)
    return (lambda value: (getattr(value, names[0]),)) if names else (lambda _: ())


def _refuse(_: object, name: str, *__: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _dataclass
