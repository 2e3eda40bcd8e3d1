"""The policy folder: read once, through a directory handle; the bytes that are hashed are the bytes that are parsed.

`policy.toml` and the key files it names are the policy. Other files are ignored and reported; a private key or Rego
among them is an error: the one must not lie there, the other would look enforced. No link inside the folder is
followed. The revision is sha256 over the path and sha256 of every file that was loaded, the default trust root among
them where a signer stands under it, and the digest of the shipped program. Design 3.3.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Any

from secmount.errors import InputError, Place, StorageError
from secmount.local.descent import descend
from secmount.local.fault import faults
from secmount.local.owned import check_entry, kind, open_directory
from secmount.policy import input as program_input
from secmount.policy import shipped, tables
from secmount.policy.rules import POLICY_FILE, LoadedFile, Policy
from secmount.policy.signers import read as signers
from secmount.policy.signers.bounds import Files
from secmount.policy.toml import TOML_LIMIT, Document, Finding, Table, parse
from secmount.trust.root import TrustRoot
from secmount.value import dataclass

FILES_LIMIT = 2_000  # entries in the folder, ignored ones among them
DEPTH_LIMIT = 8  # folders in folders
PEEK_LIMIT = 64 << 10  # bytes of an ignored file that are searched for a private key
WHAT = "policy folder"
DEFAULT_ROOT = "default-root.json"  # the name under which a policy holds the default trust root; none of its files

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LATER = ("custom",)  # design 3.3, not enforced by this version


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading a folder gave: the policy unless there are errors, and everything that is to be said about it."""

    policy: Policy | None
    findings: tuple[Finding, ...]
    document: Document


def load(path: str, *, uid: int, default_root: Callable[[], TrustRoot] | None = None) -> Policy:
    """Read the policy folder at `path`, believed by `uid`; `default_root` is for keyless signers that name no root.

    Raise `InputError`: SM1105 if there is none, else the first error found (SM1201–SM1215), with its line. Raise
    `StorageError` SM7010 and the like where others control the folder.
    """
    reading = read(path, uid=uid, default_root=default_root)
    if reading.policy is None:
        raise next(finding for finding in reading.findings if finding.severity == "error").error()
    return reading.policy


def read(path: str, *, uid: int, default_root: Callable[[], TrustRoot] | None = None) -> Reading:
    """Read the folder and find all that is wrong with it; raise only where there is nothing to read (see `load`)."""
    try:
        handle = open_directory(path, uid=uid, what=WHAT)
    except StorageError as err:
        if err.code == "SM7004":
            raise InputError("SM1105", subject=path, got="no such folder", want=f"a folder with {POLICY_FILE}") from err
        raise
    folder = _Folder(path, handle, uid)
    try:
        return _read(folder, default_root)
    finally:
        os.close(handle)


def revision(files: tuple[LoadedFile, ...], program_digest: str) -> str:
    """Name exactly these files, the default trust root if it is among them, and this program: `sha256:<hex>`.

    Paths have no line breaks, so no two sets of files share a text.
    """
    rows = ["secmount.policy/v1", *(f"{file.sha256} {file.path}" for file in files), f"program {program_digest}", ""]
    return "sha256:" + hashlib.sha256("\n".join(rows).encode()).hexdigest()


def _read(folder: _Folder, default_root: Callable[[], TrustRoot] | None) -> Reading:
    try:
        raw = folder.file(POLICY_FILE, TOML_LIMIT)
    except InputError as err:
        code = "SM1105" if err.code == "SM1213" else err.code
        raise InputError(code, subject=err.subject, got=err.got, want=f"a folder with {POLICY_FILE}") from err
    document = parse(raw, file=folder.place(POLICY_FILE))
    findings: list[Finding] = []
    files = Files(folder.file, None if default_root is None else lambda: folder.default(default_root))
    fields = _tables(Table(document, document.values, (), findings), files)
    findings += folder.strangers()
    findings.sort(key=lambda finding: (finding.severity, finding.place.line or 0))
    if any(finding.severity == "error" for finding in findings):
        return Reading(None, tuple(findings), document)
    loaded = tuple(folder.loaded[name] for name in sorted(folder.loaded))
    policy = Policy(
        path=folder.path,
        revision=revision(loaded, shipped.program().digest),
        files=loaded,
        data=program_input.data(**fields),
        warnings=tuple(findings),
        **fields,
    )
    return Reading(policy, tuple(findings), document)


def _tables(top: Table, files: Files) -> dict[str, Any]:
    """Read the tables of policy.toml as the fields of `Policy` that they are."""
    version = top.whole("version", least=1)
    if version != 1 and (version is not None or not top.has("version")):
        top.fault("SM1203", *["version"] * top.has("version"), got=version or "no version", want="version = 1")
    trust = top.table("trust")
    max_root_age = None if trust is None else trust.duration("max-root-age")
    if trust is not None:
        trust.finish()
    trusted = signers.read(top.table("signers"), files)
    deny = tables.read_deny(top.table("deny"))
    named = top.values.get("signers")
    rules = tables.read_rules(top.tables("rules"), named if isinstance(named, dict) else ())
    tables.check_identities(top, rules, trusted)
    top.finish(later=_LATER)
    return {"signers": trusted, "rules": rules, "deny": deny, "max_root_age": max_root_age}


