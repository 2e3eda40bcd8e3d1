"""What a user writes to be pushed: `PATH[:MEDIA-TYPE]`, and the title that each path gets."""

from __future__ import annotations

import os

from secmount.errors import ContentError, InputError
from secmount.oci import descriptor
from secmount.oci.layer import check_path
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """One path with the type that was written after it; `title` is what it will be called (".": the folder itself)."""

    path: str
    media_type: str | None
    title: str


def read(text: str, *, kinds: frozenset[str] = frozenset()) -> Word:
    """Read `PATH[:MEDIA-TYPE]`; `kinds` are short words that may stand for a type.

    What follows the last colon is a type if it has the form of one, and belongs to the path otherwise. Raise
    `InputError` SM1030 (no path), SM1033 (a title that no reader takes).
    """
    path, colon, said = text.rpartition(":")
    if not colon or not path or not (said in kinds or _is_type(said)):
        path, said = text, ""
    if not path:
        raise InputError("SM1030", subject=repr(text), got="an empty text", want="a path")
    return Word(path, said or None, _title(path))


def media_type(text: str, *, subject: str) -> str:
    """Give `text` back if it is a media type; raise `InputError` SM1031."""
    if not _is_type(text):
        raise InputError("SM1031", subject=subject, got=repr(text), want="type/subtype")
    return text


def _is_type(text: str) -> bool:
    try:
        descriptor.media_type(text, subject="")
    except ContentError:
        return False
    return True


def _title(path: str) -> str:
    """Take the path as it is written; an absolute one, or one that leads out of here, gives its last component."""
    title = os.path.normpath(path)
    if title.startswith(("/", "../")) or title == "..":
        title = os.path.basename(os.path.abspath(path)) or "."
    if title == ".":
        return title
    try:
        return check_path(title, subject=path)
    except ContentError as err:
        raise InputError("SM1033", subject=ascii(path), got=err.got, want=err.want) from err
