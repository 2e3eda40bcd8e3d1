"""What each parser refuses of fields that have another kind or spelling; the words are in `denials.golden.txt`."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import pytest

from secmount.errors import ContentError, TrustError
from secmount.trust.claim import Statement
from secmount.trust.formats import bundle, legacy, modelsigning, notary, statement, summary
from secmount.trust.formats.protojson import Fields
from tests.support import legacy as cosign
from tests.support import modelsig
from tests.support.layouts import Json, encode
from tests.support.legacy import BUNDLE, CERTIFICATE, CHAIN, SIGNATURE, STAMP
from tests.support.minisig import b64
from tests.support.notary import JWS
from tests.support.notary import STAMP as JWS_STAMP
from tests.unit.trust.attacks.formats.build import put
from tests.unit.trust.attacks.formats.models import FILES
from tests.unit.trust.attacks.formats.notary import TARGET, signed
from tests.unit.trust.attacks.formats.statements import SUMMARY
from tests.unit.trust.bench import RELEASE

PEM = cosign.pem(b"a certificate")
LOG = "ab" * 32
BODY = encode({"kind": "hashedrekord", "apiVersion": "0.0.1"})
BODIES: tuple[Any, ...] = ([], "x", {}, {"kind": "x"}, {"apiVersion": "x"}, {"kind": "x", "apiVersion": 1})
PAYLOAD: Json = {"body": b64(BODY), "integratedTime": 1, "logIndex": 0, "logID": LOG}


def refused(code: str, read: Callable[[], object]) -> str:
    with pytest.raises((TrustError, ContentError), match=code) as caught:
        read()
    return str(caught.value)


def logged(**change: Any) -> str:
    """Give the annotation of a log entry, one field of whose payload is another one."""
    return json.dumps({"SignedEntryTimestamp": "AAAA", "Payload": {**PAYLOAD, **change}})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (CERTIFICATE, PEM.replace("=", "")),
        (CHAIN, PEM + "more"),
        (CHAIN, PEM.replace("=", "")),
        (STAMP, '{"SignedRFC3161Timestamp":""}'),
        (STAMP, '{"SignedRFC3161Timestamp":5}'),
        (STAMP, '{"SignedRFC3161Timestamp":"AAA"}'),
        (STAMP, "[]"),
        (BUNDLE, "[]"),
        (BUNDLE, '{"SignedEntryTimestamp":"AAAA","Payload":[]}'),
        (BUNDLE, json.dumps({"SignedEntryTimestamp": None, "Payload": PAYLOAD})),
        (BUNDLE, json.dumps({"SignedEntryTimestamp": "AAA", "Payload": PAYLOAD})),
        *(
            (BUNDLE, logged(**{name: value}))
            for name, values in {
                "integratedTime": ("1", True, 1.0, None, -1),
                "logIndex": ("1", True, 1.0, None, -1),
                "logID": (None, 5, "x", "ab" * 31, "AB" * 32, "ab" * 32 + "\n", "zz" * 32),
                "body": (None, 5, "", "AAA"),
            }.items()
            for value in values
        ),
        *((BUNDLE, logged(body=b64(encode(body)))) for body in BODIES),
    ],
)
def test_an_annotation_of_cosign_s_older_signatures(name: str, text: str) -> None:
    notes = {SIGNATURE: "AAAA", CERTIFICATE: PEM, name: text}
    assert refused("SM2051", lambda: legacy.parse(b"{}", notes)).startswith(f"SM2051: {name}: ")


@pytest.mark.parametrize(
    ("name", "text", "subject"),
    [(BUNDLE, "{", BUNDLE), (STAMP, "{", STAMP), (BUNDLE, logged(body="AAAA"), "log entry")],
)
def test_an_annotation_that_is_no_json(name: str, text: str, subject: str) -> None:
    notes = {SIGNATURE: "AAAA", name: text}
    assert refused("SM5010", lambda: legacy.parse(b"{}", notes)).startswith(f"SM5010: {subject}: ")


@pytest.mark.parametrize(
    "edit",
    [
        put("critical", to={}),
        put("critical", to=[]),
        put("critical", "image", to=[]),
        put("critical", "identity", to=[]),
        put("critical", "image", "docker-manifest-digest", to=5),
        put("critical", "image", "docker-manifest-digest", to=None),
        put("critical", "identity", "docker-reference", to=5),
        put("critical", "identity", "docker-reference", to=None),
        put("critical", "identity", "docker-reference", to="oci:srv/model"),
        put("critical", "identity", "docker-reference", to="oci-archive:/srv/model"),
        put("optional", to="x"),
    ],
)
def test_a_payload_of_simple_signing(edit: Callable[[Json], object]) -> None:
    refused("SM2050", lambda: legacy.read(cosign.payload("sha256:x", edit=edit)))


@pytest.mark.parametrize("raw", [b"[]", b"5", b"null", b'"critical"'])
def test_a_payload_of_simple_signing_that_is_no_object(raw: bytes) -> None:
    refused("SM2050", lambda: legacy.read(raw))


def test_an_attestation_that_is_no_envelope() -> None:
    assert refused("SM5010", lambda: legacy.parse_envelope(b"{", {})).startswith("SM5010: attestation: ")
    assert refused("SM2001", lambda: legacy.parse_envelope(b"[]", {})).startswith("SM2001: envelope: ")


@cache
def envelope() -> Json:
    found: Json = json.loads(signed()().bundle)
    return found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("header",), []),
        (("header",), "x"),
        (("payload",), "A"),
        (("payload",), None),
        (("protected",), "="),
        (("signature",), "AA="),
        (("header", "x5c"), None),
        (("header", "x5c"), "AAAA"),
        (("header", "x5c"), [""]),
        (("header", "x5c"), [5]),
        (("header", "x5c"), ["AAA"]),
        (("header", "x5c"), ["AAAA", "A-_A"]),
        (("header", JWS_STAMP), ""),
        (("header", JWS_STAMP), 5),
        (("header", JWS_STAMP), ["AAAA"]),
        (("header", JWS_STAMP), "AAA"),
    ],
)
def test_a_field_of_a_jws_envelope(path: tuple[str, ...], value: object) -> None:
    whole = json.loads(json.dumps(envelope()))
    put(*path, to=value)(whole)
    said = refused("SM2060", lambda: notary.parse(encode(whole), declared=JWS))
    assert said.startswith(f"SM2060: {path[-1]}: ")


@pytest.mark.parametrize("crit", ["io.cncf.notary.signingScheme", [5], ["a", "a"]])
def test_the_critical_headers_are_named_as_they_stand(crit: object) -> None:
    head = encode({"alg": "ES256", "cty": "application/vnd.cncf.notary.payload.v1+json", "crit": crit})
    assert refused("SM2060", lambda: notary.header(head)).endswith(f"got {crit!r}")


@pytest.mark.parametrize(
    "change",
    [
        {"mediaType": 1},
        {"mediaType": None},
        {"digest": 1},
        {"size": "7"},
        {"size": True},
        {"size": 7.0},
        {"annotations": []},
        {"annotations": "x"},
        {"annotations": {"team": 5}},
    ],
)
def test_a_target_of_notary(change: Json) -> None:
    assert notary.target(encode({"targetArtifact": {**TARGET, "annotations": None}})).annotations == {}
    refused("SM2064", lambda: notary.target(encode({"targetArtifact": {**TARGET, **change}})))


@pytest.mark.parametrize("value", [None, [], "x", 5])
def test_what_is_no_object_where_one_is_signed(value: object) -> None:
    refused("SM2064", lambda: notary.target(encode(value)))
    refused("SM2060", lambda: notary.header(encode(value)))
    refused("SM2060", lambda: notary.parse(encode(value), declared=JWS))
    refused("SM2070", lambda: modelsigning.files(Statement((), modelsigning.PREDICATE, value)))
    refused("SM2080", lambda: summary.check(value))
    predicate = modelsig.statement(FILES)["predicate"]
    refused("SM2072", lambda: modelsigning.files(Statement((), "", {**predicate, "resources": [value]})))
    assert refused("SM2080", lambda: summary.check({**SUMMARY, "verifier": value})).endswith(f"got {value!r}")
    assert refused("SM2080", lambda: summary.check({**SUMMARY, "verificationResult": value})).endswith(f"got {value!r}")
    refused("SM2001", lambda: bundle.parse(encode(value), declared=None))
    refused("SM2010", lambda: statement.parse(encode(value)))
    refused("SM2010", lambda: statement.parse(encode(value) + b"{"))


@pytest.mark.parametrize("value", [True, 1.5, 5, None, [], {}, "AAA"])
def test_bytes_of_another_kind_are_named(value: object) -> None:
    said = refused(
        "SM2001", lambda: Fields({"hashes": ["AAAA", value]}, "proof", ("hashes",)).octets_list("hashes", limit=2)
    )
    assert said.startswith("SM2001: proof.hashes: ")


def test_a_bundle_that_is_known_by_its_name_has_a_type_that_is_read() -> None:
    sound = modelsig.sign(FILES, RELEASE)
    whole = json.loads(sound)
    assert bundle.parse(sound, declared=None).format == bundle.FORMAT
    for kind in ("", "application/json", "application/vnd.dev.sigstore.bundle+json;version=0.4"):
        raw = encode({**whole, "mediaType": kind})
        assert refused("SM2001", partial(bundle.parse, raw, declared=None)).endswith(f"got {kind!r}")
        refused("SM2001", partial(bundle.parse, raw, declared=kind))
