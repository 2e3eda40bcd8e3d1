"""Hostile archives and titles, each with the code that it must be refused with.

`ARCHIVES` are single tar layers of an artifact that is no image, `ARTIFACTS` whole artifacts. Both are made when they
are asked for, so that a list of names costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.archives import (
    BLOCK,
    GNU,
    TITLE,
    UNPACK,
    UNPACKED_DIGEST,
    Artifact,
    archive,
    entry,
    folder,
    hardlink,
    header,
    long_name,
    packed,
    padded,
    pax,
    symlink,
    zstd,
)
from tests.support.layouts import digest_of

TAR = "application/vnd.acme.content.v1.tar"
DEEP = "/".join("d" for _ in range(129))
LONG = "/".join("n" * 200 for _ in range(21))
SPARSE = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "a", "GNU.sparse.realsize": "1"}


def named(name: str | bytes) -> bytes:
    """Give an archive of one file, its name in a pax record: any bytes, any length."""
    return archive(pax({"path": name}), entry("a", b"x"))


ARCHIVES: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    # paths
    "absolute path": ("SM5101", lambda: archive(entry("/etc/passwd", b"x"))),
    "absolute path in a pax record": ("SM5101", lambda: named("/etc/passwd")),
    "absolute path in a GNU long name": ("SM5101", lambda: archive(long_name("/etc/passwd"), entry("a", magic=GNU))),
    "absolute path by prefix": ("SM5101", lambda: archive(entry("passwd", b"x", prefix=b"/etc"))),
    "absolute path behind ./": ("SM5101", lambda: archive(entry(".//etc/passwd", b"x"))),
    "dot-dot at the start": ("SM5101", lambda: archive(entry("../a", b"x"))),
    "dot-dot in the middle that stays inside": ("SM5101", lambda: archive(entry("a/../b", b"x"))),
    "dot-dot at the end": ("SM5101", lambda: archive(folder("a/.."))),
    "dot-dot alone": ("SM5101", lambda: archive(folder(".."))),
    "dot-dot behind ./": ("SM5101", lambda: archive(entry("./../a", b"x"))),
    "dot-dot by prefix": ("SM5101", lambda: archive(entry("a", b"x", prefix=b"x/.."))),
    "dot-dot with backslashes": ("SM5101", lambda: archive(entry("a\\..\\..\\b", b"x"))),
    "dot-dot below a known directory": ("SM5101", lambda: archive(entry("d/a", b"x"), entry("d/..", b"x"))),
    "drive letter": ("SM5101", lambda: archive(entry("C:\\x", b"x"))),
    "drive letter with a slash": ("SM5101", lambda: archive(entry("c:/x", b"x"))),
    "network path": ("SM5101", lambda: archive(entry("\\\\host\\share", b"x"))),
    "directory outside": ("SM5101", lambda: archive(folder("../d/"))),
    "symlink outside": ("SM5101", lambda: archive(symlink("../l", "a"))),
    "empty name": ("SM5102", lambda: archive(entry("", b"x"))),
    "empty pax name": ("SM5102", lambda: named("")),
    "empty component": ("SM5102", lambda: archive(entry("a//b", b"x"))),
    "dot component": ("SM5102", lambda: archive(entry("a/./b", b"x"))),
    "dot component twice at the start": ("SM5102", lambda: archive(entry("././a", b"x"))),
    "dot alone as a file": ("SM5102", lambda: archive(entry(".", b"x"))),
    "slash at a file's end": ("SM5102", lambda: archive(entry("a/", b"x"))),
    "two slashes at a directory's end": ("SM5102", lambda: archive(folder("a//"))),
    "NUL in a name field": ("SM5102", lambda: archive(entry(b"a\0b", b"x"))),
    "NUL in a name like the last one": ("SM5102", lambda: archive(entry("a", b"x"), entry(b"a\0b", b"x"))),
    "NUL in a hard link's target": ("SM5102", lambda: archive(entry("a", b"x"), hardlink("h", b"a\0b"))),
    "NUL in a symlink's target": ("SM5112", lambda: archive(entry("a", b"x"), symlink("l", b"a\0b"))),
    "NUL in a pax name": ("SM5102", lambda: named(b"a\0b")),
    "NUL in a prefix": ("SM5102", lambda: archive(entry("a", b"x", prefix=b"p\0q"))),
    "name of 256 bytes": ("SM5103", lambda: named("n" * 256)),
    "name of 256 bytes in fewer characters": ("SM5103", lambda: named("é" * 128)),
    "path of more than 4096 bytes": ("SM5103", lambda: named(LONG)),
    "path of 129 components": ("SM5103", lambda: named(DEEP)),
    # types
    "character device": ("SM5110", lambda: archive(header("dev", type=b"3"))),
    "block device": ("SM5110", lambda: archive(header("dev", type=b"4"))),
    "fifo": ("SM5110", lambda: archive(header("fifo", type=b"6"))),
    "GNU sparse file": ("SM5109", lambda: archive(entry("a", b"x", type=b"S", magic=GNU))),
    "pax sparse file": ("SM5109", lambda: archive(pax(SPARSE), entry("a", b"x"))),
    "multi-volume part": ("SM5109", lambda: archive(entry("a", b"x", type=b"M", magic=GNU))),
    "volume label": ("SM5109", lambda: archive(header("label", type=b"V", magic=GNU))),
    "unknown type": ("SM5109", lambda: archive(entry("a", b"x", type=b"Z"))),
    # links
    "hard link to what is missing": ("SM5111", lambda: archive(hardlink("h", "a"))),
    "hard link to itself": ("SM5111", lambda: archive(hardlink("h", "h"))),
    "hard links to each other": ("SM5111", lambda: archive(hardlink("a", "b"), hardlink("b", "a"))),
    "hard link to what comes later": ("SM5111", lambda: archive(hardlink("h", "a"), entry("a", b"x"))),
    "hard link to a directory": ("SM5111", lambda: archive(folder("d/"), hardlink("h", "d"))),
    "hard link to an absolute path": ("SM5101", lambda: archive(hardlink("h", "/etc/passwd"))),
    "hard link out": ("SM5101", lambda: archive(hardlink("h", "../../etc/passwd"))),
    "hard link to nothing": ("SM5102", lambda: archive(hardlink("h", ""))),
    "hard link with content": ("SM5108", lambda: archive(entry("a", b"x"), hardlink("h", "a", size=1), padded(b"x"))),
    "hard link through a symlink": (
        "SM5113",
        lambda: archive(folder("d/"), entry("d/a", b"x"), symlink("l", "d"), hardlink("h", "l/a")),
    ),
    "symlink to an absolute path": ("SM5112", lambda: archive(symlink("l", "/etc/passwd"))),
    "symlink above the root": ("SM5112", lambda: archive(symlink("d/l", "../../etc/passwd"))),
    "symlink above the root and back": ("SM5112", lambda: archive(entry("a", b"x"), symlink("l", "../tree/a"))),
    "symlink that leaves by its second step": ("SM5112", lambda: archive(folder("d/"), symlink("l", "d/../../a"))),
    "symlink that leaves behind what is missing": ("SM5112", lambda: archive(symlink("l", "missing/../../a"))),
    "symlink that leaves by its letters alone": (
        "SM5112",
        lambda: archive(folder("x/"), folder("x/y/"), entry("a", b"x"), symlink("e", "x/y"), symlink("l", "e/../../a")),
    ),
    "chain of symlinks that leads out": (
        "SM5112",
        lambda: archive(folder("d/"), folder("d/e/"), symlink("d/up", ".."), symlink("d/e/out", "../up/..")),
    ),
    "symlink without a target": ("SM5112", lambda: archive(symlink("l", ""))),
    "symlink with NUL in its target": ("SM5112", lambda: archive(pax({"linkpath": b"a\0b"}), symlink("l", "a"))),
    "symlink with a target of 4096 bytes": (
        "SM5112",
        lambda: archive(pax({"linkpath": "a" * 4096}), symlink("l", "a")),
    ),
    "symlink with content": ("SM5108", lambda: archive(symlink("l", "a", size=1), padded(b"x"))),
    "symlink to itself": ("SM5127", lambda: archive(symlink("l", "l"))),
    "symlinks in a cycle": ("SM5127", lambda: archive(symlink("a", "b"), symlink("b", "a"))),
    "chain of 41 symlinks": (
        "SM5127",
        lambda: archive(entry("l0", b"x"), *(symlink(f"l{n}", f"l{n - 1}") for n in range(1, 42))),
    ),
    "file through a symlink": ("SM5113", lambda: archive(folder("d/"), symlink("l", "d"), entry("l/a", b"x"))),
    "file through a symlink out": ("SM5113", lambda: archive(symlink("l", "/tmp"), entry("l/a", b"x"))),
    "directory through a symlink": ("SM5113", lambda: archive(folder("d/"), symlink("l", "d"), folder("l/e/"))),
    "symlink through a symlink": ("SM5113", lambda: archive(folder("d/"), symlink("l", "d"), symlink("l/m", "a"))),
    # one path, two types
    "file and directory": ("SM5114", lambda: archive(entry("a", b"x"), folder("a/"))),
    "directory and file": ("SM5114", lambda: archive(folder("a/"), entry("a", b"x"))),
    "file with children": ("SM5114", lambda: archive(entry("a", b"x"), entry("a/b", b"x"))),
    "children, then a file": ("SM5114", lambda: archive(entry("a/b/c", b"x"), entry("a", b"x"))),
    "file and symlink": ("SM5114", lambda: archive(entry("a", b"x"), symlink("a", "b"))),
    "symlink and file": ("SM5114", lambda: archive(symlink("a", "b"), entry("a", b"x"))),
    "symlink and directory": ("SM5114", lambda: archive(symlink("a", "b"), folder("a/"))),
    "hard link and symlink": ("SM5114", lambda: archive(entry("b", b"x"), hardlink("a", "b"), symlink("a", "c"))),
    "one path with two contents": ("SM5115", lambda: archive(entry("a", b"x"), entry("a", b"y"))),
    "one path with two modes": ("SM5115", lambda: archive(entry("a", b"x"), entry("a", b"x", mode=0o755))),
    "one symlink with two targets": ("SM5115", lambda: archive(symlink("a", "b"), symlink("a", "c"))),
    # headers
    "wrong checksum": ("SM5108", lambda: archive(header("a", checksum=b"000000\0 "))),
    "wrong checksum like the last one": (
        "SM5108",
        lambda: archive(entry("a", b"x"), header("b", size=1, checksum=b"000000\0 "), padded(b"x")),
    ),
    "checksum that is no number": ("SM5108", lambda: archive(header("a", checksum=b"zzzzzz\0 "))),
    "size that is no number": ("SM5108", lambda: archive(header("a", size=b"zzzzzzzzzzz\0"))),
    "size with a digit 8": ("SM5108", lambda: archive(header("a", size=b"00000000008\0"))),
    "size with an underscore": ("SM5108", lambda: archive(header("a", size=b"0000000_001\0"))),
    "size with a sign": ("SM5108", lambda: archive(header("a", size=b"+0000000001\0"))),
    "size with an underscore like the last one": (
        "SM5108",
        lambda: archive(entry("a", b"x"), header("b", size=b"0000000_001\0"), padded(b"x")),
    ),
    "size with a digit 9 like the last one": (
        "SM5108",
        lambda: archive(entry("a", b"x"), header("b", size=b"00000000009\0"), padded(b"x")),
    ),
    "mode in base 256 as nobody writes it": ("SM5108", lambda: archive(header("a", mode=b"\x81000644\0"))),
    "owner that is no number": ("SM5108", lambda: archive(header("a", owner=b"me\0\0\0\0\0\x000000000\0"))),
    "mode that is no number": ("SM5108", lambda: archive(header("a", mode=b"rwxr-xr\0"))),
    "time of an extension header that is no number": (
        "SM5108",
        lambda: archive(header("x", type=b"x", size=10, mtime=b"now"), padded(b"10 path=a\n"), entry("b", b"x")),
    ),
    "directory that says it has content and has none": (
        "SM5108",
        lambda: archive(folder("d/", size=512), entry("a", b"x" * 512)),
    ),
    "symlink that says it has content and has none": (
        "SM5108",
        lambda: archive(symlink("l", "a", size=512), entry("a", b"x" * 512)),
    ),
    "bytes after the size's end": ("SM5108", lambda: archive(header("a", size=b"0000001\x001234"))),
    "negative size": ("SM5108", lambda: archive(header("a", size=b"\xff" * 12))),
    "size that overflows": ("SM5108", lambda: archive(header("a", size=b"\x80\0\0\0" + b"\x80" + b"\0" * 7))),
    "size of 2^63 in a pax record": ("SM5108", lambda: archive(pax({"size": str(1 << 63)}), header("a"))),
    "negative size in a pax record": ("SM5108", lambda: archive(pax({"size": "-1"}), header("a"))),
    "pax size against a small size": ("SM5108", lambda: archive(pax({"size": "0"}), entry("a", b"x"))),
    "pax size of a header that says 0": (
        "SM5108",
        lambda: archive(pax({"size": "512"}), header("a"), padded(b"x" * 512)),
    ),
    "mtime that is no time": ("SM5108", lambda: archive(pax({"mtime": "yesterday"}), entry("a", b"x"))),
    "mtime beyond all times": ("SM5108", lambda: archive(header("a", mtime=b"\x80\xff" + b"\xff" * 10))),
    "directory with content": ("SM5108", lambda: archive(folder("d/", size=1), padded(b"x"))),
    "pax record with a wrong length": ("SM5108", lambda: archive(pax(b"99 path=a\n"), entry("a", b"x"))),
    "pax record without a key": ("SM5108", lambda: archive(pax(b"6 =a \n"), entry("a", b"x"))),
    "pax record without an end": ("SM5108", lambda: archive(pax(b"9 path=ab"), entry("a", b"x"))),
    "pax key twice": ("SM5108", lambda: archive(pax(b"10 path=a\n" * 2), entry("a", b"x"))),
    "pax header twice": ("SM5108", lambda: archive(pax({"path": "a"}), pax({"path": "b"}), entry("c", b"x"))),
    "pax and GNU name at once": (
        "SM5108",
        lambda: archive(pax({"path": "a"}), long_name("b"), entry("c", b"x", magic=GNU)),
    ),
    "GNU long name twice": ("SM5108", lambda: archive(long_name("a"), long_name("b"), entry("c", b"x", magic=GNU))),
    "name in a global pax header": ("SM5108", lambda: archive(pax({"path": "a"}, type=b"g"), entry("b", b"x"))),
    "extension header without an entry": ("SM5108", lambda: archive(pax({"path": "a"}))),
    "extension header of 2 MiB": ("SM5107", lambda: archive(header("x", type=b"x", size=2 << 20))),
    "other magic in the middle": ("SM5108", lambda: archive(entry("a", b"x"), header("b", magic=b"\0" * 8))),
    # ends
    "cut in a header": ("SM5108", lambda: archive(entry("a", b"x"))[: BLOCK + BLOCK + 100]),
    "cut in content": ("SM5108", lambda: entry("a", b"x" * 2000)[:1500]),
    "cut in padding": ("SM5108", lambda: entry("a", b"x")[: BLOCK + 100]),
    "cut between entries": ("SM5108", lambda: archive(entry("a", b"x"), end=b"")),
    "one block of zeros at the end": ("SM5108", lambda: archive(entry("a", b"x"), end=bytes(BLOCK))),
    "an entry behind one block of zeros": ("SM5108", lambda: archive(entry("a", b"x"), bytes(BLOCK), entry("b", b"x"))),
    "a second archive behind the end": ("SM5108", lambda: archive(entry("a", b"x")) + archive(entry("b", b"x"))),
    "bytes behind the end": ("SM5108", lambda: archive(entry("a", b"x")) + b"hidden"),
    "bytes in the padding": ("SM5108", lambda: archive(header("a", size=1), b"x" + b"hidden" + bytes(BLOCK - 7))),
    "bytes in the padding like the last one": (
        "SM5108",
        lambda: archive(entry("b", b"x"), header("a", size=1), b"x" + b"hidden" + bytes(BLOCK - 7)),
    ),
    "zeros without end": ("SM5107", lambda: archive(entry("a", b"x")) + bytes((16 << 20) + 2 * BLOCK)),
    # what is no archive
    "no archive": ("SM5104", lambda: b"just text" * 100),
    "nothing at all": ("SM5108", lambda: b""),
    "a gzip archive": ("SM5104", lambda: packed(archive(entry("a", b"x")))),
    "a zstd archive": ("SM5104", lambda: zstd(archive(entry("a", b"x")))),
    "a V7 archive": ("SM5104", lambda: archive(header("a", magic=b"\0" * 8))),
}


def _layer(data: Callable[[], bytes], media_type: str, **annotations: str) -> Callable[[Path], Artifact]:
    keys = {"title": TITLE, "unpack": UNPACK, "unpacked": UNPACKED_DIGEST}
    return lambda root: Artifact(root).put(data(), media_type, {keys[key]: value for key, value in annotations.items()})


def _titled(title: str) -> Callable[[Path], Artifact]:
    return lambda root: Artifact(root).file(title)


def _polyglot() -> bytes:
    """Give gzip bytes whose file name field holds a tar header's magic and checksum in the right places."""
    plain = archive(entry("a", b"x"))
    block = bytearray(BLOCK)
    block[:10] = b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff"
    block[10:12] = (BLOCK - 12).to_bytes(2, "little")
    block[257:265] = b"ustar\x0000"
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block) + packed(plain)[10:]


