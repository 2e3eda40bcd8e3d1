"""What the decision program is given: the input `secmount.input/v1`, and the policy as `data.secmount.policy`.

The input holds only what was hashed by us (the documents named and reached) and what was authenticated by a configured
signer. Every field is always there, null if unknown; times are RFC 3339 in UTC and integer milliseconds. Where the
program matches case-folded patterns the folded text stands beside the original, so that no engine folds by a rule of
its own. Design 3.4; the shape is docs/formats/input-v1.schema.json.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

from secmount.oci import canonical, instant
from secmount.oci.descriptor import Descriptor, Platform
from secmount.oci.digest import Digest
from secmount.oci.layer import shape
from secmount.oci.manifest import Index
from secmount.oci.reference import RegistryReference
from secmount.policy import attestations
from secmount.policy.credit import attested
from secmount.policy.glob import Identity, Pattern, alternatives, fold
from secmount.policy.rules import LAYOUT, AttestationRule, Deny, Rule
from secmount.registry.resolution import Resolution
from secmount.trust.evidence import Attestation, Evidence, Signature, SignatureTime
from secmount.trust.signer import KeylessSigner, KeySigner, Signer, X509Signer
from secmount.value import dataclass

SCHEMA = "secmount.input/v1"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks, through which face, for what use."""

    face: Literal["cli", "webhook", "csi"] = "cli"
    use: Literal["cli", "csi", "image-volume", "container"] = "cli"
    verb: str = "mount"
    user: str | None = None
    namespace: str | None = None
    pod: str | None = None
    service_account: str | None = None


def document(
    resolution: Resolution, evidence: Evidence, *, request: Request, now_ms: int, newest_ms: int | None
) -> Json:
    """Write the input; `newest_ms` is the highest `not_before` seen of this name before.

    Raise `ContentError` SM51xx where a layer's path is not one inside the tree, ValueError where `evidence` is about
    another artifact.
    """
    if evidence.subject != resolution.digest:
        raise ValueError(f"evidence about {evidence.subject}, not {resolution.digest}")
    facts: tuple[Signature | Attestation, ...] = (*evidence.signatures, *evidence.attestations)
    if any(fact.subject not in resolution.subjects for fact in facts):
        raise ValueError(f"a signature about neither {resolution.digest} nor its index")
    return {
        "schema": SCHEMA,
        "request": {
            "face": request.face,
            "use": request.use,
            "verb": request.verb,
            "user": request.user,
            "namespace": request.namespace,
            "pod": request.pod,
            "service_account": request.service_account,
        },
        "reference": _reference(resolution),
        "artifact": _artifact(resolution, evidence),
        "signatures": [_signature(signature) for signature in evidence.signatures],
        "attestations": [_attestation(fact) for fact in evidence.attestations if attested.representable(fact)],
        "history": {"newest_ms": newest_ms},
        "now_ms": now_ms,
    }


def _reference(resolution: Resolution) -> Json:
    """Split the name that rules are matched by; a layout's has no registry."""
    reference, name = resolution.reference, resolution.name
    registry, _, repository = (None, "", name) if name.startswith(LAYOUT) else name.partition("/")
    return {
        "text": reference.text,
        "registry": registry,
        "repository": repository,
        "tag": reference.tag,
        "digest": None if reference.digest is None else str(reference.digest),
        "name_source": resolution.name_source,
        "transport": "registry" if isinstance(reference, RegistryReference) else "layout",
    }


def _artifact(resolution: Resolution, evidence: Evidence) -> Json:
    manifest, index = resolution.manifest, resolution.index
    covered = {signature.subject for signature in evidence.signatures if signature.files is None}  # not of files alone
    return {
        "authenticated": bool(covered),
        "digest": str(manifest.digest),
        "media_type": manifest.media_type,
        "artifact_type": manifest.artifact_type,
        "annotations": dict(manifest.annotations),
        "config": _described(manifest.config),
        "index": None if index is None or index.digest not in covered else _index(index),
        "reached_through": None if index is None else {"digest": str(index.digest), "media_type": index.media_type},
        "digests": _digests(resolution),
        "platform": _platform(resolution.platform),
        "layers": [_layer(resolution, position) for position in range(len(manifest.layers))],
        "folded": {
            "artifact_type": fold(manifest.artifact_type),
            "media_types": [
                fold(text)
                for text in (
                    *(() if index is None else filter(None, (index.media_type, index.artifact_type))),
                    manifest.media_type,
                    manifest.artifact_type,
                    manifest.config.media_type,
                )
            ],
        },
    }


def _digests(resolution: Resolution) -> list[str]:
    """Give every digest of the documents read: as they were named, and under every algorithm, for the floors."""
    manifest, index = resolution.manifest, resolution.index
    named = [manifest.digest, manifest.config.digest, *([] if index is None else [index.digest])]
    documents = [manifest.raw, resolution.config, *([] if index is None else [index.raw])]
    hashed = [f"{name}:{hashlib.new(name, raw).hexdigest()}" for raw in documents for name in ("sha256", "sha512")]
    return sorted({*map(str, named), *hashed})


def _described(descriptor: Descriptor) -> Json:
    return {
        "digest": str(descriptor.digest),
        "media_type": descriptor.media_type,
        "size": descriptor.size,
        "annotations": dict(descriptor.annotations),
    }


def _index(index: Index) -> Json:
    return {
        "digest": str(index.digest),
        "media_type": index.media_type,
        "artifact_type": index.artifact_type,
        "annotations": dict(index.annotations),
    }


def _platform(platform: Platform | None) -> Json | None:
    if platform is None:
        return None
    return {"os": platform.os, "architecture": platform.architecture, "variant": platform.variant}


