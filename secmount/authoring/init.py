"""`secmount policy init`: a first policy folder from whoever may sign, and the names that they may sign for.

The folder appears whole or not at all, and never in place of one that exists.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

from secmount.errors import InputError
from secmount.local.fault import faults
from secmount.local.files import sync_directory, write_atomic
from secmount.local.owned import make_directory, open_directory
from secmount.oci.reference import registry_name
from secmount.policy import folder, publickey, rules
from secmount.policy.glob import path as path_pattern
from secmount.policy.rules import LAYOUT, POLICY_FILE, Policy
from secmount.trust.root import TrustRoot
from secmount.trust.roots.public import public_good
from secmount.value import dataclass

WHAT = "policy folder"

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_HEAD = """\
# A policy of secmount: what may be mounted, and whose signatures it needs. What no rule is for is denied.
# `secmount policy check` finds mistakes, with their lines; docs/policy.md explains every key.
version = 1
"""
_KEY = """
# Whom a signature can count for: a public key under a name of your choice. The file lies in this folder.
[signers.{name}]
key = {file}
"""
_KEYLESS = """
# Whom a signature can count for: an identity under a name of your choice. Who vouched for it, exactly:
[signers.{name}]
issuer = {issuer}
# The identity that the issuer vouched for. "*" is anything within a part; "@refs/tags/**" is every tag.
identity = {identity}
"""
_CLAIMS = """\
# What the certificate must say besides, exactly.
claims = {{ {claims} }}
"""
_ROOT = """\
# The authorities and logs that are believed for it, instead of the public ones. The file lies in this folder.
trusted-root = {file}
"""
_RULE = """
# A rule for names. The longest match judges a name, and nothing is merged from shorter ones.
[[rules]]
match = {match}
# Any one of these must have signed; add threshold = 2 to ask for two of them.
signers = [{names}]
# A signature that names a repository counts only for that repository. "repository": it must name it.
bind = "named"
# Files that are left out, wherever they lie and however they are spelled: "**/*.pkl", "secrets/**".
{exclude}
# Nothing in it can be executed from the mount.
exec = false
"""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A signer to be: the public key in `pem`."""

    name: str
    pem: bytes


@dataclass(frozen=True, slots=True)
class NewKeyless:
    """A signer to be: an identity pattern and its issuer; `root` is a trusted_root.json, None for the default one."""

    name: str
    issuer: str
    identity: str
    claims: Mapping[str, str] = field(default_factory=dict, hash=False)
    root: bytes | None = None


New = NewKey | NewKeyless


@dataclass(frozen=True, slots=True)
class Written:
    """The new folder as it loads, and the signers that its rule names."""

    policy: Policy
    signers: tuple[str, ...]
    match: str


def init(path: str, *, key_file: str, match: str, uid: int, cwd: str, exclude: tuple[str, ...] = ()) -> Written:
    """Write a policy folder at `path`: the key in `key_file` may sign for the names of `match`; see `write`."""
    return write(path, (key(key_file),), match=match, uid=uid, cwd=cwd, exclude=exclude)


def write(
    path: str,
    signers: Sequence[New],
    *,
    match: str,
    uid: int,
    cwd: str,
    exclude: tuple[str, ...] = (),
    default_root: Callable[[], TrustRoot] | None = None,
) -> Written:
    """Write a policy folder at `path`: any of `signers` may sign for the names of `match`.

    A relative path in an oci: match is one below `cwd`. `exclude` are patterns of files to leave out.

    Raise `InputError`: SM1220 (there is something at `path`), SM1221 (no match, no pattern), SM1001, SM1002 (not a full
    name); `StorageError` where it cannot be written or others control the place.
    """
    text = _match(match, cwd)
    for pattern in exclude:
        try:
            path_pattern(pattern)
        except ValueError as err:
            raise InputError("SM1221", subject=pattern, got=repr(pattern), want=err) from err
    content, files = _HEAD, dict[str, bytes]()
    for signer in signers:
        content += _signer(signer, files)
    content += _RULE.format(
        match=_quote(text),
        names=", ".join(_quote(signer.name) for signer in signers),
        exclude=f"exclude = [{', '.join(map(_quote, exclude))}]" if exclude else '# exclude = ["**/*.pkl"]',
    )
    policy = _write(path, {**files, POLICY_FILE: content.encode()}, uid, default_root)
    return Written(policy, tuple(signer.name for signer in signers), text)


def check_free(path: str) -> None:
    """Raise `InputError` SM1220 if there is something at `path`."""
    if os.path.lexists(path) and not (os.path.isdir(path) and not os.path.islink(path) and not os.listdir(path)):
        raise InputError("SM1220", subject=path, got="something is there", want="a folder that does not exist yet")


