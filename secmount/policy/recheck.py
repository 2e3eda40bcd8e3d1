"""The checks of a rule once more, in Python: a mistake in the decision program alone cannot allow anything.

`disagreements` says what speaks against an answer that allows. It shares nothing with the program but the values: the
policy as it was read, the evidence and the manifest. Only `namespaces` is left to the program: who asks is not known
here. Design 3.3 and 3.4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from secmount.oci.digest import Digest
from secmount.oci.layer import LayerShape, shape
from secmount.policy.credit import attested
from secmount.policy.credit.count import Credit
from secmount.policy.credit.question import Question
from secmount.policy.glob import Pattern
from secmount.policy.rules import Deny, Rule
from secmount.registry.resolution import Resolution


def disagreements(asked: Question, given: Credit, approved: tuple[int, ...]) -> Iterator[str]:
    """Say, one by one, why `approved` layers must not be allowed with what was credited; nothing if they may."""
    resolution, rule = asked.resolution, asked.rule
    shapes = [shape(layer, position, resolution.manifest) for position, layer in enumerate(resolution.manifest.layers)]
    if given.rolled_back:
        yield "nothing shows that it is not older than what was used before"
    elif not given.met:
        yield "too few of the rule's signers have signed"
    yield from (f"no attestation {wanted.type} that holds" for wanted in attested.missing(asked))
    if approved != tuple(each.position for each in shapes if excluded(each, rule) is None):
        yield "the approved layers are not those that the rule leaves"
    yield from _denied(resolution, asked.policy.deny, shapes)
    if not given.manifest and (rule.artifact_types is not None or rule.annotations):
        yield "nobody vouches for what the manifest says"
    yield from _unwanted(resolution, rule)


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
    types += [layer.media_type for layer in manifest.layers]
    types += [] if index is None else filter(None, (index.media_type, index.artifact_type))
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
