"""Attacks on decisions, for the table in docs/threat-model.md: `ROWS` are (id, attack, code of the refusal)."""

from tests.unit.policy.attacks import contents, times, who
from tests.unit.policy.attacks.row import ROWS, TRIES

__all__ = ["ROWS", "TRIES", "contents", "times", "who"]
