"""Credentials go to the host they belong to and nowhere else: redirects, token servers, Link and mirrors attack them.

Every attack stands in the table of docs/operations.md, and every test here fails when the check it is about is taken
out of the program.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secmount.errors import RegistryError
from secmount.registry.credentials.value import Basic, Credential, IdentityToken, RegistryToken
from secmount.registry.http.source import HttpSource
from tests.support.certificates import authority, leaf
from tests.support.lying import Gate, Lying, Reply, challenge, error, next_page, redirect
from tests.support.wires import REPOSITORY, SECRET, Names, model, place, read, wire
from tests.unit.registry.http.conftest import Start

PAGE = Path(__file__).parents[4] / "docs/operations.md"
ME = Basic("user", SECRET)
PULL = f"repository:{REPOSITORY}:pull"


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(RegistryError) as caught:
        act()
    assert SECRET not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    return caught.value.code


def nothing_secret(*servers: Lying) -> None:
    """Check that these saw no credentials, wherever one might put them."""
    for server in servers:
        for seen in server.asked():
            assert seen.authorization is None
            assert "proxy-authorization" not in seen.headers
            assert "cookie" not in seen.headers
            assert b"token" not in seen.body
            assert SECRET not in f"{seen}"


class Pair:
    """A registry that knows `ME`, and somebody else's server."""

    def __init__(self, start: Start, ca: str, *, scheme: str = "bearer", credential: Credential = ME) -> None:
        self.registry = start("registry.test")
        self.other = start("other.test", "registry.test")
        self.held = model(self.registry)
        self.host = self.registry.host("registry.test")
        realm = self.registry.url("/token", name="registry.test")
        self.gate = self.registry.gate = Gate(scheme, realm)
        self.access: dict[str, Any] = {"name": "registry.test", "ca_files": (ca,)}
        self.wire = wire(place(self.registry, **self.access), credentials={self.host: credential})
        self.source: HttpSource = self.wire.source

    def elsewhere(self, target: str = "/elsewhere", name: str = "other.test") -> str:
        return self.other.url(target, name=name)

    def name_realm(self, realm: str) -> None:
        self.gate.realm, self.gate.serves_tokens = realm, False


@pytest.fixture(params=["basic", "bearer"])
def pair(request: pytest.FixtureRequest, start: Start, ca: str, names: Names) -> Pair:
    return Pair(start, ca, scheme=request.param)


@pytest.fixture
def bearer(start: Start, ca: str, names: Names) -> Pair:
    return Pair(start, ca)


def test_the_page_has_these_attacks() -> None:
    section = PAGE.read_text().partition("## What it may do to get at credentials")[2].partition("\n## ")[0]
    tests = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    own = {
        "an_identity_token_is_exchanged_at_the_registrys_own_token_server",
        "the_page_has_these_attacks",
        "who_is_known_is_let_in",
        "secrets_are_in_no_repr",
    }
    assert set(re.findall(r"\| `(\w+)` \|$", section, re.MULTILINE)) == tests - own


def test_who_is_known_is_let_in(pair: Pair) -> None:
    with pair.source as source:
        assert source.head("v1", None) == pair.held.described.__class__(
            pair.held.described.media_type,
            pair.held.described.digest,
            pair.held.described.size,
            artifact_type="application/vnd.acme.model",
        )
        assert read(source, pair.held.content) == pair.held.layer
    assert pair.wire.credentials.asked == [(pair.host, REPOSITORY)]


def test_an_identity_token_is_exchanged_at_the_registrys_own_token_server(start: Start, ca: str, names: Names) -> None:
    pair = Pair(start, ca, credential=IdentityToken("refresh me"))
    with pair.source as source:
        assert read(source, pair.held.content) == pair.held.layer
    (seen,) = pair.registry.asked("POST /token$")
    assert b"grant_type=refresh_token" in seen.body
    assert b"refresh_token=refresh+me" in seen.body
    assert seen.authorization is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_carries_no_credentials(pair: Pair, status: int) -> None:
    pair.registry.on("/blobs/", gated(pair, redirect(pair.elsewhere(), status)))
    pair.other.serve("/elsewhere", Reply(body=pair.held.layer))
    with pair.source as source:
        assert read(source, pair.held.content) == pair.held.layer
    assert len(pair.other.asked("/elsewhere")) == 1
    nothing_secret(pair.other)


def gated(pair: Pair, reply: Reply) -> Callable[..., Reply]:
    """Give `reply` to those the gate lets in."""
    return lambda seen, _: pair.gate.answer(seen) or reply


def test_a_redirect_to_another_port_carries_no_credentials(pair: Pair) -> None:
    pair.registry.on("/blobs/", gated(pair, redirect(pair.elsewhere(name="registry.test"))))
    pair.other.serve("/elsewhere", Reply(body=pair.held.layer))
    with pair.source as source:
        assert read(source, pair.held.content) == pair.held.layer
    assert len(pair.other.asked("/elsewhere")) == 1
    nothing_secret(pair.other)


