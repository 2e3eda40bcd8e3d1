r"""The tree as text, injectively: the sha256 of the dump is the tree's digest. Format: docs/formats/tree.md.

One line `secmount.tree/v1`, then one line for each path, a directory before what it holds, names in the order of
their bytes: `PATH TYPE MODE SIZE DIGEST TARGET`, separated by single spaces. Paths begin with `/`. Bytes outside of `!`
to `~` and the backslash are written `\xNN` (lower case); a field that the type does not have is `-`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from secmount.errors import ContentError
from secmount.oci.digest import Digest
from secmount.tree.node import Directory, File, Node

FORM = "secmount.tree/v1"
_LINES = 4096  # lines gathered before they are written
_PLAIN = re.compile(r"[!-\[\]-~]*")
_ESCAPED = re.compile(rb"[^!-\[\]-~]")
_TEXT = r"(?:[!-\[\]-~]|\\x[0-9a-f]{2})"
_ROW = re.compile(
    rf"(/{_TEXT}*) "
    r"(?:(d) (0555) 0 - -|(f) (0444|0555) (0|[1-9][0-9]{0,18}) (sha256:[0-9a-f]{64}) -|"
    rf"(l) (0777) 0 - ({_TEXT}+))"
)


class Row(NamedTuple):
    """One path as the dump says it; `path` is relative, "" for the root. What the type does not have is None."""

    path: str
    type: str  # f, d or l
    mode: int
    size: int
    digest: Digest | None
    target: str | None


def escape(text: str) -> str:
    r"""Write what is not plain as `\xNN`, byte by byte."""
    if _PLAIN.fullmatch(text):
        return text
    data = text.encode("utf-8", "surrogateescape")
    return _ESCAPED.sub(lambda match: b"\\x%02x" % match[0][0], data).decode("ascii")


def dump(root: Directory) -> bytes:
    """Give the dump of the tree below `root`."""
    out = io.BytesIO()
    write(root, out)
    return out.getvalue()


def write(root: Directory, out: BinaryIO) -> None:
    """Write the dump into a file, piece by piece: it is as large as the tree."""
    lines = [FORM, "/ d 0555 0 - -"]
    _write(root, "/", lines, out)
    lines.append("")
    out.write("\n".join(lines).encode("ascii"))


def _write(directory: Directory, prefix: str, lines: list[str], out: BinaryIO) -> None:
    if len(lines) > _LINES:
        lines.append("")
        out.write("\n".join(lines).encode("ascii"))
        lines.clear()
    for name, node in directory.entries.items():
        path = prefix + (name if _PLAIN.fullmatch(name) else escape(name))
        if isinstance(node, File):
            mode = "0555" if node.executable else "0444"
            lines.append(f"{path} f {mode} {node.extent.length} sha256:{node.digest.hex} -")
        elif isinstance(node, Directory):
            lines.append(f"{path} d 0555 0 - -")
            _write(node, path + "/", lines, out)
        else:
            lines.append(f"{path} l 0777 0 - {escape(node.target)}")


def parse(data: bytes) -> list[Row]:
    """Read a dump; raise `ContentError` SM5129 where it is not one, byte for byte."""
    try:
        head, *lines, end = data.decode("ascii").split("\n")
    except ValueError as err:
        raise ContentError("SM5129", got=str(err), want=FORM) from err
    if head != FORM or end != "" or not lines:
        raise ContentError("SM5129", got=repr(head), want=FORM)
    return [_row(line) for line in lines]


def _row(line: str) -> Row:
    match = _ROW.fullmatch(line)
    if not match:
        raise ContentError("SM5129", got=repr(line), want="PATH TYPE MODE SIZE DIGEST TARGET")
    path, folder, folder_mode, file, file_mode, size, digest, link, link_mode, target = match.groups()
    return Row(
        path=_unescape(path[1:]),
        type=folder or file or link,
        mode=int(folder_mode or file_mode or link_mode, 8),
        size=int(size or 0),
        digest=Digest.parse(digest) if digest else None,
        target=_unescape(target) if target else None,
    )


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    data = re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes([int(match[1], 16)]), text.encode("ascii"))
    return data.decode("utf-8", "surrogateescape")


def walk(root: Directory) -> Iterator[tuple[str, Node]]:
    """Yield every (path, node) below `root`, in the dump's order."""
    pending = [("", iter(root.entries.items()))]
    while pending:
        prefix, items = pending[-1]
        for name, node in items:
            yield prefix + name, node
            if isinstance(node, Directory):
                pending.append((f"{prefix}{name}/", iter(node.entries.items())))
                break
        else:
            pending.pop()
