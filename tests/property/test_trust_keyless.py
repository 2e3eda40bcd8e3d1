"""Mutants of good keyless bundles and of what is inside them: a code, or the unchanged truth."""

from __future__ import annotations

import base64
from dataclasses import replace
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from secmount.errors import ContentError, SecmountError, TrustError
from secmount.trust.check import certificate, cms, fulcio, note, stamp
from secmount.trust.evidence import Signature
from secmount.trust.judge.verdict import Judged
from secmount.trust.root import TrustRoot
from secmount.trust.roots.parse import parse
from tests.property.test_trust_mutants import mutated_bytes, mutated_json
from tests.support.examples import examples
from tests.support.keyless import Keyless
from tests.support.layouts import Json, encode
from tests.support.minisig import b64
from tests.unit.trust import world
from tests.unit.trust.bench import MODEL
from tests.unit.trust.world import decoded, judged, made

FORMS = {
    "v1": Keyless(statement=world.STATEMENT),
    "v2": Keyless(statement=world.STATEMENT, rekor=2, stamps=1),
    "message": Keyless(artifact=MODEL.raw, rekor=2, stamps=1),
}
SIGNER = world.signer(message_signature=True)


@cache
def good(form: str) -> bytes:
    return made(FORMS[form])


@cache
def truth(form: str) -> Signature:
    (signature,) = judged(good(form), SIGNER).signatures
    return replace(signature, material=None)


def look(raw: bytes) -> Judged | None:
    """Parse and judge; what cannot be parsed has a code."""
    try:
        return judged(raw, SIGNER)
    except (TrustError, ContentError) as err:
        assert err.code.startswith(("SM2", "SM5"))
        return None


def check(raw: bytes, form: str) -> None:
    found = look(raw)
    if found is None:
        return
    assert found.considered.outcome == "counts" or (found.considered.code or "").startswith("SM2")
    for signature in found.signatures:
        assert replace(signature, material=None, logged=True) == truth(form)
        assert signature.logged is bool(decoded(raw)["verificationMaterial"].get("tlogEntries"))


@examples(300)
@given(st.sampled_from(sorted(FORMS)), st.data())
def test_values_of_a_bundle(form: str, data: st.DataObject) -> None:
    check(_encoded(data.draw(mutated_json(decoded(good(form))))), form)


@examples(300)
@given(st.sampled_from(sorted(FORMS)), st.data())
def test_bytes_inside_a_bundle(form: str, data: st.DataObject) -> None:
    """Change the octets of one field: certificate, entry, promise, stamp, hash, signature, payload."""
    document = decoded(good(form))
    holders = list(_octets(document))
    holder, name = data.draw(st.sampled_from(holders))
    holder[name] = b64(data.draw(mutated_bytes(base64.b64decode(holder[name]))))
    check(encode(document), form)


@examples(100)
@given(st.sampled_from(sorted(FORMS)), st.data())
def test_a_checkpoint(form: str, data: st.DataObject) -> None:
    document = decoded(good(form))
    holder = document["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["checkpoint"]
    holder["envelope"] = data.draw(mutated_bytes(holder["envelope"].encode())).decode("utf-8", "replace")
    check(encode(document), form)


@examples(150)
@given(st.data())
def test_a_trust_root_is_read_or_refused(data: st.DataObject) -> None:
    raw = _encoded(data.draw(mutated_json(decoded(world.plain_root().raw))))
    root = TrustRoot("mutant", "sha256:" + "0" * 64, raw)
    try:
        parse(root)
    except TrustError as err:
        assert err.code == "SM2201"
        return
    found = judged(good("v2"), world.signer(root=root))
    assert found.signatures or (found.considered.code or "").startswith("SM2")


@examples(300)
@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_any_bytes_as_certificate_stamp_and_checkpoint(data: bytes) -> None:
    for read in (
        certificate.read,
        lambda raw: fulcio.read(certificate.read(raw)),
        lambda raw: stamp.verify(raw, b"", ()),
    ):
        try:
            read(data)
        except SecmountError as err:
            assert err.code.startswith("SM2")
        else:
            raise AssertionError("nothing of this is sound")
    for parse_only in (cms.read, lambda raw: note.read(raw.decode("utf-8", "replace"))):
        try:
            parse_only(data)
        except ValueError:
            continue


_FIELDS = frozenset(
    {"rawBytes", "canonicalizedBody", "signedEntryTimestamp", "signedTimestamp", "rootHash"}
    | {"sig", "signature", "payload", "keyId", "digest"}
)


def _octets(value: object) -> list[tuple[Json, str]]:
    found: list[tuple[Json, str]] = []
    if isinstance(value, dict):
        found += [(value, name) for name in sorted(_FIELDS) if isinstance(value.get(name), str)]
        rows = list(value.values())
    else:
        rows = list(value) if isinstance(value, list) else []
    return found + [one for row in rows for one in _octets(row)]


def _encoded(document: object) -> bytes:
    from hypothesis import assume

    try:
        return encode(document)
    except UnicodeEncodeError:
        assume(condition=False)
        raise
