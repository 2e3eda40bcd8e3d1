"""The glob grammar, example by example: what the trap cases of other dialects mean here."""

from __future__ import annotations

import re

import pytest

from secmount.policy import glob


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        (
            "**/*.pkl",
            ["evil.pkl", "a/b/EVIL.PKL", ".pkl", "a\nb.pkl", "a/\n.pkl"],
            ["evil.pkl/x", "evil.pkl\n", "evilpkl", "a.pk"],
        ),
        ("*.pkl", ["evil.pkl"], ["a/evil.pkl"]),
        ("a/**", ["a", "a/b", "A/b/c", "a/\n"], ["ab", "b/a", "aa/b"]),
        ("**/.ssh/**", [".ssh", "x/.ssh", ".SSH/k", "a/b/.ssh/c/d"], ["ssh", "x.ssh/k", ".ssh2"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb", "a/b/x"]),
        ("a/**/**/b", ["a/b", "a/x/b"], ["a"]),
        ("**", ["a", "a/b", "\n", "a/b/c/d"], []),
        ("*", ["a", "a b", "\n"], ["a/b"]),
        ("a*b*c", ["abc", "aXbYc", "abbc", "a.b.c"], ["acb", "abcd", "a/b/c"]),
        ("a.b", ["a.b", "A.B"], ["aXb", "a\nb"]),
        ("(a|b)+$^", ["(a|b)+$^"], ["a", "ab"]),
        ("stra\u00dfe/\u212a", ["STRASSE/k", "stra\u00dfe/K", "strasse/\u212a"], ["strase/k"]),
        ("\u0130x", ["\u0130X", "i\u0307x"], ["ix", "Ix"]),
        ("\u03c3", ["\u03a3", "\u03c2"], ["s"]),
    ],
)
def test_paths(pattern: str, matching: list[str], others: list[str]) -> None:
    read = glob.path(pattern)
    assert [path for path in matching if not read.matches(path)] == []
    assert [path for path in others if read.matches(path)] == []


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        (
            "application/vnd.cncf.model.**",
            [
                "application/vnd.cncf.model.weight.v1.raw",
                "APPLICATION/vnd.CNCF.model.x+gzip",
                "application/vnd.cncf.model",
            ],
            ["application/vnd.cncf.models", "application/vnd.cncf"],
        ),
        ("application/*", ["application/x", "application/x.y+z"], ["text/x", "application/x/y"]),
        ("**", ["application/x"], []),
        ("text/plain", ["text/plain", "TEXT/Plain"], ["text/plain;x", "text/plainx"]),
    ],
)
def test_media_types(pattern: str, matching: list[str], others: list[str]) -> None:
    read = glob.media_type(pattern)
    assert [text for text in matching if not read.matches(text)] == []
    assert [text for text in others if read.matches(text)] == []


@pytest.mark.parametrize("pattern", ["text/plain", "text/pl*", "text/plain.**", "*/plain", "**"])
def test_a_denied_media_type_is_denied_with_parameters(pattern: str) -> None:
    read = glob.denied_media_type(pattern)
    for text in ("text/plain", "TEXT/Plain; charset=utf-8", "text/plain;a=b;c=d"):
        assert read.matches(text)
        assert re.fullmatch(read.regex, glob.fold(text))
    assert pattern == "**" or not read.matches("text/html;x=text")


def test_namespaces_keep_their_case() -> None:
    assert glob.plain("ml-*").matches("ml-a")
    assert not glob.plain("ml-*").matches("ML-a")


