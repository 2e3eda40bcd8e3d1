"""`secmount policy init`: a first policy folder from one public key and the names that it may sign for.

The folder appears whole or not at all, and never in place of one that exists.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass

from secmount.errors import InputError
from secmount.local.fault import faults
from secmount.local.files import sync_directory, write_atomic
from secmount.local.owned import make_directory, open_directory
from secmount.oci.reference import registry_name
from secmount.policy import folder, publickey, rules
from secmount.policy.glob import path as path_pattern
from secmount.policy.rules import LAYOUT, POLICY_FILE, Policy
from secmount.trust.roots.public import public_good

WHAT = "policy folder"

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_TEMPLATE = """\
# A policy of secmount: what may be mounted, and whose signatures it needs. What no rule is for is denied.
# `secmount policy check` finds mistakes, with their lines; docs/policy.md explains every key.
version = 1

# Whom a signature can count for: a public key under a name of your choice. The file lies in this folder.
[signers.{signer}]
key = {key}

# A rule for names. The longest match judges a name, and nothing is merged from shorter ones.
[[rules]]
match = {match}
# Any one of these must have signed; add threshold = 2 to ask for two of them.
signers = [{name}]
# A signature that names a repository counts only for that repository. "repository": it must name it.
bind = "named"
# Files that are left out, wherever they lie and however they are spelled: "**/*.pkl", "secrets/**".
{exclude}
# Nothing in it can be executed from the mount.
exec = false
"""


@dataclass(frozen=True, slots=True)
class Written:
    """The new folder as it loads, and the signer that its rule names."""

    policy: Policy
    signer: str
    match: str


def init(path: str, *, key_file: str, match: str, uid: int, cwd: str, exclude: tuple[str, ...] = ()) -> Written:
    """Write a policy folder at `path`: the key in `key_file` may sign for the names of `match`.

    A relative path in an oci: match is one below `cwd`. `exclude` are patterns of files to leave out.

    Raise `InputError`: SM1220 (there is something at `path`), SM1221 (not a public key, no match, no pattern),
    SM1001, SM1002 (not a full name); `StorageError` where it cannot be written or others control the place.
    """
    key = _public_key(key_file)
    text = _match(match, cwd)
    for pattern in exclude:
        try:
            path_pattern(pattern)
        except ValueError as err:
            raise InputError("SM1221", subject=pattern, got=repr(pattern), want=err) from err
    signer = _NOT_IN_NAMES.sub("-", os.path.basename(key_file).partition(".")[0]).strip("-._")[:64] or "signer"
    content = _TEMPLATE.format(
        signer=_quote(signer) if "." in signer else signer,
        key=_quote(f"keys/{signer}.pub"),
        match=_quote(text),
        name=_quote(signer),
        exclude=f"exclude = [{', '.join(map(_quote, exclude))}]" if exclude else '# exclude = ["**/*.pkl"]',
    )
    return Written(_write(path, {f"keys/{signer}.pub": key, POLICY_FILE: content.encode()}, uid), signer, text)


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


def _write(path: str, files: dict[str, bytes], uid: int) -> Policy:
    """Write `files` beside `path`, load them as a policy, then give them the name."""
    parent, name = os.path.split(os.path.abspath(path))
    if os.path.lexists(path) and not (os.path.isdir(path) and not os.path.islink(path) and not os.listdir(path)):
        raise InputError("SM1220", subject=path, got="something is there", want="a folder that does not exist yet")
    handle = _parent(parent, uid)
    temporary = f".{name}.{os.urandom(8).hex()}.new"
    whole = os.path.join(parent, temporary)
    try:
        with faults(path):
            os.mkdir(temporary, 0o755, dir_fd=handle)
        for file, data in files.items():
            _put(whole, file, data, uid)
        folder.load(whole, uid=uid, default_root=public_good)
        _rename(handle, temporary, name, path)
        sync_directory(handle)
    finally:
        os.close(handle)
        shutil.rmtree(whole, ignore_errors=True)  # it is gone unless something failed, and then that is raised
    return folder.load(path, uid=uid, default_root=public_good)


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
