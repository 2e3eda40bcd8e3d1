"""Key pairs to sign with: made as two files, read from the forms that cosign and OpenSSL write.

`NAME.key` is PKCS #8 PEM, or with a password what `cosign generate-key-pair` writes; `NAME.pub` is PEM
SubjectPublicKeyInfo. Every key that is made or read is one whose signatures secmount would accept (`trust.spki`).
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Callable
from dataclasses import field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from secmount.errors import TrustError
from secmount.local.fault import faults
from secmount.local.files import remove, sync_directory, write_all
from secmount.publish import cosign, pem
from secmount.publish.pem import Block
from secmount.trust import spki
from secmount.trust.spki import PublicKey
from secmount.value import dataclass

Handle = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

POLICY_FILE = "policy.toml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_PLAIN = frozenset({"PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"})
_ENCRYPTED = "ENCRYPTED PRIVATE KEY"  # PKCS #8 with PBES2
_LABELS = _PLAIN | {_ENCRYPTED, *cosign.LABELS}
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_CURVES: dict[str, ec.EllipticCurve] = {
    "ecdsa-p256": ec.SECP256R1(),
    "ecdsa-p384": ec.SECP384R1(),
    "ecdsa-p521": ec.SECP521R1(),
}
_RSA_SIZES = {"rsa-2048": 2048, "rsa-3072": 3072, "rsa-4096": 4096}
ALGORITHMS = (*_CURVES, "ed25519", *_RSA_SIZES)
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "ecdsa-p256": hashes.SHA256(),
    "ecdsa-p384": hashes.SHA384(),
    "ecdsa-p521": hashes.SHA512(),
}


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """A key pair that was written; paths are absolute."""

    private: str
    public: str
    principal: str
    algorithm: str
    encrypted: bool


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private key whose public half is one that secmount accepts."""

    public: PublicKey
    handle: Handle = field(repr=False)

    @property
    def spki(self) -> bytes:
        """DER SubjectPublicKeyInfo of the public half."""
        return self.public.spki

    @property
    def principal(self) -> str:
        """`sha256:<hex>` of the SPKI, by which policies and decisions name the key."""
        return self.public.principal

    def sign(self, message: bytes, *, sha256: bool = False) -> bytes:
        """Sign: ECDSA with the hash of its curve (or `sha256`), pure Ed25519, RSA PKCS #1 v1.5 with SHA-256."""
        match self.handle:
            case ed25519.Ed25519PrivateKey():
                return self.handle.sign(message)
            case ec.EllipticCurvePrivateKey():
                hashed = hashes.SHA256() if sha256 else _HASHES[self.public.kind]
                return self.handle.sign(message, ec.ECDSA(hashed))
            case rsa.RSAPrivateKey():
                return self.handle.sign(message, padding.PKCS1v15(), hashes.SHA256())


def generate(
    name: str,
    directory: str,
    *,
    password: bytes | None,
    algorithm: str = "ecdsa-p256",
    random: Callable[[int], bytes] = os.urandom,
) -> KeyFiles:
    """Make a key pair and write `NAME.key` (mode 0600) and `NAME.pub` into `directory`; nothing is overwritten.

    `random` gives salt and nonce; the key itself comes from OpenSSL. Raise `TrustError` SM2104 (a file is there),
    SM2105 (a policy folder), SM2109 (an empty password), SM2110 (name or algorithm), `StorageError` SM70xx.
    """
    if not _NAME.fullmatch(name):
        raise TrustError("SM2110", got=repr(name), want="letters, digits, '.', '_', '-', at most 64")
    if algorithm not in ALGORITHMS:
        raise TrustError("SM2110", got=repr(algorithm), want=", ".join(ALGORITHMS))
    if password is not None and not password:
        raise TrustError("SM2109", got="an empty password", want="a password, or a key that is not encrypted")
    folder = os.path.abspath(directory)
    _refuse_policy_folder(folder)
    handle = _make(algorithm)
    public = _public(handle, subject=name)
    files = {
        f"{name}.key": (_write_private(handle, password, random), 0o600),
        f"{name}.pub": (pem.write("PUBLIC KEY", public.spki), 0o644),
    }
    _create(folder, files)
    private_path, public_path = (os.path.join(folder, file) for file in files)
    return KeyFiles(private_path, public_path, public.principal, algorithm, encrypted=password is not None)


