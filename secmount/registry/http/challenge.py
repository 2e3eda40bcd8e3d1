"""What a registry answers to a request without credentials: `WWW-Authenticate`, RFC 9110 section 11.6.1. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field

from secmount.errors import RegistryError
from secmount.value import dataclass

HEADER_LIMIT = 8192  # characters
_MANY = 8  # challenges in one answer
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # what the RFC calls a token
_QUOTED = r"\"(?P<quoted>(?:[^\"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*)\""
_PIECE = re.compile(
    rf"(?:(?P<name>{_NAME})[ \t]*=[ \t]*(?:{_QUOTED}|(?P<bare>{_NAME}))"
    rf"|(?P<scheme>{_NAME})(?:[ ]+(?P<token68>[A-Za-z0-9._~+/-]+=*)(?=[ \t]*(?:,|\Z)))?)[ \t]*(?:,|\Z|(?=[ ]))",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to authenticate: `scheme` in lower case, the names of its parameters too."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse(header: str, *, subject: str) -> tuple[Challenge, ...]:
    """Read the header (several joined by commas); raise `RegistryError` SM4113 if it is not one."""
    if len(header) > HEADER_LIMIT:
        raise _unreadable(subject)
    found: list[tuple[str, dict[str, str]]] = []
    position = 0
    while position < len(header):
        if header[position] in ", \t":
            position += 1
            continue
        piece = _PIECE.match(header, position)
        if piece is None or piece.end() == position:
            raise _unreadable(subject)
        position = piece.end()
        if piece["scheme"] is not None:
            found.append((piece["scheme"].lower(), {}))
            continue
        name = piece["name"].lower()
        value = piece["bare"] if piece["quoted"] is None else re.sub(r"\\(.)", r"\1", piece["quoted"])
        if not found or name in found[-1][1]:  # a parameter of nothing, or a second one: parsers would disagree
            raise _unreadable(subject)
        found[-1][1][name] = value
    if len(found) > _MANY:
        raise _unreadable(subject)
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)


def choose(challenges: tuple[Challenge, ...], *, subject: str) -> Challenge:
    """Take Bearer before Basic; raise `RegistryError` SM4113 if neither is offered."""
    for scheme in ("bearer", "basic"):
        for challenge in challenges:
            if challenge.scheme == scheme:
                return challenge
    got = ", ".join(challenge.scheme for challenge in challenges) or "no challenge"
    raise RegistryError("SM4113", subject=subject, got=got, want="Bearer or Basic")


def _unreadable(subject: str) -> RegistryError:
    return RegistryError("SM4113", subject=subject, got="a WWW-Authenticate that cannot be read", want="RFC 9110")