def key(key_file: str) -> NewKey:
    """Read the public key in `key_file`, named by its file; raise `InputError` SM1221."""
    return NewKey(name(os.path.basename(key_file).partition(".")[0]), _public_key(key_file))


def name(text: str) -> str:
    """Make a signer's name of a text."""
    return _NOT_IN_NAMES.sub("-", text).strip("-._")[:64] or "signer"


def _signer(signer: New, files: dict[str, bytes]) -> str:
    """Write the table of `signer`, and put its files among `files`."""
    table = _quote(signer.name) if "." in signer.name else signer.name
    if isinstance(signer, NewKey):
        file = f"keys/{signer.name}.pub"
        files[file] = signer.pem
        return _KEY.format(name=table, file=_quote(file))
    text = _KEYLESS.format(name=table, issuer=_quote(signer.issuer), identity=_quote(signer.identity))
    if signer.claims:
        text += _CLAIMS.format(claims=", ".join(f"{key} = {_quote(value)}" for key, value in signer.claims.items()))
    if signer.root is not None:
        file = f"roots/{signer.name}.json"
        files[file] = signer.root
        text += _ROOT.format(file=_quote(file))
    return text


def _public_key(key_file: str) -> bytes:
    try:
        with open(key_file, "rb") as file:
            data = file.read(publickey.PEM_LIMIT + 1)
        publickey.read(data)
    except OSError as err:
        raise InputError(
            "SM1221", subject=key_file, got=err.strerror or str(err), want="the file of a public key"
        ) from err
    except ValueError as err:
        raise InputError("SM1221", subject=key_file, got=err, want="a PEM file of a public key") from err
    return data


def _match(text: str, cwd: str) -> str:
    """Give `text` as a rule must spell it."""
    if text.startswith(LAYOUT):
        rest = text.removeprefix(LAYOUT)
        base, more = (rest[:-3], "/**") if rest.endswith("/**") else (rest, "")
        whole = os.path.normpath(os.path.join(cwd, base or "/"))
        text = f"{LAYOUT}{whole.rstrip('/')}{more}"
    elif "*" not in text:
        text = registry_name(text)
    try:
        return rules.match(text).text
    except ValueError as err:
        raise InputError("SM1221", subject=text, got=repr(text), want=err) from err


def _write(path: str, files: dict[str, bytes], uid: int, default_root: Callable[[], TrustRoot] | None = None) -> Policy:
    """Write `files` beside `path`, load them as a policy, then give them the name."""
    parent, name = os.path.split(os.path.abspath(path))
    check_free(path)
    handle = _parent(parent, uid)
    temporary = f".{name}.{os.urandom(8).hex()}.new"
    whole = os.path.join(parent, temporary)
    try:
        with faults(path):
            os.mkdir(temporary, 0o755, dir_fd=handle)
        for file, data in files.items():
            _put(whole, file, data, uid)
        folder.load(whole, uid=uid, default_root=default_root or public_good)
        _rename(handle, temporary, name, path)
        sync_directory(handle)
    finally:
        os.close(handle)
        shutil.rmtree(whole, ignore_errors=True)  # it is gone unless something failed, and then that is raised
    return folder.load(path, uid=uid, default_root=default_root or public_good)


def _parent(path: str, uid: int) -> int:
    """Open the folder that the new one will lie in; whether it may is checked when the new one is loaded there."""
    if not os.path.lexists(path):
        return make_directory(path, uid=uid, what=WHAT)
    with faults(path):
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _put(whole: str, file: str, data: bytes, uid: int) -> None:
    inner, _, name = file.rpartition("/")
    with faults(whole):
        os.makedirs(os.path.join(whole, inner), 0o755, exist_ok=True)
    handle = open_directory(os.path.join(whole, inner), uid=uid, what=WHAT)
    try:
        write_atomic(handle, name, data, mode=0o644)
    finally:
        os.close(handle)


def _rename(handle: int, temporary: str, name: str, path: str) -> None:
    with faults(path):
        try:
            os.rename(temporary, name, src_dir_fd=handle, dst_dir_fd=handle)
        except (FileExistsError, NotADirectoryError) as err:
            raise InputError(
                "SM1220", subject=path, got="something is there", want="a folder that does not exist yet"
            ) from err
        except OSError as err:
            if os.path.isdir(path) and os.listdir(path):
                raise InputError("SM1220", subject=path, got="a folder with files", want="a new folder") from err
            raise


def _quote(text: str) -> str:
    """Write `text` as a TOML basic string; JSON's escapes are all TOML's."""
    return json.dumps(text, ensure_ascii=False)
