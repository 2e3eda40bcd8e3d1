"""Whether the statements are there that a rule asks for: of the type, by a signer in force, holding what it must.

Evidence is positive: what is looked for is a statement that holds. That others say the contrary, or are withheld, says
nothing. Design 3.4.
"""

from __future__ import annotations

from collections.abc import Iterator

from secmount.oci import canonical
from secmount.policy import attestations
from secmount.policy.credit.fits import fits
from secmount.policy.credit.force import out_of_force, stale
from secmount.policy.credit.question import Question
from secmount.policy.rules import AttestationRule
from secmount.trust.evidence import Attestation


def missing(asked: Question) -> Iterator[AttestationRule]:
    """Give what the rule asks for and no statement is."""
    for wanted in asked.rule.attestations:
        if all(unsuitable(statement, wanted, asked) is not None for statement in asked.evidence.attestations):
            yield wanted


def unsuitable(statement: Attestation, wanted: AttestationRule, asked: Question) -> str | None:
    """Say why `statement` is not what is `wanted`, or None if it is."""
    known = asked.policy.signers
    if statement.predicate_type != wanted.type:
        return f"it is of type {statement.predicate_type}"
    if statement.subject not in asked.resolution.subjects:
        return f"it is about {statement.subject}"
    signers = [known[name] for name in wanted.signers if name in statement.signers and fits(known[name], statement)]
    if not signers:
        return f"it is by {', '.join(statement.signers)}, whom the rule does not name for it"
    if asked.rule.bind != "any" and statement.bound_to not in (None, asked.resolution.name):
        return f"it names {statement.bound_to}"
    against = [out_of_force(statement, signer, asked) or stale(statement, signer, asked) for signer in signers]
    if None not in against:
        return against[0]
    if not representable(statement):
        return "its predicate has numbers that not every reader reads alike"
    failed = next((row for row in wanted.where if not attestations.holds(row, statement.predicate)), None)
    if failed is None:
        return None
    found, values = attestations.look(statement.predicate, failed.tokens), " or ".join(map(_value, failed.values))
    return f"{failed.pointer} is {_value(found)}, want {values}"


def representable(statement: Attestation) -> bool:
    """Say whether every reader of JSON reads the predicate alike (RFC 7493): only such statements are evidence."""
    try:
        canonical.encode(statement.predicate)
    except ValueError:
        return False
    return True


def _value(value: object) -> str:
    if value is None:
        return "absent"
    text = canonical.encode(value).decode()
    return text if len(text) <= 200 else f"{text[:200]}…"
