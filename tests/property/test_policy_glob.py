"""The two programs of a pattern, its RE2 text and what Python runs, mean what the grammar says, on any text."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from secmount.policy import glob
from tests.support.examples import examples

# Letters that fold in surprising ways, what regular expressions treat specially, and line ends of every kind.
ALPHABET = "ab.+$^()|- \u00df\u1e9e\u0130\u0131\u212a\u03c3\u03c2K" + "\ufb01"
VALUES = st.text(ALPHABET + "\n\r\x0b\x85\u2028/", max_size=12)
PART = st.text(ALPHABET + "*", min_size=1, max_size=5).filter(lambda part: "**" not in part and part not in (".", ".."))
PATTERNS = st.lists(st.one_of(PART, st.just("**")), min_size=1, max_size=5).map("/".join)


def reference(pattern: str, value: str) -> bool:
    """Match component by component, by trying everything; nothing is shared with the product but the folding."""
    return _components(tuple(pattern.casefold().split("/")), tuple(value.casefold().split("/")))


def _components(pattern: tuple[str, ...], value: tuple[str, ...]) -> bool:
    if not pattern:
        return not value
    if pattern[0] == "**":
        return any(_components(pattern[1:], value[skip:]) for skip in range(len(value) + 1))
    return bool(value) and _run(pattern[0], value[0]) and _components(pattern[1:], value[1:])


@cache
def _run(pattern: str, value: str) -> bool:
    if not pattern:
        return not value
    if pattern[0] == "*":
        return any(_run(pattern[1:], value[skip:]) for skip in range(len(value) + 1))
    return value[:1] == pattern[0] and _run(pattern[1:], value[1:])


@examples(300)
@given(pattern=PATTERNS, value=VALUES)
def test_paths_mean_what_the_grammar_says(pattern: str, value: str) -> None:
    try:
        read = glob.path(pattern)
    except ValueError:
        return
    want = reference(pattern, value)
    assert read.matches(value) is want
    assert (re.fullmatch(read.regex.removeprefix("^").removesuffix("$"), glob.fold(value)) is not None) is want


@st.composite
def matching(draw: st.DrawFn) -> tuple[str, str]:
    """Give a pattern and a value made from it, so that many match."""
    pattern = draw(PATTERNS)
    parts: list[str] = []
    for part in pattern.split("/"):
        if part == "**":
            parts += draw(st.lists(st.text(ALPHABET, max_size=3), max_size=2))
        else:
            parts.append("".join(draw(st.text(ALPHABET, max_size=3)) if char == "*" else char for char in part))
    spellings: tuple[Callable[[str], str], ...] = (str.upper, str.lower, str.casefold, str)
    spell = draw(st.sampled_from(spellings))
    return pattern, spell("/".join(parts))


@examples(300)
@given(both=matching())
def test_values_made_from_a_pattern(both: tuple[str, str]) -> None:
    pattern, value = both
    try:
        read = glob.path(pattern)
    except ValueError:
        return
    want = reference(pattern, value)
    assert read.matches(value) is want
    assert (re.fullmatch(read.regex.removeprefix("^").removesuffix("$"), glob.fold(value)) is not None) is want


@examples(200)
@given(head=st.text("ab.+", min_size=1, max_size=4), tail=st.text("ab.+/", max_size=4))
def test_a_media_type_ends_in_dotted_parts(head: str, tail: str) -> None:
    try:
        read = glob.media_type(f"x/{head}.**")
    except ValueError:
        return
    value = f"x/{head}{tail}"
    want = "/" not in tail and (tail == "" or tail.startswith("."))
    assert read.matches(value) is want
    assert (re.fullmatch(read.regex.removeprefix("^").removesuffix("$"), value) is not None) is want


@examples(300)
@given(text=st.text(max_size=20))
def test_reading_a_pattern_gives_one_or_says_why(text: str) -> None:
    for read in (glob.path, glob.media_type, glob.plain, glob.identity):
        try:
            found = read(text)
        except ValueError as err:
            assert str(err)
        else:
            assert found.text == text


@examples(200)
@given(patterns=st.lists(PATTERNS, min_size=1, max_size=4), value=VALUES)
def test_alternatives_match_what_any_of_them_does(patterns: list[str], value: str) -> None:
    try:
        read = [glob.path(pattern) for pattern in patterns]
    except ValueError:
        return
    [regex] = glob.alternatives(read)
    found = re.search(re.sub(r"\$(?=$|\|\^)", r"\\Z", regex), glob.fold(value))
    assert (found is not None) is any(pattern.matches(value) for pattern in read)


@examples(300)
@given(pattern=st.text("a*/@refs:", max_size=24), value=st.text("ab/@refs:", max_size=24))
def test_an_identity_is_one_regex_beside_its_refs(pattern: str, value: str) -> None:
    try:
        read = glob.identity(pattern)
    except ValueError:
        return
    refs = value.count(glob.REF_MARK) == (read.ref is not None)
    want = refs and re.fullmatch(read.regex.removeprefix("^").removesuffix("$"), value) is not None
    assert read.matches(value) is want
