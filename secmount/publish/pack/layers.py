"""Layers from paths: a file as it is, a folder as an archive that oras unpacks, or file by file."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import field
from typing import IO, Literal

from secmount.errors import InputError
from secmount.local.fault import faults
from secmount.local.files import write_all
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.layer import ORAS_DIGEST, ORAS_UNPACK, TITLE
from secmount.publish.pack import archive, files, modelpack
from secmount.publish.pack.folder import Folder
from secmount.publish.pack.words import Word
from secmount.value import dataclass

FILE_TYPE = "application/octet-stream"
FOLDER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"

Format = Literal["plain", "modelpack"]


@dataclass(frozen=True, slots=True)
class Blob:
    """One blob: what it is, how to read it, what the user calls it."""

    descriptor: Descriptor
    data: bytes | Iterable[bytes] = field(repr=False)
    shown: str


@dataclass(frozen=True, slots=True)
class Options:
    """How to pack: `name` stands in a ModelPack config, `newest` is the latest time that is kept (None: no times)."""

    name: str
    format: Format = "plain"
    artifact_type: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    config: str | None = None
    newest: int | None = None
    scratch: str = "/var/tmp"  # noqa: S108  # for files without a name only


def layers(word: Word, options: Options, stack: ExitStack) -> Iterator[tuple[Blob, Digest]]:
    """Give what a path becomes, each with the digest of its unpacked bytes; `stack` keeps open what they are read from.

    Raise `InputError` SM1030–SM1034, `StorageError` SM70xx for the scratch file.
    """
    if not _is_folder(word.path):
        yield _file(word, options)
        return
    folder = stack.enter_context(Folder(word.path, word.path))
    entries = folder.entries()
    if options.format == "modelpack" and not _is_tar(word.media_type):
        for entry in entries:
            if entry.kind == "link":
                want = "files and folders, or a tar type after the path"
                raise InputError("SM1032", subject=f"{word.path}/{entry.path}", got="a link", want=want)
            if entry.kind == "file":
                title = entry.path if word.title == "." else f"{word.title}/{entry.path}"
                yield _described(folder.file(entry), Word(f"{word.path}/{entry.path}", word.media_type, title), options)
        return
    spool = stack.enter_context(_scratch(options.scratch))
    chunks = archive.tar(folder, entries, prefix="" if word.title == "." else word.title, newest=options.newest)
    yield _spooled(spool, chunks, word, options)


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError) as err:
        if isinstance(err, OSError):
            raise files.unreadable(err, path) from err
        raise InputError("SM1030", subject=ascii(path), got=str(err), want="a path") from err


def _is_tar(media_type: str | None) -> bool:
    return media_type is not None and bool({"tar", "tgz"} & set(media_type.replace("+", ".").split(".")))


def _file(word: Word, options: Options) -> tuple[Blob, Digest]:
    if word.title == ".":
        raise InputError("SM1030", subject=word.path, got="no name", want="a file or a folder")
    return _described(files.named(word.path), word, options)


def _described(data: files.FileData, word: Word, options: Options) -> tuple[Blob, Digest]:
    names = {TITLE: word.title}
    media_type = word.media_type or FILE_TYPE
    if options.format == "modelpack":
        names = {modelpack.FILEPATH: word.title, TITLE: word.title}
        said = word.media_type
        media_type = (
            said
            if said and said not in modelpack.KINDS
            else modelpack.media_type(said or modelpack.kind_of(word.title))
        )
    digest = _digest(data)
    return Blob(Descriptor(media_type, digest, data.size, names), data, word.path), digest


def _spooled(spool: IO[bytes], chunks: Iterable[bytes], word: Word, options: Options) -> tuple[Blob, Digest]:
    """Write the folder's archive into a file without a name: a folder can be larger than memory, and is read once."""
    plain = options.format == "modelpack" and "gzip" not in (word.media_type or "")
    media_type = word.media_type or FOLDER_TYPE
    if {"zstd", "zst"} & set(media_type.replace("+", ".").split(".")):
        want = "a type for tar+gzip" if options.format == "plain" else "tar or tar+gzip"
        raise InputError("SM1031", subject=word.path, got=media_type, want=want)
    inner, outer = hashlib.sha256(), hashlib.sha256()
    size = 0
    counted = _hashing(chunks, inner)
    for chunk in counted if plain else archive.gzipped(counted):
        outer.update(chunk)
        size += len(chunk)
        _write(spool, chunk, word.path)
    unpacked = Digest("sha256", inner.hexdigest())
    names = {TITLE: word.title}
    if options.format == "plain":
        names |= {ORAS_DIGEST: str(unpacked), ORAS_UNPACK: "true"}
    else:
        names |= {modelpack.FILEPATH: word.title}
    descriptor = Descriptor(media_type, Digest("sha256", outer.hexdigest()), size, names)
    return Blob(descriptor, _Spool(spool, size), word.path), unpacked


class _Spool(Iterable[bytes]):
    """What was written into a file without a name, as often as asked."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._size = file, size

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, self._size, files.CHUNK):
            yield os.pread(self._file.fileno(), files.CHUNK, start)


def _scratch(folder: str) -> IO[bytes]:
    try:
        return tempfile.TemporaryFile(dir=folder, buffering=0)
    except OSError as err:
        raise files.unreadable(err, folder) from err


def _write(spool: IO[bytes], chunk: bytes, shown: str) -> None:
    with faults(f"the archive of {shown}"):
        write_all(spool.fileno(), chunk)


def _hashing(chunks: Iterable[bytes], hasher: hashlib._Hash) -> Iterator[bytes]:
    for chunk in chunks:
        hasher.update(chunk)
        yield chunk


def _digest(chunks: Iterable[bytes]) -> Digest:
    hasher = hashlib.sha256()
    for chunk in chunks:
        hasher.update(chunk)
    return Digest("sha256", hasher.hexdigest())