WORKFLOW = "https://github.com/acme/app/.github/workflows/release.yml"


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        (f"{WORKFLOW}@refs/tags/**", f"{WORKFLOW}@refs/tags/v1", True),
        (f"{WORKFLOW}@refs/tags/**", f"{WORKFLOW}@refs/tags/a/b@1", True),
        (f"{WORKFLOW}@refs/tags/**", f"{WORKFLOW}@refs/heads/main", False),
        (f"{WORKFLOW}@refs/tags/*", f"{WORKFLOW}@refs/tags/a/b", False),
        ("https://github.com/acme/**@refs/heads/main", f"{WORKFLOW}@refs/heads/main", True),
        # a branch whose name ends like a trusted one, and a path that does
        (
            "https://github.com/acme/**/release.yml@refs/heads/main",
            f"{WORKFLOW}@refs/heads/p/release.yml@refs/heads/main",
            False,
        ),
        ("https://github.com/acme/**@refs/tags/**", f"{WORKFLOW}@refs/tags/x@refs/tags/v1", False),
        ("https://github.com/acme/**", f"{WORKFLOW}@refs/heads/main", False),
        ("https://github.com/acme/**", WORKFLOW, True),
        (f"{WORKFLOW}@refs/**", WORKFLOW, False),
        ("*@acme.com", "release@acme.com", True),
        ("*@acme.com", "release@acme.com.evil.io", False),
        ("*@acme.com", "a/b@acme.com", False),
        ("Release@acme.com", "release@acme.com", False),
    ],
)
def test_identities_are_split_at_their_ref(pattern: str, value: str, *, matches: bool) -> None:
    assert glob.identity(pattern).matches(value) is matches


@pytest.mark.parametrize("text", ["a@refs/heads/x@refs/heads/y", "", "a?", "@refs/x", "a@refs/", "https://x/**.y"])
def test_identities_that_are_misspelt(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        glob.identity(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a" * 1025,
        "a?",
        "[a]",
        "{a,b}",
        "a\\b",
        "!a",
        "a**",
        "**a",
        "***",
        "a/***",
        "a//b",
        "/a",
        "a/",
        ".",
        "..",
        "a/../b",
        "a\0b",
        "a\nb",
        "a\x85b",
        "a\u2028b",
        "a\ud800b",
    ],
)
def test_patterns_that_mean_something_elsewhere(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        glob.path(text)


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("*a*a*a*a*a*a*a*a*a*a*b", "a" * 255),
        ("/".join(["**", "a"] * 12) + "/b", "a/" * 120 + "c"),
        ("**/" + "*a" * 20 + "/**/" + "*a" * 20, ("a" * 200 + "/") * 20 + "b"),
    ],
)
def test_hostile_names_take_linear_time(pattern: str, value: str) -> None:
    """A backtracking matcher takes hours here, and the test's own time limit ends it."""
    read = glob.path(pattern)
    assert not any(read.matches(value) for _ in range(100))


def test_many_patterns_are_few_regexes() -> None:
    """OPA's WebAssembly corrupts its memory where more than 100 regexes are needed."""
    many = [glob.path(f"dir-{number}/**/*.pkl") for number in range(1_000)]
    regexes = glob.alternatives(many)
    assert 1 < len(regexes) <= glob.REGEXES_LIMIT
    assert "|".join(regexes) == "|".join(pattern.regex for pattern in many)
    assert glob.alternatives([]) == []
    assert glob.alternatives(many[:1]) == [many[0].regex]
    assert len(glob.alternatives([glob.path(f"{'*x' * 500}{number}") for number in range(9)])) == 9


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("https://a/**@refs/tags/**", "https://a/b/c@refs/tags/v1"),
        ("https://a/**@refs/tags/**", "https://a/b/c@refs/heads/v1"),
        ("https://a/**@refs/tags/**", "https://a/b@refs/heads/c@refs/tags/v1"),
        ("https://a/**@refs/**", "https://a/b"),
        ("**", "https://a/b@refs/tags/v1"),
        ("**", "https://a/b"),
        ("**@refs/*", "x@refs/y"),
        ("**@refs/*", "x@refs/y/z"),
        ("a@refs/b", "a@refs/b\n"),
        ("*a@refs/b", "@refs/a@refs/b"),
    ],
)
def test_an_identity_as_one_regex(pattern: str, value: str) -> None:
    read = glob.identity(pattern)
    refs = value.count("@refs/") == (read.ref is not None)
    assert read.matches(value) is (refs and re.fullmatch(read.regex.strip("^$"), value) is not None)
