"""What every kind of signer has, and where the files come from that signers name."""

from __future__ import annotations

from collections.abc import Callable

from secmount.errors import InputError
from secmount.policy.toml import Table
from secmount.trust.root import TrustRoot
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """The name of a signer, its line, and when its signatures count; instants are milliseconds."""

    name: str
    line: int
    valid_from: int | None
    valid_until: int | None
    revoked: bool
    revoked_since: int | None
    message_signature: bool
    logged: bool


@dataclass(frozen=True, slots=True)
class Files:
    """What a signer may name beside itself.

    `read` gives a file of the folder by its relative path, of at most so many bytes, and raises `InputError` where it
    is not one inside. `default_root` gives the trust root of those who name none; None where there is none.
    """

    read: Callable[[str, int], bytes]
    default_root: Callable[[], TrustRoot] | None = None


def content(table: Table, key: str, path: str, limit: int, files: Files) -> bytes | None:
    """Read the file at `path` that `key` names; what is wrong is noted there."""
    try:
        return files.read(path, limit)
    except InputError as err:
        table.fault(err.code, key, got=err.got, want=err.want)
        return None
