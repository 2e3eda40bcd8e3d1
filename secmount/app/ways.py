"""How a command may use the network."""

from __future__ import annotations

from typing import Literal

from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Ways:
    """How one command may use the network, as its options say; None is what the configuration says."""

    offline: bool = False
    pull: Literal["always", "missing", "never"] = "missing"
    authfile: str | None = None
    ca_file: str | None = None
    plain_http: bool = False
    deadline_ms: int | None = None
