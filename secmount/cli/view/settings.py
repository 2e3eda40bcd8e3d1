"""What the common options say, and what is remembered for the document of a failure."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """What the common options say; folders are absolute."""

    config: str | None = None
    policy: str | None = None
    store: str | None = None
    output: str = "text"
    quiet: bool = False
    verbose: int = 0
    color: str = "auto"
    offline: bool = False
    authfile: str | None = None
    ca_file: str | None = None
    plain_http: bool = False
    timeout: int | None = None  # milliseconds
    explicit: bool = False  # whether the user chose the output
    learned: dict[str, Any] = field(default_factory=dict)  # artifact, decision, warnings: for any document
