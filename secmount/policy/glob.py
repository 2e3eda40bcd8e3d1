"""The one glob grammar of the policy (design 3.3), for paths, media types, identities and namespaces.

A pattern is split at `/`. Inside a component `*` stands for any run of characters; `**` stands for zero or more whole
components, so `**/*.pkl` matches `evil.pkl` and `a/**` matches `a`. A media type may also end in `.**`: zero or more
dotted parts; one that is denied is so with whatever parameters. What other dialects give a meaning (`?`, brackets,
braces, a backslash, a leading `!`) is refused, never taken literally.

Case folding is `str.casefold` of pattern and value, for paths and media types (RFC 6838 4.2). `regex` is anchored and
means the same to RE2 and to Python's `re`, over folded values. Python itself matches with an equal program in which
every wildcard is atomic, because RE2 takes linear time and a backtracking matcher does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import field

from secmount.value import dataclass

LENGTH_LIMIT = 1024  # characters of a pattern; RE2 programs stay far below their size limit
REGEX_COST = 20_000  # about the instructions of one regex for RE2, which has room for 350,000
REGEXES_LIMIT = 8  # for the patterns of one key; OPA's WebAssembly keeps 100 regexes and fails beyond (`alternatives`)
MATCH_ANY = "**"
REF_MARK = "@refs/"

_SPECIAL = re.compile(r"[?\[\]{}\\]|[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_DOTTED, _PARAMETERS = "(?:[.][^/]*)?", "(?:;[^/]*)?"  # what may follow the last component
_REGEX_SPECIAL = re.compile(r"[.+()|^$]")


def fold(value: str) -> str:
    """Fold the case of `value`: full Unicode folding, `ß` to `ss`, the Kelvin sign to `k`."""
    return value.casefold()


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern as written, its anchored regex for RE2, and whether both sides are case-folded."""

    text: str
    regex: str
    folded: bool
    _program: re.Pattern[str] = field(repr=False, compare=False)

    def matches(self, value: str) -> bool:
        """Say whether the whole of `value` matches."""
        return self._program.match((fold(value) if self.folded else value) + "/") is not None


@dataclass(frozen=True, slots=True)
class Identity:
    """A pattern for certificate identities, split at its last `@refs/`; each side is matched apart."""

    text: str
    name: Pattern
    ref: Pattern | None

    def matches(self, value: str) -> bool:
        """Say whether `value` matches; a second `@refs/` never does, nor a ref where the pattern names none."""
        name, *refs = value.split(REF_MARK)
        if len(refs) != (self.ref is not None):
            return False
        return self.name.matches(name) and (self.ref is None or self.ref.matches(refs[0]))

    @property
    def regex(self) -> str:
        """Give the regex of the whole, for RE2; it means the same for values with as many `@refs/` as the pattern."""
        return self.name.regex if self.ref is None else f"{self.name.regex[:-1]}{REF_MARK}{self.ref.regex[1:]}"


def alternatives(patterns: Iterable[Pattern]) -> list[str]:
    """Write `patterns` as a few regexes for RE2, each of which matches what any of its patterns does.

    OPA's WebAssembly keeps the last 100 regexes that it compiled, and when it makes room for another it may free the
    one in use (wasm/src/regex.cc of OPA 1.22, `reuse`). So no decision may need that many.
    """
    found: list[list[str]] = []
    room = 0
    for pattern in patterns:
        cost = len(pattern.regex.encode()) + 32 * pattern.regex.count("[^/]*")
        if cost > room or not found:
            found.append([])
            room = REGEX_COST
        found[-1].append(pattern.regex)
        room -= cost
    return ["|".join(regexes) for regexes in found]


def path(text: str) -> Pattern:
    """Read a pattern for paths relative to the tree's root, case-folded; raise ValueError."""
    parts = _components(text)
    if any(part in (".", "..") for part in parts):
        raise ValueError("'.' and '..' are never components of a final path")
    return _pattern(text, parts, folded=True)


