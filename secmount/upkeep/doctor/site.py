"""What the checks look at, made by `app`; what may fail is a function, called by the one check that needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field

from secmount.config.value import Config
from secmount.errors import SecmountError
from secmount.oci.instant import Clock
from secmount.policy.engine import Engine
from secmount.trust.root import TrustRoot
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class LogState:
    """The audit log: `problems` as (code, subject, got), `newest_ms` the time of its last entry.

    `whole` False: it is large, and only its continuity and its last entry were looked at.
    """

    size: int
    newest_ms: int | None
    problems: tuple[tuple[str, str, str], ...] = ()
    anchored: bool = False
    waiting: int = 0  # records in the reserve
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Reached:
    """What came of asking a registry; `asks` are the ways in which it wants to be authenticated to."""

    milliseconds: int
    asks: str | None = None
    date_ms: int | None = None  # the registry's own clock


@dataclass(frozen=True, slots=True)
class Helper:
    """A credential helper that a file names: its program, or why there is none."""

    name: str
    program: str | SecmountError
    named_by: str


@dataclass(frozen=True, slots=True)
class Logins:
    """Hosts that credentials are kept for, helpers, the files that hold credentials, and those that cannot be read."""

    hosts: tuple[str, ...] = ()
    helpers: tuple[Helper, ...] = ()
    files: tuple[str, ...] = ()
    faults: tuple[SecmountError, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """One machine as one user sees it; `config` is None, and `fault` says why, where there is no valid one."""

    config_file: str
    config: Config | None
    fault: SecmountError | None
    uid: int
    offline: bool
    clock: Clock
    log: Callable[[Config], LogState | None]
    engine: Callable[[Config], Engine]
    root: Callable[[Config], TrustRoot | None]  # the one that keyless signers have unless they name another
    reach: Callable[[Config, str], Reached]
    logins: Callable[[Config], Logins]
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
