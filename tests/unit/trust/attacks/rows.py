"""All the attacks: `ROWS` begin with (id, attack, code)."""

from __future__ import annotations

from tests.unit.trust.attacks.build import Attack
from tests.unit.trust.attacks.certificates import CERTIFICATES, IDENTITIES, MEANINGS
from tests.unit.trust.attacks.logs import LOGS
from tests.unit.trust.attacks.stamps import STAMPS
from tests.unit.trust.attacks.windows import WINDOWS

ROWS: tuple[Attack, ...] = (*WINDOWS, *LOGS, *STAMPS, *CERTIFICATES, *MEANINGS, *IDENTITIES)
