"""The errors of secmount: every fault of the world is a `SecmountError` with a stable code.

A raise names the code and the facts (got, want, where, subject); what never changes with the facts (title, exit status,
stage, consequence, next commands, explanation) stands in the catalogue, `errors/codes/SM?.toml`, once. `ValueError`,
`TypeError` and the like mean a bug of ours and are reported as SM9001.
"""

from __future__ import annotations

from typing import ClassVar

from secmount.value import dataclass

VALUE_LIMIT = 400  # characters of a got or want that an error keeps; what comes from outside can be any size


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file the cause stands; `line` is 1-based, None if unknown."""

    file: str
    line: int | None = None


class SecmountError(Exception):
    """A fault of the world, with the code under which docs/errors.md explains it."""

    family: ClassVar[str] = "SM"

    def __init__(
        self,
        code: str,
        *,
        subject: str | None = None,
        got: object = None,
        want: object = None,
        place: Place | None = None,
        help: tuple[str, ...] = (),
        decision_id: str | None = None,
    ) -> None:
        """Keep the facts; `help` comes before the catalogue's own next commands."""
        if not code.startswith(self.family):
            raise ValueError(f"{type(self).__name__} cannot carry {code}")
        self.code = code
        self.subject = subject
        self.got = None if got is None else _clip(got)
        self.want = None if want is None else _clip(want)
        self.place = place
        self.help = help
        self.decision_id = decision_id
        super().__init__(code, subject, self.got, self.want, place)

    def __str__(self) -> str:
        facts = [
            f"want {self.want}" if self.want is not None else "",
            f"got {self.got}" if self.got is not None else "",
        ]
        where = (
            f"{self.place.file}:{self.place.line}"
            if self.place and self.place.line
            else (self.place.file if self.place else "")
        )
        return ": ".join(
            part for part in (self.code, self.subject or "", ", ".join(f for f in facts if f), where) if part
        )


def _clip(value: object) -> str:
    text = str(value)
    return text if len(text) <= VALUE_LIMIT else text[:VALUE_LIMIT] + "…"


class InputError(SecmountError):
    """What the user gave: a reference, an option, a configuration or policy file."""

    family = "SM1"


class TrustError(SecmountError):
    """Signature material that cannot be read or does not hold."""

    family = "SM2"


class PolicyError(SecmountError):
    """No decision could be taken, or it was a denial."""

    family = "SM3"


class RegistryError(SecmountError):
    """A registry or layout did not give what was asked."""

    family = "SM4"


class ContentError(SecmountError):
    """Bytes that are not what their digest, size, type or archive says, or a hostile archive."""

    family = "SM5"


class MountError(SecmountError):
    """The kernel or the target would not."""

    family = "SM6"


class StorageError(SecmountError):
    """The store, the state or the audit log: not writable, full, damaged, of a wrong owner."""

    family = "SM7"
