"""The table of checks, and running it: whatever happens in one, the others are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from secmount.errors import SecmountError
from secmount.upkeep.doctor import deciding, keeping, machine, places, reaching
from secmount.upkeep.doctor.diagnosis import Diagnosis, of_error, warning
from secmount.upkeep.doctor.site import Site

Check = Callable[[Site], Iterator[Diagnosis]]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("configuration", places.configuration),
    ("kernel", machine.kernel),
    ("backends", machine.backends),
    ("clock", machine.clock),
    ("folders", places.owners),
    ("space", places.space),
    ("policy", deciding.policy),
    ("trust", deciding.trust),
    ("store", keeping.store),
    ("log", keeping.log),
    ("credentials", reaching.credentials),
    ("registries", reaching.registries),
)

_BY_CONFIGURATION = frozenset({"folders", "space", "policy", "trust", "store", "log", "credentials", "registries"})


def examine(site: Site, checks: tuple[tuple[str, Check], ...] = CHECKS) -> Iterator[Diagnosis]:
    """Give what every check of `checks` finds, as it finds it; a check that breaks is itself a finding."""
    for area, check in checks:
        if site.config is None and area in _BY_CONFIGURATION:
            said = "not looked at: without a valid configuration nobody knows where"
            yield replace(warning(said, "secmount config check"), area=area)
            continue
        try:
            for found in check(site):
                yield replace(found, area=area)
        except SecmountError as err:
            yield replace(of_error(err), area=area)
        except Exception as err:  # noqa: BLE001  # a bug in one check must not hide what the others find
            fault = SecmountError("SM9001", got=f"{type(err).__name__}: {err}")
            yield replace(of_error(fault), area=area)
