"""registries.conf: prefixes, places, mirrors, and what is refused with its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmount.errors import RegistryError
from secmount.registry.hosts.registries import FILE_LIMIT, Registries, merge, parse


def read(*texts: str) -> Registries:
    return merge(parse(text.encode(), file=f"{number}.conf") for number, text in enumerate(texts))


def row(**keys: str) -> str:
    return "[[registry]]\n" + "".join(f"{key.replace('_', '-')} = {value}\n" for key, value in keys.items())


def leads(conf: Registries, name: str) -> str | None:
    entry = conf.find(name)
    return None if entry is None else entry.lead(entry.endpoint, name)


@pytest.mark.parametrize(
    ("prefix", "location", "name", "found"),
    [
        ("ghcr.io", "mirror.example", "ghcr.io/acme/x", "mirror.example/acme/x"),
        ("ghcr.io/acme", "mirror.example/team", "ghcr.io/acme/x", "mirror.example/team/x"),
        ("ghcr.io/acme/x", "mirror.example/y", "ghcr.io/acme/x", "mirror.example/y"),
        ("ghcr.io/acme/", "mirror.example/", "ghcr.io/acme/x", "mirror.example/x"),
        ("ghcr.io/acm", "mirror.example", "ghcr.io/acme/x", None),
        ("ghcr.io/acme/x", "mirror.example/y", "ghcr.io/acme/xx", None),
        ("ghcr.io", "mirror.example", "ghcr.io.evil.example/x", None),
        ("ghcr.io", "mirror.example", "ghcr.io:5000/x", None),
        ("GHCR.io:443/acme", "mirror.example", "ghcr.io/acme/x", "mirror.example/x"),
        ("docker.io", "mirror.example", "docker.io/library/x", "mirror.example/library/x"),
        ("index.docker.io/library", "mirror.example/hub", "docker.io/library/x", "mirror.example/hub/x"),
        ("*.example.com", "mirror.example/all", "a.example.com/x", "mirror.example/all/x"),
        ("*.example.com", "", "a.b.example.com/x", "a.b.example.com/x"),
        ("*.example.com", "", "a.example.com:5000/x", "a.example.com:5000/x"),
        ("*.example.com", "", "example.com/x", None),
        ("*.example.com", "", "xexample.com/x", None),
        ("*.example.com", "", "a.example.com.evil.example/x", None),
        ("*.example.com", "", "evil.example/a.example.com/x", None),
        ("[::1]:5000", "mirror.example", "[::1]:5000/x", "mirror.example/x"),
    ],
)
def test_where_a_name_leads(prefix: str, location: str, name: str, found: str | None) -> None:
    assert leads(read(row(prefix=f'"{prefix}"', location=f'"{location}"')), name) == found


def test_without_a_prefix_the_location_is_it() -> None:
    assert leads(read(row(location='"ghcr.io/acme"')), "ghcr.io/acme/x") == "ghcr.io/acme/x"


def test_the_longest_prefix_is_taken_wherever_it_stands() -> None:
    rows = [
        row(prefix=f'"{prefix}"', location=f'"m{at}.example"')
        for at, prefix in enumerate(("a.io", "a.io/b/c", "a.io/b"))
    ]
    for order in (rows, rows[::-1]):
        conf = read("".join(order))
        assert leads(conf, "a.io/b/c/d") == "m1.example/d"
        assert leads(conf, "a.io/b/x") == "m2.example/x" and leads(conf, "a.io/x") == "m0.example/x"


def test_what_is_blocked_is_blocked_on_every_port() -> None:
    conf = read(row(location='"a.example"', blocked="true"), row(location='"a.example:5000"'))
    found = [conf.find(name) for name in ("a.example/x", "a.example:8443/x", "a.example:5000/x")]
    assert [entry.blocked for entry in found if entry] == [True, True, False]


def test_later_files_replace_entries_of_the_same_prefix() -> None:
    first = row(prefix='"a.io"', location='"one.example"', blocked="true") + row(location='"b.io"')
    conf = read(first, row(prefix='"a.io"', location='"two.example"'))
    assert leads(conf, "a.io/x") == "two.example/x" and leads(conf, "b.io/x") == "b.io/x"
    assert not any(entry.blocked for entry in conf.entries)


def test_aliases_of_later_files_replace_and_erase() -> None:
    conf = read('[aliases]\na = "x.io/a"\nb = "x.io/b"\n', '[aliases]\na = ""\nb = "y.io/b"\nc = "docker.io/c"\n')
    assert conf.aliases == {"b": "y.io/b", "c": "docker.io/library/c"}


def test_mirrors_say_what_they_may_be_asked_for() -> None:
    text = row(location='"a.io"') + "".join(
        f'[[registry.mirror]]\nlocation = "m{at}.example"\n{more}\n'
        for at, more in enumerate(
            ('pull-from-mirror = "tag-only"', "insecure = true", 'pull-from-mirror = "digest-only"')
        )
    )
    entry = read(text).find("a.io/x")
    assert entry is not None
    assert [(each.location, each.insecure, each.pull) for each in entry.mirrors] == [
        ("m0.example", False, "tag-only"),
        ("m1.example", True, "all"),
        ("m2.example", False, "digest-only"),
    ]


def test_mirrors_by_digest_only() -> None:
    text = row(location='"a.io"', mirror_by_digest_only="true") + '[[registry.mirror]]\nlocation = "m.example"\n'
    entry = read(text).find("a.io/x")
    assert entry is not None and [each.pull for each in entry.mirrors] == ["digest-only"]


def test_what_is_not_known_is_a_warning_with_its_line() -> None:
    text = 'short-name-mode = "enforcing"\nfuture = 1\n\n[[registry]]\nlocation = "a.io"\ntypo = true\n'
    text += '[[registry.mirror]]\nlocation = "m.example"\nblocked = true\n'
    assert [line.rpartition(": ")[0] for line in read(text).warnings] == [
        "0.conf:2: future",
        "0.conf:6: typo",
        "0.conf:9: blocked",
    ]


def test_other_credential_helpers_are_a_warning() -> None:
    assert read('credential-helpers = ["containers-auth.json"]').warnings == ()
    assert "credential-helpers" in read('credential-helpers = ["osxkeychain"]').warnings[0]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n[[registry]\n", 2),
        (row(location="5"), 2),
        (row(location='""'), 2),
        (row(prefix='"a.io"'), 2),
        (row(location='"https://a.io"'), 2),
        (row(location='"a.io"', blocked='"true"'), 3),
        (row(location='"a.io"', insecure="1"), 3),
        (row(location='"myregistry"'), 2),
        (row(location='"a.io/../b"'), 2),
        (row(location='"a.io/B"'), 2),
        (row(location='"a.io@evil.example/b"'), 2),
        (row(prefix='"*.a.io:5000"'), 2),
        (row(prefix='"*.a.io/x"'), 2),
        (row(prefix='"*."'), 2),
        (row(prefix='"a.*.io"', location='"b.io"'), 2),
        ("registry = 5\n", 1),
        ("registry = [5]\n", 1),
        (row(location='"a.io"') + "[[registry.mirror]]\ninsecure = true\n", 3),
        (row(location='"a.io"') + '[[registry.mirror]]\nlocation = "b.io"\npull-from-mirror = "never"\n', 5),
        (row(location='"a.io"') + '[[registry.mirror]]\nlocation = "b.io"\npull-from-mirror = ["all"]\n', 5),
        (row(location='"a.io"', mirror_by_digest_only='"yes"'), 3),
        ("aliases = 1\n", 1),
        ('[aliases]\na = "b"\n', 2),
        ('[aliases]\na = "x.io/a:v1"\n', 2),
        ("[aliases]\na = 1\n", 2),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(RegistryError, match="SM4221") as caught:
        read(text)
    assert caught.value.place is not None and caught.value.place.line == line


@pytest.mark.parametrize("data", [b"\xff", b"a = " + b"[" * 5000, b"a = 1\na = 2"])
def test_what_is_not_toml_is_refused(data: bytes) -> None:
    with pytest.raises(RegistryError, match="SM4221"):
        parse(data, file="f")


@pytest.mark.parametrize("kind", ["search", "insecure", "block"])
def test_the_first_versions_form_is_named(kind: str) -> None:
    with pytest.raises(RegistryError, match="SM4222") as caught:
        read(f'\n[registries.{kind}]\nregistries = ["docker.io"]\n')
    assert caught.value.place is not None and caught.value.place.line == 2


@pytest.mark.parametrize("key", ["blocked", "insecure"])
def test_two_entries_that_disagree_about_one_place_are_refused(key: str) -> None:
    one = row(prefix='"a.io/x"', location='"b.io"', **{key: "true"})
    with pytest.raises(RegistryError, match="SM4221"):
        read(one, row(prefix='"a.io/y"', location='"b.io"'))
    assert len(read(one, row(prefix='"a.io/y"', location='"b.io"', **{key: "true"})).entries) == 2


def test_a_name_that_makes_none_is_refused() -> None:
    conf = read(row(prefix='"a.io"', location='"b.io/' + "/".join(["c"] * 120) + '"'))
    with pytest.raises(RegistryError, match="SM4223"):
        leads(conf, "a.io/" + "d" * 20)


HOST = st.sampled_from(["a.io", "b.a.io", "a.io:5000", "docker.io", "localhost", "x.example"])
PATH = st.lists(st.sampled_from(["a", "b", "io", "a.io"]), min_size=1, max_size=3).map("/".join)
PREFIX = st.one_of(HOST, st.tuples(HOST, PATH).map("/".join), st.sampled_from(["*.io", "*.a.io", "*.example"]))


@given(st.dictionaries(PREFIX, st.booleans(), max_size=6), HOST, PATH)
def test_the_entry_found_covers_the_name_and_none_longer_does(rows: dict[str, bool], host: str, path: str) -> None:
    name = f"{host}/{path}"
    text = "".join(
        row(prefix=f'"{prefix}"', location='"z.example"' if not prefix.startswith("*") else '""', blocked="true")
        for prefix in rows
    )
    entry = read(text).find(name)
    bare = host.partition(":")[0]
    covering = [
        prefix
        for prefix in rows
        if (prefix.startswith("*.") and bare.endswith(prefix[1:]))
        or f"{name}/".startswith(f"{prefix}/")
        or f"{name}/".startswith(f"{prefix}:")
    ]
    assert (entry is None) == (not covering)
    if entry is not None:
        assert len(entry.prefix) == max(map(len, covering)) and entry.prefix in covering


@given(st.binary(max_size=300))
def test_any_bytes_are_a_file_or_refused(data: bytes) -> None:
    try:
        assert isinstance(parse(data, file="f"), Registries)
    except RegistryError as err:
        assert err.code in {"SM4221", "SM4222"}
    assert len(data) < FILE_LIMIT


KEYS = st.sampled_from(["prefix", "location", "insecure", "blocked", "mirror", "pull-from-mirror", "x"])
VALUES = st.sampled_from(
    ['"a.io"', '"*.io"', "true", "1", "[]", "[{}]", "{}", '[{location = "b.io"}]', '""', '"a.io:v1"', '"a.io/b@c"']
)


@given(st.dictionaries(KEYS, VALUES, max_size=5), HOST, PATH)
def test_any_entry_leads_somewhere_or_is_refused(rows: dict[str, str], host: str, path: str) -> None:
    try:
        conf = read("[[registry]]\n" + "".join(f"{key} = {value}\n" for key, value in rows.items()))
        leads(conf, f"{host}/{path}")
    except RegistryError as err:
        assert err.code in {"SM4221", "SM4223"}
