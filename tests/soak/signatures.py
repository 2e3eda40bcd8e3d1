"""Every parser of what comes with a signature, with a document that it reads."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

from secmount.oci import exact
from secmount.trust import spki
from secmount.trust.check import certificate, cms
from secmount.trust.evidence import MATERIAL_LIMIT
from secmount.trust.formats import bundle, legacy, modelsigning, notary, statement, summary
from secmount.trust.root import TrustRoot
from secmount.trust.roots.parse import parse
from tests.support import keys, modelsig
from tests.support import legacy as older
from tests.support.keyless import Keyless
from tests.support.layouts import encode
from tests.support.minisig import der
from tests.unit.trust import world
from tests.unit.trust.attacks.formats.build import SUBJECT
from tests.unit.trust.attacks.formats.legacy import GOOD
from tests.unit.trust.attacks.formats.models import FILES
from tests.unit.trust.attacks.formats.notary import signed
from tests.unit.trust.attacks.formats.statements import PROVENANCE, SUMMARY
from tests.unit.trust.bench import RELEASE

Row = tuple[Callable[[bytes], object], bytes]


def parsers() -> tuple[Row, ...]:
    """Give (parser, what it reads)."""
    envelope = signed()().bundle
    parts = {name: _url(text) for name, text in json.loads(envelope).items() if isinstance(text, str)}
    attested = encode(keys.envelope(RELEASE, encode(keys.statement(SUBJECT, predicate_type=PROVENANCE))))
    notes = older.keyless(world.made(Keyless(artifact=GOOD, stamps=1)), GOOD)[2]
    return (
        (lambda data: bundle.parse(data, declared=bundle.V03), world.made(stamps=1)),
        (lambda data: bundle.parse(data, declared=None), modelsig.sign(FILES, RELEASE)),
        (legacy.read, GOOD),
        (lambda data: legacy.parse_envelope(data, {}), attested),
        (_annotations, encode(dict(notes))),
        (lambda data: notary.parse(data, declared=notary.JWS), envelope),
        (notary.header, parts["protected"]),
        (notary.target, parts["payload"]),
        (lambda data: modelsigning.files(statement.parse(data)), encode(modelsig.statement(FILES))),
        (lambda data: summary.check(exact.read(data, limit=MATERIAL_LIMIT, subject="x")), encode(SUMMARY)),
        (lambda data: parse(TrustRoot("x", "sha256:x", data)), world.plain_root().raw),
        (certificate.read, der(world.sigstore().intermediate.certificate)),
        (_token, world.sigstore().stamp(b"x")),
        (lambda data: spki.parse(data, subject="x"), keys.pair().spki),
    )


def _annotations(data: bytes) -> object:
    value = exact.read(data, limit=MATERIAL_LIMIT, subject="annotations")
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        return None
    return legacy.parse(GOOD, value)


def _token(data: bytes) -> object:
    try:
        return cms.read(data)
    except ValueError:  # what the stamp checker makes a code of
        return None


def _url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
