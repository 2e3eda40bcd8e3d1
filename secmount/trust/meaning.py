"""What a claim says about an artifact: that it is approved (a signature), or something else (an attestation).

Read only after the signature was checked. What counts as a signature is in design 3.4: simple signing of cosign's type,
a statement with cosign's predicate, a Notary payload, a model signature, which is about files and binds the tree to
them. Every other predicate is an attestation, whatever it says and wherever it was found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from secmount.errors import TrustError
from secmount.oci.digest import Digest
from secmount.oci.manifest import Index, Manifest
from secmount.trust import annotation
from secmount.trust.annotation import Said
from secmount.trust.claim import Claim, Envelope, Message, Payload, Statement, Subject
from secmount.trust.evidence import SignatureTime
from secmount.trust.formats import dsse, legacy, modelsigning, notary, statement, summary
from secmount.value import dataclass

COSIGN_SIGN = "https://sigstore.dev/cosign/sign/v1"  # cosign v3.1, cmd/cosign/cli/sign; an attestation has another
NOTARY_TIME = "io.cncf.notary.signingTime"
_MESSAGE_DIGESTS = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}  # sigstore_common.proto


@dataclass(frozen=True, slots=True)
class Meaning:
    """What was signed. An attestation has a predicate, a model signature files; `expires_ms`: signed, too."""

    kind: Literal["signature", "attestation"]
    said: Said
    predicate_type: str = ""
    predicate: Any = field(default=None, hash=False)
    files: Mapping[str, Digest] | None = field(default=None, hash=False)
    expires_ms: int | None = None


def read(claim: Claim, about: Manifest | Index, *, bare: bool) -> Meaning:
    """Read what `claim` says about `about`; `bare`: a signature over the manifest's bytes alone is acceptable.

    Raise `TrustError` SM2007 (about something else), SM2009, SM2010, SM2011, SM2050, SM2060 to SM2064, SM2070 to
    SM2072, SM2080 (unreadable), SM2012 (bare), SM2073 (files, of an index).
    """
    match claim.content:
        case Message() as message:
            _bare(message, about, acceptable=bare)
            return Meaning("signature", annotation.read({}))
        case Envelope() as envelope:
            return _stated(envelope, about)
        case Payload(kind="simple-signing") as payload:
            return _simple(payload, about)
        case Payload() as payload:
            return _notary(payload, about)


def _bare(message: Message, about: Manifest | Index, *, acceptable: bool) -> None:
    if not acceptable:
        raise TrustError("SM2012", got="a bare signature over the manifest", want="a statement")
    if not message.digest:
        return
    name = _MESSAGE_DIGESTS.get(message.algorithm)
    if name is None or hashlib.new(name, about.raw).digest() != message.digest:
        got = f"messageDigest {message.algorithm or 'without an algorithm'} of other bytes"
        raise TrustError("SM2007", got=got, want=str(about.digest))


def _simple(payload: Payload, about: Manifest | Index) -> Meaning:
    found = legacy.read(payload.raw)
    if found.digest != str(about.digest):
        raise TrustError("SM2007", got=f"a signature of {found.digest}", want=str(about.digest))
    said = annotation.read(found.optional)
    if found.repository is None or found.repository == said.bound_to:
        return Meaning("signature", said)
    if said.bound_to is not None:
        got = f"{said.bound_to}, and docker-reference {found.repository}"
        raise TrustError("SM2011", subject=annotation.REPOSITORY, got=got, want="one repository")
    return Meaning("signature", Said(found.repository, said.time, said.annotations))


def _notary(payload: Payload, about: Manifest | Index) -> Meaning:
    head, found = notary.header(payload.protected), notary.target(payload.raw)
    got, want = (found.media_type, found.digest, found.size), (about.media_type, str(about.digest), len(about.raw))
    if got != want:
        raise TrustError("SM2007", got="a signature of {} {} of {} bytes".format(*got), want="{} {}".format(*want))
    said = annotation.read(found.annotations)
    if said.time.not_before is None:
        said = Said(said.bound_to, SignatureTime(head.signed_ms, NOTARY_TIME), said.annotations)
    return Meaning("signature", said, expires_ms=head.expires_ms)


def _stated(envelope: Envelope, about: Manifest | Index) -> Meaning:
    if envelope.payload_type != dsse.IN_TOTO:
        raise TrustError("SM2009", got=repr(envelope.payload_type), want=dsse.IN_TOTO)
    said = statement.parse(envelope.payload)
    if said.predicate_type == modelsigning.PREDICATE:
        return _model(said, about)
    notes = annotation.read(_subject(said.subjects, about).annotations)
    if said.predicate_type == COSIGN_SIGN:
        return Meaning("signature", notes)
    if said.predicate_type == summary.PREDICATE:
        summary.check(said.predicate)
    return Meaning("attestation", notes, said.predicate_type, said.predicate)


def _model(said: Statement, about: Manifest | Index) -> Meaning:
    if isinstance(about, Index):
        raise TrustError("SM2073", got="a signature of a model's files", want="one of the index")
    found = modelsigning.files(said)
    return Meaning("signature", annotation.read(said.subjects[0].annotations), files=found)


def _subject(subjects: tuple[Subject, ...], about: Manifest | Index) -> Subject:
    named = [subject for subject in subjects if subject.digests.get(about.digest.algorithm) == about.digest.hex]
    if not named:
        others = (f"{name}:{text}" for subject in subjects for name, text in subject.digests.items())
        raise TrustError("SM2007", got=f"a signature of {', '.join(others)}", want=str(about.digest))
    if len(named) > 1:
        raise TrustError("SM2010", got=f"{about.digest} {len(named)} times", want="each subject once")
    return named[0]
