"""Attacks on cosign's older signatures: layers at a tag, with all that matters in annotations nobody signs."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

from tests.support import legacy
from tests.support.keyless import Keyless
from tests.support.layouts import Json
from tests.support.legacy import BUNDLE, CERTIFICATE, CHAIN, SIGNATURE, STAMP, Layer
from tests.support.shelf import Shelf
from tests.unit.trust import world
from tests.unit.trust.attacks.formats.build import SUBJECT, Edit, FormatAttack, Make, keyless, put, remove, void
from tests.unit.trust.bench import OTHER, RELEASE, STRANGER

GOOD = legacy.payload(SUBJECT)


def tagged(make: Callable[[], Layer]) -> Make:
    return lambda source: void(legacy.attach(source, SUBJECT, make()))


def saying(edit: Edit | None = None, digest: str = SUBJECT, **more: Any) -> Make:
    """Really sign another payload."""
    return tagged(lambda: legacy.layer(legacy.payload(digest, edit=edit, **more), RELEASE))


def raw(payload: bytes) -> Make:
    return tagged(lambda: legacy.layer(payload, RELEASE))


def noting(**notes: str) -> Make:
    """Put other annotations beside a good signature."""

    def make() -> Layer:
        said, kind, given = legacy.layer(GOOD, RELEASE)
        return said, kind, {**given, **{_NAMES[name]: text for name, text in notes.items()}}

    return tagged(make)


_NAMES = {"signature": SIGNATURE, "certificate": CERTIFICATE, "chain": CHAIN, "bundle": BUNDLE, "stamp": STAMP}


def certified(edit: Callable[[dict[str, str]], object] | None = None, payload: bytes = GOOD, **more: Any) -> Make:
    """Sign keyless, and change the annotations."""

    def make() -> Layer:
        bundle = world.made(Keyless(artifact=payload, **more))
        said, kind, notes = legacy.keyless(bundle, GOOD)
        changed = dict(notes)
        if edit:
            edit(changed)
        return said, kind, changed

    return tagged(make)


def other_certificate(notes: dict[str, str]) -> None:
    notes[CERTIFICATE] = legacy.annotated(world.made(Keyless(artifact=GOOD)))[CERTIFICATE]


def other_entry(notes: dict[str, str]) -> None:
    notes[BUNDLE] = legacy.annotated(world.made(Keyless(artifact=GOOD)))[BUNDLE]


def entry(change: Callable[[Json], object]) -> Callable[[dict[str, str]], None]:
    def edit(notes: dict[str, str]) -> None:
        document = json.loads(notes[BUNDLE])
        change(document)
        notes[BUNDLE] = json.dumps(document)

    return edit


def foreign_stamp(notes: dict[str, str]) -> None:
    stamp = base64.b64encode(world.sigstore(1).stamp(base64.b64decode(notes[SIGNATURE]))).decode()
    notes[STAMP] = json.dumps({"SignedRFC3161Timestamp": stamp})


def stamp_of_other(notes: dict[str, str]) -> None:
    stamp = base64.b64encode(world.sigstore().stamp(b"another signature")).decode()
    notes[STAMP] = json.dumps({"SignedRFC3161Timestamp": stamp})


def exchanged(source: Shelf) -> None:
    """Give another payload under the digest of the layer."""
    legacy.attach(source, SUBJECT, legacy.layer(GOOD, RELEASE))
    source.blobs["sha256:" + hashlib.sha256(GOOD).hexdigest()] = GOOD.replace(b"acme", b"evil")


LEGACY = (
    FormatAttack(
        "legacy-copied", "a signature copied to another artifact's tag", "SM2007", saying(digest=str(OTHER.digest))
    ),
    FormatAttack(
        "legacy-stranger", "a signature by an unknown key", "SM2004", tagged(lambda: legacy.layer(GOOD, STRANGER))
    ),
    FormatAttack(
        "legacy-payload-swapped",
        "a payload put beside the signature of another one",
        "SM2004",
        tagged(lambda: (GOOD, legacy.SIMPLE, {SIGNATURE: legacy.layer(GOOD + b" ", RELEASE)[2][SIGNATURE]})),
    ),
    FormatAttack("legacy-blob-swapped", "other bytes under a payload's digest", "SM5001", exchanged),
    FormatAttack(
        "legacy-type",
        "a signed payload of another type (GPG's)",
        "SM2050",
        saying(put("critical", "type", to="atomic container signature")),
    ),
    FormatAttack("legacy-no-type", "a payload without a type", "SM2050", saying(remove("critical", "type"))),
    FormatAttack(
        "legacy-critical",
        "a critical field that is not known",
        "SM2050",
        saying(put("critical", "only-for", to="staging")),
    ),
    FormatAttack(
        "legacy-critical-image",
        "an unknown field beside the digest",
        "SM2050",
        saying(put("critical", "image", "platform", to="arm64")),
    ),
    FormatAttack(
        "legacy-critical-identity",
        "an unknown field beside the reference",
        "SM2050",
        saying(put("critical", "identity", "docker-tag", to="v0")),
    ),
    FormatAttack(
        "legacy-spelling",
        "a digest under the specification's misspelt name",
        "SM2050",
        saying(put("critical", "image", to={"Docker-manifest-digest": SUBJECT})),
    ),
    FormatAttack("legacy-beside", "a field beside critical and optional", "SM2050", saying(put("Critical", to={}))),
    FormatAttack("legacy-reference", "a docker-reference that names no repository", "SM2050", saying(reference="../x")),
    FormatAttack("legacy-url", "a docker-reference with a scheme", "SM2050", saying(reference="docker://ghcr.io/a/b")),
    FormatAttack(
        "legacy-twice",
        "a payload in which a key stands twice",
        "SM2050",
        raw(GOOD.replace(b'"type":', b'"type":"x","type":')),
    ),
    FormatAttack("legacy-not-json", "a signed payload that is not JSON", "SM2050", raw(b"approved")),
    FormatAttack("legacy-optional", "an optional part that is no object", "SM2050", saying(put("optional", to=["x"]))),
    FormatAttack(
        "legacy-restriction",
        "an unknown restriction of secmount's in the optional part",
        "SM2011",
        saying(optional={"io.secmount.only-in": "eu"}),
    ),
    FormatAttack(
        "legacy-two-names",
        "a docker-reference that contradicts the bound repository",
        "SM2011",
        saying(optional={"io.secmount.repository": "ghcr.io/acme/other"}),
    ),
    FormatAttack("legacy-unsigned", "a layer without a signature", "SM2051", noting(signature="")),
    FormatAttack("legacy-base64", "a signature in another spelling of base64", "SM2051", noting(signature="QUI")),
    FormatAttack(
        "legacy-key-as-certificate",
        "a certificate put beside a managed key's signature",
        "SM2006",
        noting(certificate=legacy.annotated(world.made(Keyless(artifact=GOOD)))[CERTIFICATE]),
    ),
    FormatAttack("legacy-pem", "a certificate with text around it", "SM2051", noting(certificate="x")),
    FormatAttack(
        "legacy-entry-twice",
        "a log entry in which a key stands twice",
        "SM5010",
        noting(bundle='{"Payload":{},"Payload":{}}'),
    ),
    FormatAttack("legacy-stamp-shape", "a stamp in another wrapping", "SM2051", noting(stamp="{}")),
    FormatAttack(
        "legacy-certificate-swapped",
        "another certificate of the same signer",
        "SM2005",
        certified(other_certificate),
        keyless,
    ),
    FormatAttack(
        "legacy-certificate-removed",
        "a keyless signature without its certificate",
        "SM2004",
        certified(lambda notes: notes.pop(CERTIFICATE)),
        keyless,
    ),
    FormatAttack(
        "legacy-entry-swapped", "the log entry of another signature", "SM2027", certified(other_entry), keyless
    ),
    FormatAttack(
        "legacy-entry-removed",
        "a keyless signature without a time",
        "SM2031",
        certified(lambda notes: notes.pop(BUNDLE)),
        keyless,
    ),
    FormatAttack(
        "legacy-entry-time",
        "a log entry's time changed",
        "SM2026",
        certified(entry(put("Payload", "integratedTime", to=1_795_478_401))),
        keyless,
    ),
    FormatAttack(
        "legacy-entry-index",
        "a log entry's index changed",
        "SM2026",
        certified(entry(put("Payload", "logIndex", to=7))),
        keyless,
    ),
    FormatAttack(
        "legacy-entry-more",
        "a log entry with a field that its promise does not cover",
        "SM2051",
        certified(entry(put("Payload", "uuid", to="x"))),
        keyless,
    ),
    FormatAttack(
        "legacy-entry-beside",
        "a field beside a log entry and its promise",
        "SM2051",
        certified(entry(put("Verified", to=True))),
        keyless,
    ),
    FormatAttack(
        "legacy-entry-less",
        "a log entry that does not name its log",
        "SM2051",
        certified(entry(remove("Payload", "logID"))),
        keyless,
    ),
    FormatAttack(
        "legacy-promise",
        "a promise of a log that did not give it",
        "SM2026",
        certified(entry(put("SignedEntryTimestamp", to="AAAA"))),
        keyless,
    ),
    FormatAttack(
        "legacy-stamp-foreign",
        "a stamp of an unknown authority beside a good entry",
        "SM2030",
        certified(foreign_stamp),
        keyless,
    ),
    FormatAttack(
        "legacy-stamp-other",
        "a stamp of another signature beside a good entry",
        "SM2029",
        certified(stamp_of_other),
        keyless,
    ),
    FormatAttack(
        "legacy-keyless-payload",
        "a keyless signature of another payload",
        "SM2005",
        certified(payload=GOOD + b" "),
        keyless,
    ),
)