def _layer(resolution: Resolution, position: int) -> Json:
    layer = resolution.manifest.layers[position]
    found = shape(layer, position, resolution.manifest)
    return {
        "index": position,
        **_described(layer),
        "path": found.path,
        "kind": found.kind,
        "folded": {"path": None if found.path is None else fold(found.path), "media_type": fold(layer.media_type)},
    }


def _signature(signature: Signature) -> Json:
    return {
        "format": signature.format,
        "subject": str(signature.subject),
        "signers": list(signature.signers),
        "principal": signature.principal,
        "issuer": signature.issuer,
        "identity": signature.identity,
        "claims": dict(signature.claims),
        "key": signature.key,
        "bound_to": signature.bound_to,
        "annotations": dict(signature.annotations),
        "time": _time(signature.time),
        "root": _root(signature),
        **_expires(signature),
        "files": _files(signature.files),
    }


def _attestation(fact: Attestation) -> Json:
    return {
        "format": fact.format,
        "subject": str(fact.subject),
        "predicate_type": fact.predicate_type,
        "predicate": fact.predicate,
        "signers": list(fact.signers),
        "principal": fact.principal,
        "issuer": fact.issuer,
        "identity": fact.identity,
        "claims": dict(fact.claims),
        "bound_to": fact.bound_to,
        "time": _time(fact.time),
        "root": _root(fact),
        **_expires(fact),
    }


def _root(fact: Signature | Attestation) -> Json | None:
    if fact.root is None:
        return None
    at = fact.root_updated_ms
    return {"digest": fact.root, "updated": None if at is None else instant.render(at), "updated_ms": at}


def _expires(fact: Signature | Attestation) -> Json:
    at = fact.expires_ms
    return {"expires": None if at is None else instant.render(at), "expires_ms": at}


def _files(files: Mapping[str, Digest] | None) -> Json | None:
    """Name what a model signature says of the files: equal digests say the same. The list itself is for the tree."""
    if files is None:
        return None
    raw = canonical.encode({path: str(digest) for path, digest in files.items()})
    return {"count": len(files), "digest": f"sha256:{hashlib.sha256(raw).hexdigest()}"}


def _time(time: SignatureTime) -> Json:
    return {
        "not_before": None if time.not_before is None else instant.render(time.not_before),
        "not_before_ms": time.not_before,
        "not_before_source": time.not_before_source,
        "not_after": None if time.not_after is None else instant.render(time.not_after),
        "not_after_ms": time.not_after,
        "not_after_source": time.not_after_source,
    }


def data(signers: Mapping[str, Signer], rules: tuple[Rule, ...], deny: Deny, max_root_age: int | None = None) -> Json:
    """Write a policy as the program sees it: every key is there, null where policy.toml has none."""
    return {
        "version": 1,
        "deny": {
            "digests": [str(digest) for digest in deny.digests],
            "media_types": _patterns(deny.media_types),
            "paths": _patterns(deny.paths),
        },
        "signers": {name: _signer(signer) for name, signer in signers.items()},
        "rules": {rule.name: _rule(rule) for rule in rules},
        "max_root_age": max_root_age,
    }


def _signer(signer: Signer) -> Json:
    return _whom(signer) | {
        "valid_from": signer.valid_from,
        "valid_until": signer.valid_until,
        "revoked": signer.revoked,
        "revoked_since": signer.revoked_since,
    }


def _whom(signer: Signer) -> Json:
    """Say whom a signer means; of another kind it is null throughout, and so nobody."""
    whom: Json = dict.fromkeys(("principal", "issuer", "identity", "claims", "root", "subject"))
    match signer:
        case KeySigner():
            return whom | {"kind": "key", "principal": signer.principal}
        case KeylessSigner():
            identity = signer.identity
            if not isinstance(identity, Identity):
                raise TypeError(f"the identity of {signer.name} is no pattern of this grammar")
            pattern = {"text": identity.text, "regex": identity.regex, "refs": int(identity.ref is not None)}
            said = {"issuer": signer.issuer, "identity": pattern, "claims": dict(signer.claims)}
            return whom | {"kind": "keyless", "root": signer.root.digest, **said}
        case X509Signer():
            return whom | {"kind": "x509", "root": signer.root, "subject": dict(signer.subject)}


def _attestation_rule(wanted: AttestationRule) -> Json:
    return {
        "type": wanted.type,
        "signers": list(wanted.signers),
        "where": [
            {"pointer": row.pointer, "paths": attestations.paths(row.tokens), "values": list(row.values)}
            for row in wanted.where
        ],
    }


def _rule(rule: Rule) -> Json:
    match = rule.match
    return {
        "match": {"kind": match.kind, "base": match.base, "layout": match.layout, "weight": match.weight},
        "unsigned": rule.unsigned,
        "require": [{"signers": list(group.signers), "threshold": group.threshold} for group in rule.require],
        "artifact_types": None if rule.artifact_types is None else _patterns(rule.artifact_types),
        "media_types": None if rule.media_types is None else _patterns(rule.media_types),
        "exclude": _patterns(rule.exclude),
        "annotations": {key: list(values) for key, values in rule.annotations.items()},
        "max_size": rule.max_size,
        "max_unpacked_size": rule.max_unpacked_size,
        "max_age": rule.max_age,
        "bind": rule.bind,
        "namespaces": None if rule.namespaces is None else _patterns(rule.namespaces),
        "symlinks": rule.symlinks,
        "exec": rule.exec,
        "attestations": [_attestation_rule(wanted) for wanted in rule.attestations],
        "no_rollback": rule.no_rollback,
        "model_signing_partial": rule.model_signing_partial,
    }


def _patterns(patterns: tuple[Pattern, ...]) -> Json:
    return {"texts": [pattern.text for pattern in patterns], "regexes": alternatives(patterns)}