def _sample() -> bytes:
    return archive(entry("m/a", b"x"))


ARTIFACTS: Mapping[str, tuple[str, Callable[[Path], Artifact]]] = {
    "title that is absolute": ("SM5101", _titled("/etc/passwd")),
    "title with dot-dot": ("SM5101", _titled("a/../../x")),
    "title with dot-dot that stays inside": ("SM5101", _titled("a/../x")),
    "title with a drive letter": ("SM5101", _titled("C:\\x")),
    "title with a drive letter and a slash": ("SM5101", _titled("C:/x")),
    "title with two slashes in front": ("SM5101", _titled("//x")),
    "title with a backslash in front": ("SM5101", _titled("\\x")),
    "title with dot-dot and backslashes": ("SM5101", _titled("a\\..\\..\\x")),
    "title with a tilde": ("SM5101", _titled("~/.ssh/authorized_keys")),
    "title that is dot-dot": ("SM5101", _titled("..")),
    "title that ends in a slash": ("SM5102", _titled("a/")),
    "title that is empty": ("SM5102", _titled("")),
    "title that is a dot": ("SM5102", _titled(".")),
    "title with an empty component": ("SM5102", _titled("a//b")),
    "title with a dot component": ("SM5102", _titled("./a")),
    "title with a backslash": ("SM5102", _titled("a\\b")),
    "title with a newline": ("SM5102", _titled("a\nb")),
    "title with an escape sequence": ("SM5102", _titled("\x1b[2Ja")),
    "title with NUL": ("SM5102", _titled("a\0b")),
    "title with a C1 control": ("SM5102", _titled("a\x9bb")),
    "title that is written backwards": ("SM5102", _titled("a\u202egnp.exe")),
    "title of 256 bytes": ("SM5103", _titled("n" * 256)),
    "title of 4097 bytes": ("SM5103", _titled("/".join("n" * 200 for _ in range(21)))),
    "title of 129 components": ("SM5103", _titled(DEEP)),
    "title of a packed directory that leaves": (
        "SM5101",
        _layer(lambda: packed(_sample()), "application/x.tar+gzip", title="../m", unpack="true"),
    ),
    "entry outside of a packed directory's title": (
        "SM5125",
        _layer(lambda: packed(_sample()), "application/x.tar+gzip", title="n", unpack="true"),
    ),
    "hard link outside of a packed directory's title": (
        "SM5125",
        lambda root: (
            Artifact(root)
            .file("secret")
            .put(packed(archive(hardlink("m/h", "secret"))), "application/x.tar+gzip", {TITLE: "m", UNPACK: "true"})
        ),
    ),
    "unpack annotation that is neither": ("SM5104", _layer(_sample, TAR, unpack="yes")),
    "encrypted layer": ("SM5122", _layer(_sample, f"{TAR}+gzip+encrypted")),
    "compressed file that is not compressed": (
        "SM5104",
        lambda root: Artifact(root).put(
            b"plain", "application/vnd.kitops.modelkit.model.v1.raw+gzip", {"org.cncf.model.filepath": "m"}
        ),
    ),
    "gzip that is no gzip": ("SM5104", _layer(_sample, f"{TAR}+gzip")),
    "gzip that is zstd": ("SM5104", _layer(lambda: zstd(_sample()), f"{TAR}+gzip")),
    "zstd that is gzip": ("SM5104", _layer(lambda: packed(_sample()), f"{TAR}+zstd")),
    "gzip of what is no archive": ("SM5104", _layer(lambda: packed(b"text" * 1000), f"{TAR}+gzip")),
    "gzip that is also a tar archive": ("SM5104", _layer(_polyglot, f"{TAR}+gzip")),
    "tar archive that is also gzip": ("SM5104", _layer(_polyglot, TAR)),
    "gzip that is cut": ("SM5106", _layer(lambda: packed(_sample())[:-1], f"{TAR}+gzip")),
    "gzip with a wrong check sum": (
        "SM5106",
        _layer(lambda: packed(_sample())[:-8] + bytes(4) + packed(_sample())[-4:], f"{TAR}+gzip"),
    ),
    "gzip with bytes behind it": ("SM5106", _layer(lambda: packed(_sample()) + b"hidden", f"{TAR}+gzip")),
    "gzip with a member behind its padding": (
        "SM5106",
        _layer(lambda: packed(_sample()) + bytes(512) + packed(b"x"), f"{TAR}+gzip"),
    ),
    "gzip with a second archive in it": ("SM5108", _layer(lambda: packed(_sample()) * 2, f"{TAR}+gzip")),
    "zstd that is cut": ("SM5106", _layer(lambda: zstd(_sample())[:-1], f"{TAR}+zstd")),
    "zstd with bytes behind it": ("SM5106", _layer(lambda: zstd(_sample()) + b"hidden", f"{TAR}+zstd")),
    "unpacked digest that lies": (
        "SM5105",
        _layer(lambda: packed(_sample()), f"{TAR}+gzip", title="m", unpack="true", unpacked=digest_of(b"other")),
    ),
    "unpacked sha512 digest that lies": (
        "SM5105",
        _layer(lambda: packed(_sample()), f"{TAR}+gzip", unpacked=digest_of(b"other", "sha512")),
    ),
    "unpacked digest that is none": ("SM5012", _layer(_sample, TAR, unpacked="sha256:zz")),
    "diff_id that lies": ("SM5105", lambda root: Artifact(root).image(_sample(), diff_ids=[digest_of(b"other")])),
    "diff_ids that are too few": (
        "SM5105",
        lambda root: Artifact(root).image(_sample(), _sample(), diff_ids=[digest_of(_sample())]),
    ),
    "whiteout of nothing": ("SM5116", lambda root: Artifact(root).image(archive(entry("d/.wh.")))),
    "whiteout of dot-dot": ("SM5116", lambda root: Artifact(root).image(archive(entry("d/.wh...")))),
    "whiteout that is a directory": ("SM5116", lambda root: Artifact(root).image(archive(folder(".wh.a/")))),
    "entry below a whiteout": ("SM5116", lambda root: Artifact(root).image(archive(entry(".wh.a/b", b"x")))),
    "image with endless symlinks on the way": (
        "SM5127",
        lambda root: Artifact(root).image(archive(symlink("a", "b"), symlink("b", "a"), entry("a/c", b"x"))),
    ),
    "image with a file on the way": (
        "SM5113",
        lambda root: Artifact(root).image(archive(entry("f", b"x"), symlink("l", "f"), entry("l/c", b"x"))),
    ),
    "image whose symlinks lead too deep": (
        "SM5103",
        lambda root: Artifact(root).image(
            archive(
                pax({"path": "/".join("d" * 100)}),
                folder("d/"),
                pax({"linkpath": "/".join("d" * 100)}),
                symlink("s", "d"),
                entry("s/" + "/".join("e" * 40), b"x"),
            )
        ),
    ),
}