@dataclass(slots=True)
class _Folder:
    """The open folder and what was read from it."""

    path: str
    handle: int
    uid: int
    loaded: dict[str, LoadedFile] = field(default_factory=dict)
    root: TrustRoot | None = None

    def default(self, root: Callable[[], TrustRoot]) -> TrustRoot:
        """Take the default trust root into the policy, once."""
        if self.root is None:
            self.root = root()
            digest = hashlib.sha256(self.root.raw).hexdigest()
            self.loaded[DEFAULT_ROOT] = LoadedFile(DEFAULT_ROOT, digest, self.root.raw)
        return self.root

    def place(self, name: str) -> str:
        return os.path.join(self.path, name)

    def file(self, name: str, limit: int) -> bytes:
        """Read the file `name` of the folder, once.

        Raise `InputError` SM1213 (not a file inside the folder, or the default trust root's name) or SM1215 (too
        large), `StorageError` SM7010, SM7011.
        """
        if name == DEFAULT_ROOT:
            raise InputError(
                "SM1213", subject=self.path, got=repr(name), want="another name: this is the default root's"
            )
        if name not in self.loaded:
            data = self._file(name, limit)
            self.loaded[name] = LoadedFile(name, hashlib.sha256(data).hexdigest(), data)
        return self.loaded[name].data

    def _file(self, name: str, limit: int) -> bytes:
        *folders, last = parts = name.split("/")
        if len(parts) > DEPTH_LIMIT or any(part in ("", ".", "..") for part in parts) or _CONTROL.search(name):
            raise InputError("SM1213", subject=self.path, got=repr(name), want="a relative path inside the folder")
        with descend(self.handle, folders, lambda part, here: self._open(part, here, _DIRECTORY, name)) as here:
            return self._content(last, here, name, limit)

    def _open(self, part: str, here: int, flags: int, name: str) -> int:
        """Open an entry of a directory of ours, no link, controlled by nobody else."""
        try:
            with faults(self.place(name)):
                handle = os.open(part, flags, dir_fd=here)
        except StorageError as err:
            if err.code in ("SM7004", "SM7012", "SM7013"):
                want = "a file inside the folder, not through a link"
                raise InputError("SM1213", subject=self.place(name), got=err.got, want=want) from err
            raise
        try:
            check_entry(os.fstat(handle), uid=self.uid, what=WHAT, shown=self.place(name))
        except StorageError:
            os.close(handle)
            raise
        return handle

    def _content(self, part: str, here: int, name: str, limit: int) -> bytes:
        handle = self._open(part, here, _FILE, name)
        try:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode):
                raise InputError("SM1213", subject=self.place(name), got=kind(mode), want="a regular file")
            with faults(self.place(name)), open(handle, "rb", closefd=False) as file:
                data = file.read(limit + 1)
        finally:
            os.close(handle)
        if len(data) > limit:
            raise InputError(
                "SM1215", subject=self.place(name), got=f"over {limit} bytes", want=f"at most {limit} bytes"
            )
        return data

    def strangers(self) -> list[Finding]:
        """Report what lies in the folder and is not part of the policy."""
        findings: list[Finding] = []
        with faults(self.path):
            for count, (name, mode, head) in enumerate(_entries(self.handle, "", self.loaded), 1):
                place = Place(self.place(name))
                if count > FILES_LIMIT:
                    place = Place(self.path)
                    findings.append(Finding("error", "SM1215", place, got=f"over {FILES_LIMIT} other files"))
                    break
                if b"PRIVATE KEY-----" in head:
                    findings.append(Finding("error", "SM1211", place, name))
                elif name.endswith((".rego", ".wasm")):
                    findings.append(
                        Finding("error", "SM1204", place, name, want="a version of secmount that enforces it")
                    )
                else:
                    findings.append(Finding("warning", "SM1252", place, name, got=kind(mode)))
        return findings


def _entries(handle: int, base: str, known: Mapping[str, LoadedFile]) -> Iterator[tuple[str, int, bytes]]:
    """Walk the entries that are not `known`: path, mode, and how a regular file begins."""
    with os.scandir(handle) as rows:
        names = sorted(row.name for row in rows)
    for name in names:
        path = f"{base}{name}"
        if path in known:
            continue
        mode = os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode) and path.count("/") < DEPTH_LIMIT:
            inner = os.open(name, _DIRECTORY, dir_fd=handle)
            try:
                yield from _entries(inner, f"{path}/", known)
            finally:
                os.close(inner)
        else:
            yield path, mode, _head(name, handle) if stat.S_ISREG(mode) else b""


def _head(name: str, handle: int) -> bytes:
    try:
        file = os.open(name, _FILE, dir_fd=handle)
    except PermissionError:
        return b""  # what the caller cannot read is reported as ignored, like the rest
    try:
        return os.read(file, PEEK_LIMIT)
    finally:
        os.close(file)
