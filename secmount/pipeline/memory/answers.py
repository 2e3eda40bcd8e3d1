"""Ask the decision program, or the memo of an answer it gave to the very same question.

The key covers the complete input without `now_ms`, the policy revision (which covers the program) and the engine; an
answer is reused only from when it was given until `valid_until`. `decide` judges a remembered answer like a fresh one.
Design 3.4, Memos.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from secmount.errors import SecmountError
from secmount.oci import canonical, exact
from secmount.pipeline.parts import Parts
from secmount.policy import engine
from secmount.policy.engine import Answer
from secmount.policy.rules import Policy
from secmount.store.tables.memory import Memos
from secmount.value import dataclass

KIND = "answer"
ANSWER_LIMIT = 4 << 20  # bytes; 10,000 layer indices and 64 checks take far less


@dataclass(frozen=True, slots=True)
class Answered:
    """The program's answer, whether it was remembered, and the RFC 8785 bytes of what was asked."""

    answer: Answer
    memo: bool
    input: bytes


def evaluate(parts: Parts, document: Mapping[str, Any], policy: Policy, now_ms: int) -> Answered:
    """Answer `document`; raise `PolicyError` SM309x where the engine does not."""
    asked = canonical.encode(document)
    timeless = canonical.encode({key: value for key, value in document.items() if key != "now_ms"})
    key = hashlib.sha256(b"\n".join((policy.revision.encode(), parts.engine_name.encode(), timeless))).hexdigest()
    memos = Memos(parts.store().state)
    remembered = memos.get(KIND, key, now_ms=now_ms)
    if remembered is not None:
        with suppress(SecmountError):  # a memo that is no answer saves nothing, and costs no decision
            value = exact.read(remembered.encode(), limit=ANSWER_LIMIT, subject="remembered answer")
            return Answered(engine.parse(value), memo=True, input=asked)
    answer = parts.engine().evaluate(document, policy)
    text = canonical.encode(answer.document()).decode()
    memos.put(KIND, key, text, valid_from=now_ms, valid_until=answer.valid_until)
    return Answered(answer, memo=False, input=asked)
