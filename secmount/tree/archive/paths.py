"""The paths of archive entries: relative, clean, inside the tree, or refused.

Stricter than what tools extract, because tools differ: an empty or dot component, or `..` in any spelling, is refused
even where it would stay inside. Only the `./` that `tar -C DIR .` writes before every name, and the slash after a
directory's, are taken away. Unlike titles, names may hold any byte but NUL and `/`: file systems have such names.
"""

from __future__ import annotations

import re

from secmount.errors import ContentError
from secmount.oci.layer import NAME_LIMIT, PATH_LIMIT, check_lengths

_DRIVE = re.compile(r"[A-Za-z]:[/\\]")
_SPECIAL = frozenset({"", ".", ".."})
_ROOT = frozenset({b"./", b".", b"./."})  # how tar spells the directory that -C named
_SHORT = NAME_LIMIT // 4  # characters that cannot be over the limit in bytes


class Paths:
    """Cleans the paths of one archive, remembering the directories that it has already judged."""

    __slots__ = ("_heads", "_subject")

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._heads: set[str] = set()

    def clean(self, raw: bytes, *, directory: bool = False) -> str:
        """Give the path that `raw` spells, "" for the root.

        Raise `ContentError` SM5101 (leaves the tree), SM5102 (not one clean spelling, NUL), SM5103 (too long or deep).
        """
        text = raw.decode("utf-8", "surrogateescape").removeprefix("./")
        if directory:
            text = text.removesuffix("/")
        head, slash, name = text.rpartition("/")
        if (
            (not slash or head in self._heads)
            and name not in _SPECIAL
            and len(name) <= _SHORT
            and len(raw) <= PATH_LIMIT
        ):
            if "\0" not in name and "\\" not in name:
                return text
        elif directory and raw in _ROOT:
            return ""
        self._judge(text)
        if slash:
            self._heads.add(head)
        return text

    def _judge(self, text: str) -> None:
        parts = text.split("/")
        subject = f"{self._subject}, entry {text!r}"
        if text.startswith(("/", "\\")) or _DRIVE.match(text) or ".." in re.split(r"[/\\]", text):
            raise ContentError("SM5101", subject=subject, got=repr(text), want="a path inside the tree")
        if "" in parts or "." in parts:
            raise ContentError("SM5102", subject=subject, got=repr(text), want="no empty and no dot component")
        if "\0" in text:
            raise ContentError("SM5102", subject=subject, got=repr(text), want="a name without NUL")
        check_lengths(text.encode("utf-8", "surrogateescape"), subject=subject)
