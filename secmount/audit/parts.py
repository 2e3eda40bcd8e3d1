"""Parts: what is too large for an entry (inputs, manifests, policy files), kept beside the log by digest.

An entry names its parts by their digests, so the log's signature covers them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256

from secmount.audit.tlog.folder import PART_LIMIT, Folder, part_path
from secmount.audit.tlog.tilewriter import make_directories
from secmount.errors import StorageError
from secmount.local import files


def put(folder: Folder, data: bytes) -> str:
    """Keep `data`, durable before this returns, and give its digest; what is there already is left alone.

    Raise `StorageError` SM7104 (over PART_LIMIT) or of the disk.
    """
    if len(data) > PART_LIMIT:
        raise StorageError("SM7104", subject="part of an audit record", got=f"{len(data)} bytes", want=f"{PART_LIMIT}")
    digest = f"sha256:{sha256(data).hexdigest()}"
    path = part_path(digest)
    try:
        if os.stat(path, dir_fd=folder.dirfd, follow_symlinks=False).st_size == len(data):
            return digest
    except FileNotFoundError:
        make_directories(folder, os.path.dirname(path))
    dirfd = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder.dirfd)
    try:
        files.write_atomic(dirfd, os.path.basename(path), data, mode=0o600)
    finally:
        os.close(dirfd)
    return digest


def put_all(folder: Folder, rows: Mapping[str, bytes]) -> dict[str, str]:
    """Keep several parts; give their names with the digests."""
    return {name: put(folder, data) for name, data in rows.items()}
