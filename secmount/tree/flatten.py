"""Layers to one tree, purely: no I/O, the same layers always give the same tree. Design 3.6, KEP-4639.

Layers are taken in manifest order. A later layer wins at the same path, and a directory over a directory merges. Within
one layer a path has one type and one content. In image layers (OCI image-spec v1.1 `layer.md`) whiteouts take away what
lower layers had, before anything of their own layer is placed, and an entry below a symlink goes where the link leads
within the tree, as if its root were the file system's; in other layers such an entry is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from secmount.errors import ContentError
from secmount.oci.digest import Digest
from secmount.oci.layer import check_lengths
from secmount.tree.archive.entry import Entry, Layer
from secmount.tree.limits import STEPS_LIMIT
from secmount.tree.node import Directory, Dropped, Extent, File, Node, Symlink
from secmount.tree.options import OnConflict
from secmount.value import dataclass

LINKS_LIMIT = 40  # symlinks followed on one path; Linux's MAXSYMLINKS
_WHITEOUT = ".wh."  # image-spec v1.1 `layer.md#whiteouts`
_OPAQUE = ".wh..wh..opq"
_AUFS = ".wh..wh."  # names of aufs's own files, which older Docker versions left in layers


@dataclass(frozen=True, slots=True)
class Flat:
    """A tree before its obligations; `dropped` in the order in which it happened."""

    root: Directory
    dropped: tuple[Dropped, ...]


class _Folder:
    """A directory being filled. `used` is the last layer that named it or put something below it."""

    __slots__ = ("entries", "layer", "mtime", "parent", "used")

    def __init__(self, parent: Self | None, mtime: int, layer: int) -> None:
        self.entries: dict[str, _Folder | File | Symlink] = {}
        self.parent, self.mtime, self.layer, self.used = parent, mtime, layer, layer


_Item = _Folder | File | Symlink


def flatten(layers: Iterable[Layer], *, on_conflict: OnConflict = "last-wins") -> Flat:
    """Merge `layers`, given in manifest order.

    Raise `ContentError` SM5103 (too deep), SM5111 (hard link to what is not a file of the tree), SM5113 (entry through
    a symlink), SM5114 (one path, two types), SM5115 (two entries at one path, where that is an error), SM5116 (not a
    whiteout), SM5127 (symlinks without end).
    """
    merge = _Merge(on_conflict)
    for layer in layers:
        merge.add(layer)
    return Flat(merge.freeze(), tuple(merge.dropped))


class _Merge:
    """The tree so far, and what is known about the layer being added."""

    def __init__(self, on_conflict: OnConflict) -> None:
        self.dropped: list[Dropped] = []
        self._error = on_conflict == "error"
        self._steps = 0  # taken by symlinks
        self._reached = False  # whether a symlink was followed, so that paths can be longer than any entry's
        self._root = _Folder(None, 0, -1)
        self._begin(Layer(-1, Digest.of(b""), ()))

    def _begin(self, layer: Layer) -> None:
        self._position, self._image = layer.position, layer.image
        self._folders: dict[str, _Folder] = {"": self._root}  # by path as entries of this layer spell it
        self._linked: set[tuple[int, str]] = set()  # hard links of this layer: their value is their target's
        self._removed: dict[str, _Item] = {}  # by path, what whiteouts of this layer took away

    def add(self, layer: Layer) -> None:
        """Put one layer over what is there."""
        self._begin(layer)
        self.dropped.extend(Dropped(note.path, layer.position, note.what) for note in layer.notes)
        if layer.mask is not None:
            self._remove(layer.mask, f"hidden by withheld layer {layer.position}")
        entries = self._whiteouts(layer.entries) if layer.image else layer.entries
        folders, blob, position = self._folders, layer.blob, layer.position
        new = tuple.__new__  # what the classes' own __new__ does, at a third of the time
        for entry in entries:
            path, kind, executable, mtime, offset, size, digest, target = entry
            head, _, name = path.rpartition("/")
            parent = folders.get(head)
            if parent is None:
                parent = self._folder(head, entry)
            if kind == "f":
                extent = new(Extent, (blob, offset, size))
                file = new(File, (extent, Digest("sha256", digest), executable, mtime, position))
                if name in parent.entries:
                    self._replace(parent, name, file, path)
                parent.entries[name] = file
            elif kind == "d":
                self._directory(parent, name, entry)
            elif kind == "l":
                self._place(parent, name, Symlink(target, mtime, position), path)
            else:
                self._hard_link(parent, name, entry)

    def _place(self, parent: _Folder, name: str, item: File | Symlink, path: str) -> None:
        if name in parent.entries:
            self._replace(parent, name, item, path)
        parent.entries[name] = item

    def _directory(self, parent: _Folder, name: str, entry: Entry) -> None:
        if not name:
            self._root.mtime = entry.mtime
            return
        found = parent.entries.get(name)
        if not isinstance(found, _Folder):
            made = _Folder(parent, entry.mtime, self._position)
            if found is not None:
                self._replace(parent, name, made, entry.path)
            parent.entries[name] = self._folders[entry.path] = made
            return
        found.mtime, found.layer, found.used = entry.mtime, self._position, self._position
        self._folders[entry.path] = found

    def _replace(self, parent: _Folder, name: str, item: _Item, path: str) -> None:
        """Judge that `item` goes where something is."""
        found = parent.entries[name]
        since = found.used if isinstance(found, _Folder) else found.layer
        mine = since == self._position or (id(parent), name) in self._linked
        if mine and type(found) is not type(item):
            got = f"{_word(found)} and {_word(item)} in one layer"
            raise ContentError("SM5114", subject=self._at(path), got=got, want="one type at one path")
        if (mine and not _same(found, item)) or (self._error and not (self._image and not mine)):
            got = "two entries of one layer" if mine else f"entries of layers {since} and {self._position}"
            raise ContentError("SM5115", subject=self._at(path), got=got, want="one entry at one path")
        self._linked.discard((id(parent), name))
        by = "a later entry of its layer" if mine else f"layer {self._position}"
        self.dropped.append(Dropped(path, found.layer, f"replaced by {by}"))

    def _hard_link(self, parent: _Folder, name: str, entry: Entry) -> None:
        found = self._find(entry.target)
        if found is None or isinstance(found, _Folder):
            got = f"a hard link to {entry.target!r}, which is {'not there' if found is None else 'a directory'}"
            raise ContentError("SM5111", subject=self._at(entry.path), got=got, want="a file that came before")
        if parent.entries.get(name) is not found:
            self._place(parent, name, found, entry.path)
        self._linked.add((id(parent), name))

    def _folder(self, path: str, entry: Entry) -> _Folder:
        """Give the directory that `path` leads to, made where it is missing."""
        folder, walked = self._root, ""
        for part in path.split("/"):
            walked = f"{walked}/{part}" if walked else part
            known = self._folders.get(walked)
            folder = known or self._enter(folder, part, walked, entry)
            self._folders[walked] = folder
        return folder

    def _enter(self, folder: _Folder, name: str, path: str, entry: Entry) -> _Folder:
        found = folder.entries.get(name)
        if isinstance(found, Symlink):
            target = self._follow(folder, found, path, entry)
            if target is None:
                raise ContentError(
                    "SM5113", subject=self._at(entry.path), got=f"a file at {path!r}", want="a directory"
                )
            found = target
        elif not isinstance(found, _Folder):
            made = _Folder(folder, entry.mtime, self._position)
            if found is not None:
                self._replace(folder, name, made, path)
            folder.entries[name] = found = made
        found.used = self._position
        return found

    def _follow(self, folder: _Folder, link: Symlink, path: str, entry: Entry | None) -> _Folder | None:
        """Give the directory that `link`, found in `folder` at `path`, leads to; what `entry` needs of it is made."""
        if not self._image:
            subject = self._at(entry.path if entry else path)
            raise ContentError("SM5113", subject=subject, got=f"a symlink at {path!r}", want="directories only")
        self._reached = True
        followed, rest = 1, _components(link.target)
        folder = self._root if link.target.startswith("/") else folder
        while rest:
            name = rest.pop()
            self._steps += 1
            if self._steps > STEPS_LIMIT:
                raise ContentError(
                    "SM5107", subject=self._at(path), got="symlinks that are too long", want=f"{STEPS_LIMIT} steps"
                )
            found = folder if name == "." else (folder.parent or folder) if name == ".." else folder.entries.get(name)
            if isinstance(found, Symlink):
                followed += 1
                if followed > LINKS_LIMIT:
                    raise ContentError(
                        "SM5127", subject=self._at(path), got="symlinks without end", want=f"{LINKS_LIMIT}"
                    )
                rest += _components(found.target)
                folder = self._root if found.target.startswith("/") else folder
                continue
            if found is None and entry is not None:
                found = folder.entries[name] = _Folder(folder, entry.mtime, self._position)
            if not isinstance(found, _Folder):
                return None
            folder = found
            if entry is not None:
                folder.used = self._position
        return folder

    def _reach(self, path: str) -> _Folder | None:
        """Give the directory at `path`, if there is one; makes nothing."""
        folder = self._root
        for at, part in enumerate(parts := path.split("/") if path else []):
            found: _Item | None = folder.entries.get(part)
            if isinstance(found, Symlink):
                found = self._follow(folder, found, "/".join(parts[: at + 1]), None)
            if not isinstance(found, _Folder):
                return None
            folder = found
        return folder

    def _find(self, path: str) -> _Item | None:
        """Give what is at `path`, or was there before the whiteouts of this layer."""
        head, _, name = path.rpartition("/")
        folder = self._folders.get(head) or self._reach(head)
        found = folder.entries.get(name) if folder else None
        if found is not None or not self._removed:
            return found
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            found = self._removed.get("/".join(parts[:end]))
            for part in parts[end:]:
                found = found.entries.get(part) if isinstance(found, _Folder) else None
            if found is not None:
                return found
        return None

    def _remove(self, path: str, why: str) -> None:
        head, _, name = path.rpartition("/")
        folder = self._reach(head)
        if folder is not None and name in folder.entries:
            item = self._removed[path] = folder.entries.pop(name)
            self.dropped.append(Dropped(path, item.layer, why))

    def _whiteouts(self, entries: Iterable[Entry]) -> list[Entry]:
        """Let the whiteouts among `entries` take effect on lower layers, and give the other entries."""
        return [entry for entry in entries if _WHITEOUT not in entry.path or not self._whiteout(entry)]

    def _whiteout(self, entry: Entry) -> bool:
        head, slash, name = entry.path.rpartition("/")
        parts = head.split("/")
        if any(part.startswith(_AUFS) for part in parts) or (name.startswith(_AUFS) and name != _OPAQUE):
            self.dropped.append(Dropped(entry.path, self._position, "aufs metadata"))
            return True
        if not any(part.startswith(_WHITEOUT) for part in (*parts, name)):
            return False
        hidden = name.removeprefix(_WHITEOUT)
        if hidden == name or hidden in {"", ".", ".."} or entry.kind not in "fh":
            want = f"an empty file {_WHITEOUT}NAME"
            raise ContentError("SM5116", subject=self._at(entry.path), got="a malformed whiteout", want=want)
        if name != _OPAQUE:
            self._remove(f"{head}{slash}{hidden}", f"whiteout in layer {self._position}")
        elif folder := self._reach(head):
            for child in sorted(folder.entries):
                self._remove(f"{head}{slash}{child}", f"opaque directory in layer {self._position}")
        return True

    def freeze(self) -> Directory:
        """Give the tree so far as a value; raise `ContentError` SM5103 where symlinks led to too long a path."""
        return self._freeze(self._root, "")

    def _freeze(self, folder: _Folder, path: str) -> Directory:
        names = sorted(folder.entries)
        if not all(map(str.isascii, names)):
            names.sort(key=lambda name: name.encode("utf-8", "surrogateescape"))
        if self._reached and names:
            check_lengths(_encoded(f"{path}/{max(names, key=len)}"), subject=f"tree, directory {path!r}")
        entries: dict[str, Node] = {}
        for name in names:
            item = folder.entries[name]
            if isinstance(item, _Folder):
                entries[name] = self._freeze(item, f"{path}/{name}")
            else:
                entries[name] = item
        return Directory(entries, folder.mtime, folder.layer)

    def _at(self, path: str) -> str:
        return f"layer {self._position}, entry {path!r}"


def _same(one: _Item, other: _Item) -> bool:
    """Whether it is all the same which of two entries of one layer a reader takes: tar the last, crane the first."""
    if isinstance(one, File) and isinstance(other, File):
        return one.digest == other.digest and one.executable == other.executable
    return isinstance(one, Symlink) and isinstance(other, Symlink) and one.target == other.target


def _components(target: str) -> list[str]:
    return [part for part in reversed(target.split("/")) if part]


def _encoded(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _word(item: _Item) -> str:
    return "a directory" if isinstance(item, _Folder) else "a file" if isinstance(item, File) else "a symlink"
