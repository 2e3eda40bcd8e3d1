"""Checks and denials in words: what was got, what was wanted, how near it was, what to add to policy.toml.

The program answers with values; every text is made here, once, from them. TOML to add is given only where a signature
verified, by a configured signer whom the rule does not name, and naming that signer is all that is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from secmount.errors import Place, PolicyError
from secmount.oci import instant
from secmount.policy.credit import attested
from secmount.policy.credit.count import Credit, credit, enough
from secmount.policy.credit.fits import Fact, counted_as, fits, made_with
from secmount.policy.credit.force import unacceptable
from secmount.policy.credit.question import Question
from secmount.policy.engine import Answer, Judged
from secmount.policy.rules import Group, Policy, Rule
from secmount.registry.resolution import Resolution
from secmount.trust.evidence import Considered, Evidence, Signature
from secmount.value import dataclass

SHOWN = 5  # items of a list in a text
CHAIN = ("signatures", "signer-validity", "root-age", "bind", "max-age", "no-rollback")
"""Checks that each judge only what the one before left."""
NO_SIGNATURE, NONE_ACCEPTABLE, ALL_INVALID, TOO_FEW = "SM3003", "SM3004", "SM3005", "SM3010"

_UNITS = ((604_800_000, "w"), (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"))


@dataclass(frozen=True, slots=True)
class Addition:
    """TOML that would make the rule at `place` count a signature that verified; `replaces` is the key it stands for."""

    place: Place
    rule: str
    replaces: str
    toml: str


def codes(answer: Answer, evidence: Evidence) -> tuple[str, ...]:
    """Give the codes of a denial, the one that decides the exit status first: 10, 13, 12, then the order of the checks.

    Of the checks on signatures only the first that failed is named: what it leaves over cannot pass the next.
    """
    failed = {row.id for row in answer.checks if not row.ok}
    first = next((check for check in CHAIN if check in failed), None)
    found = [
        reason.code for reason in answer.deny if reason.args["check"] not in CHAIN or reason.args["check"] == first
    ]
    if first == "signatures":
        credited = next(row.got for row in answer.checks if row.id == first)
        code = _signature_code(evidence, some=bool(credited))
        found = [code, *(other for other in found if other != NONE_ACCEPTABLE)]
    return tuple(dict.fromkeys(found))


def _signature_code(evidence: Evidence, *, some: bool) -> str:
    if some:
        return TOO_FEW
    sound = evidence.signatures or evidence.attestations
    if sound or any(row.outcome == "unacceptable" for row in evidence.considered):
        return NONE_ACCEPTABLE
    return ALL_INVALID if evidence.considered else NO_SIGNATURE


@dataclass(frozen=True, slots=True)
class Missed:
    """What there was under a rule, and how near it came; texts are made only for checks that failed."""

    asked: Question
    given: Credit

    def signatures(self) -> str:
        """Say of every signature that was looked at why it counts or not, the nearest to what the rule wants first."""
        evidence = self.asked.evidence
        said = [f"signed by {name}" for name in self.given.signers]
        if self.given.rolled_back:
            newest = self.given.newest_ms
            said.append("nothing signed says when" if newest is None else f"the newest of {instant.render(newest)}")
        elif not self.given.met and enough(self.asked.rule, self.given.signers):
            said.append("their model signatures say different things of the files")
        said += [self._signature(row) for row in evidence.signatures if row not in self.given.signatures]
        said += [
            f"an attestation of {row.predicate_type} by {_by(row)}, which is no signature"
            for row in evidence.attestations
        ]
        told = {row.material for row in evidence.attestations if row.material is not None}
        rows = [row for row in evidence.considered if row.outcome != "counts" and row.material not in told]
        said += [_looked_at(row) for row in sorted(rows, key=_distance)]
        if evidence.truncated:
            said.append("more was there than is read")
        return _list(dict.fromkeys(said), "; ") or "no signature"

    def attestations(self) -> str:
        """Say of the first statement that is missing how near those that are there come."""
        statements = self.asked.evidence.attestations
        wanted = next(attested.missing(self.asked), None)
        if wanted is None:
            return "all of them"
        rows = [row for row in statements if row.predicate_type == wanted.type]
        said = [f"one by {_by(row)}, but {attested.unsuitable(row, wanted, self.asked)}" for row in rows]
        others = dict.fromkeys(row.predicate_type for row in statements)
        nothing = f"none of {wanted.type}" + (f", only of {_list(others)}" if others else "")
        return _list(said, "; ") or nothing

    def _signature(self, signature: Signature) -> str:
        policy, rule = self.asked.policy, self.asked.rule
        names = [name for name in rule.signers if name in signature.signers and fits(policy.signers[name], signature)]
        if not names:
            return f"signed by {_by(signature)}, whom the rule does not name"
        why = unacceptable(signature, policy.signers[names[0]], self.asked)
        if why is None:
            why = self._counted(signature) or "it says something else of the files"
        return f"signed by {names[0] if signature.identity is None else _by(signature)}, but {why}"

    def _counted(self, signature: Signature) -> str | None:
        """Say what of `signature` is counted already, if anything is."""
        given = self.given.signatures
        if signature.identity is not None and any(counted_as(row) == counted_as(signature) for row in given):
            return "that identity is counted already"
        same = any(made_with(row) == made_with(signature) for row in given)
        return "that key is counted already" if same else None


def _by(fact: Fact) -> str:
    """Name whom `fact` is by: the policy's names, and the identity that the certificate states."""
    return _list(fact.signers) + (f" ({fact.identity})" if fact.identity is not None else "")


