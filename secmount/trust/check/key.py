"""Whether a signature holds under a public key.

ECDSA hashes with what belongs to the curve (P-256 SHA-256, P-384 SHA-384, P-521 SHA-512: sigstore algorithm registry),
else with SHA-256, as cosign before 3.1.2 did on every curve. Ed25519 is pure (RFC 8032), never prehashed. RSA is
PKCS #1 v1.5, else PSS with any salt length, both with SHA-256.

A JWS names its algorithm (RFC 7518 sections 3.4 and 3.5): ECDSA signatures are r and s side by side, RSA ones PSS with
a salt as long as the hash. Each key has exactly one, as the Notary Project's signature specification has it.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from secmount.trust.spki import PublicKey

_KEPT = 64  # keys kept as the library has them: those of a trust root are asked for every signature


def holds(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether `signature` over `message` was made by the holder of `key`; anything malformed does not hold."""
    if key.kind == "ed25519":
        return _ed25519(key, signature, message)
    if key.kind in _CURVES:
        return _ecdsa(key, signature, message)
    return _rsa(key, signature, message)


def algorithm_of(key: PublicKey) -> str | None:
    """Give the one JWS algorithm of `key`; None: it has none."""
    return _JWS.get(key.kind)


def holds_jws(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether `signature`, as a JWS has it, over `message` was made with `key` by its own algorithm."""
    algorithm = _JWS.get(key.kind)
    if algorithm is None:
        return False
    digest = _JWS_HASHES[algorithm[2:]]
    try:
        if algorithm.startswith("ES"):
            half = len(key.point) // 2
            if len(signature) != 2 * half:
                return False
            both = encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
            _public(key.kind, key.point).verify(both, message, ec.ECDSA(digest))
        else:
            scheme = padding.PSS(padding.MGF1(digest), digest.digest_size)
            rsa.RSAPublicNumbers(key.exponent, key.modulus).public_key().verify(signature, message, scheme, digest)
    except InvalidSignature:
        return False
    return True


_JWS = {
    "ecdsa-p256": "ES256",
    "ecdsa-p384": "ES384",
    "ecdsa-p521": "ES512",
    "rsa-2048": "PS256",
    "rsa-3072": "PS384",
    "rsa-4096": "PS512",
}
_JWS_HASHES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES: dict[str, tuple[ec.EllipticCurve, tuple[hashes.HashAlgorithm, ...]]] = {
    "ecdsa-p256": (ec.SECP256R1(), (hashes.SHA256(),)),
    "ecdsa-p384": (ec.SECP384R1(), (hashes.SHA384(), hashes.SHA256())),
    "ecdsa-p521": (ec.SECP521R1(), (hashes.SHA512(), hashes.SHA256())),
}


def _ecdsa(key: PublicKey, signature: bytes, message: bytes) -> bool:
    public = _public(key.kind, key.point)
    for algorithm in _CURVES[key.kind][1]:
        try:
            public.verify(signature, message, ec.ECDSA(algorithm))
        except InvalidSignature:
            continue
        return True
    return False


@lru_cache(maxsize=_KEPT)
def _public(kind: str, point: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[kind][0], point)


def _ed25519(key: PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(key.point).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _rsa(key: PublicKey, signature: bytes, message: bytes) -> bool:
    public = rsa.RSAPublicNumbers(key.exponent, key.modulus).public_key()
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
    for scheme in (padding.PKCS1v15(), pss):
        try:
            public.verify(signature, message, scheme, hashes.SHA256())
        except InvalidSignature:
            continue
        return True
    return False
