"""Private keys as cosign encrypts them: PEM around JSON around scrypt and secretbox around PKCS #8.

sigstore/cosign `pkg/cosign/keys.go`, go-securesystemslib `encrypted`. The scrypt parameters of a file are believed only
where those write them: others could ask for all memory there is, or for none.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

from secmount.errors import ContentError, TrustError
from secmount.oci import exact
from secmount.publish import secretbox
from secmount.publish.pem import FILE_LIMIT
from secmount.trust.encoding import decode_base64

LABELS = ("ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY")
_SALT_SIZE = 32
_SCRYPT = {"N": 65536, "r": 8, "p": 1}  # 64 MiB; Standard
_ALLOWED = frozenset({(32768, 8, 1), (65536, 8, 1), (131072, 8, 1)})  # (N, r, p) as Legacy, Standard, OWASP
_MEMORY = 256 << 20  # bytes that scrypt may take; its default is less than the parameters need


def encrypt(der: bytes, password: bytes, random: Callable[[int], bytes]) -> bytes:
    """Give the JSON that stands in the PEM block; `der` is PKCS #8."""
    salt, nonce = random(_SALT_SIZE), random(secretbox.NONCE_SIZE)
    box = secretbox.seal(_derive(password, salt, (_SCRYPT["N"], _SCRYPT["r"], _SCRYPT["p"])), nonce, der)
    document = {
        "kdf": {"name": "scrypt", "params": _SCRYPT, "salt": _encode(salt)},
        "cipher": {"name": "nacl/secretbox", "nonce": _encode(nonce)},
        "ciphertext": _encode(box),
    }
    return json.dumps(document, separators=(",", ":")).encode()


def decrypt(data: bytes, password: bytes, *, subject: str) -> bytes:
    """Give the PKCS #8 DER; raise `TrustError` SM2107 (not such a document), SM2108 (wrong password, or changed)."""
    salt, parameters, nonce, box = _parts(data, subject)
    der = secretbox.unseal(_derive(password, salt, parameters), nonce, box)
    if der is None:
        raise TrustError("SM2108", subject=subject)
    return der


def _parts(data: bytes, subject: str) -> tuple[bytes, tuple[int, int, int], bytes, bytes]:
    try:
        document = exact.read(data, limit=FILE_LIMIT, subject=subject)
        kdf, cipher = document["kdf"], document["cipher"]
        if (kdf["name"], cipher["name"]) != ("scrypt", "nacl/secretbox"):
            raise ValueError(f"{kdf['name']!r} and {cipher['name']!r}")  # noqa: TRY301
        parameters = _parameters(kdf["params"])
        salt, nonce, box = (decode_base64(text) for text in (kdf["salt"], cipher["nonce"], document["ciphertext"]))
        if len(nonce) != secretbox.NONCE_SIZE or len(box) < secretbox.TAG_SIZE:
            raise ValueError("a nonce or ciphertext of another length")  # noqa: TRY301
    except (ContentError, KeyError, TypeError, ValueError) as err:
        want = "scrypt with cosign's parameters and nacl/secretbox"
        raise TrustError("SM2107", subject=subject, got=str(err), want=want) from err
    return salt, parameters, nonce, box


def _parameters(params: Any) -> tuple[int, int, int]:
    found = (params["N"], params["r"], params["p"])
    if found not in _ALLOWED or any(type(number) is not int for number in found):
        raise ValueError("scrypt parameters N={} r={} p={}".format(*found))
    return found


def _derive(password: bytes, salt: bytes, parameters: tuple[int, int, int]) -> bytes:
    n, r, p = parameters
    return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=_MEMORY, dklen=secretbox.KEY_SIZE)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
