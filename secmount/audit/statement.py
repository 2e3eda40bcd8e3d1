"""The key that signs statements about decisions to others (SLSA summaries): not the log's, not an artifact's."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from secmount.errors import StorageError
from secmount.local import files, owned
from secmount.value import dataclass

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAME = "vsa.key"
PUBLIC = "vsa.pub"
_LIMIT = 16 << 10  # bytes


@dataclass(frozen=True, slots=True)
class StatementKey:
    """An Ed25519 key; `spki` is its public half, DER."""

    private: Ed25519PrivateKey
    spki: bytes

    def sign(self, data: bytes) -> bytes:
        """Sign bytes."""
        return self.private.sign(data)


def open_statement_key(directory: str, *, uid: int) -> StatementKey:
    """Open `vsa.key` in `directory` (PKCS #8 PEM, 0600), made at first use together with `vsa.pub`.

    Raise `StorageError` SM7103 if it is malformed or others may read it.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
        load_pem_private_key,
    )

    dirfd = owned.make_directory(directory, uid=uid, what="state")
    try:
        pem = files.read_if_any(dirfd, NAME, _LIMIT)
        if pem is None:
            made = Ed25519PrivateKey.generate()
            pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            public = made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            files.write_atomic(dirfd, NAME, pem, mode=0o600)
            files.write_atomic(dirfd, PUBLIC, public, mode=0o644)
        mode = os.stat(NAME, dir_fd=dirfd, follow_symlinks=False).st_mode
    finally:
        os.close(dirfd)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StorageError("SM7103", subject=f"{directory}/{NAME}", got=f"mode {stat.S_IMODE(mode):04o}", want="0600")
    try:
        private = load_pem_private_key(pem, None)
    except (ValueError, TypeError) as err:
        raise StorageError("SM7103", subject=f"{directory}/{NAME}", got="another text", want="an Ed25519 key") from err
    if not isinstance(private, Ed25519PrivateKey):
        raise StorageError("SM7103", subject=f"{directory}/{NAME}", got="another kind of key", want="an Ed25519 key")
    return StatementKey(private, private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
