"""Everything a registry may do instead of what it should, and what comes of it: the table of docs/operations.md."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass

from secmount.oci.digest import Digest
from secmount.registry.http.source import HttpSource
from tests.support import lying
from tests.support.lying import INDEX, MANIFEST, Lying, Reply
from tests.support.wires import REPOSITORY, Model, read

FINE = "accepted"
LAST_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"


@dataclass(frozen=True)
class Lie:
    """`what` stands in the table; `act` is what a command would do; `outcome` a code, or `accepted`."""

    what: str
    tell: Callable[[Lying, Model], None]
    act: Callable[[HttpSource, Model], object]
    outcome: str


def tag(source: HttpSource, _: Model) -> object:
    return source.head("v1", None)


def pinned(source: HttpSource, held: Model) -> object:
    return source.head(None, held.described.digest)


def manifest(source: HttpSource, held: Model) -> object:
    return source.manifest(held.described)


def small(source: HttpSource, held: Model) -> object:
    return source.small(held.content, limit=1 << 20)


def layer(source: HttpSource, held: Model) -> object:
    assert read(source, held.content) == held.layer
    return None


def referrers(source: HttpSource, held: Model) -> object:
    return source.referrers(held.described.digest)


def twice(source: HttpSource, held: Model) -> object:
    """Read a tag, then the manifest it meant: the second is what the first was, though the tag moved."""
    found = source.head("v1", None)
    assert source.manifest(found) == held.manifest
    assert source.head(None, found.digest).digest == found.digest
    return None


def on(pattern: str, *answers: lying.Answer) -> Callable[[Lying, Model], None]:
    return lambda server, _: server.on(pattern, *answers)


BLOB, TAG, BY_DIGEST = r"GET .*/blobs/", r"GET .*/manifests/v1$", r"GET .*/manifests/sha256:"
EVIL = b"evil! " * 500
GARBAGE = Reply(headers=(("Transfer-Encoding", "chunked"),), body=b"zz\r\nnot a chunk\r\n", length=None)
OTHER = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()


def moved(server: Lying, held: Model) -> None:
    """Point the tag at something else after it was asked for once."""
    other = held.manifest.replace(b"acme", b"evil")
    truth = Reply(headers=(("Content-Type", MANIFEST),), body=held.manifest)
    server.on(TAG, truth, truth.but(body=other))


def circle(server: Lying, _: Model) -> None:
    for here, there in (("v1", "a"), ("a", "v1")):
        server.on(f"/manifests/{here}$", lying.redirect(f"/v2/{REPOSITORY}/manifests/{there}"))


def chain(length: int) -> Callable[[Lying, Model], None]:
    def tell(server: Lying, held: Model) -> None:
        for step in range(length):
            server.on(f"/blobs/{'sha256' if step == 0 else f'step{step}$'}", lying.redirect(f"/blobs/step{step + 1}"))
        server.serve(f"/blobs/step{length}", Reply(body=held.layer))

    return tell


def many_referrers(pages: int, rows: int) -> Callable[[Lying, Model], None]:
    """Give `pages` pages of `rows` rows."""

    row = f'{{"mediaType":"{MANIFEST}","digest":"sha256:%064x","size":500,"artifactType":"application/vnd.acme.noise"}}'

    def tell(server: Lying, held: Model) -> None:
        target = f"/v2/{REPOSITORY}/referrers/{held.described.digest}"
        listed = ",".join(row % number for number in range(rows))
        body = f'{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{listed}]}}'.encode()
        reply = Reply(headers=(("Content-Type", INDEX),), body=body)
        for number in range(pages):
            link = ("Link", f'<{target}?last={number + 1}>; rel="next"')
            last = number == pages - 1
            server.serve(target + (f"?last={number}" if number else ""), reply if last else reply.but(link))

    return tell


def swapped(server: Lying, held: Model) -> None:
    server.on(TAG, lying.headed(("Content-Type", INDEX)))


def both(server: Lying, held: Model) -> None:
    document = {**json.loads(held.manifest), "manifests": []}
    server.on(TAG, Reply(headers=(("Content-Type", MANIFEST),), body=json.dumps(document).encode()))


def squeezed(server: Lying, held: Model) -> None:
    body = gzip.compress(held.layer)
    server.on(BLOB, lambda _, truth: truth.but(("Content-Encoding", "gzip"), body=body))


def wrong_part(server: Lying, held: Model) -> None:
    """Break off, then go on from somewhere else."""
    rest = Reply(206, (("Content-Range", f"bytes 7-{len(held.layer) - 1}/{len(held.layer)}"),), held.layer[7:])
    server.on(BLOB, lying.cut(1000), rest)


def ignored_range(server: Lying, held: Model) -> None:
    server.on(BLOB, lying.cut(1000), Reply(body=held.layer))


def refused_range(server: Lying, held: Model) -> None:
    server.on(BLOB, lying.cut(1000), lying.error(416, "UNKNOWN"), Reply(body=held.layer))


LIES = (
    Lie("nothing but the truth", lambda *_: None, layer, FINE),
    Lie("a blob whose length is not said", on(BLOB, lambda _, truth: truth.but(length=None)), layer, FINE),
    Lie("a blob in chunks", on(BLOB, lying.in_chunks()), layer, FINE),
    Lie("a blob in chunks that end early", on(BLOB, lying.in_chunks(missing=1)), layer, "SM5002"),
    Lie("no such tag", on(TAG, lying.error(404, "MANIFEST_UNKNOWN")), tag, "SM4010"),
    Lie("no such manifest", on(BY_DIGEST, lying.error(404, "MANIFEST_UNKNOWN")), pinned, "SM4014"),
    Lie("no such blob", on(BLOB, lying.error(404, "BLOB_UNKNOWN")), layer, "SM4014"),
    Lie("other bytes for a blob", on(BLOB, lying.changed(EVIL)), layer, "SM5001"),
    Lie("other bytes for a config or signature", on(BLOB, lying.changed(EVIL)), small, "SM5001"),
    Lie("another manifest for a digest", on(BY_DIGEST, lying.changed(OTHER)), manifest, "SM5001"),
    Lie(
        "another manifest for a digest, and no digest in the header",
        on(BY_DIGEST, Reply(headers=(("Content-Type", MANIFEST),), body=EVIL)),
        manifest,
        "SM5002",
    ),
    Lie(
        "another manifest for a digest, and its digest in the header",
        on(BY_DIGEST, lambda _, truth: truth.but(("Docker-Content-Digest", str(Digest.of(OTHER))), body=OTHER)),
        pinned,
        "SM5001",
    ),
    Lie(
        "a wrong Docker-Content-Digest",
        on(TAG, lying.headed(("Docker-Content-Digest", str(Digest.of(b""))))),
        tag,
        "SM5001",
    ),
    Lie(
        "a Docker-Content-Digest that is none",
        on(TAG, lying.headed(("Docker-Content-Digest", "sha256:zz"))),
        tag,
        "SM5001",
    ),
    Lie("no Docker-Content-Digest", on(TAG, Reply(headers=(("Content-Type", MANIFEST),), body=OTHER)), tag, "SM5013"),
    Lie("the tag moved between two requests", moved, twice, FINE),
    Lie("Content-Type unlike the document's mediaType", swapped, tag, "SM5013"),
    Lie(
        "Content-Type unlike the descriptor's", on(BY_DIGEST, lying.headed(("Content-Type", INDEX))), manifest, "SM5013"
    ),
    Lie("a Content-Type that says nothing", on(TAG, lying.headed(("Content-Type", "application/json"))), tag, FINE),
    Lie("a document that is manifest and index", both, tag, "SM5013"),
    Lie("a manifest that is no JSON", on(TAG, Reply(body=b"<html>")), tag, "SM5010"),
    Lie("a manifest over 4 MiB, announced", on(TAG, lying.changed(bytes(5 << 20))), tag, "SM5011"),
    Lie("a manifest without end", on(TAG, lying.endless()), tag, "SM5011"),
    Lie("a blob shorter than its descriptor", on(BLOB, lying.changed(b"short")), layer, "SM5002"),
    Lie("a blob longer than its descriptor", on(BLOB, lying.changed(EVIL + b"more")), layer, "SM5002"),
    Lie("a blob without end", on(BLOB, lying.endless()), layer, "SM5002"),
    Lie("a blob without end, in chunks", on(BLOB, lying.endless(chunked=True)), layer, "SM5002"),
    Lie("a blob that drips", on(BLOB, lying.dripping(0.02)), layer, "SM4102"),
    Lie("a manifest that drips", on(TAG, lying.dripping(0.02)), tag, "SM4102"),
    Lie("headers that drip", on(TAG, lying.dripping_headers(0.02)), tag, "SM4102"),
    Lie("headers without end", on(TAG, lying.unending(b"HTTP/1.1 200 OK\r\n")), tag, "SM4101"),
    Lie("interim answers without end", on(TAG, lying.unending(b"", b"HTTP/1.1 100 Continue\r\n\r\n")), tag, "SM4101"),
    Lie("lines without end after the last chunk", on(TAG, lying.unending(LAST_CHUNK)), tag, "SM4101"),
    Lie("silence", on(TAG, lying.dripping(60, b"")), tag, "SM4102"),
    Lie("a blob cut short once", on(BLOB, lying.cut(1000), lambda _, truth: truth), layer, FINE),
    Lie("a reset in the middle of a blob", on(BLOB, lying.cut(1000, reset=True), lambda _, truth: truth), layer, FINE),
    Lie("resets for ever", on(BLOB, lying.cut(1000, reset=True)), layer, "SM4101"),
    Lie("a blob cut short for ever", on(BLOB, lying.cut(0)), layer, "SM4101"),
    Lie("a blob cut short, then another range than asked for", wrong_part, layer, "SM4106"),
    Lie("a blob cut short, then the range ignored", ignored_range, layer, FINE),
    Lie("a blob cut short, then 416", refused_range, layer, FINE),
    Lie(
        "a blob cut short, then other bytes for the rest",
        on(
            BLOB,
            lying.cut(1000),
            lambda _, truth: truth.but(body=bytes(len(truth.body))),  # type: ignore[arg-type]
        ),
        layer,
        "SM5001",
    ),
    Lie("416 for a whole blob", on(BLOB, lying.error(416, "UNKNOWN")), layer, "SM4106"),
    Lie("chunks that are none", on(BLOB, GARBAGE), layer, "SM4101"),
    Lie("a compressed body", squeezed, layer, "SM4107"),
    Lie("a manifest in an encoding", on(TAG, lying.headed(("Content-Encoding", "br"))), tag, "SM4107"),
    Lie("a transfer encoding of another kind", on(BLOB, lying.headed(("Transfer-Encoding", "gzip"))), layer, "SM4107"),
    Lie("an answer that is no HTTP", on(TAG, lying.noise(b"SSH-2.0-OpenSSH_9.9\r\n")), tag, "SM4101"),
    Lie("400", on(TAG, lying.error(400, "UNSUPPORTED")), tag, "SM4106"),
    Lie("401 without a challenge", on(TAG, lying.error(401, "UNAUTHORIZED")), tag, "SM4110"),
    Lie("401 with a challenge of another kind", on(TAG, lying.challenge("Negotiate")), tag, "SM4113"),
    Lie(
        "401 with a challenge that cannot be read",
        on(TAG, lying.challenge('Bearer realm="a",realm="b"')),
        tag,
        "SM4113",
    ),
    Lie("403", on(TAG, lying.error(403, "DENIED")), tag, "SM4112"),
    Lie("429 once", on(TAG, lying.error(429, "TOOMANYREQUESTS"), lambda _, truth: truth), tag, FINE),
    Lie("429 for ever", on(TAG, lying.error(429, "TOOMANYREQUESTS")), tag, "SM4105"),
    Lie(
        "429 with an hour's Retry-After",
        on(TAG, lying.error(429, "TOOMANYREQUESTS", ("Retry-After", "3600")), lambda _, truth: truth),
        tag,
        "SM4105",
    ),
    Lie("500", on(TAG, lying.error(500, "UNKNOWN")), tag, "SM4106"),
    Lie(
        "502, 503, 504, then the truth",
        on(TAG, *(lying.error(status, "UNKNOWN") for status in (502, 503, 504)), lambda _, truth: truth),
        tag,
        FINE,
    ),
    Lie("503 for ever", on(BLOB, lying.error(503, "UNKNOWN")), layer, "SM4104"),
    Lie(
        "an error with an endless body",
        on(TAG, lambda seen, truth: lying.endless()(seen, truth).but(status=500)),
        tag,
        "SM4106",
    ),
    Lie("five redirects", chain(5), layer, FINE),
    Lie("six redirects", chain(6), layer, "SM4120"),
    Lie("a circle of redirects", circle, tag, "SM4120"),
    Lie("a redirect to nowhere", on(TAG, Reply(307)), tag, "SM4120"),
    Lie("a redirect to a file", on(TAG, lying.redirect("file:///etc/passwd")), tag, "SM4120"),
    Lie("a redirect with a password in it", on(TAG, lying.redirect("http://user:word@127.0.0.1/")), tag, "SM4120"),
    Lie("a redirect to a cloud's metadata", on(TAG, lying.redirect("http://169.254.169.254/latest/")), tag, "SM4121"),
    Lie("ten referrers, of which none signs", many_referrers(1, 10), referrers, FINE),
    Lie("a hundred thousand referrers in pages", many_referrers(25, 4000), referrers, FINE),
    Lie("a hundred thousand referrers in one page", many_referrers(1, 100_000), referrers, FINE),
    Lie("pages without end", on("/referrers/", lying.next_page("?page={}")), referrers, FINE),
    Lie("pages in a circle", on("/referrers/", lying.next_page("?page=1")), referrers, "SM4122"),
    Lie("a next page on another host", on("/referrers/", lying.next_page("http://127.0.0.2:1/")), referrers, "SM4122"),
    Lie("a list of referrers that is none", on("/referrers/", Reply(body=b'{"manifests": 7}')), referrers, "SM5012"),
    Lie(
        "a referrer that is no descriptor",
        on("/referrers/", Reply(body=b'{"schemaVersion":2,"manifests":[{"digest":7}]}')),
        referrers,
        FINE,
    ),
)
