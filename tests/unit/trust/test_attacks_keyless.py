"""Every attack of the table is refused with its code, and what it starts from counts."""

from __future__ import annotations

import pytest

from tests.support.keyless import Keyless
from tests.support.minisig import WORKFLOW
from tests.unit.trust import world
from tests.unit.trust.attacks.build import Attack
from tests.unit.trust.attacks.rows import ROWS
from tests.unit.trust.bench import MODEL

GOOD = {
    "Rekor v1": Keyless(statement=world.STATEMENT),
    "Rekor v1 and a stamp": Keyless(statement=world.STATEMENT, stamps=1),
    "Rekor v2": Keyless(statement=world.STATEMENT, rekor=2, stamps=1),
    "message, Rekor v1": Keyless(artifact=MODEL.raw),
    "message, Rekor v2": Keyless(artifact=MODEL.raw, rekor=2, stamps=1),
    "stamp only": Keyless(statement=world.STATEMENT, rekor=0, stamps=1),
    "two stamps": Keyless(statement=world.STATEMENT, rekor=2, stamps=2),
    "Rekor v2 dsse": Keyless(statement=world.STATEMENT, rekor=2, stamps=1, kind="dsse"),
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_an_attack_is_refused_with_its_code(row: Attack) -> None:
    raw, root = row.make()
    root = root or world.plain_root()
    signer = row.signer(root) if row.signer else world.signer(root=root)
    found = world.judged(raw, signer)
    assert found.signatures == ()
    assert (found.considered.code, found.considered.outcome != "counts") == (row.code, True), found.considered


def test_the_table_has_no_row_twice() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS) == len({row.attack for row in ROWS})


@pytest.mark.parametrize("form", GOOD)
def test_what_the_attacks_start_from_counts(form: str) -> None:
    found = world.judged(world.made(GOOD[form]), world.signer(message_signature=True))
    (signature,) = found.signatures
    assert (signature.identity, signature.signers) == (WORKFLOW, ("ci",))
