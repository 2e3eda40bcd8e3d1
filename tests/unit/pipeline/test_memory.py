"""Verified evidence that is remembered: for a while, and not by a clock that went back."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from secmount.pipeline.memory.evidence import LIFE_MS, RememberedEvidence
from secmount.store.state import State

NOW = 1_790_000_000_000


def test_evidence_is_remembered_for_a_while(tmp_path: Path) -> None:
    now = NOW
    with State(str(tmp_path / "state.db"), uid=os.geteuid()) as state:
        parts = SimpleNamespace(store=lambda: SimpleNamespace(state=state), clock=lambda: now)
        memory = RememberedEvidence(cast(Any, parts))
        memory.put("key", "value")
        found = {}
        for now in (NOW - 1, NOW, NOW + LIFE_MS - 1, NOW + LIFE_MS):  # the clock
            found[now - NOW] = memory.get("key")
    assert found == {-1: None, 0: "value", LIFE_MS - 1: "value", LIFE_MS: None}
