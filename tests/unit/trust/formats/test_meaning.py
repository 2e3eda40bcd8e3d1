"""What a claim means once its signature was checked: an approval, or something else."""

from __future__ import annotations

import hashlib

import pytest

from secmount.errors import TrustError
from secmount.oci.digest import Digest
from secmount.trust import meaning
from secmount.trust.claim import Claim, Envelope, KeyHint, Message
from tests.support import keys
from tests.support.layouts import encode
from tests.unit.trust.bench import MODEL

HASHES = {"SHA2_256": hashlib.sha256, "SHA2_384": hashlib.sha384, "SHA2_512": hashlib.sha512}


def read(content: Envelope | Message) -> meaning.Meaning:
    return meaning.read(Claim("x", Digest.of(b""), None, b"", KeyHint(""), content), MODEL, bare=True)


PROVENANCE = "https://slsa.dev/provenance/v1"


@pytest.mark.parametrize(
    ("signed", "kind", "predicate_type", "predicate"),
    [(keys.COSIGN_SIGN, "signature", "", None), (PROVENANCE, "attestation", PROVENANCE, {})],
)
def test_the_signed_predicate_type_decides(signed: str, kind: str, predicate_type: str, predicate: object) -> None:
    payload = encode(keys.statement(str(MODEL.digest), predicate_type=signed, annotations={"team": "ml"}))
    found = read(Envelope(keys.IN_TOTO, payload))
    assert (found.kind, found.predicate_type, found.predicate) == (kind, predicate_type, predicate)
    assert found.said.annotations == {"team": "ml"}


@pytest.mark.parametrize("algorithm", HASHES)
def test_a_bare_signature_may_say_what_the_bytes_hash_to(algorithm: str) -> None:
    right = HASHES[algorithm](MODEL.raw).digest()
    assert read(Message(algorithm, right)).kind == read(Message(algorithm, b"")).kind == "signature"
    for wrong in (right[:-1], right + b"\0", HASHES[algorithm](b"").digest()):
        with pytest.raises(TrustError, match="SM2007"):
            read(Message(algorithm, wrong))
    for other in set(HASHES) - {algorithm}:
        with pytest.raises(TrustError, match="SM2007"):
            read(Message(other, right))
