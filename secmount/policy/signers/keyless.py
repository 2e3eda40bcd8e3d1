"""Keyless signers: an identity that a Sigstore certificate states, by the issuer that vouched for it. Design 3.3.

Both are required: an identity is a name in the book of its issuer, and anybody may run an issuer. A GitHub workflow's
identity says which workflow ran, not in whose repository: whoever may call a reusable one would be its signer. So the
caller must be named, or the policy must say that any will do.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType

from secmount.errors import TrustError
from secmount.policy import glob
from secmount.policy.signers.bounds import Bounds, Files, content
from secmount.policy.toml import Table
from secmount.trust.claims import CLAIMS, SOURCE_REPOSITORY
from secmount.trust.root import ROOT_LIMIT, TrustRoot
from secmount.trust.signer import KeylessSigner

KEYS = frozenset({"issuer", "identity", "claims", "any-caller", "trusted-root"})
GITHUB = "token.actions.githubusercontent.com"

_ISSUER = re.compile(r"https://[!-~]+", re.ASCII)
_HOST = re.compile(r"https://(?:[^/?#]*@)?([^/?#:]*)")


def read(table: Table, bounds: Bounds, files: Files) -> KeylessSigner | None:
    """Read a keyless signer; what is wrong goes to the table's findings."""
    issuer, identity = _issuer(table), _identity(table)
    sound = len(table.findings)
    claims = _claims(table)
    if len(table.findings) == sound:  # a misspelt claim is a misspelt claim, and not an absent one as well
        _caller(table, issuer, claims)
    root = _root(table, files)
    if issuer is None or identity is None or root is None:
        return None
    return KeylessSigner(
        name=bounds.name,
        line=bounds.line,
        issuer=issuer,
        identity=identity,
        root=root,
        claims=claims,
        valid_from=bounds.valid_from,
        valid_until=bounds.valid_until,
        revoked=bounds.revoked,
        revoked_since=bounds.revoked_since,
        message_signature=bounds.message_signature,
        logged=bounds.logged,
    )


def _issuer(table: Table) -> str | None:
    issuer = table.text("issuer")
    if not table.has("issuer"):
        table.fault("SM1205", got="no issuer", want="issuer and identity, both")
    elif issuer is not None and not _ISSUER.fullmatch(issuer):
        table.fault(
            "SM1203", "issuer", got=repr(issuer), want="https://… without whitespace, exactly as certificates say"
        )
        return None
    return issuer


def _identity(table: Table) -> glob.Identity | None:
    text = table.text("identity")
    if text is None:
        if not table.has("identity"):
            table.fault("SM1205", got="no identity", want="issuer and identity, both")
        return None
    try:
        return glob.identity(text)
    except ValueError as err:
        table.fault("SM1206", "identity", got=repr(text), want=err)
        return None


def _claims(table: Table) -> Mapping[str, str]:
    inner = table.table("claims")
    if inner is None:
        return {}
    if not inner.values:
        inner.fault("SM1203", got="an empty table", want=f'{{ {SOURCE_REPOSITORY} = "https://…" }}')
    wanted: dict[str, str] = {}
    for name in inner.values.keys() & CLAIMS.keys():
        value = inner.text(name)
        if value is not None and "*" in value:
            inner.fault("SM1206", name, got=repr(value), want="the exact value: claims are no patterns")
        elif value is not None:
            wanted[name] = value
    inner.asked |= CLAIMS.keys()
    inner.finish()
    return MappingProxyType(dict(sorted(wanted.items())))


def _caller(table: Table, issuer: str | None, claims: Mapping[str, str]) -> None:
    anyone = table.flag("any-caller")
    found = None if issuer is None else _HOST.match(issuer)
    github = found is not None and found[1].lower() == GITHUB
    named = SOURCE_REPOSITORY in claims
    if github and not named and not anyone:
        want = f'claims = {{ {SOURCE_REPOSITORY} = "https://github.com/OWNER/NAME" }}'
        table.fault("SM1232", "identity", got="a GitHub workflow, whoever calls it", want=want)
    elif anyone and (named or not github):
        got = f"any-caller beside {SOURCE_REPOSITORY}" if named else "any-caller for an issuer that is not GitHub's"
        table.fault("SM1205", "any-caller", got=got, want="no any-caller")


def _root(table: Table, files: Files) -> TrustRoot | None:
    path = table.text("trusted-root")
    if path is None:
        if table.has("trusted-root"):
            return None
        if files.default_root is None:
            table.fault("SM1234", got="no trusted-root", want='trusted-root = "roots/FILE.json"')
            return None
        return files.default_root()
    raw = content(table, "trusted-root", path, ROOT_LIMIT, files)
    if raw is None:
        return None
    from secmount.trust.roots.parse import parse  # msgspec, and few policies have a root of their own

    root = TrustRoot(source=path, digest=f"sha256:{hashlib.sha256(raw).hexdigest()}", raw=raw)
    try:
        parse(root)
    except TrustError as err:
        table.fault(
            "SM1230", "trusted-root", got=f"{path}: {err.got}", want=err.want or "a trusted_root.json of Sigstore"
        )
        return None
    return root
