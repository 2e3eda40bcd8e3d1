"""Masking: values that the log must not hold, named by JSON pointer (RFC 6901), replaced by their digest.

The digest is taken with a secret salt that stays beside the log, so that equal values can be recognised by whoever has
the salt, and a short value (a user's name) cannot be guessed from its digest by whoever has not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from secmount.oci import canonical

INPUT = "/input"  # pointers below it are about the decision's input, all others about the record
PREFIX = "masked:sha256:"
KEPT = frozenset(
    {"schema", "kind", "time", "decision_id", "verdict", "deny", "parts", "input_sha256", "repeated"}
)  # a record without these could not be reviewed


def pointers(texts: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Read JSON pointers; raise ValueError for a malformed one or one that names what a record cannot do without."""
    found = []
    for text in texts:
        if not text.startswith("/") or "~" in text.replace("~0", "").replace("~1", ""):
            raise ValueError(f"not a JSON pointer: {text!r}")
        steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in text[1:].split("/"))
        if steps[0] in KEPT or steps == ("input",):
            raise ValueError(f"{text} cannot be masked")
        found.append(steps)
    return tuple(found)


def digest(value: Any, salt: bytes) -> str:
    """Give what stands in the place of `value`."""
    return PREFIX + sha256(salt + canonical.encode(value)).hexdigest()


def apply(value: Any, places: Iterable[tuple[str, ...]], salt: bytes) -> tuple[Any, list[str]]:
    """Give `value` with the places masked that it has, and the pointers that were; null stays null."""
    done = []
    for steps in places:
        value, hit = _replace(value, steps, salt)
        if hit:
            done.append("/" + "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps))
    return value, done


def _replace(value: Any, steps: tuple[str, ...], salt: bytes) -> tuple[Any, bool]:
    if not steps:
        return (value, False) if value is None else (digest(value, salt), True)
    head, rest = steps[0], steps[1:]
    if isinstance(value, Mapping) and head in value:
        inner, hit = _replace(value[head], rest, salt)
        return {**value, head: inner}, hit
    if isinstance(value, list) and head.isdecimal() and int(head) < len(value):
        inner, hit = _replace(value[int(head)], rest, salt)
        return [*value[: int(head)], inner, *value[int(head) + 1 :]], hit
    return value, False
