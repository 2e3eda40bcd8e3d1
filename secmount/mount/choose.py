"""Which backend makes the tree visible."""

from __future__ import annotations

from collections.abc import Mapping

from secmount.errors import MountError
from secmount.mount.backend import Backend


def choose(name: str | None, backends: Mapping[str, Backend]) -> Backend:
    """Give the backend called `name`, or without a name the first that mounts and works here.

    Raise `MountError` SM6002 (no such backend), SM6003 (it does not work here) or SM6001 (none that mounts works).
    A backend that does not mount is never taken unless it was named.
    """
    if name is not None:
        if name not in backends:
            raise MountError("SM6002", got=repr(name), want=", ".join(backends))
        reason = backends[name].probe()
        if reason is not None:
            raise MountError("SM6003", subject=name, got=reason)
        return backends[name]
    reasons: list[str] = []
    for backend in backends.values():
        if backend.mounting:
            reason = backend.probe()
            if reason is None:
                return backend
            reasons.append(f"{backend.name}: {reason}")
    others = [other.name for other in backends.values() if not other.mounting]
    raise MountError(
        "SM6001",
        got="; ".join(reasons) or "no backend that mounts",
        help=tuple(f"--backend {other} (files are copied: not mounted, nothing enforced)" for other in others),
    )