def media_type(text: str, *, parameters: bool = False) -> Pattern:
    """Read a pattern for media types, case-folded, where the last component may end in `.**`; raise ValueError.

    `parameters`: a type is meant with whatever `;name=value` stands behind it, too.
    """
    head, dotted = (text[:-3], True) if text.endswith(".**") else (text, False)
    parts = _components(head)
    if len(parts) > 2 or (len(parts) == 1 and (dotted or parts != [MATCH_ANY])) or (dotted and parts[-1] == MATCH_ANY):
        raise ValueError("a media type is TYPE/SUBTYPE")
    return _pattern(text, parts, folded=True, end=_DOTTED * dotted + _PARAMETERS * parameters)


def denied_media_type(text: str) -> Pattern:
    """Read a pattern for media types that are denied: a parameter does not make another type of one."""
    return media_type(text, parameters=True)


def plain(text: str) -> Pattern:
    """Read a pattern for case-sensitive names, such as namespaces; raise ValueError."""
    return _pattern(text, _components(text), folded=False)


def identity(text: str) -> Identity:
    """Read a pattern for certificate identities; raise ValueError."""
    name, mark, ref = text.rpartition(REF_MARK)
    if not mark:
        return Identity(text, _uri(text), None)
    if REF_MARK in name:
        raise ValueError(f"{REF_MARK!r} stands twice; such an identity never matches")
    return Identity(text, _uri(name), plain(ref))


def _uri(text: str) -> Pattern:
    return _pattern(text, _components(text, empty=True), folded=False)


def _components(text: str, *, empty: bool = False) -> list[str]:
    if not text or len(text) > LENGTH_LIMIT:
        raise ValueError(f"a pattern has 1 to {LENGTH_LIMIT} characters")
    found = _SPECIAL.search(text)
    if found:
        raise ValueError(f"{found.group()!r} has no meaning in a pattern; only '*' and '**' do")
    if text.startswith("!"):
        raise ValueError("a pattern cannot be negated with '!'")
    parts = text.split("/")
    if not empty and "" in parts:
        raise ValueError("a pattern has no empty component: no '/' at either end, no '//'")
    if any("**" in part and part != MATCH_ANY for part in parts):
        raise ValueError("'**' stands only as a whole component, or after the last '.' of a media type")
    return parts


def _pattern(text: str, parts: list[str], *, folded: bool, end: str = "") -> Pattern:
    parts = [fold(part) for part in parts] if folded else parts
    parts = [part for at, part in enumerate(parts) if part != MATCH_ANY or parts[at - 1 : at] != [MATCH_ANY]]
    return Pattern(text, _regex(parts, end), folded, re.compile(_atomic(parts, end)))


def _regex(parts: list[str], end: str) -> str:
    """Write `parts` for RE2, in the part of its syntax that `re.fullmatch` reads alike: literals and `[^/]*`."""
    if parts == [MATCH_ANY]:
        return r"^[^/]*(?:/[^/]*)*$"
    text = ""
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        if part == MATCH_ANY:
            text = text.removesuffix("/") + "(?:/[^/]*)*" if last else text + "(?:[^/]*/)*"
        else:
            text += "[^/]*".join(_literal(run) for run in part.split("*")) + ("" if last else "/")
    return f"^{text}{end}$"


def _atomic(parts: list[str], end: str) -> str:
    """Write `parts` for values with a `/` appended, each wildcard taking the first fit for good.

    Exact, as between two wildcards stands a run of fixed length: an earlier fit of it leaves the rest no less to match.
    """
    segments: list[str] = [""]
    for at, part in enumerate(parts):
        if part == MATCH_ANY:
            segments.append("")
        else:
            segments[-1] += _atomic_component(part, end if at == len(parts) - 1 else "") + "/"
    first, *rest = segments
    middle = "".join(f"(?>(?:[^/]*/)*?{segment})" for segment in rest[:-1])
    return rf"{first}{middle}{f'(?:[^/]*/)*{rest[-1]}' if rest else ''}\Z"


def _atomic_component(part: str, end: str) -> str:
    first, *rest = part.split("*")
    middle = "".join(f"(?>[^/]*?{_literal(run)})" for run in rest[:-1])
    tail = f"[^/]*{_literal(rest[-1])}" if rest else ""
    return f"{_literal(first)}{middle}{tail}{end}"


def _literal(text: str) -> str:
    return _REGEX_SPECIAL.sub(r"\\\g<0>", text)
