"""The checks of a rule once more, in Python: a mistake in the decision program alone cannot allow anything.

`disagreements` says what speaks against an answer that allows. It shares nothing with the program but the values: the
policy as it was read, the evidence and the manifest. Only `namespaces` is left to the program: who asks is not known
here. Design 3.3 and 3.4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from secmount.oci.digest import Digest
from secmount.oci.layer import LayerShape, shape
from secmount.policy.glob import Pattern
from secmount.policy.rules import Deny, Policy, Rule
from secmount.registry.resolution import Resolution
from secmount.trust.evidence import Evidence, Signature
from secmount.trust.signer import KeySigner, Signer

SKEW = 300_000  # milliseconds a signature's time may lie in the future; design 3.4


def disagreements(
    resolution: Resolution, evidence: Evidence, policy: Policy, rule: Rule, approved: tuple[int, ...], *, now_ms: int
) -> Iterator[str]:
    """Say, one by one, why `approved` layers under `rule` must not be allowed; nothing if they may."""
    shapes = [shape(layer, position, resolution.manifest) for position, layer in enumerate(resolution.manifest.layers)]
    if not met(rule, credited(resolution, evidence, policy, rule, now_ms=now_ms)):
        yield "too few of the rule's signers have signed"
    if approved != tuple(each.position for each in shapes if excluded(each, rule) is None):
        yield "the approved layers are not those that the rule leaves"
    yield from _denied(resolution, policy.deny, shapes)
    yield from _unwanted(resolution, rule)


def credited(
    resolution: Resolution, evidence: Evidence, policy: Policy, rule: Rule, *, now_ms: int
) -> Mapping[str, Signature]:
    """Give the signers of `rule` that an acceptable signature counts for.

    A principal is credited once, to the first signer in the rule's order whose key it is.
    """
    found: dict[str, Signature] = {}
    spent: set[str] = set()
    for name in rule.signers:
        for signature in evidence.signatures:
            if signature.principal in spent or name not in signature.signers or name in found:
                continue
            signer = policy.signers[name]
            if not isinstance(signer, KeySigner) or signature.principal != signer.principal:
                continue
            if signature.subject not in resolution.subjects:
                continue
            if unacceptable(signature, signer, rule, resolution.name, now_ms=now_ms) is None:
                spent.add(signature.principal)
                found[name] = signature
    return found


def met(rule: Rule, signers: Iterable[str]) -> bool:
    """Say whether `signers` suffice for every group; a rule without signers is met only if it says unsigned."""
    if rule.unsigned:
        return not rule.require
    have = set(signers)
    return bool(rule.require) and all(len(have & set(group.signers)) >= group.threshold > 0 for group in rule.require)


def unacceptable(signature: Signature, signer: Signer, rule: Rule, name: str, *, now_ms: int) -> str | None:
    """Say why a signature by `signer` does not count for an artifact called `name` under `rule`, or None if it does."""
    return _out_of_force(signature, signer, now_ms) or _unbound(signature, rule, name) or _old(signature, rule, now_ms)


def _out_of_force(signature: Signature, signer: Signer, now_ms: int) -> str | None:
    time, key = signature.time, f"the key of {signer.name}"
    if signer.revoked:
        return f"{key} is revoked"
    if any(stamp is not None and stamp > now_ms + SKEW for stamp in (time.not_before, time.not_after)):
        return "its time lies in the future"
    if (signer.revoked_since, signer.valid_from, signer.valid_until) == (None, None, None):
        return None
    if time.not_after is None:
        return f"{key} has a window, and no third party says when it signed"
    if signer.revoked_since is not None and time.not_after >= signer.revoked_since:
        return f"{key} was revoked when it signed"
    if signer.valid_from is not None and time.not_after < signer.valid_from:
        return f"{key} was not valid yet when it signed"
    late = signer.valid_until is not None and time.not_after >= signer.valid_until
    return f"{key} was not valid any more when it signed" if late else None


def _unbound(signature: Signature, rule: Rule, name: str) -> str | None:
    allowed = {"repository": (name,), "named": (name, None), "any": (signature.bound_to,)}[rule.bind]
    return None if signature.bound_to in allowed else f"it names {signature.bound_to or 'no repository'}"


def _old(signature: Signature, rule: Rule, now_ms: int) -> str | None:
    if rule.max_age is None:
        return None
    if signature.time.not_before is None:
        return "nothing signed says when it was made"
    return "it is too old" if now_ms - signature.time.not_before > rule.max_age else None


def excluded(layer: LayerShape, rule: Rule) -> Pattern | None:
    """Give the pattern of `rule` that withholds `layer`; only a file can be withheld whole."""
    if layer.kind != "file" or layer.path is None:
        return None
    path = layer.path
    return next((pattern for pattern in rule.exclude if pattern.matches(path)), None)


def _denied(resolution: Resolution, deny: Deny, shapes: list[LayerShape]) -> Iterator[str]:
    manifest, index = resolution.manifest, resolution.index
    digests: list[Digest] = [*resolution.subjects, manifest.config.digest, *(layer.digest for layer in manifest.layers)]
    read = [manifest.raw, resolution.config, *([] if index is None else [index.raw])]
    for algorithm in {digest.algorithm for digest in deny.digests}:  # whatever algorithm they were asked for by
        digests += [Digest(algorithm, hashlib.new(algorithm, raw).hexdigest()) for raw in read]
    if set(digests) & set(deny.digests):
        yield "a digest is denied"
    types = [manifest.media_type, manifest.artifact_type, manifest.config.media_type]
    types += [layer.media_type for layer in manifest.layers] + ([] if index is None else [index.media_type])
    if any(pattern.matches(text) for pattern in deny.media_types for text in types):
        yield "a media type is denied"
    paths = [each.path for each in shapes if each.kind == "file" and each.path is not None]
    if any(pattern.matches(path) for pattern in deny.paths for path in paths):
        yield "a path is denied"


def _unwanted(resolution: Resolution, rule: Rule) -> Iterator[str]:
    manifest = resolution.manifest
    if rule.artifact_types is not None and not _any(rule.artifact_types, manifest.artifact_type):
        yield "the artifact type is not one of the rule's"
    if rule.media_types is not None and not all(_any(rule.media_types, layer.media_type) for layer in manifest.layers):
        yield "a layer's media type is not one of the rule's"
    if any(manifest.annotations.get(key) not in values for key, values in rule.annotations.items()):
        yield "an annotation is not what the rule asks for"
    if rule.max_size is not None and sum(layer.size for layer in manifest.layers) > rule.max_size:
        yield "the layers are larger than the rule allows"


def _any(patterns: tuple[Pattern, ...], text: str) -> bool:
    return any(pattern.matches(text) for pattern in patterns)