def _looked_at(row: Considered) -> str:
    whose = f" by the key of {_list(row.signers)}" if row.signers else ""
    return f"{row.format}{whose}: {row.got or row.code}" + (f", want {row.want}" if row.want else "")


def _distance(row: Considered) -> tuple[bool, bool]:
    """Order what does not count: unacceptable before invalid, by a known key before an unknown one."""
    return row.outcome == "invalid", not row.signers


def addition(resolution: Resolution, evidence: Evidence, policy: Policy, rule: Rule, *, now_ms: int) -> Addition | None:
    """Give the TOML that is missing, where that is all that is missing; see the module."""
    if len(rule.require) != 1:
        return None
    [group] = rule.require
    new = [
        name
        for signature in evidence.signatures
        for name in signature.signers
        if name in policy.signers and name not in group.signers
    ]
    wider = Group((*group.signers, *dict.fromkeys(new)), group.threshold)
    changed = replace(rule, require=(wider,))
    asked = Question(resolution, evidence, policy, changed, now_ms)
    have = credit(asked)
    if not have.met or enough(rule, have.signers) or any(attested.missing(asked)):
        return None
    names = [*group.signers, *(name for name in have.signers if name not in group.signers)]
    return Addition(Place(policy.file, rule.line), rule.name, "signers", f"signers = {json.dumps(names)}")


def text(row: Judged, missed: Missed) -> tuple[str | None, str | None]:
    """Write what a check got and wanted; `missed` says what a check on signatures or statements that failed got.

    Raise `PolicyError` SM3093 where the values are not those of the check.
    """
    got, want = _TEXTS[row.id]
    try:
        wanted = None if row.want is None else want(row.want)
        if row.id in CHAIN and not row.ok:
            return missed.signatures(), wanted
        if row.id == "attestations" and not row.ok:
            return missed.attestations(), wanted
        silent = row.got is None and row.id != "artifact-types"  # of a type that nobody vouches for there are words
        return None if silent else got(row.got), wanted
    except (TypeError, LookupError, AttributeError, ValueError, OverflowError) as err:
        raise PolicyError("SM3093", got=f"{row.id}: {row.got!r}, {row.want!r}", want="what the check compares") from err


def _list(items: Iterable[object], mark: str = ", ") -> str:
    shown = [str(item) for item in items]
    more = f"{mark}{len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return mark.join(shown[:SHOWN]) + more


