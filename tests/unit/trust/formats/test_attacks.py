"""Every attack by a format is refused with its code, and what it starts from counts."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from secmount.trust.signer import Signer
from tests.support import keys, legacy, modelsig, shelf
from tests.support.keyless import Keyless
from tests.support.layouts import encode
from tests.unit.trust import world
from tests.unit.trust.attacks.formats import ROWS
from tests.unit.trust.attacks.formats.build import SUBJECT, FormatAttack, Make, company, keyless, looked_at, referring
from tests.unit.trust.attacks.formats.legacy import GOOD, tagged
from tests.unit.trust.attacks.formats.models import FILES
from tests.unit.trust.attacks.formats.notary import made, token
from tests.unit.trust.bench import MODEL, RELEASE, signers

SOUND: dict[str, tuple[Make, Mapping[str, Signer]]] = {
    "legacy": (tagged(lambda: legacy.layer(GOOD, RELEASE)), signers()),
    "legacy keyless": (tagged(lambda: legacy.keyless(world.made(Keyless(artifact=GOOD)), GOOD)), keyless()),
    "legacy stamped": (tagged(lambda: legacy.keyless(world.made(Keyless(artifact=GOOD, stamps=1)), GOOD)), keyless()),
    "notary": (made(), company()),
    "notary stamped": (made(stamp=token()), company()),
    "model keyless": (
        referring(
            lambda: keys.refer(shelf.row_of(MODEL), world.made(Keyless(statement=encode(modelsig.statement(FILES)))))
        ),
        keyless(),
    ),
    "model": (referring(lambda: keys.refer(shelf.row_of(MODEL), modelsig.sign(FILES, RELEASE))), signers()),
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_an_attack_is_refused_with_its_code(row: FormatAttack) -> None:
    found = looked_at(row.make, row.by(), about=row.about, index=row.above)
    assert found.signatures == ()
    assert [one.code for one in found.considered] == [row.code], found.considered
    assert all(one.outcome != "counts" for one in found.considered)


def test_the_table_has_no_row_twice() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS) == len({row.attack for row in ROWS})


@pytest.mark.parametrize("form", SOUND)
def test_what_the_attacks_start_from_counts(form: str) -> None:
    make, by = SOUND[form]
    found = looked_at(make, by)
    assert [one.outcome for one in found.considered] == ["counts"], found.considered
    (signature,) = found.signatures
    assert str(signature.subject) == SUBJECT