def test_a_redirect_there_and_back_carries_no_credentials(pair: Pair) -> None:
    pair.registry.on("/blobs/", gated(pair, redirect(pair.elsewhere())))
    pair.other.on("/elsewhere", redirect(pair.registry.url("/v2/victim/delete", name="registry.test")))
    pair.registry.on("/victim/", Reply(body=pair.held.layer))
    with pair.source as source:
        read(source, pair.held.content)
    assert [seen.authorization for seen in pair.registry.asked("/victim/")] == [None]


def test_a_redirect_to_plain_http_is_not_followed(pair: Pair, start: Start) -> None:
    plain = start()
    pair.registry.on("/blobs/", gated(pair, redirect(plain.url("/elsewhere", name="registry.test"))))
    assert refused(lambda: read(pair.source, pair.held.content)) == "SM4120"
    assert plain.asked() == []


@pytest.mark.parametrize("demand", ['Basic realm="other"', 'Bearer realm="{}"'])
def test_who_is_redirected_to_may_not_ask_for_credentials(pair: Pair, demand: str) -> None:
    pair.registry.on("/blobs/", gated(pair, redirect(pair.elsewhere())))
    pair.other.on("/elsewhere", challenge(demand.format(pair.elsewhere("/token"))))
    assert refused(lambda: read(pair.source, pair.held.content)) == "SM4106"
    assert len(pair.other.asked()) == 1
    nothing_secret(pair.other)


@pytest.mark.parametrize("credential", [ME, IdentityToken(SECRET)], ids=["password", "identity token"])
@pytest.mark.parametrize("name", ["other.test", "evil-registry.test", "registry.test.other.test"])
def test_a_token_server_of_another_site_gets_nothing(
    start: Start, ca: str, names: Names, credential: Credential, name: str
) -> None:
    pair = Pair(start, ca, credential=credential)
    pair.name_realm(pair.elsewhere("/token", name=name))
    assert refused(lambda: pair.source.head("v1", None)) == "SM4114"
    assert pair.other.asked() == []


def test_a_token_server_over_plain_http_gets_nothing(bearer: Pair, start: Start) -> None:
    plain = start()
    bearer.name_realm(plain.url("/token", name="registry.test"))
    assert refused(lambda: bearer.source.head("v1", None)) == "SM4114"
    assert plain.asked() == []


def test_a_token_server_inside_a_cloud_gets_nothing(bearer: Pair, names: Names) -> None:
    names.now["inside.registry.test"] = ["169.254.169.254"]
    wired = wire(place(bearer.registry, **bearer.access))  # nobody's credentials, so any https server might be asked
    bearer.name_realm("https://inside.registry.test/latest/api/token")
    assert refused(lambda: wired.source.head("v1", None)) == "SM4121"


def test_a_token_server_may_not_send_the_question_elsewhere(bearer: Pair) -> None:
    bearer.registry.on("GET /token", redirect(bearer.elsewhere("/token")))
    assert refused(lambda: bearer.source.head("v1", None)) == "SM4120"
    assert bearer.other.asked() == []


def test_a_token_server_may_not_send_an_identity_token_elsewhere(start: Start, ca: str, names: Names) -> None:
    pair = Pair(start, ca, credential=IdentityToken(SECRET))
    pair.registry.on("POST /token", redirect(pair.elsewhere("/token")))
    assert refused(lambda: pair.source.head("v1", None)) == "SM4120"
    assert pair.other.asked() == []


@pytest.mark.parametrize(
    "scope", ["repository:acme/model:pull,push,delete", "registry:catalog:*", "repository:other:pull"]
)
def test_a_registry_cannot_ask_for_more_than_the_right_to_pull(bearer: Pair, scope: str) -> None:
    bearer.gate.scope = scope
    with bearer.source as source:
        source.head("v1", None)
    (seen,) = bearer.registry.asked("GET /token")
    assert seen.target == "/token?service=registry.test&scope=repository%3Aacme%2Fmodel%3Apull"


def test_a_next_page_on_another_host_is_not_asked_for(pair: Pair) -> None:
    pair.registry.on("/referrers/", gated(pair, next_page(pair.elsewhere())(None, None)))  # type: ignore[arg-type]
    assert refused(lambda: pair.source.referrers(pair.held.described.digest)) == "SM4122"
    assert pair.other.asked() == []