def load_private(path: str, *, password: Callable[[], bytes] | None) -> PrivateKey:
    """Read a private key; `password` is asked only if the file is encrypted.

    Raise `TrustError` SM2103 (a key that is not accepted), SM2106 (readable by others), SM2107 (no private key),
    SM2108 (wrong password), SM2109 (encrypted, and nobody to ask), `StorageError` SM70xx from the system.
    """
    block = pem.read(_read(path), _LABELS, subject=path)
    try:
        handle = _decode(block, password, path)
    except (ValueError, TypeError, UnsupportedAlgorithm) as err:
        raise TrustError("SM2107", subject=path, got=str(err), want="a private key") from err
    if not isinstance(handle, Handle):
        raise TrustError("SM2103", subject=path, got=type(handle).__name__, want=", ".join(ALGORITHMS))
    return PrivateKey(_public(handle, subject=path), handle)


def _decode(block: Block, password: Callable[[], bytes] | None, path: str) -> object:
    if block.label in cosign.LABELS:
        der = cosign.decrypt(block.data, _ask(password, path), subject=path)
        return serialization.load_der_private_key(der, None)
    if block.label in _PLAIN:
        return serialization.load_pem_private_key(block.text, None)
    given = _ask(password, path)
    try:
        return serialization.load_pem_private_key(block.text, given)
    except ValueError as err:
        raise TrustError("SM2108", subject=path) from err


def _make(algorithm: str) -> Handle:
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    if algorithm in _RSA_SIZES:
        return rsa.generate_private_key(65537, _RSA_SIZES[algorithm])
    return ed25519.Ed25519PrivateKey.generate()


def _public(handle: Handle, *, subject: str) -> PublicKey:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return spki.parse(handle.public_key().public_bytes(serialization.Encoding.DER, form), subject=subject)


def _write_private(handle: Handle, password: bytes | None, random: Callable[[int], bytes]) -> bytes:
    der = handle.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    if password is None:
        return pem.write("PRIVATE KEY", der)
    return pem.write(cosign.LABELS[0], cosign.encrypt(der, password, random))


def _refuse_policy_folder(folder: str) -> None:
    """Look at every folder above, too: the public keys of a policy lie below it."""
    place = os.path.realpath(folder)
    while True:
        if os.path.lexists(os.path.join(place, POLICY_FILE)):
            raise TrustError("SM2105", subject=folder, got=os.path.join(place, POLICY_FILE), want="another folder")
        if place == os.path.dirname(place):
            return
        place = os.path.dirname(place)


def _create(folder: str, files: dict[str, tuple[bytes, int]]) -> None:
    """Write all of `files`, or none."""
    with faults(folder):
        dirfd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    made: list[str] = []
    try:
        for name, (data, mode) in files.items():
            with faults(os.path.join(folder, name)):
                _create_one(dirfd, name, data, mode, made)
        sync_directory(dirfd)
    except BaseException:
        for name in made:
            remove(dirfd, name)
        raise
    finally:
        os.close(dirfd)


def _create_one(dirfd: int, name: str, data: bytes, mode: int, made: list[str]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(name, flags, mode, dir_fd=dirfd)
    except FileExistsError as err:
        raise TrustError("SM2104", subject=name, got="a file of that name", want="a new one") from err
    made.append(name)
    try:
        os.fchmod(handle, mode)
        write_all(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: str) -> bytes:
    with faults(path):
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode):
                raise TrustError("SM2107", subject=path, got="not a regular file", want="a private key")
            if mode & _OTHERS:
                raise TrustError(
                    "SM2106",
                    subject=path,
                    got=f"mode {stat.S_IMODE(mode):04o}",
                    want="mode 0600",
                    help=(f"chmod 600 {shlex.quote(path)}",),
                )
            return os.read(handle, pem.FILE_LIMIT + 1)
        finally:
            os.close(handle)


def _ask(password: Callable[[], bytes] | None, path: str) -> bytes:
    if password is None:
        raise TrustError("SM2109", subject=path, got="no password", want="the password of the private key")
    return password()
