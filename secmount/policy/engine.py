"""What a decision program answers, read strictly, and what an engine is.

An answer of any other shape than the agreed one is no answer: a missing or unknown field, an `allow` that is not
exactly true or false, a check that nobody knows. Design 3.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from secmount.errors import PolicyError
from secmount.oci.manifest import LAYER_LIMIT
from secmount.policy.rules import Policy
from secmount.value import dataclass

T = TypeVar("T")

ROWS_LIMIT = 64  # checks, or reasons of a denial
CHECKS: Mapping[str, str] = MappingProxyType(  # every check of the program, and the code of its denial
    {
        "rule": "SM3002",
        "signatures": "SM3004",
        "signer-validity": "SM3011",
        "root-age": "SM3023",
        "bind": "SM3012",
        "max-age": "SM3013",
        "no-rollback": "SM3024",
        "attestations": "SM3025",
        "artifact-types": "SM3014",
        "media-types": "SM3015",
        "annotations": "SM3016",
        "max-size": "SM3017",
        "namespaces": "SM3018",
        "deny.digests": "SM3019",
        "deny.media-types": "SM3020",
        "deny.paths": "SM3021",
        "layers": "SM3022",
    }
)

_FIELDS = ("allow", "rule", "checks", "deny", "approved", "obligations", "exec", "valid_until")


@dataclass(frozen=True, slots=True)
class Judged:
    """A check as the program answers it; `got` and `want` are JSON values."""

    id: str
    ok: bool
    got: Any = field(hash=False)
    want: Any = field(hash=False)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the program denies; the message is rendered from both."""

    code: str
    args: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """The program's answer: `approved` are layer indices, `valid_until` milliseconds (None: time changes nothing)."""

    allow: bool
    rule: str | None
    checks: tuple[Judged, ...]
    deny: tuple[Reason, ...]
    approved: tuple[int, ...]
    obligations: Mapping[str, Any] = field(hash=False)
    exec: bool
    valid_until: int | None

    def document(self) -> dict[str, Any]:
        """Give it as JSON, as `parse` reads it."""
        return {
            "allow": self.allow,
            "rule": self.rule,
            "checks": [{"id": row.id, "ok": row.ok, "got": row.got, "want": row.want} for row in self.checks],
            "deny": [{"code": row.code, "args": dict(row.args)} for row in self.deny],
            "approved": list(self.approved),
            "obligations": dict(self.obligations),
            "exec": self.exec,
            "valid_until": self.valid_until,
        }


class Engine(Protocol):
    """Evaluates the decision program."""

    name: str

    def evaluate(self, document: Mapping[str, Any], policy: Policy) -> Answer:
        """Answer for the input `document` under `policy`; raise `PolicyError` SM309x where that cannot be done."""


def parse(value: Any) -> Answer:
    """Read the program's result; raise `PolicyError` SM3093 unless it has exactly the agreed shape."""
    row = _object(value, _FIELDS, "the answer")
    return Answer(
        allow=_typed(row["allow"], bool, "allow"),
        rule=None if row["rule"] is None else _typed(row["rule"], str, "rule"),
        checks=tuple(_judged(item) for item in _rows(row["checks"], "checks", ROWS_LIMIT)),
        deny=tuple(_reason(item) for item in _rows(row["deny"], "deny", ROWS_LIMIT)),
        approved=tuple(_typed(item, int, "approved") for item in _rows(row["approved"], "approved", LAYER_LIMIT)),
        obligations=_typed(row["obligations"], dict, "obligations"),
        exec=_typed(row["exec"], bool, "exec"),
        valid_until=None if row["valid_until"] is None else _typed(row["valid_until"], int, "valid_until"),
    )


def reusable(answer: Answer, *, decided_ms: int, now_ms: int) -> bool:
    """Say whether a remembered answer still stands: only inside [decided, valid_until), so not before it was given."""
    return decided_ms <= now_ms and (answer.valid_until is None or now_ms < answer.valid_until)


def _judged(value: Any) -> Judged:
    row = _object(value, ("id", "ok", "got", "want"), "a check")
    if _typed(row["id"], str, "id") not in CHECKS:
        raise _misshapen(f"check {row['id']!r}", "a known check")
    return Judged(row["id"], _typed(row["ok"], bool, row["id"]), row["got"], row["want"])


def _reason(value: Any) -> Reason:
    row = _object(value, ("code", "args"), "a reason")
    check = _typed(_object(row["args"], ("check",), "args")["check"], str, "check")
    if CHECKS.get(check) != row["code"]:
        raise _misshapen(f"code {row['code']!r} for check {check!r}", "the code of a known check")
    return Reason(row["code"], row["args"])


def _object(value: Any, fields: tuple[str, ...], what: str) -> dict[str, Any]:
    if type(value) is not dict or value.keys() != set(fields):
        got = sorted(value, key=str) if isinstance(value, dict) else type(value).__name__
        raise _misshapen(f"{what}: {got}", ", ".join(fields))
    return value


def _rows(value: Any, what: str, limit: int) -> list[Any]:
    rows = _typed(value, list, what)
    if len(rows) > limit:
        raise _misshapen(f"{what} with {len(rows)} entries", f"at most {limit}")
    return rows


def _typed(value: Any, form: type[T], what: str) -> T:
    if type(value) is not form:  # exactly: True is an int, and 1 is not true
        raise _misshapen(f"{what} {value!r}", form.__name__)
    return value


def _misshapen(got: str, want: str) -> PolicyError:
    return PolicyError("SM3093", got=got, want=want)
