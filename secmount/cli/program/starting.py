"""The first policy: from keys, or from whoever signed an artifact, once somebody has looked at who that is."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence

from secmount.app.assembly import default_root, now_ms
from secmount.authoring import init as authoring
from secmount.authoring.init import NewKey, Written
from secmount.authoring.witness import Account, Witness, require, witnesses
from secmount.cli import context
from secmount.cli.configured import configured
from secmount.cli.view import document, render
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.progress import Progress
from secmount.cli.view.settings import Settings
from secmount.errors import InputError
from secmount.oci import instant
from secmount.oci.reference import RegistryReference
from secmount.registry.resolve import resolve
from secmount.trust.root import ROOT_LIMIT, TrustRoot
from secmount.trust.roots.parse import parse
from secmount.value import dataclass

WARNING = "this proves who signed, not that you should trust them"


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line says."""

    reference: str
    keys: tuple[str, ...]
    match: str | None
    trusted_root: str | None
    exclude: tuple[str, ...]
    yes: bool


def from_keys(settings: Settings, keys: Sequence[str], match: str, exclude: tuple[str, ...]) -> Outcome:
    """Write a policy for keys that somebody gave."""
    made = authoring.write(
        configured(settings).policy,
        _named(keys),
        match=match,
        uid=os.geteuid(),
        cwd=os.getcwd(),
        exclude=exclude,
    )
    return _written(settings, made, ())


def from_reference(settings: Settings, given: Given) -> Outcome:
    """Find out who signed, ask, and write a policy for them.

    The one command that asks a registry without a rule: there is no policy yet, and this is how one comes about.
    """
    config, uid = configured(settings), os.geteuid()
    authoring.check_free(config.policy)
    keys = _named(given.keys)
    root = default_root(config, uid) if given.trusted_root is None else _root(given.trusted_root)
    wanted = context.wanted(settings, "policy-init", given.reference)
    if settings.offline and isinstance(wanted.reference, RegistryReference):
        raise InputError(
            "SM1010", subject="--offline", got=given.reference, want="a layout: oci:PATH or oci-archive:PATH"
        )
    with context.opened(settings) as application:
        source = application.parts.open_source(wanted.reference)
        with Progress.on(settings, sys.stderr, stage="discovering"):
            found = resolve(wanted.reference, source, name=wanted.name, name_source="asked", platform=wanted.platform)
            own = given.trusted_root is not None
            account = witnesses(found, source, keys, root, now_ms=now_ms(), own_root=own)
    settings.learned["artifact"] = document.artifact(found)
    require(account, subject=given.reference)
    match = given.match or wanted.name
    lines = _shown(account, match)
    _confirm(settings, given, lines, config.policy)
    made = authoring.write(
        config.policy,
        [witness.new for witness in account.witnesses],
        match=match,
        uid=uid,
        cwd=os.getcwd(),
        exclude=given.exclude,
        default_root=lambda: default_root(config, uid),
    )
    return _written(settings, made, account.witnesses)


def _named(files: Sequence[str]) -> list[NewKey]:
    """Read the keys; two files of one name are two signers."""
    keys: dict[str, NewKey] = {}
    for file in files:
        key, number, name = authoring.key(file), 2, ""
        name = key.name
        while name in keys:
            name, number = f"{key.name[:60]}-{number}", number + 1
        keys[name] = NewKey(name, key.pem)
    return list(keys.values())


def _root(path: str) -> TrustRoot:
    try:
        with open(path, "rb") as file:
            raw = file.read(ROOT_LIMIT + 1)
    except OSError as err:
        raise InputError("SM1020", subject=path, got=err.strerror or str(err), want="a trusted_root.json") from err
    root = TrustRoot(os.path.basename(path), f"sha256:{hashlib.sha256(raw).hexdigest()}", raw)
    parse(root)
    return root


def _shown(account: Account, match: str) -> list[str]:
    """Say who signed, line by line, escaped."""
    resolution = account.resolution
    rows = [("artifact", resolution.reference.text), ("digest", str(resolution.digest))]
    for witness in account.witnesses:
        first, *more = _whom(witness)
        rows += [("signed by", first), *(("", line) for line in more)]
    rows += [("not by", f"{name}: no signature holds under this key") for name in account.silent]
    rows.append(("for", f"{match}: what a policy would let them sign"))
    return [f"{word:<9}  {render.escape(text)}" for word, text in rows]


def _whom(witness: Witness) -> list[str]:
    new, signature = witness.new, witness.signature
    if isinstance(new, NewKey):
        return [f"{new.name}: key {signature.principal}"]
    lines = [f"{new.name}: {signature.identity}", f"vouched for by {signature.issuer}"]
    lines += [f"{name} {value}" for name, value in new.claims.items()]
    if signature.time.not_before is not None:
        lines.append(f"certified {instant.render(signature.time.not_before)}, under the root {signature.root}")
    if new.identity != signature.identity:
        lines.append(f"the policy will say {new.identity}")
    return lines


def _confirm(settings: Settings, given: Given, lines: list[str], path: str) -> None:
    """Ask, where somebody can answer; raise `InputError` SM1051 without a yes."""
    quiet = given.yes and (settings.quiet or settings.output == "json")
    if not quiet:
        sys.stderr.write("\n".join([*lines, "", WARNING, ""]))
    if given.yes:
        return
    if settings.output == "json" or not sys.stdin.isatty():
        raise InputError("SM1051", subject=given.reference, got="nobody to ask", want="--yes, once you have looked")
    sys.stderr.write(f"write {render.escape(path)}? [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline().strip().lower()
    if answer not in ("y", "yes"):
        raise InputError("SM1051", subject=given.reference, got=answer[:40] or "no answer", want="y")


def _written(settings: Settings, made: Written, by: Sequence[Witness]) -> Outcome:
    path = configured(settings).policy
    files = [f"{path}/{file.path}" for file in made.policy.files if os.path.lexists(os.path.join(path, file.path))]
    folder = f" --policy {render.escape(settings.policy)}" if settings.policy else ""
    who = render.escape(" or ".join(made.signers))
    lines = [f"wrote     {render.escape(file)}" for file in files]
    lines.append(f"it says   {render.escape(made.match)} mounts if {who} signed it")
    lines += ["", f"next:  secmount policy check{folder}", f"       secmount verify{folder} REF"]
    fields = {
        "policy": {"path": path, "revision": made.policy.revision, "files": files},
        "signed_by": [_row(witness) for witness in by],
    }
    return Outcome("policy-init", tuple(lines), fields, settings.learned.get("artifact"))


def _row(witness: Witness) -> dict[str, str | None]:
    signature = witness.signature
    return {
        "name": witness.new.name,
        "kind": "key" if isinstance(witness.new, NewKey) else "keyless",
        "principal": signature.principal,
        "issuer": signature.issuer,
        "identity": signature.identity,
        "root": signature.root,
    }
