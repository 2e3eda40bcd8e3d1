"""oras-py's holes, each by an attack on what is built on it. The numbers are those of docs/adr/0013.

Every test fails when the check that it is about is taken out of `publish.push`.
"""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import oras.provider
import pytest
import requests

from secmount.errors import ContentError, RegistryError, SecmountError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.publish.push.place import Place
from secmount.publish.push.provider import Provider
from secmount.registry.credentials.value import Basic
from secmount.registry.hosts.value import Access, Location
from tests.support.lying import Gate, Reply, dripping_headers, error, headed, noise
from tests.support.lying import redirect as redirected
from tests.support.storing import Storing
from tests.support.wires import REPOSITORY, SECRET, Names
from tests.unit.publish.push.conftest import Desk, Open, Start

DATA = b"weights " * 1000
BLOB = Descriptor("application/octet-stream", Digest.of(DATA), len(DATA))
OTHER = Digest.of(b"something else")
ME = Basic("user", SECRET)
SOURCES = Path(__file__).parents[4] / "secmount"


def refused(act: Callable[[], object], code: str) -> SecmountError:
    with pytest.raises((RegistryError, ContentError)) as caught:
        act()
    assert caught.value.code == code, caught.value
    assert SECRET not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    return caught.value


def document(**fields: Any) -> bytes:
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": str(Digest.of(b"{}")), "size": 2}
    row = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": "a/b"}
    return json.dumps({**row, "config": empty, "layers": [], **fields}).encode()


def test_the_library_is_really_used(registry: Storing, desk: Open) -> None:
    made = desk(registry)
    provider = made.writer._provider
    assert isinstance(provider, oras.provider.Registry) and isinstance(provider.place, oras.container.Container)
    made.writer.put(BLOB, DATA)
    assert registry.blobs == {str(BLOB.digest): DATA}


def test_nothing_else_of_it_is_imported() -> None:
    """2, 12, 14: its layouts, archives and downloads are not even loaded by name."""
    found = set()
    for text in (path.read_text() for path in SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(text)) if "oras" in text else ():
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "oras":
                found |= {(node.module, row.name) for row in node.names}
            assert not (isinstance(node, ast.Import) and any(row.name.startswith("oras") for row in node.names))
    assert found == {("oras.provider", "Registry"), ("oras.container", "Container"), ("oras.auth.base", "AuthBackend")}


@pytest.mark.parametrize(
    "name",
    ["push", "pull", "login", "logout", "download_blob", "get_blob", "get_manifest", "get_tags", "delete_tag"],
)
def test_what_checks_nothing_is_refused(registry: Storing, desk: Open, name: str) -> None:
    """1, 2, 12, 14, 17."""
    provider = desk(registry).writer._provider
    with pytest.raises(ValueError, match="not used"):
        getattr(provider, name)("x", "y")
    assert registry.seen == []


class TestDigests:
    """1, 3: what the registry says it has is compared with what was sent."""

    @pytest.mark.parametrize("chunk_size", [None, 1000])
    def test_a_blob_of_another_digest(self, registry: Storing, desk: Open, chunk_size: int | None) -> None:
        registry.on("PUT .*digest=", headed(("Docker-Content-Digest", str(OTHER))))
        refused(lambda: desk(registry, chunk_size=chunk_size).writer.put(BLOB, DATA), "SM4322")

    def test_a_manifest_of_another_digest(self, registry: Storing, desk: Open) -> None:
        registry.on("PUT .*manifests", headed(("Docker-Content-Digest", str(OTHER))))
        refused(lambda: desk(registry).writer.add_document(document(), tag="v1"), "SM4322")

    def test_a_manifest_that_is_not_there_afterwards(self, registry: Storing, desk: Open) -> None:
        """Without the header the tag is read again, and the bytes are hashed."""
        registry.on("PUT .*manifests", Reply(201))
        refused(lambda: desk(registry).writer.add_document(document(), tag="v1"), "SM4322")

    def test_a_manifest_that_is_another_afterwards(self, registry: Storing, desk: Open) -> None:
        registry.on("PUT .*manifests", Reply(201))
        registry.manifests["v1"] = ("", document(annotations={"changed": "meanwhile"}))
        refused(lambda: desk(registry).writer.add_document(document(), tag="v1"), "SM4322")

    def test_a_blob_that_is_there_with_another_size(self, registry: Storing, desk: Open) -> None:
        registry.blobs[str(BLOB.digest)] = DATA[:-1]
        refused(lambda: desk(registry).writer.has(BLOB), "SM4322")

    def test_a_blob_that_is_there_with_another_digest(self, registry: Storing, desk: Open) -> None:
        registry.blobs[str(BLOB.digest)] = DATA
        registry.on("HEAD", headed(("Docker-Content-Digest", str(OTHER))))
        refused(lambda: desk(registry).writer.has(BLOB), "SM4322")

    @pytest.mark.parametrize("chunk_size", [None, 1000])
    @pytest.mark.parametrize(
        ("data", "code"),
        [(DATA[:-1] + b"!", "SM5001"), (DATA[:-1], "SM5002"), (DATA + b"!", "SM5002"), (b"", "SM5002")],
    )
    def test_bytes_that_are_not_what_was_described(
        self, registry: Storing, desk: Open, data: bytes, code: str, chunk_size: int | None
    ) -> None:
        """Found while they are sent; the registry never gets to the point where it would keep them."""
        refused(lambda: desk(registry, chunk_size=chunk_size, timeout_ms=1000).writer.put(BLOB, [data]), code)
        assert registry.blobs == {}

    def test_bytes_of_an_empty_blob(self, registry: Storing, desk: Open) -> None:
        refused(lambda: desk(registry).writer.put(Descriptor("a/b", Digest.of(b""), 0), b"x"), "SM5002")
        desk(registry).writer.put(Descriptor("a/b", Digest.of(b""), 0), b"")
        assert registry.blobs == {str(Digest.of(b"")): b""}


