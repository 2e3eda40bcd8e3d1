"""The `[[rules.attestations]]` tables: statements about an artifact that a rule asks for, beside its signatures.

`where` holds pointers into the predicate (RFC 6901) and the values that may stand there, strings, integers or booleans,
compared by type and exactly. A predicate that lacks the place does not hold: nothing is told from what is not said. Of
a verification summary PASSED is asked for where the rule names no result: one that says FAILED is nobody's wish unless
it is written down. Design 3.3.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from secmount.policy.rules import AttestationRule, Condition, Value
from secmount.policy.toml import Table, kind
from secmount.trust.formats import summary

ATTESTATIONS_LIMIT = 32  # tables of one rule
WHERE_LIMIT = 64  # pointers of one table, and values of one pointer
TOKENS_LIMIT = 32  # components of a pointer
NUMBERS_LIMIT = 4  # components of a pointer that may be places in a list
INTEGER_LIMIT = (1 << 53) - 1  # RFC 7493 section 2.2
SIGNATURES = frozenset(  # predicates that are signatures, and so belong to `signers`
    {
        "https://sigstore.dev/cosign/sign/v1",
        "https://model_signing/signature/v1.0",
        "https://model_signing/Digests/v0.1",
    }
)


_PASSED = Condition("/verificationResult", ("verificationResult",), ("PASSED",))
_TYPE = re.compile(r"[!-~]+", re.ASCII)
_ESCAPE = re.compile(r"~(?![01])")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)


def read(tables: tuple[Table, ...], signers: Collection[str]) -> tuple[AttestationRule, ...]:
    """Read what a rule asks for; `signers` are the names that may be asked for."""
    if len(tables) > ATTESTATIONS_LIMIT:
        tables[ATTESTATIONS_LIMIT].fault("SM1203", got=f"{len(tables)} tables", want=f"at most {ATTESTATIONS_LIMIT}")
        return ()
    return tuple(_attestation(table, signers) for table in tables)


def _attestation(table: Table, signers: Collection[str]) -> AttestationRule:
    form, named, where = table.text("type"), table.texts("signers"), table.table("where")
    for key in ("type", "signers"):
        if not table.has(key):
            table.fault("SM1205", got=f"no {key}", want="type and signers, both")
    if form is not None and not _TYPE.fullmatch(form):
        table.fault("SM1203", "type", got=repr(form), want="the URI of a predicate type, exactly")
    if form in SIGNATURES:
        table.fault("SM1205", "type", got=f"{form}, which is a signature", want="the rule's signers")
    for name in named or ():
        if name not in signers:
            want = ", ".join(sorted(signers)) or "a [signers.NAME] table"
            table.fault("SM1207", "signers", got=repr(name), want=want)
    table.finish()
    conditions = () if where is None else _where(where)
    if form == summary.PREDICATE and _PASSED.pointer not in {row.pointer for row in conditions}:
        conditions = (_PASSED, *conditions)
    return AttestationRule(table.line() or 0, form or "", named or (), conditions)


def _where(table: Table) -> tuple[Condition, ...]:
    if not 0 < len(table.values) <= WHERE_LIMIT:
        got = f"{len(table.values)} pointers" if table.values else "an empty table"
        table.fault("SM1203", got=got, want=f'{{ "/POINTER" = ["VALUE", …] }}, at most {WHERE_LIMIT}')
        return ()
    conditions: list[Condition] = []
    for pointer, value in table.values.items():
        try:
            tokens = parse(pointer)
        except ValueError as err:
            table.fault("SM1206", pointer, got=repr(pointer), want=err)
        else:
            conditions.append(Condition(pointer, tokens, _values(table, pointer, value)))
    return tuple(conditions)


def _values(table: Table, pointer: str, value: Any) -> tuple[Value, ...]:
    rows = value if isinstance(value, list) else None
    plain = rows is not None and all(isinstance(row, str | int) for row in rows)
    if rows is None or not plain or not 0 < len(rows) <= WHERE_LIMIT:
        got = kind(value) if rows is None else f"a list of {len(rows)}" if plain else "a list with other values"
        table.fault("SM1203", pointer, got=got, want=f"a list of 1 to {WHERE_LIMIT} strings, integers or booleans")
        return ()
    large = next((row for row in rows if isinstance(row, int) and abs(row) > INTEGER_LIMIT), None)
    if large is not None:
        table.fault("SM1203", pointer, got=large, want="an integer of at most 53 bits")
        return ()
    if len({(type(row), row) for row in rows}) != len(rows):
        table.fault("SM1203", pointer, got="a value twice", want="each once")
    return tuple(rows)


def parse(pointer: str) -> tuple[str, ...]:
    """Read a pointer, RFC 6901 section 3; raise ValueError that says how one is written."""
    if not pointer.startswith("/"):
        raise ValueError("a JSON pointer begins with '/'")
    if _ESCAPE.search(pointer):
        raise ValueError("in a JSON pointer '~' stands only as '~0' and '~1'")
    tokens = tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])
    if len(tokens) > TOKENS_LIMIT or sum(is_number(token) for token in tokens) > NUMBERS_LIMIT:
        raise ValueError(f"a pointer has at most {TOKENS_LIMIT} components, {NUMBERS_LIMIT} of them numbers")
    return tokens


def is_number(token: str) -> bool:
    """Say whether `token` could be a place in a list, RFC 6901 section 4."""
    return _NUMBER.fullmatch(token) is not None


def look(predicate: Any, tokens: tuple[str, ...]) -> Any:
    """Give what stands at `tokens` of `predicate`, None where nothing does."""
    value = predicate
    for token in tokens:
        if isinstance(value, dict):
            value = value.get(token)
        elif isinstance(value, list) and is_number(token) and int(token) < len(value):
            value = value[int(token)]
        else:
            return None
    return value


def holds(condition: Condition, predicate: Any) -> bool:
    """Say whether `predicate` holds one of the condition's values, of that very type, at its place."""
    found = look(predicate, condition.tokens)
    return any(found == value and isinstance(found, bool) is isinstance(value, bool) for value in condition.values)


def paths(tokens: tuple[str, ...]) -> list[list[str | int]]:
    """Give every way to follow `tokens`: what could be a place in a list is one, or a key that looks like one."""
    found: list[list[str | int]] = [[]]
    for token in tokens:
        steps: list[str | int] = [token, int(token)] if is_number(token) else [token]
        found = [[*way, step] for way in found for step in steps]
    return found
