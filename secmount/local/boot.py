"""Which boot of the kernel this is: mount ids and devices mean something only under it."""

from __future__ import annotations

from secmount.errors import StorageError

PATH = "/proc/sys/kernel/random/boot_id"


def boot_id() -> str:
    """Read the id of this boot; raise `StorageError` SM7005 where /proc is not mounted."""
    try:
        with open(PATH, encoding="ascii") as file:
            return file.read().strip()
    except (OSError, UnicodeDecodeError) as err:
        raise StorageError("SM7005", subject=PATH, got=str(err), want="a readable /proc") from err