class TestCredentials:
    """4, 5, 6, 7, 11."""

    def gated(self, start: Start, desk: Open, scheme: str, ca: str) -> tuple[Storing, Desk]:
        registry = start("registry.test")
        registry.gate = Gate(scheme, registry.url("/token", name="registry.test"))
        host = registry.host("registry.test")
        made = desk(registry, credentials={host: ME}, access={"name": "registry.test", "ca_files": (ca,)})
        return registry, made

    @pytest.mark.parametrize("scheme", ["basic", "bearer"])
    def test_they_are_sent_when_asked_for(self, start: Start, desk: Open, names: Names, ca: str, scheme: str) -> None:
        registry, made = self.gated(start, desk, scheme, ca)
        made.writer.put(BLOB, DATA)
        made.writer.add_document(document(), tag="v1")
        assert str(BLOB.digest) in registry.blobs and "v1" in registry.manifests
        assert registry.seen[0].authorization is None, "before anybody asked"
        tokens = registry.asked("GET /token")
        assert all(f"scope=repository%3A{REPOSITORY.replace('/', '%2F')}%3Apull%2Cpush" in row.target for row in tokens)

    @pytest.mark.parametrize("scheme", ["basic", "bearer"])
    @pytest.mark.parametrize("where", ["other.test", "registry.test"], ids=["another host", "another port"])
    @pytest.mark.parametrize("request_line", ["POST ", "PATCH "], ids=["begun", "half-way"])
    def test_an_upload_is_led_elsewhere(
        self, start: Start, desk: Open, names: Names, ca: str, scheme: str, where: str, request_line: str
    ) -> None:
        """4: neither credentials nor content go there."""
        registry, made = self.gated(start, desk, scheme, ca)
        made.writer._chunk_size = 1000
        other = start("other.test", "registry.test")
        target = other.url("/v2/acme/model/blobs/uploads/u0", name=where)
        gate, registry.gate = registry.gate, None
        assert gate is not None
        registry.on(request_line, lambda seen, truth: gate.answer(seen) or truth.but(("Location", target)))
        registry.on("^", lambda seen, truth: gate.answer(seen) or truth)
        refused(lambda: made.writer.put(BLOB, DATA), "SM4320")
        assert other.seen == []

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_of_what_is_sent(
        self, start: Start, desk: Open, names: Names, ca: str, method: str, status: int
    ) -> None:
        registry = start("registry.test")
        other = start("other.test")
        registry.on(f"{method} ", redirected(other.url("/", name="other.test"), status))
        made = desk(registry, access={"name": "registry.test", "ca_files": (ca,)})
        refused(lambda: made.writer.put(BLOB, DATA), "SM4321")
        assert other.seen == []

    @pytest.mark.parametrize("realm", ["https://other.test:{port}/token", "http://registry.test/token"])
    def test_a_token_server_elsewhere(self, start: Start, desk: Open, names: Names, ca: str, realm: str) -> None:
        """5: not to another host's, and not over http."""
        registry, made = self.gated(start, desk, "bearer", ca)
        other = start("other.test")
        registry.gate = Gate("bearer", realm.format(port=other.port))
        refused(lambda: made.writer.put(BLOB, DATA), "SM4114")
        assert other.seen == []
        assert all(seen.authorization is None for seen in registry.seen)

    def test_files_and_variables_of_oras_and_requests_say_nothing(
        self, start: Start, desk: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """6, 7, 11: not ~/.docker/config.json, not ORAS_USER, not ~/.netrc."""
        registry = start()
        registry.gate = Gate("basic")
        encoded = registry.gate.basic.removeprefix("Basic ")
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / ".docker").mkdir()
        kept = {"auths": {registry.host(): {"auth": encoded}, registry.address: {"auth": encoded}}}
        (tmp_path / ".docker/config.json").write_text(json.dumps(kept))
        (tmp_path / ".netrc").write_text(f"machine {registry.address} login user password {SECRET}\n")
        (tmp_path / ".netrc").chmod(0o600)
        monkeypatch.setenv("ORAS_USER", "user")
        monkeypatch.setenv("ORAS_PASS", SECRET)
        refused(lambda: desk(registry).writer.put(BLOB, DATA), "SM4110")
        assert all(seen.authorization is None for seen in registry.seen)

    def test_its_own_ways_to_find_credentials_are_closed(self, registry: Storing, desk: Open) -> None:
        provider = desk(registry).writer._provider
        for name in ("load_configs", "authenticate_request", "set_basic_auth", "token"):
            with pytest.raises(ValueError, match="not used"):
                getattr(provider.auth, name)

    def test_cookies_are_not_kept(self, registry: Storing, desk: Open) -> None:
        registry.on("POST", headed(("Set-Cookie", "session=1; Path=/")))
        desk(registry).writer.put(BLOB, DATA)
        assert all("cookie" not in seen.headers for seen in registry.seen)


