"""sigstore-python beside our own checks: what both accept, and where ours is the only one.

Where it becomes stricter, a row of the attack table is not `open` any more; where it becomes laxer, we want to know.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from secmount.trust.root import TrustRoot
from secmount.trust.sigstore import normal, opinion
from tests.support.keyless import Keyless
from tests.unit.trust import world
from tests.unit.trust.attacks.build import Attack
from tests.unit.trust.attacks.rows import ROWS
from tests.unit.trust.bench import MODEL


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """It warns of the policy that accepts everyone, which is what is asked here."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def accepts(raw: bytes, root: TrustRoot) -> bool:
    """Whether sigstore-python takes the bundle, whoever signed it."""
    from sigstore.models import Bundle
    from sigstore.verify import policy

    try:
        found = Bundle.from_json(json.dumps(normal.bundle(json.loads(raw))))
        verifier = opinion._verifier(root.raw)
        if "dsseEnvelope" in json.loads(raw):
            verifier.verify_dsse(found, policy.UnsafeNoOp())
        else:
            verifier.verify_artifact(MODEL.raw, found, policy.UnsafeNoOp())
    except Exception:  # noqa: BLE001  # whatever it raises is a refusal
        return False
    return True


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_the_table_says_where_ours_is_the_only_check(row: Attack) -> None:
    raw, root = row.make()
    assert accepts(raw, root or world.plain_root()) is row.open


@pytest.mark.parametrize("rekor", [1, 2])
@pytest.mark.parametrize("bare", [False, True])
def test_both_accept_what_is_sound(rekor: int, bare: bool) -> None:
    what = Keyless(artifact=MODEL.raw) if bare else Keyless(statement=world.STATEMENT)
    raw = world.made(Keyless(what.artifact, what.statement, rekor=rekor, stamps=rekor - 1))
    assert accepts(raw, world.plain_root())
    assert len(world.judged(raw, world.signer(message_signature=True)).signatures) == 1
