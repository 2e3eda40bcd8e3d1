"""How many of a rule's signers have signed: each principal is credited once, to the first signer that it signed as.

So is each key: a signer is credited with a signature whose principal and whose key it is the first for, both of one
signature. Of two certificates that share a subject or a key only one can count.

A model signature counts only with what it says of the files, so those that say different things never count together:
each of them is a case of its own, and the first case that meets the rule is the one that the tree is held to. A case
without any comes first. Design 3.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace

from secmount.oci.digest import Digest
from secmount.oci.layer import shape
from secmount.policy.credit.fits import counted_as, fits, made_with
from secmount.policy.credit.force import unacceptable
from secmount.policy.credit.question import Question
from secmount.policy.rules import Rule
from secmount.registry.resolution import Resolution
from secmount.trust.evidence import Signature
from secmount.value import dataclass

Files = Mapping[str, Digest]
Pair = tuple[str, Signature]  # a signature, as one of the rule's signers


@dataclass(frozen=True, slots=True)
class Credit:
    """Who is credited under a rule, with what, and whether that meets it; `files` is what the tree must be then.

    `newest_ms` is the highest time inside what was signed and counts; it says how far back nothing may go any more.
    `manifest`: what counts is not about files alone, so that the manifest's own words are somebody's.
    """

    met: bool
    signers: tuple[str, ...] = ()
    signatures: tuple[Signature, ...] = ()
    files: Files | None = field(default=None, hash=False)
    newest_ms: int | None = None
    rolled_back: bool = False
    manifest: bool = False


def credit(asked: Question) -> Credit:
    """Credit the signatures that count."""
    rule = asked.rule
    if rule.unsigned:
        return Credit(met=not rule.require, manifest=True)
    signers = asked.policy.signers
    pairs = [(name, row) for name, row in _counted(asked) if unacceptable(row, signers[name], asked) is None]
    for files in _cases(asked, pairs):
        found = _case(asked, [pair for pair in pairs if pair[1].files in (None, files)], files)
        if found.met:
            return found
    return replace(_case(asked, pairs, None), met=False)


def _counted(asked: Question) -> Iterator[Pair]:
    """Give the signatures about the artifact that are by signers of the rule, in their order."""
    for name in asked.rule.signers:
        for signature in asked.evidence.signatures:
            about = name in signature.signers and signature.subject in asked.resolution.subjects
            if about and fits(asked.policy.signers[name], signature):
                yield name, signature


def enough(rule: Rule, signers: Iterable[str]) -> bool:
    """Say whether `signers` suffice for every group; a rule without signers is met only if it says unsigned."""
    if rule.unsigned:
        return not rule.require
    have = set(signers)
    return bool(rule.require) and all(len(have & set(group.signers)) >= group.threshold > 0 for group in rule.require)


def _case(asked: Question, pairs: Sequence[Pair], files: Files | None) -> Credit:
    rule, mark = asked.rule, asked.newest_ms
    owners: dict[str, str] = {}  # principal: the first signer in the rule's order that it signed as
    holders: dict[str, str] = {}  # key: the same
    for name, signature in pairs:
        owners.setdefault(counted_as(signature), name)
        holders.setdefault(made_with(signature), name)
    counting = [(name, row) for name, row in pairs if {owners[counted_as(row)], holders[made_with(row)]} == {name}]
    signers = tuple(dict.fromkeys(name for name, _ in counting))
    newest = max((row.time.not_before for _, row in pairs if row.time.not_before is not None), default=None)
    back = rule.no_rollback is not None and (newest is None or (mark is not None and newest < mark))
    suffices = enough(rule, signers)
    return Credit(
        met=suffices and not back,
        signers=signers,
        signatures=tuple(dict.fromkeys(row for _, row in counting)),
        files=files,
        newest_ms=newest,
        rolled_back=suffices and back,
        manifest=any(row.files is None for _, row in pairs),
    )


def _cases(asked: Question, pairs: Sequence[Pair]) -> Iterator[Files | None]:
    """Give what the files may be said to be: nothing; what the manifest does not contradict, the newest first; more."""
    yield None
    found: list[Files] = []
    rows = [(row.time.not_before or 0, row.files) for _, row in pairs if row.files is not None]
    for _, files in sorted(rows, key=lambda row: row[0], reverse=True):
        if files not in found:
            found.append(files)
    yield from sorted(found, key=lambda files: _contradicted(asked.resolution, files))


def _contradicted(resolution: Resolution, files: Files) -> bool:
    for position, layer in enumerate(resolution.manifest.layers):
        found = shape(layer, position, resolution.manifest)
        plain = found.kind == "file" and found.compression == "none"
        if plain and found.path is not None and files.get(found.path) != layer.digest:
            return True
    return False
