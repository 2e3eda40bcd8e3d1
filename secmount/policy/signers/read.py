"""The `[signers.NAME]` tables: whom a signature can count for. Design 3.3.

A signer is one of three kinds, and says so by its keys: a managed `key`, a keyless `issuer` with an `identity`, or
certificates under `x509` with a `subject`. `valid`, `revoked` and `revoked-since` mean the same for all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from secmount.errors import InputError
from secmount.policy import publickey
from secmount.policy.signers import certificates, keyless
from secmount.policy.signers.bounds import Bounds, Files
from secmount.policy.toml import Table
from secmount.trust.signer import KeylessSigner, KeySigner, Signer

SIGNERS_LIMIT = 1_000
KEYED = frozenset({"key"})
EVERY = frozenset({"valid", "revoked", "revoked-since", "message-signature", "logged"})
KINDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"key": KEYED, "issuer": keyless.KEYS, "x509": certificates.KEYS}
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def read(tables: Table | None, files: Files) -> Mapping[str, Signer]:
    """Read every signer; what is wrong goes to the tables' findings and that signer is left out."""
    signers: dict[str, Signer] = {}
    owners: dict[tuple[str, ...], str] = {}  # what makes two signers one: the name it has
    if tables is None:
        return signers
    if len(tables.values) > SIGNERS_LIMIT:
        tables.fault("SM1203", got=f"{len(tables.values)} signers", want=f"at most {SIGNERS_LIMIT}")
        return signers
    for name in tables.values:
        table = tables.table(name)
        if not _NAME.fullmatch(name):
            tables.fault("SM1203", name, got=repr(name), want="a name of letters, digits, '.', '_' and '-'")
        elif table is not None:
            signer = _signer(name, table, files)
            if signer is None:
                continue
            key, who = _one(signer)
            if who in owners:
                table.fault("SM1210", key, got=f"that of signer {owners[who]!r}", want="one name for each")
            else:
                owners[who] = name
                signers[name] = signer
    return MappingProxyType(signers)


def _one(signer: Signer) -> tuple[str, tuple[str, ...]]:
    """Give the key that says who `signer` is, and what is equal for two names of one principal."""
    if isinstance(signer, KeySigner):
        return "key", ("key", signer.principal)
    if isinstance(signer, KeylessSigner):
        return "identity", ("keyless", signer.issuer, signer.identity.text, signer.root.digest)
    pairs = (part for pair in sorted(signer.subject.items()) for part in pair)
    return "subject", ("x509", signer.root, *pairs)


def _signer(name: str, table: Table, files: Files) -> Signer | None:
    bounds = _bounds(name, table)
    kinds = [kind for kind, keys in KINDS.items() if keys & table.values.keys()]
    signer: Signer | None = None
    if len(kinds) != 1:
        got = " and ".join(kinds) or "no key"
        table.fault("SM1205", got=got, want='one of key = "FILE.pub", issuer with identity, x509 with subject')
    elif kinds == ["key"]:
        signer = _keyed(table, bounds, files)
    elif kinds == ["issuer"]:
        signer = keyless.read(table, bounds, files)
    else:
        signer = certificates.read(table, bounds, files)
        if bounds.logged:
            got, want = "logged beside x509", "no logged: log entries beside such signatures are not read"
            table.fault("SM1205", "logged", got=got, want=want)
    table.asked |= EVERY.union(*KINDS.values())
    table.finish()
    return signer


def _bounds(name: str, table: Table) -> Bounds:
    window = table.table("valid")
    start, end = _window(window)
    revoked, since = table.flag("revoked"), table.instant("revoked-since")
    if revoked and since is not None:
        table.fault("SM1205", "revoked-since", got="revoked and revoked-since", want="one of them")
    message_signature, logged = bool(table.flag("message-signature")), bool(table.flag("logged"))
    return Bounds(name, table.line() or 0, start, end, bool(revoked), since, message_signature, logged)


def _window(window: Table | None) -> tuple[int | None, int | None]:
    if window is None:
        return None, None
    start, end = window.instant("from"), window.instant("until")
    window.finish()
    if not window.has("from") and not window.has("until"):
        window.fault("SM1205", got="an empty window", want="from, until or both")
    elif start is not None and end is not None and start >= end:
        window.fault("SM1205", got="a window that ends before it begins", want="from before until")
    return start, end


def _keyed(table: Table, bounds: Bounds, files: Files) -> KeySigner | None:
    path = table.text("key")
    if path is None:
        return None
    try:
        key = publickey.read(files.read(path, publickey.PEM_LIMIT))
    except InputError as err:
        table.fault(err.code, "key", got=err.got, want=err.want)
    except ValueError as err:
        table.fault("SM1209", "key", got=f"{path}: {err}", want="one PEM block PUBLIC KEY: ECDSA, Ed25519 or RSA")
    else:
        return KeySigner(
            name=bounds.name,
            line=bounds.line,
            spki=key.spki,
            principal=key.principal,
            valid_from=bounds.valid_from,
            valid_until=bounds.valid_until,
            revoked=bounds.revoked,
            revoked_since=bounds.revoked_since,
            message_signature=bounds.message_signature,
            logged=bounds.logged,
        )
    return None