class TestNames:
    """8, 15: what is addressed is what was parsed once, and what is sent are the bytes that were hashed."""

    def test_docker_hub(self) -> None:
        location = Location(Access("registry-1.docker.io", credential_key="docker.io"), "library/ubuntu")
        place = Place(location)
        assert place.upload_blob_url() == "registry-1.docker.io/v2/library/ubuntu/blobs/uploads/"
        assert place.manifest_url("latest") == "registry-1.docker.io/v2/library/ubuntu/manifests/latest"

    @pytest.mark.parametrize("text", ["reg.io/../../etc:x", "localhost/foo", "reg.io/a//b:c", "ubuntu"])
    def test_no_text_is_parsed_by_oras(self, registry: Storing, desk: Open, text: str) -> None:
        provider = desk(registry).writer._provider
        for act in (provider.get_container, provider.place.parse):
            with pytest.raises(ValueError, match=r"another|parsed"):
                act(text)

    def test_a_manifest_is_sent_as_it_is(self, registry: Storing, desk: Open) -> None:
        raw = (
            b'{ "schemaVersion": 2,\n "mediaType":"application/vnd.oci.image.manifest.v1+json",'
            + document()[1:].split(b'manifest.v1+json", ', 1)[1]
        )
        made = desk(registry).writer.add_document(raw, tag="v1")
        assert registry.manifests["v1"][1] == raw and made.digest == Digest.of(raw)

    def test_what_is_no_manifest_is_not_sent(self, registry: Storing, desk: Open) -> None:
        refused(lambda: desk(registry).writer.add_document(b'{"schemaVersion":2}', tag="v1"), "SM5013")
        assert registry.seen == []


