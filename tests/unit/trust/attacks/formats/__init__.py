"""Attacks by the formats that signatures have: `ROWS` begin with (id, attack, code)."""

from __future__ import annotations

from tests.unit.trust.attacks.formats.attestations import ATTESTATIONS
from tests.unit.trust.attacks.formats.build import FormatAttack
from tests.unit.trust.attacks.formats.legacy import LEGACY
from tests.unit.trust.attacks.formats.models import MODELS
from tests.unit.trust.attacks.formats.notary import NOTARY
from tests.unit.trust.attacks.formats.statements import STATEMENTS

ROWS: tuple[FormatAttack, ...] = (*LEGACY, *ATTESTATIONS, *STATEMENTS, *NOTARY, *MODELS)
