"""Compiled modules of the decision program, kept between processes: compiling takes half a second, loading does not.

Loading a compiled module is running it, so a kept one is believed only with its authentication code (HMAC-SHA256 under
a key of this machine, kept beside it, 0600) over the module and all that it depends on: the WebAssembly's digest, the
engine's version and settings, the CPU's features. What does not authenticate is compiled again and replaced.
Design 3.5.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import platform
import re
from collections.abc import Callable

from secmount.errors import StorageError
from secmount.local.files import lock, read_if_any, remove, write_atomic
from secmount.local.owned import make_directory
from secmount.value import dataclass

KEY_FILE = "modules.key"
KEY_SIZE = 32  # bytes; RFC 2104, the output size of the hash
MODULE_LIMIT = 64 << 20  # bytes of a compiled module; the shipped one has about 1.2 MB
KEPT_LIMIT = 8  # modules: other versions of secmount and wasmtime on one machine
WHAT = "folder of compiled modules"

_MAC_SIZE = 32
_CPU = re.compile(r"^(?:flags|Features)\s*:\s*(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a compiled module is made of; two that differ in anything have different names and codes."""

    wasm: str  # digest
    engine: str  # version and settings
    machine: str  # architecture and CPU features

    @property
    def name(self) -> str:
        """Give the file name."""
        return hashlib.sha256(self.text).hexdigest()[:40] + ".module"

    @property
    def text(self) -> bytes:
        """Give the bytes that are authenticated before the module's own."""
        return "\0".join(("secmount compiled module v1", self.wasm, self.engine, self.machine, "")).encode()


def machine() -> str | None:
    """Name the CPU by architecture and features; None where the kernel does not tell, and then nothing may be kept."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            found = _CPU.search(file.read(1 << 16))
    except OSError:
        return None
    return None if found is None else f"{platform.machine()} {' '.join(sorted(found[1].split()))}"


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folder at `path`, of `uid`, where compiled modules are kept; `random` draws the key."""

    path: str
    uid: int
    random: Callable[[int], bytes] = os.urandom

    def load(self, identity: Identity) -> bytes | None:
        """Give the authentic module kept for `identity`, or None; raise `StorageError` where others control the folder.

        A folder that is missing is made.
        """
        handle = make_directory(self.path, uid=self.uid, what=WHAT)
        try:
            key = read_if_any(handle, KEY_FILE, KEY_SIZE)
            kept = read_if_any(handle, identity.name, _MAC_SIZE + MODULE_LIMIT)
        finally:
            os.close(handle)
        if key is None or kept is None or len(key) != KEY_SIZE:
            return None
        module = kept[_MAC_SIZE:]
        return module if hmac.compare_digest(kept[:_MAC_SIZE], _code(key, identity, module)) else None

    def keep(self, identity: Identity, module: bytes) -> None:
        """Keep `module` for other processes, replacing what stands there; raise `StorageError`."""
        handle = make_directory(self.path, uid=self.uid, what=WHAT)
        try:
            with lock(handle, "lock", exclusive=True):
                key = self._key(handle)
                write_atomic(handle, identity.name, _code(key, identity, module) + module, mode=0o600)
                self._prune(handle, identity.name)
        finally:
            os.close(handle)

    def _key(self, handle: int) -> bytes:
        key = read_if_any(handle, KEY_FILE, KEY_SIZE)
        if key is None or len(key) != KEY_SIZE:
            key = self.random(KEY_SIZE)
            write_atomic(handle, KEY_FILE, key, mode=0o600)
        return key

    def _prune(self, handle: int, newest: str) -> None:
        with os.scandir(handle) as rows:
            modules = [row for row in rows if row.name.endswith(".module")]
            ages = {row.name: row.stat(follow_symlinks=False).st_mtime_ns for row in modules}
        others = sorted(ages.keys() - {newest}, key=ages.__getitem__, reverse=True)
        for name in others[KEPT_LIMIT - 1 :]:
            remove(handle, name)


def keep_if_possible(shelf: Shelf, identity: Identity, module: bytes) -> StorageError | None:
    """Keep `module`; give the fault where the disk would not: a decision does not depend on it, it only took longer."""
    try:
        shelf.keep(identity, module)
    except StorageError as err:
        return err
    return None


def _code(key: bytes, identity: Identity, module: bytes) -> bytes:
    return hmac.digest(key, identity.text + module, "sha256")