class TestPatience:
    """9, 10: few attempts where they can help, none where not, and never for ever."""

    @pytest.mark.parametrize(("status", "code"), [(401, "SM4110"), (403, "SM4112"), (400, "SM4323"), (404, "SM4323")])
    def test_a_refusal_is_final(self, registry: Storing, desk: Open, status: int, code: str) -> None:
        registry.on("POST", error(status, "DENIED"))
        made = desk(registry)
        refused(lambda: made.writer.put(BLOB, DATA), code)
        assert made.slept == [] and len(registry.seen) == 1

    @pytest.mark.parametrize("status", [429, 502, 503, 504])
    @pytest.mark.parametrize("line", ["POST .*uploads", "PUT .*digest", "HEAD", "PUT .*manifests"])
    def test_a_busy_registry_is_asked_again(self, registry: Storing, desk: Open, status: int, line: str) -> None:
        busy = error(status, "TOOMANYREQUESTS", ("Retry-After", "2"))
        registry.on(line, busy, busy, lambda _, truth: truth)
        made = desk(registry)
        assert not made.writer.has(BLOB)
        made.writer.put(BLOB, DATA)
        made.writer.add_document(document(), tag="v1")
        assert registry.blobs[str(BLOB.digest)] == DATA
        assert len(made.slept) == 2 and all(pause >= 2 for pause in made.slept)

    def test_not_without_end(self, registry: Storing, desk: Open) -> None:
        registry.on("PUT", error(503, "UNKNOWN"))
        made = desk(registry, attempts=3)
        refused(lambda: made.writer.put(BLOB, DATA), "SM4104")
        assert len(made.slept) == 2 and registry.blobs == {}

    def test_a_dropped_connection_begins_anew(self, registry: Storing, desk: Open) -> None:
        registry.on("PUT", noise(b""), lambda _, truth: truth)
        made = desk(registry)
        made.writer.put(BLOB, DATA)
        assert registry.blobs[str(BLOB.digest)] == DATA and len(registry.asked("POST")) == 2

    def test_a_silent_registry(self, registry: Storing, desk: Open) -> None:
        def silent(*_: object) -> Reply:
            registry.wait(3)
            return Reply(202)

        registry.on("POST", silent)
        began = time.monotonic()
        refused(lambda: desk(registry, timeout_ms=200, attempts=1).writer.put(BLOB, DATA), "SM4102")
        assert time.monotonic() - began < 2

    def test_a_trickle(self, registry: Storing, desk: Open) -> None:
        registry.on("POST", dripping_headers(0.02))
        began = time.monotonic()
        refused(lambda: desk(registry, timeout_ms=300, attempts=1).writer.put(BLOB, DATA), "SM4102")
        assert time.monotonic() - began < 3

    def test_a_deadline(self, registry: Storing, desk: Open) -> None:
        registry.on("POST", error(503, "UNKNOWN"))
        made = desk(registry, deadline_ms=100, attempts=50)
        refused(lambda: made.writer.put(BLOB, DATA), "SM4104")
        assert made.slept == [], "the wait would outlast the deadline"
        slow = desk(registry, deadline_ms=200)
        assert not slow.writer.has(BLOB)
        time.sleep(0.25)
        refused(lambda: slow.writer.has(BLOB), "SM4103")

    @pytest.mark.parametrize("answer", [b"", b"\0" * 100, b"HTTP/1.1 xyz\r\n\r\n", b"HTTP/1.1 202 OK\r\nx"])
    def test_what_is_not_http(self, registry: Storing, desk: Open, answer: bytes) -> None:
        registry.on("POST", noise(answer))
        with pytest.raises(RegistryError) as caught:
            desk(registry, attempts=1, timeout_ms=1000).writer.put(BLOB, DATA)
        assert caught.value.code.startswith(("SM41", "SM43"))

    def test_a_large_answer_is_not_read(self, registry: Storing, desk: Open) -> None:
        registry.manifests["v1"] = ("", b"{" + b" " * (4 << 20) + b"}")
        refused(lambda: desk(registry).writer.standing("v1"), "SM5011")


class TestTls:
    """11."""

    def test_no_certificate_that_nobody_vouches_for(self, start: Start, desk: Open, names: Names) -> None:
        registry = start("registry.test")
        refused(lambda: desk(registry, access={"name": "registry.test"}, attempts=1).writer.has(BLOB), "SM4130")

    def test_variables_of_requests_add_no_authority(
        self, start: Start, desk: Open, names: Names, ca: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca)
        monkeypatch.setenv("CURL_CA_BUNDLE", ca)
        registry = start("registry.test")
        refused(lambda: desk(registry, access={"name": "registry.test"}, attempts=1).writer.has(BLOB), "SM4130")

    def test_a_certificate_for_another_name(self, start: Start, desk: Open, names: Names, ca: str) -> None:
        registry = start("other.test")
        access = {"name": "registry.test", "ca_files": (ca,)}
        refused(lambda: desk(registry, access=access, attempts=1).writer.has(BLOB), "SM4132")

    def test_an_unverified_host_only_as_configured(self, start: Start, desk: Open, names: Names) -> None:
        """And without the warning to the terminal, nor one turned off for the whole process."""
        registry = start("other.test")
        assert not desk(registry, access={"name": "registry.test", "verify": False}).writer.has(BLOB)

    def test_certifi_is_not_asked(
        self, start: Start, desk: Open, names: Names, ca: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", ca)
        registry = start("registry.test")
        refused(lambda: desk(registry, access={"name": "registry.test"}, attempts=1).writer.has(BLOB), "SM4130")


def test_only_public_addresses_where_configured(registry: Storing, desk: Open) -> None:
    refused(lambda: desk(registry, private_addresses=False).writer.has(BLOB), "SM4121")
    assert registry.seen == []


def test_no_login_class_keeps_anything() -> None:
    assert "login" in vars(Provider) and vars(Provider)["login"] is vars(Provider)["pull"]
