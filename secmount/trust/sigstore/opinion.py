"""What sigstore-python says of a keyless bundle that our own checks accepted: both must.

It reads the bundle itself. Only where it cannot, what ProtoJSON lets a producer leave out and its models demand (zeros
and empty fields) is put in. What it cannot represent (no log entry or several, an entry without a proof, an entry or a
key of a kind that it does not know) is for our checks alone: docs/trust.md has the list.
"""

from __future__ import annotations

import hashlib
import json
import logging
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from secmount.errors import TrustError
from secmount.oci import exact
from secmount.trust.check import certificate, der
from secmount.trust.check.fulcio import Identity
from secmount.trust.claim import CertificateChain, Claim, Envelope
from secmount.trust.evidence import MATERIAL_LIMIT
from secmount.trust.root import ROOT_LIMIT, TrustRoot
from secmount.trust.sigstore import normal

if TYPE_CHECKING:
    from sigstore.models import Bundle
    from sigstore.verify import Verifier

_ENVELOPES = frozenset({("dsse", "0.0.1"), ("hashedrekord", "0.0.2")})
_MESSAGES = frozenset({("hashedrekord", "0.0.1"), ("hashedrekord", "0.0.2")})
_KEPT = 16
_FORMAT = "sigstore-bundle"


def representable(claim: Claim) -> bool:
    """Whether sigstore-python has a form for `claim`."""
    if claim.format != _FORMAT or not isinstance(claim.by, CertificateChain) or len(claim.entries) != 1:
        return False
    entry = claim.entries[0]
    kinds = _ENVELOPES if isinstance(claim.content, Envelope) else _MESSAGES
    plain = certificate.read(claim.by.certificates[0]).key.kind == "ecdsa-p256"
    return plain and entry.proof is not None and (entry.kind, entry.version) in kinds


def agree(claim: Claim, message: bytes, identity: Identity, root: TrustRoot) -> None:
    """Raise `TrustError` SM2036 unless sigstore-python accepts `claim`, made by `identity`, under `root`.

    `message` is what a bare signature is over.
    """
    try:
        _verify(claim, message, identity, root)
    except Exception as err:  # whatever it raises (ValueError and TypeError, too) is a refusal
        got = f"{type(err).__name__}: {err}"
        raise TrustError("SM2036", subject="sigstore-python", got=got, want="its acceptance") from err


def _verify(claim: Claim, message: bytes, identity: Identity, root: TrustRoot) -> None:
    from sigstore.hashes import Hashed
    from sigstore.verify import policy
    from sigstore_models.common.v1 import HashAlgorithm

    named = policy.AllOf(
        [
            policy.AnyOf([policy.Identity(identity=name) for name in (identity.name, _tagged(identity.name))]),
            policy.AnyOf([policy.OIDCIssuer(identity.issuer), policy.OIDCIssuerV2(identity.issuer)]),
        ]
    )
    found = _bundle(claim.raw)
    verifier = _verifier(root.raw)
    if isinstance(claim.content, Envelope):
        signed = verifier.verify_dsse(found, named)
        if signed != (claim.content.payload_type, claim.content.payload):
            raise ValueError("it read another payload")
        return
    digest = hashlib.sha256(message).digest()
    verifier.verify_artifact(Hashed(algorithm=HashAlgorithm.SHA2_256, digest=digest), found, named)


def _bundle(raw: bytes) -> Bundle:
    """Give the bundle as it is, or completed where its producer left out what the models demand."""
    from sigstore.models import Bundle, InvalidBundle

    try:
        return Bundle.from_json(raw)
    except InvalidBundle:
        whole = normal.bundle(exact.read(raw, limit=MATERIAL_LIMIT, subject="bundle"))
        return Bundle.from_json(json.dumps(whole))


def _tagged(name: str) -> str:
    """Give a user name (Fulcio's OtherName) as sigstore-python sees it: with the DER around it."""
    return der.wrap(der.UTF8, name.encode()).decode("utf-8", "replace")


@lru_cache(maxsize=_KEPT)
def _verifier(raw: bytes) -> Verifier:
    from sigstore.models import TrustedRoot
    from sigstore.verify import Verifier
    from sigstore_models.trustroot.v1 import TrustedRoot as Document

    class Parsed(TrustedRoot):
        """The same root, whose keys and certificates are parsed once and not for every signature.

        A key that is not good yet when it is first asked for stays unknown to this process: that only denies.
        """

        rekor_keyring = cache(TrustedRoot.rekor_keyring)
        ct_keyring = cache(TrustedRoot.ct_keyring)
        get_timestamp_authorities = cache(TrustedRoot.get_timestamp_authorities)

    logging.getLogger("sigstore").setLevel(logging.CRITICAL)
    whole = normal.root(exact.read(raw, limit=ROOT_LIMIT, subject="trust root"))
    return Verifier(trusted_root=Parsed(Document.from_json(json.dumps(whole))))