def test_a_next_page_after_a_redirect_is_not_asked_for(pair: Pair) -> None:
    """Otherwise its target would be asked of the registry, with credentials."""
    pair.registry.on("/referrers/", gated(pair, redirect(pair.elsewhere("/list"))))
    pair.other.on("/list", next_page("/v2/victim/tags/list"))
    assert refused(lambda: pair.source.referrers(pair.held.described.digest)) == "SM4122"
    assert pair.registry.asked("/victim/") == []


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_a_mirror_cannot_ask_for_the_primarys_credentials(pair: Pair, scheme: str) -> None:
    pair.other.gate = Gate(scheme, pair.elsewhere("/token"))
    mirror = place(pair.other, name="other.test", mirror=True, ca_files=pair.access["ca_files"])
    wired = wire(mirror, place(pair.registry, **pair.access), credentials={pair.host: ME})
    with wired.source as source:
        source.head("v1", None)  # now the primary's credentials and token are at hand
        assert read(source, pair.held.content) == pair.held.layer
    assert (pair.other.host("other.test"), REPOSITORY) in wired.credentials.asked
    assert pair.other.asked("/blobs/")
    nothing_secret(pair.other)


def test_a_mirror_cannot_name_the_primarys_token_server(bearer: Pair) -> None:
    """The primary's token server would give a token for the primary to whoever mirrors it."""
    bearer.other.on("/v2/", challenge(f'Bearer realm="{bearer.gate.realm}",service="registry.test"'))
    mirror = place(bearer.other, name="other.test", mirror=True, ca_files=bearer.access["ca_files"])
    mine = Basic("mirror", "mirror's own")
    wired = wire(
        mirror,
        place(bearer.registry, **bearer.access),
        credentials={bearer.host: ME, bearer.other.host("other.test"): mine},
    )
    with wired.source as source:
        assert read(source, bearer.held.content) == bearer.held.layer
    nothing_secret(bearer.other)
    assert {seen.authorization for seen in bearer.registry.asked("/token")} == {bearer.gate.basic}


def test_no_mirror_says_what_a_tag_means_or_what_refers_to_it(pair: Pair) -> None:
    model(pair.other, b"evil")
    mirror = place(pair.other, name="other.test", mirror=True, ca_files=pair.access["ca_files"])
    wired = wire(mirror, place(pair.registry, **pair.access), credentials={pair.host: ME})
    with wired.source as source:
        assert source.head("v1", None).digest == pair.held.described.digest
        source.referrers(pair.held.described.digest)
    assert pair.other.asked() == []


def test_nothing_is_sent_over_a_channel_that_anybody_can_read(start: Start, names: Names) -> None:
    server = start()
    server.gate = Gate("basic")
    model(server)
    wired = wire(place(server, name="registry.test", credentials=False), credentials={server.host("registry.test"): ME})
    assert refused(lambda: wired.source.head("v1", None)) == "SM4116"
    nothing_secret(server)


def test_a_client_certificate_is_shown_to_the_registry_alone(
    start: Start, ca: str, names: Names, tmp_path: Any
) -> None:
    me = leaf(authority(), "me", client=True).write(tmp_path, "me")
    registry, other = (start(name, clients=authority()) for name in ("registry.test", "other.test"))
    held = model(registry)
    registry.on("/blobs/", redirect(other.url("/elsewhere", name="other.test")))
    other.serve("/elsewhere", Reply(body=held.layer))
    wired = wire(place(registry, name="registry.test", ca_files=(ca,), client_certificate=me))
    with wired.source as source:
        assert read(source, held.content) == held.layer
    assert [seen.certificate for seen in registry.asked("/blobs/")] == [True]
    assert [seen.certificate for seen in other.asked()] == [False]


def test_what_a_registry_echoes_is_not_shown(pair: Pair) -> None:
    """An error's message may repeat what was sent; it would end in a log."""

    def echo(seen: Any, _: Reply) -> Reply:
        held = seen.authorization
        return pair.gate.answer(seen) or error(500, held[:40], ("X-Echo", held), message=f"you sent {held}")

    pair.registry.on("/manifests/", echo)
    with pytest.raises(RegistryError) as caught:
        pair.source.head("v1", None)
    sent = [seen.authorization for seen in pair.registry.asked("/manifests/") if seen.authorization]
    assert caught.value.code == "SM4106"
    assert sent
    assert not any(word in str(caught.value) for held in sent for word in held.split())


def test_a_token_of_the_registry_itself_stays_with_it(start: Start, ca: str, names: Names) -> None:
    pair = Pair(start, ca, credential=RegistryToken("ready-made-token"))
    pair.gate.tokens.add("ready-made-token")
    pair.registry.on("/blobs/", gated(pair, redirect(pair.elsewhere())))
    pair.other.serve("/elsewhere", Reply(body=pair.held.layer))
    with pair.source as source:
        read(source, pair.held.content)
    assert pair.registry.asked("/token") == []
    nothing_secret(pair.other)


def test_secrets_are_in_no_repr(bearer: Pair) -> None:
    with bearer.source as source:
        source.head("v1", None)
        client = source._clients[-1]
        shown = [
            client,
            client._authorizer,
            *client._authorizer._tokens.values(),
            *bearer.wire.credentials.by_host.values(),
        ]
        text = " ".join(map(repr, shown))
    assert SECRET not in text
    assert not any(token in text for token in bearer.gate.tokens)
