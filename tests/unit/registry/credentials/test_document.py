"""auth.json, config.json and .dockercfg: what they say, and what is refused without being shown."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmount.errors import RegistryError
from secmount.registry.credentials.document import FILE_LIMIT, AuthDocument, parse
from secmount.registry.credentials.names import host_of, keys_for
from secmount.registry.credentials.value import Basic, IdentityToken, RegistryToken

from .conftest import auth

SECRET = "s3cret-of-somebody"


def read(auths: dict[str, Any], **rest: Any) -> AuthDocument:
    return parse(json.dumps({"auths": auths, **rest}).encode(), file="f")


def refused(data: bytes) -> RegistryError:
    with pytest.raises(RegistryError) as caught:
        parse(data, file="f").entry("ghcr.io", "acme/x")
    error = caught.value
    assert SECRET not in f"{error} {error.args}"
    assert error.__cause__ is None and (error.__suppress_context__ or error.__context__ is None)
    return error


def test_the_most_specific_entry_is_taken() -> None:
    found = read(
        {
            "ghcr.io": auth("host", "1"),
            "ghcr.io/acme": auth("namespace", "2"),
            "ghcr.io/acme/x": auth("repository", "3"),
            "ghcr.io/acmex": auth("other", "4"),
        }
    )
    users = [found.entry("ghcr.io", name) for name in ("acme/x", "acme/y", "acme/x/z", "other/x", "acmexy/x", "")]
    assert [user.username for user in users if isinstance(user, Basic)] == [
        "repository",
        "namespace",
        "repository",
        "host",
        "host",
        "host",
    ]


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("https://index.docker.io/v1/", "docker.io"),
        ("https://index.docker.io/v2/", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
        ("https://ghcr.io", "ghcr.io"),
        ("HTTPS://GHCR.io/v2/", "ghcr.io"),
        ("http://reg.example:5000/v1/", "reg.example:5000"),
        ("GHCR.IO", "ghcr.io"),
        ("ghcr.io:443", "ghcr.io"),
    ],
)
def test_other_spellings_of_a_host(key: str, host: str) -> None:
    assert read({key: auth("a", "b")}).entry(host, "acme/x") == Basic("a", "b")


@pytest.mark.parametrize(
    "key", ["ghcr.io.evil.example", "https://evil.example/ghcr.io", "ghcr.io:8443", "evil.example/ghcr.io", "xghcr.io"]
)
def test_the_entry_of_another_host_is_never_taken(key: str) -> None:
    assert read({key: auth("a", "b")}, credHelpers={key: "x"}).entry("ghcr.io", "acme/x") is None
    assert read({}, credHelpers={key: "x"}).helper("ghcr.io") is None


def test_the_exact_spelling_goes_before_others() -> None:
    found = read({"https://ghcr.io/v2/": auth("url", "1"), "ghcr.io": auth("exact", "2")})
    assert found.entry("ghcr.io", "x") == Basic("exact", "2")


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"auth": "dTpwOnc="}, Basic("u", "p:w")),
        ({"auth": base64.b64encode(b"u:p\0\0").decode()}, Basic("u", "p")),
        ({"username": "u", "password": "p"}, Basic("u", "p")),
        ({"auth": "dTpwOnc=", "identitytoken": "t"}, IdentityToken("t")),
        ({"auth": "dTpwOnc=", "identitytoken": "t", "registrytoken": "r"}, RegistryToken("r")),
        ({"auth": ""}, None),
        ({}, None),
        ({"auth": None, "email": "x"}, None),
    ],
)
def test_what_an_entry_holds(entry: dict[str, Any], found: object) -> None:
    assert read({"ghcr.io": entry}).entry("ghcr.io", "acme/x") == found


def test_an_empty_entry_does_not_hide_what_is_around_it() -> None:
    assert read({"ghcr.io/acme": {}, "ghcr.io": auth("a", "b")}).entry("ghcr.io", "acme/x") == Basic("a", "b")


@pytest.mark.parametrize(
    "entry",
    [
        {"auth": "not base64: " + SECRET},
        {"auth": base64.b64encode(SECRET.encode()).decode()},
        {"auth": base64.b64encode(b"a:\xff").decode()},
        {"auth": base64.b64encode(f"a:{SECRET}\r\nX: y".encode()).decode()},
        {"auth": base64.b64encode(f"a\x1b[2J:{SECRET}".encode()).decode()},
        {"auth": base64.b64encode(f":{SECRET}".encode()).decode()},
        {"auth": "dT*pw"},
        {"auth": 5},
        {"auth": [SECRET]},
        {"identitytoken": f"{SECRET}\nX: y"},
        {"registrytoken": f"{SECRET} {SECRET}"},
        {"registrytoken": "é" + SECRET},
        {"username": "a:b", "password": SECRET},
        {"password": SECRET},
        {"username": "a", "password": SECRET + "x" * 70_000},
    ],
)
def test_an_entry_that_is_none_is_refused_and_not_shown(entry: dict[str, Any]) -> None:
    error = refused(json.dumps({"auths": {"ghcr.io": entry}}).encode())
    assert error.code == "SM4202" and "ghcr.io" in str(error.subject)
    assert read({"ghcr.io": entry}).entry("quay.io", "acme/x") is None  # another host's entry is nobody's business


@pytest.mark.parametrize(
    "data",
    [
        f'{{"auths":{{"ghcr.io":{{"auth":"{SECRET}"'.encode(),
        f'{{"auths":{{"ghcr.io":{{"auth":"{SECRET}"}},"ghcr.io":{{}}}}}}'.encode(),
        f'{{"auths":{{}},"auths":{{"ghcr.io":{{"auth":"{SECRET}"}}}}}}'.encode(),
        f'{{"auths":["{SECRET}"]}}'.encode(),
        f'{{"auths":{{"ghcr.io":"{SECRET}"}}}}'.encode(),
        f'"{SECRET}"'.encode(),
        b'{"credHelpers":{"ghcr.io":5}}',
        b'{"credHelpers":["x"]}',
        b'{"credsStore":{"x":1}}',
        SECRET.encode() + b"\xff",
        b"[" * 5000,
        b'{"auths":{}}' + b" " * FILE_LIMIT,
    ],
)
def test_a_file_that_is_none_is_refused_and_not_shown(data: bytes) -> None:
    assert refused(data).code == "SM4200"


@pytest.mark.parametrize("data", [b"", b" \n", b"{}", b'{"auths":null}', b'{"HttpHeaders":{},"credsStore":""}'])
def test_files_that_hold_nothing(data: bytes) -> None:
    found = parse(data, file="f")
    assert (found.entry("ghcr.io", "x"), found.helper("ghcr.io"), found.store) == (None, None, None)


def test_the_oldest_form_has_no_auths_around_its_entries() -> None:
    data = json.dumps({"https://index.docker.io/v1/": auth("a", "b")}).encode()
    assert parse(data, file=".dockercfg", legacy=True).entry("docker.io", "library/x") == Basic("a", "b")


def test_helpers_are_found_by_any_spelling() -> None:
    found = read({}, credHelpers={"https://index.docker.io/v1/": "hub", "GHCR.io": "g"}, credsStore="pass")
    assert (found.helper("docker.io"), found.helper("ghcr.io"), found.store) == ("hub", "g", "pass")


HOSTS = st.sampled_from(["docker.io", "ghcr.io", "localhost:5000", "[::1]:5000", "a.example", "b.a.example"])
PATHS = st.lists(st.sampled_from(["acme", "a", "x", "ghcr.io"]), min_size=1, max_size=4).map("/".join)


@given(st.dictionaries(st.tuples(HOSTS, st.one_of(st.just(""), PATHS)), st.integers(0, 9), max_size=8), HOSTS, PATHS)
def test_an_entry_is_of_the_host_and_around_the_repository(
    rows: dict[tuple[str, str], int], host: str, path: str
) -> None:
    keys = {f"{at}/{name}" if name else at: auth(f"{at}|{name}", "p") for at, name in rows}
    found = read(keys).entry(host, path)
    around = [name for at, name in rows if at == host and (not name or path == name or path.startswith(f"{name}/"))]
    if not around:
        assert found is None
    else:
        longest = max(around, key=len)
        assert isinstance(found, Basic) or ":" in host
        if ":" not in host:  # the name is the key here, and names have no colon
            assert found == Basic(f"{host}|{longest}", "p")


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_what_goes_in_comes_out_or_is_refused(username: str, password: str) -> None:
    try:
        data = json.dumps({"auths": {"ghcr.io": auth(username, password)}}).encode()
    except UnicodeEncodeError:
        return
    plain = not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in username + password)
    if plain and ":" not in username:
        assert parse(data, file="f").entry("ghcr.io", "x") == Basic(username, password)
        return
    try:
        found = parse(data, file="f").entry("ghcr.io", "x")
    except RegistryError:
        return
    assert isinstance(found, Basic) and found.username in username and found.password in username + password + ":"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_file_or_refused(data: bytes) -> None:
    try:
        parse(data, file="f").entry("ghcr.io", "x")
    except RegistryError as err:
        assert err.code in {"SM4200", "SM4202"}


@given(HOSTS, PATHS)
def test_keys_go_from_the_repository_to_the_host(host: str, path: str) -> None:
    keys = keys_for(host, path)
    assert keys[0] == f"{host}/{path}" and keys[-1] == host
    assert all(longer.startswith(f"{shorter}/") for longer, shorter in itertools.pairwise(keys))
    assert [host_of(key) for key in keys] == list(keys)
