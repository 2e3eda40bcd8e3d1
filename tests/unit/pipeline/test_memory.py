"""What is remembered: evidence for a while, and not by a clock that went back; what cannot be read costs nothing."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from secmount.app import assembly
from secmount.pipeline.memory.evidence import LIFE_MS, RememberedEvidence
from secmount.store.state import State
from tests.support.command import Desk

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


def test_an_answer_is_remembered_under_one_policy_and_while_it_holds(
    secmount: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, now = ("verify", "oci:models/bert:v1"), assembly.now_ms()
    policy = secmount.ready().folder / "policy" / "policy.toml"
    policy.write_text(policy.read_text().replace('signers = ["release"]', 'signers = ["release"]\nmax-age = "1d"'))
    memos = [secmount.json(*asked).document["decision"]["memo"] for _ in range(2)]
    policy.write_text(policy.read_text() + "# another revision\n")
    memos.append(secmount.json(*asked).document["decision"]["memo"])
    assert memos == [False, True, False]
    monkeypatch.setattr(assembly, "now_ms", lambda: now + 3 * 86_400_000)
    late = secmount.json(*asked)
    assert (late.exit, late.code, late.document["decision"]["memo"]) == (20, "SM3013", False)


@pytest.mark.parametrize("damaged", ["", "{", "{}", "[]", "null"])
def test_a_memo_that_cannot_be_read_is_made_anew(secmount: Desk, damaged: str) -> None:
    asked = ("verify", "oci:models/bert:v1")
    assert secmount.ready().json(*asked).document["decision"]["memo"] is False
    assert secmount.json(*asked).document["decision"]["memo"] is True
    with closing(sqlite3.connect(secmount.folder / "store" / "state.db")) as database, database:
        assert database.execute("UPDATE memos SET value = ?", (damaged,)).rowcount == 2
    assert secmount.json(*asked).document["decision"]["memo"] is False
    assert secmount.json(*asked).document["decision"]["memo"] is True
