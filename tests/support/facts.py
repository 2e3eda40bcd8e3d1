"""Signers and facts beyond managed keys, for tests of the decision: keyless, by certificate, attestations, models.

As in `policies`, evidence is made by hand: what a verified certificate or statement says, not the certificate.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from secmount.errors import PolicyError
from secmount.policy import folder
from secmount.policy.decision import Approved, Denied
from secmount.policy.engine import Answer
from secmount.policy.rules import Policy
from secmount.registry.resolution import Resolution
from secmount.trust.evidence import Attestation, Evidence, Signature, SignatureTime
from secmount.trust.root import TrustRoot
from tests.support import policies
from tests.support.policies import KEYS, NOW, SIGNERS, digest, signed, write

GITHUB = "https://token.actions.githubusercontent.com"
CALLER = "https://github.com/acme/app"
WORKFLOW = f"{CALLER}/.github/workflows/release.yml"
TAG = f"{WORKFLOW}@refs/tags/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
VSA = "https://slsa.dev/verification_summary/v1"
TESTED = "https://acme.example/tested/v1"  # a type of which nothing is asked but what a rule writes
ROOT_TYPE = b"application/vnd.dev.sigstore.trustedroot+json;version=0.1"
AUTHORITY = b'{"uri":"https://fulcio.example","certChain":{"certificates":[{"rawBytes":"AAAA"}]}}'
ROOT = b'{"mediaType":"' + ROOT_TYPE + b'","tlogs":[],"certificateAuthorities":[' + AUTHORITY + b"]}"
OTHER_ROOT = ROOT.replace(b"fulcio", b"other")
UPDATED = NOW - 3_600_000
CERTIFICATE = b"\x30\x81\x80" + bytes(128)  # DER from outside; what is in it no loader looks at
ANCHORS = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(CERTIFICATE) + b"-----END CERTIFICATE-----\n"
CRL = ANCHORS.replace(b"CERTIFICATE", b"X509 CRL")
CI = f"""
[signers.ci-workflow]
issuer = "{GITHUB}"
identity = "{WORKFLOW}@refs/tags/**"
claims = {{ source-repository = "{CALLER}" }}
trusted-root = "acme.json"
"""
PERSON = """
[signers.person]
issuer = "https://accounts.google.com"
identity = "ann@acme.example"
trusted-root = "acme.json"
"""
CORP = """
[signers.corp]
x509 = "corp.pem"
subject = { CN = "release", O = "Acme" }
revocation = "none"
"""
FILES = {"acme.json": ROOT, "other.json": OTHER_ROOT, "corp.pem": ANCHORS, "corp.crl": CRL}
FILES["more.pem"] = ANCHORS + b"and a comment\n"  # the same certificate in another file


def sha256(data: bytes) -> str:
    """Give `sha256:<hex>` of `data`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def default_root() -> TrustRoot:
    """Give a default trust root with an age."""
    return TrustRoot("the default", sha256(OTHER_ROOT), OTHER_ROOT, UPDATED)


def load(root: Path, rule: str, *, signers: str = "", top: str = "", default: bool = False) -> Policy:
    """Load a policy with the keys of `KEYS`, `signers`, and one rule for ghcr.io/acme/** of the lines `rule`."""
    toml = f'version = 1\n{top}\n{SIGNERS}{signers}\n[[rules]]\nmatch = "ghcr.io/acme/**"\n{rule}\n'
    path = write(root, toml, **FILES)
    return folder.load(path, uid=os.getuid(), default_root=default_root if default else None)


def keyless(
    *names: str,
    identity: str = TAG,
    issuer: str = GITHUB,
    claims: Mapping[str, str] | None = None,
    root: str | None = sha256(ROOT),
    updated: int | None = UPDATED,
    **more: Any,
) -> Signature:
    """Give a signature by a certificate for `identity`, credited to `names`; `more` are fields of `Signature`."""
    fact = signed("release", bound_to=more.pop("bound_to", None), **more.pop("time", {}))
    return replace(
        fact,
        signers=names or ("ci-workflow",),
        principal=principal(issuer, identity),
        issuer=issuer,
        identity=identity,
        claims={"source-repository": CALLER} if claims is None else claims,
        root=root,
        root_updated_ms=updated,
        **more,
    )


def ann(**time: int | None) -> Signature:
    """Give a signature by `person`."""
    return keyless("person", issuer="https://accounts.google.com", identity="ann@acme.example", claims={}, time=time)


def principal(issuer: str, identity: str) -> str:
    """Name the principal of an identity."""
    return f"{issuer} {cut(identity) if identity.startswith('https://') else identity}"


def cut(identity: str) -> str:
    """Give an https identity without its branch or tag, in which `@` may stand, too."""
    return identity.partition("@refs/")[0] if "@refs/" in identity else identity.rpartition("@")[0] or identity


def certified(
    *names: str, subject: str = "CN=release,O=Acme", claims: Any = None, root: str = sha256(ANCHORS)
) -> Signature:
    """Give a signature by a certificate with `subject` (RFC 4514)."""
    found = dict(part.split("=", 1) for part in subject.split(",")) if claims is None else claims
    return replace(
        signed("release"),
        signers=names or ("corp",),
        principal=f"x509 {root} {subject}",
        identity=subject,
        claims=found,
        root=root,
    )


def model(name: str, files: Mapping[str, str], **more: Any) -> Signature:
    """Give a model signature by the key of `name` that says what the tree is: path to what stands for its content."""
    return replace(signed(name, **more), format="model", files={path: digest(text) for path, text in files.items()})


def statement(
    form: str, predicate: Any, *names: str, about: str = "manifest", key: str | None = None, **time: int | None
) -> Attestation:
    """Give a statement about the artifact by the key of the first of `names` (or `key`)."""
    moments: Any = {"not_before": NOW - 1000, **time}
    whose = KEYS[key or names[0]].principal
    return Attestation("test", digest(about), form, predicate, names, whose, time=SignatureTime(**moments))


@dataclass
class Yes:
    """An engine that turns every denial of the real one into an allowing answer that is consistent in itself."""

    name: str = "yes"

    def evaluate(self, document: Mapping[str, Any], policy: Policy) -> Answer:
        """Answer as the real engine does, but for what it denies."""
        answer = policies.engine().evaluate(document, policy)
        rows = tuple(replace(row, ok=True) for row in answer.checks)
        return replace(answer, allow=True, deny=(), checks=rows)


def judge(policy: Policy, resolution: Resolution, proof: Evidence, **more: Any) -> Approved | Denied:
    """Judge as `policies.judge` does; what is denied must be refused even where the program would allow it."""
    verdict = policies.judge(policy, resolution, proof, **more)
    if isinstance(verdict, Denied):
        with pytest.raises(PolicyError, match="SM3096"):
            policies.judge(policy, resolution, proof, by=Yes(), **more)
    return verdict


def evidence(*facts: Signature | Attestation, **more: Any) -> Evidence:
    """Give evidence about the artifact."""
    signatures = tuple(fact for fact in facts if isinstance(fact, Signature))
    attestations = tuple(fact for fact in facts if isinstance(fact, Attestation))
    return Evidence(digest("manifest"), signatures, attestations, **more)
