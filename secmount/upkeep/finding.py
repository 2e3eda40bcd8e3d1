"""What a check found wrong, as a value."""

from __future__ import annotations

from typing import Self

from secmount.errors import SecmountError
from secmount.value import dataclass

FINDINGS_LIMIT = 1000  # that one report keeps; a copied tree can differ in a million files


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was approved; `code` is explained like an error's."""

    code: str
    subject: str
    got: str | None = None
    want: str | None = None

    @classmethod
    def of(cls, error: SecmountError, *, code: str | None = None) -> Self:
        """Take the facts of an error that was met while checking."""
        return cls(code or error.code, error.subject or "", error.got, error.want)
