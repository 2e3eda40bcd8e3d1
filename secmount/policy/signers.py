"""The `[signers.NAME]` tables: whom a signature can count for. Design 3.3.

Managed keys are enforced. Keyless and certificate signers are refused by name until their checks exist: a key that is
read and not enforced would be a promise nobody keeps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from secmount.errors import InputError
from secmount.policy import publickey
from secmount.policy.toml import Table
from secmount.trust.signer import KeySigner, Signer

SIGNERS_LIMIT = 1_000
LATER = frozenset(
    {"issuer", "identity", "claims", "any-caller", "trusted-root", "x509", "subject", "revocation"}
)  # design 3.3, not enforced by this version

Reader = Callable[[str], bytes]  # a file of the folder by its relative path; InputError where it is not one inside

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def read(tables: Table | None, reader: Reader) -> Mapping[str, Signer]:
    """Read every signer; what is wrong goes to the tables' findings and that signer is left out."""
    signers: dict[str, Signer] = {}
    owners: dict[str, str] = {}  # principal: the name it has
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
            signer = _signer(name, table, reader)
            if signer is not None and signer.principal in owners:
                table.fault(
                    "SM1210", "key", got=f"the key of signer {owners[signer.principal]!r}", want="one name a key"
                )
            elif signer is not None:
                owners[signer.principal] = name
                signers[name] = signer
    return MappingProxyType(signers)


def _signer(name: str, table: Table, reader: Reader) -> KeySigner | None:
    path = table.text("key")
    window = table.table("valid")
    start, end = _window(window)
    revoked, since = table.flag("revoked"), table.instant("revoked-since")
    message_signature = table.flag("message-signature")
    if revoked and since is not None:
        table.fault("SM1205", "revoked-since", got="revoked and revoked-since", want="one of them")
    elif not table.has("key") and not LATER & table.values.keys():
        table.fault("SM1205", got="no key", want='key = "FILE.pub"')
    table.finish(later=LATER)
    key = None if path is None else _key(table, path, reader)
    if key is None:
        return None
    return KeySigner(
        name=name,
        line=table.line() or 0,
        spki=key.spki,
        principal=key.principal,
        valid_from=start,
        valid_until=end,
        revoked=bool(revoked),
        revoked_since=since,
        message_signature=bool(message_signature),
    )


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


def _key(table: Table, path: str, reader: Reader) -> publickey.PublicKey | None:
    try:
        return publickey.read(reader(path))
    except InputError as err:
        table.fault(err.code, "key", got=err.got, want=err.want)
    except ValueError as err:
        table.fault("SM1209", "key", got=f"{path}: {err}", want="one PEM block PUBLIC KEY: ECDSA, Ed25519 or RSA")
    return None
