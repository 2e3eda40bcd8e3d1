"""Lines of keys, however they are spelt, and long files in time."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmount.errors import InputError
from secmount.policy import toml

DOCUMENT = '''\
# a comment with = and [brackets]

version = 1   # one
deny.digests = [
  "a]",  # ]
  "b",
]
"quoted.key" = """
[not.a.header]
x = 1
"""

  [ signers . release ]
key = "k"
valid = { from = 2026-01-01T00:00:00Z,   until = 2027-01-01T00:00:00Z }
[signers."o'ther"]
key = \'\'\'
[[rules]]
\'\'\'

[[rules]]
match = "a"
require = [ { signers = ["x"] },
            { signers = ["y"] } ]

[[rules.attestations]]
type = "t"
[[rules.attestations]]
type = "u"
where = { "/a/b" = ["c"] }

[[rules]]
match = "b"
annotations.x = ["y"]
[[rules.attestations]]
type = "v"
'''

LINES: dict[tuple[str | int, ...], str] = {
    ("version",): "version = 1",
    ("deny", "digests"): "deny.digests = [",
    ("quoted.key",): '"quoted.key"',
    ("signers", "release"): "  [ signers . release ]",
    ("signers", "release", "key"): 'key = "k"',
    ("signers", "release", "valid", "until"): "valid = {",
    ("signers", "o'ther", "key"): "key = '''",
    ("rules", 0, "match"): 'match = "a"',
    ("rules", 0, "require", 1, "signers"): "require = [",
    ("rules", 0, "attestations", 0, "type"): 'type = "t"',
    ("rules", 0, "attestations", 1, "where", "/a/b"): "where =",
    ("rules", 1, "match"): 'match = "b"',
    ("rules", 1, "annotations", "x"): "annotations.x",
    ("rules", 1, "attestations", 0, "type"): 'type = "v"',
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("path", LINES)
def test_a_key_has_the_line_where_its_statement_begins(path: tuple[str | int, ...], newline: str) -> None:
    document = toml.parse(DOCUMENT.replace("\n", newline).encode(), file="f")
    assert DOCUMENT.splitlines()[document.lines[path] - 1].startswith(LINES[path])


def test_tables_of_an_array_have_the_lines_of_their_headers() -> None:
    lines = toml.parse(DOCUMENT.encode(), file="f").lines
    rows = DOCUMENT.splitlines()
    headers = [at for at, row in enumerate(rows, 1) if row == "[[rules]]" and rows[at - 2] != "key = '''"]
    assert [lines["rules", 0], lines["rules", 1]] == headers


def test_every_key_has_a_line() -> None:
    document = toml.parse(DOCUMENT.encode(), file="f")
    assert set(paths(document.values)) <= document.lines.keys()


def paths(value: object, base: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, item in items for path in ((*base, key), *paths(item, (*base, key)))]


@given(
    st.lists(
        st.sampled_from(
            [
                "# c",
                "",
                "[a.{n}]",
                "[[b]]",
                "k{n} = 1",
                "k{n} = [\n 1,\n 2]",
                'k{n} = """\n[x]\n"""',
                "k{n}.d = {{ e = [1] }}",
            ]
        ),
        max_size=12,
    )
)
def test_statements_of_any_kind_in_any_order(statements: list[str]) -> None:
    """The line of a key is where its statement was written."""
    text, wanted, line = "", [], 1
    for number, statement in enumerate(statements):
        written = statement.format(n=number)
        if "k{n}" in statement:
            wanted.append((f"k{number}", line))
        text += written + "\n"
        line += written.count("\n") + 1
    lines = toml.parse(text.encode(), file="f").lines
    for key, at in wanted:
        assert {found for path, found in lines.items() if key in path} == {at}
    assert all(first <= second for first, second in pairwise(at for _, at in wanted))


def test_long_lists_take_linear_time() -> None:
    """Ten thousand denied digests, one a line; the test's own time limit ends a quadratic reading."""
    rows = "".join(f'"sha256:{number:064x}",\n' for number in range(10_000))
    document = toml.parse(f"a = [\n{rows}]\nb = 1\n".encode(), file="f")
    assert document.lines["b",] == 10_003


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = \n", 2), ("a = 1\n\n\nb c\n", 4), ("a = [\n1,\n", None), ("a = 1\na = 2\n", 2), ("\x00", 1)],
)
def test_what_is_not_toml(text: str, line: int | None) -> None:
    with pytest.raises(InputError) as caught:
        toml.parse(text.encode(), file="f")
    assert caught.value.code == "SM1201"
    assert caught.value.place is not None
    assert (caught.value.place.file, line in (caught.value.place.line, None)) == ("f", True)


@pytest.mark.parametrize(
    ("text", "want"),
    [("1s", 1_000), ("90m", 5_400_000), ("2h", 7_200_000), ("90d", 7_776_000_000), ("1w", 604_800_000)],
)
def test_durations(text: str, want: int) -> None:
    assert table(f'x = "{text}"').duration("x") == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("1B", 1),
        ("2kB", 2_000),
        ("2KiB", 2_048),
        ("3MB", 3 * 10**6),
        ("3MiB", 3 << 20),
        ("4GB", 4 * 10**9),
        ("40GiB", 40 << 30),
        ("5TB", 5 * 10**12),
        ("5TiB", 5 << 40),
    ],
)
def test_sizes(text: str, want: int) -> None:
    assert table(f'x = "{text}"').size("x") == want


def test_instants_are_of_an_offset() -> None:
    assert table("x = 1970-01-01T01:00:00.5+01:00").instant("x") == 500


def table(text: str) -> toml.Table:
    document = toml.parse(text.encode(), file="f")
    return toml.Table(document, document.values, (), [])
