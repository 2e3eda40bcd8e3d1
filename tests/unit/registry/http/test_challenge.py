"""WWW-Authenticate, URLs and token answers: read strictly, for two readings of one are a way around."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmount.errors import ContentError, RegistryError
from secmount.registry.credentials.value import Basic, IdentityToken
from secmount.registry.http import tokens
from secmount.registry.http.challenge import Challenge, choose, parse
from secmount.registry.http.wire import url as urls
from tests.support.wires import NOW_MS, SECRET

REGISTRY = urls.parse("https://registry.example.com/")
WORD = st.text("abcXYZ019!#$%&'*+.^_`|~-", min_size=1, max_size=12)
QUOTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('Basic realm="x"', (("basic", {"realm": "x"}),)),
        ("Basic", (("basic", {}),)),
        ('BEARER Realm="https://a/b?c=d,e",SERVICE=r , scope="repository:a/b:pull,push"',
         (("bearer", {"realm": "https://a/b?c=d,e", "service": "r", "scope": "repository:a/b:pull,push"}),)),
        ('Negotiate, Basic realm="a, Bearer b", Bearer realm="c"',
         (("negotiate", {}), ("basic", {"realm": "a, Bearer b"}), ("bearer", {"realm": "c"}))),
        ("NTLM TlRMTVNTUAAB==, Basic realm=x", (("ntlm", {}), ("basic", {"realm": "x"}))),
        (r'Bearer realm="a\"b\\c"', (("bearer", {"realm": 'a"b\\c'}),)),
        (", ,Basic  realm = x ,", (("basic", {"realm": "x"}),)),
        ("", ()),
    ],
)  # fmt: skip
def test_challenges(header: str, found: tuple[tuple[str, dict[str, str]], ...]) -> None:
    assert tuple((one.scheme, dict(one.parameters)) for one in parse(header, subject="r")) == found


@pytest.mark.parametrize(
    "header",
    [
        'Bearer realm="a',
        'realm="a"',
        'Bearer realm="a",realm="b"',
        'Bearer realm="a" "b"',
        "Bearer realm=ä",
        'Bearer realm="a\r\nX: y"',
        "Bearer realm=https://x/",
        "Basic, " * 9,
        'Bearer realm="' + "a" * 9000 + '"',
        "\x00",
    ],
)
def test_what_is_no_challenge(header: str) -> None:
    with pytest.raises(RegistryError) as caught:
        choose(parse(header, subject="r"), subject="r")
    assert caught.value.code == "SM4113"


@given(st.lists(st.tuples(WORD, st.dictionaries(WORD.map(str.lower), QUOTABLE, min_size=1, max_size=4)), max_size=5))
def test_what_is_written_is_read(rows: list[tuple[str, dict[str, str]]]) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    text = ", ".join(
        f"{name} " + ", ".join(f"{key}={quoted(value)}" for key, value in row.items()) for name, row in rows
    )
    found = parse(text, subject="r")
    assert [(one.scheme, dict(one.parameters)) for one in found] == [(name.lower(), row) for name, row in rows]


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text, subject="r")
    except RegistryError as err:
        assert err.code == "SM4113"


@pytest.mark.parametrize(
    ("realm", "registry", "secret", "code"),
    [
        ("https://registry.example.com/t", "https://registry.example.com/", True, None),
        ("https://registry.example.com:8443/t", "https://registry.example.com/", True, None),
        ("https://REGISTRY.example.com./t", "https://registry.example.com/", True, None),
        ("https://example.com/t", "https://registry.example.com/", True, None),
        ("https://auth.docker.io/token", "https://registry-1.docker.io/", True, None),
        ("https://auth.example.com/t", "https://registry.example.com/", True, "SM4114"),
        ("https://sso.other.com/t", "https://registry.example.com/", True, None),  # named by the configuration
        ("https://example.com/t", "https://evilexample.com/", True, "SM4114"),
        ("https://com/t", "https://registry.example.com/", True, "SM4114"),
        ("https://auth.docker.io/token", "https://registry.example.com/", True, "SM4114"),
        ("https://xregistry.example.com/t", "https://registry.example.com/", True, "SM4114"),
        ("https://a.registry.example.com/t", "https://registry.example.com/", True, "SM4114"),
        ("https://registry.example.com.evil.com/t", "https://registry.example.com/", True, "SM4114"),
        ("https://evil.com/t", "https://registry.example.com/", False, None),  # no secret goes there
        ("http://registry.example.com/t", "https://registry.example.com/", False, "SM4114"),
        ("http://registry.example.com/t", "http://registry.example.com/", True, None),
        ("http://registry.example.com:81/t", "http://registry.example.com/", True, None),
        ("http://example.com/t", "http://registry.example.com/", True, "SM4114"),
        ("http://evil.com/t", "http://registry.example.com/", False, "SM4114"),
        ("https://0.0.1/t", "https://10.0.0.1/", True, "SM4114"),
        ("https://registry.example.com@evil.com/t", "https://registry.example.com/", True, "SM4113"),
        ("https://registry.example.com\\@evil.com/t", "https://registry.example.com/", True, "SM4113"),
        ("//registry.example.com/t", "https://registry.example.com/", True, "SM4113"),
        ("/token", "https://registry.example.com/", True, "SM4113"),
        ("file:///etc/passwd", "https://registry.example.com/", True, "SM4113"),
        ("https://registry.example.com:0/t", "https://registry.example.com/", True, "SM4113"),
        ("https://registry.example.com:x/t", "https://registry.example.com/", True, "SM4113"),
        ("https://regïstry.example.com/t", "https://registry.example.com/", True, "SM4113"),
        ("https://registry.example.com/t t", "https://registry.example.com/", True, "SM4113"),
    ],
)
def test_token_servers(realm: str, registry: str, secret: bool, code: str | None) -> None:
    given_, others = Challenge("bearer", {"realm": realm}), frozenset({"sso.other.com"})
    if code is None:
        tokens.server(given_, urls.parse(registry), others, secret=secret)
        return
    with pytest.raises(RegistryError) as caught:
        tokens.server(given_, urls.parse(registry), others, secret=secret)
    assert caught.value.code == code


def test_questions() -> None:
    realm = urls.parse("https://registry.example.com/token?a=b")
    challenge = Challenge("bearer", {"realm": realm.text, "service": "a&b", "scope": "everything"})
    anonymous = tokens.question(challenge, realm, "repository:x:pull", None)
    assert (anonymous.url.target, dict(anonymous.headers), anonymous.body) == (
        "/token?a=b&service=a%26b&scope=repository%3Ax%3Apull", {}, None
    )  # fmt: skip
    known = tokens.question(challenge, realm, None, Basic("me", "ä:b"))
    assert known.headers["Authorization"] == "Basic bWU6w6Q6Yg=="
    exchanged = tokens.question(challenge, realm, "s", IdentityToken("a b"))
    assert exchanged.url.target == "/token?a=b"
    assert exchanged.body == b"grant_type=refresh_token&client_id=secmount&refresh_token=a+b&service=a%26b&scope=s"
    assert "a+b" not in repr(exchanged)
    assert SECRET not in repr(tokens.question(challenge, realm, None, Basic("me", SECRET)))


@pytest.mark.parametrize(
    ("row", "life_ms"),
    [
        ({"token": "a"}, 50_000),
        ({"access_token": "a", "expires_in": 300}, 290_000),
        ({"token": "a", "access_token": "b", "expires_in": 4}, 2_000),
        ({"token": "a", "expires_in": 0}, 50_000),
        ({"token": "a", "expires_in": -5}, 50_000),
        ({"token": "a", "expires_in": "300"}, 50_000),
        ({"token": "a", "expires_in": 10**30}, 86_390_000),
    ],
)
def test_a_token_lives_as_long_as_it_says_less_a_little(row: dict[str, object], life_ms: int) -> None:
    found = tokens.read(json.dumps(row).encode(), now_ms=NOW_MS, subject="r")
    assert found == tokens.Token("a", NOW_MS + life_ms)
    assert "'a'" not in repr(found)


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b"[]",
        b'{"token":7}',
        b'{"token":""}',
        b'{"token":"a b"}',
        b'{"token":"a\\r\\nX: y"}',
        b'{"token":"\xc3\xa4"}',
    ],
)
def test_what_is_no_token(raw: bytes) -> None:
    with pytest.raises(RegistryError) as caught:
        tokens.read(raw, now_ms=0, subject="r")
    assert caught.value.code == "SM4115"


def test_a_token_answer_is_exact_json() -> None:
    with pytest.raises(ContentError):
        tokens.read(b'{"token":"a","token":"b"}', now_ms=0, subject="r")


@given(st.text(max_size=80))
def test_any_url_is_read_or_refused(text: str) -> None:
    for whole in (text, f"https://{text}", f"https://a.test/{text}"):
        for base in (None, REGISTRY):
            try:
                found = urls.parse(whole, base=base)
            except ValueError:
                continue
            assert urls.parse(found.text) == found
            assert found.text not in repr(found) or found.target == "/"


@given(st.builds(str.__add__, st.sampled_from(["http://", "https://"]), st.text("ab01.@:[]/?#\\-", max_size=40)))
def test_two_parsers_agree_on_the_host(text: str) -> None:
    """urllib3 decides where to connect; a URL that it reads otherwise must have been refused."""
    import urllib3

    try:
        found = urls.parse(text)
    except ValueError:
        return
    other = urllib3.util.parse_url(found.text)
    assert (
        other.scheme,
        (other.host or "").strip("[]"),
        other.port or {"http": 80, "https": 443}[found.scheme],
    ) == found.origin
    assert other.auth is None