def _or(nothing: str) -> Callable[[Any], str]:
    return lambda items: _list(items) or nothing


def _groups(groups: Iterable[Group | Mapping[str, Any]]) -> str:
    rows = [
        (group.signers, group.threshold) if isinstance(group, Group) else (group["signers"], group["threshold"])
        for group in groups
    ]
    return " and ".join(_group(tuple(signers), threshold) for signers, threshold in rows) or "no signature"


def _group(signers: tuple[str, ...], threshold: int) -> str:
    if len(signers) == threshold:
        return _list(signers, " and ")
    return f"{threshold} of {_list(signers)}" if threshold > 1 else _list(signers, " or ")


def _validity(rows: list[dict[str, Any]]) -> str:
    said: list[str] = []
    for row in rows:
        limits = [(key, row[key]) for key in ("valid_from", "valid_until", "revoked_since") if row[key] is not None]
        window = " ".join(f"{key.replace('_', ' ')} {instant.render(limit)}" for key, limit in limits)
        seen = row["time"]["not_after"] or "no authenticated time"
        said.append(f"{row['signer']}: {'revoked' if row['revoked'] else window or 'no window'}, {seen}")
    return _list(said, "; ") or "no signature to judge"


def _bind(want: dict[str, Any]) -> str:
    bind, name = want["bind"], want["repository"]
    return "any name" if bind == "any" else str(name) if bind == "repository" else f"{name}, or no name"


def _bound(names: list[str | None]) -> str:
    return _list(name or "no name" for name in names) or "no signature to judge"


def _times(times: list[str | None]) -> str:
    return _list(time or "no signed time" for time in times) or "no signature to judge"


def _mark(history: Mapping[str, Any]) -> str:
    mark = history["newest_ms"]
    return "a signed time" if mark is None else f"not older than {instant.render(mark)}"


def _statements(rows: Iterable[Mapping[str, Any]]) -> str:
    return " and ".join(f"{row['type']} by {_list(row['signers'], ' or ')}" for row in rows)


def duration(ms: int) -> str:
    """Write milliseconds as policy.toml does: `90d`."""
    return next((f"{ms // size}{unit}" for size, unit in _UNITS if ms % size == 0), f"{ms}ms")


def _pairs(values: dict[str, Any]) -> str:
    rows = sorted(values.items())
    return _list(f"no {key} that counts" if value is None else f"{key} = {_value(value)}" for key, value in rows)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return " or ".join(json.dumps(item, ensure_ascii=False) for item in value)
    return json.dumps(value, ensure_ascii=False)


def _fixed(words: str) -> Callable[[Any], str]:
    return lambda _: words


def _bytes(size: int) -> str:
    return f"{size} bytes"


_Writer = Callable[[Any], str]
_TEXTS: Mapping[str, tuple[_Writer, _Writer]] = MappingProxyType(
    {
        "rule": (str, lambda name: f"a rule for {name}"),
        "signatures": (lambda names: f"signed by {_list(names)}" if names else "no signature that counts", _groups),
        "signer-validity": (_validity, lambda names: f"a key in force when {_list(names, ' or ') or 'they'} signed"),
        "root-age": (_times, lambda ms: f"a trust root that was vouched for at most {duration(ms)} ago"),
        "bind": (_bound, _bind),
        "max-age": (_times, lambda ms: f"at most {duration(ms)} old"),
        "no-rollback": (_times, _mark),
        "attestations": (lambda types: _list(types) or "none", _statements),
        "artifact-types": (lambda name: name or "one that only the manifest says, which no signature covers", _list),
        "media-types": (_or("all of them match"), _list),
        "annotations": (_pairs, _pairs),
        "max-size": (_bytes, lambda size: f"at most {size} bytes"),
        "namespaces": (str, _list),
        "deny.digests": (_or("none"), _fixed("none that is denied")),
        "deny.media-types": (_or("none"), _fixed("none that is denied")),
        "deny.paths": (_or("none"), _fixed("none that is denied")),
        "layers": (lambda count: f"{count} layers left", str),
    }
)
