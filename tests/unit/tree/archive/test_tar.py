"""Sound archives of every dialect, read as their writers meant them."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import replace

import pytest

from secmount.errors import ContentError
from secmount.tree.archive.entry import Entry, Note
from secmount.tree.archive.tar import is_header, walk
from secmount.tree.limits import Limits
from tests.support.archives import (
    BLOCK,
    GNU,
    MTIME,
    archive,
    entry,
    folder,
    hardlink,
    header,
    long_name,
    padded,
    pax,
    symlink,
)

NS = 1_000_000_000


def read(
    data: bytes, *, limits: Limits | None = None, notes: list[Note] | None = None, piece: int = 1 << 20
) -> list[Entry]:
    pieces = (data[at : at + piece] for at in range(0, len(data), piece))
    found = [] if notes is None else notes
    return list(walk(pieces, subject="layer 0", limits=limits or Limits(), notes=found))


def one(data: bytes) -> Entry:
    (found,) = read(data)
    return found


def test_a_file_is_a_place_in_the_archive() -> None:
    data = archive(folder("d/"), entry("d/a", b"content"))
    directory, file = read(data)
    assert (directory.path, directory.kind, directory.size, directory.digest) == ("d", "d", 0, "")
    assert (file.path, file.kind, file.mtime, file.executable) == ("d/a", "f", MTIME * NS, False)
    assert data[file.offset : file.offset + file.size] == b"content"
    assert file.offset % BLOCK == 0
    assert file.digest == hashlib.sha256(b"content").hexdigest()


@pytest.mark.parametrize("piece", [1, 7, 511, 512, 513, 4096, 1 << 20])
def test_pieces_of_any_size_say_the_same(piece: int) -> None:
    parts = [entry(f"d{n}/f{n}", bytes([n]) * (n * 37)) for n in range(40)]
    data = archive(pax({"path": "p" * 200}), entry("p", b"x" * 5000), *parts, symlink("l", "d1"))
    assert read(data, piece=piece) == read(data)


def test_files_like_the_last_one_are_read_no_differently() -> None:
    plain = [entry(f"f{n}", b"c" * n) for n in range(5)]
    between = [symlink(f"l{n}", "f0") for n in range(5)]
    alone = read(archive(*plain))
    mixed = read(archive(*(part for pair in zip(plain, between, strict=True) for part in pair)))
    assert [(e.path, e.size, e.digest, e.mtime) for e in alone] == [
        (e.path, e.size, e.digest, e.mtime) for e in mixed if e.kind == "f"
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"mode": 0o755},
        {"mode": 0o4644},
        {"mtime": MTIME + 1},
        {"owner": b"0001750\x000001750\0"},
        {"prefix": b"long"},
        {"magic": GNU},
        {"type": b"7"},
    ],
)
def test_a_header_unlike_the_last_one_is_read_anew(other: dict[str, object]) -> None:
    parts = [entry("a", b"1"), header("b", size=1, **other) + padded(b"2"), entry("c", b"3")]  # type: ignore[arg-type]
    alone = [read(archive(part))[0] for part in parts]
    assert [replace_offset(e) for e in read(archive(*parts))] == [replace_offset(e) for e in alone]


def test_a_size_of_twelve_digits_like_the_last_header() -> None:
    data = archive(entry("a", b"x"), header("b", size=b"000000000010"), padded(b"y" * 8), entry("c", b"z"))
    assert [found.size for found in read(data)] == [1, 8, 1]


def replace_offset(found: Entry) -> Entry:
    return found._replace(offset=0)


@pytest.mark.parametrize("mode", [0o755, 0o555, 0o711, 0o645, 0o100])
def test_executable(mode: int) -> None:
    assert one(archive(entry("a", b"x", mode=mode))).executable


def test_names_in_the_ways_that_tars_spell_them() -> None:
    names = [
        e.path for e in read(archive(folder("./"), folder("./d/"), entry("./d/a", b"x"), folder("e"), folder(".")))
    ]
    assert names == ["", "d", "d/a", "e", ""]
    assert one(archive(entry("name", b"x", prefix=b"a/b"))).path == "a/b/name"
    assert one(archive(entry("n" * 100, b"x"))).path == "n" * 100
    assert one(archive(long_name("n" * 250), entry("n", b"x", magic=GNU))).path == "n" * 250
    assert one(archive(pax({"path": "ä/" * 60 + "ö"}), entry("n", b"x"))).path == "ä/" * 60 + "ö"
    assert one(archive(entry(b"not\xffutf8", b"x"))).path == "not\udcffutf8"
    assert one(archive(entry("back\\slash and\nnewline", b"x"))).path == "back\\slash and\nnewline"
    assert one(archive(header("d/", type=b"\0"))).kind == "d"
    assert one(archive(header("f", type=b"\0"))).kind == "f"


def test_times_of_gnu_headers_are_no_prefix() -> None:
    assert one(archive(entry("name", b"x", magic=GNU, prefix=b"14000000000\x0014000000000\0"))).path == "name"


def test_the_prefix_of_star_is_shorter() -> None:
    prefix = b"p" * 131 + b"14000000000\x0014000000000\0"
    assert one(archive(entry("name", b"x", prefix=prefix, tail=bytes(8) + b"tar\0"))).path == "p" * 131 + "/name"


def test_links() -> None:
    found = read(
        archive(
            entry("a", b"x"),
            hardlink("h", "./a"),
            symlink("l", "../etc/../a"),
            pax({"linkpath": "t" * 300}),
            symlink("m", "t"),
            long_name("u" * 300, type=b"K"),
            symlink("n", "u", magic=GNU),
        )
    )
    assert [e.target for e in found] == ["", "a", "../etc/../a", "t" * 300, "u" * 300]


def test_numbers_in_base_256_and_octal_with_spaces() -> None:
    size = b"\x80" + (1000).to_bytes(11, "big")
    assert one(archive(header("a", size=size), padded(b"x" * 1000))).size == 1000
    assert one(archive(header("a", size=b"       1000 \0"[-12:]), padded(b"x" * 512))).size == 512
    assert one(archive(header("a", mtime=b"\xff" * 11 + b"\xfe"))).mtime == -2 * NS
    assert one(archive(header("a", mtime=b" " * 12))).mtime == 0


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1.5", 1_500_000_000),
        ("-1.5", -1_500_000_000),
        ("-0.0000000001", -1),
        ("7.", 7 * NS),
        ("0.9999999999", 999_999_999),
    ],
)
def test_pax_times(text: str, ns: int) -> None:
    assert one(archive(pax({"mtime": text}), entry("a", b"x"))).mtime == ns


def test_a_pax_size_that_the_field_cannot_say() -> None:
    data = pax({"size": str(1 << 33)}) + header("a", size=0)
    with pytest.raises(ContentError) as caught:
        read(data)
    assert (caught.value.code, caught.value.want) == ("SM5108", f"{1 << 33} bytes")


def test_other_pax_records_change_nothing() -> None:
    more: dict[str, str | bytes] = {
        "atime": "1",
        "uid": "4000000",
        "uname": "jörg",
        "comment": "x",
        "VENDOR.key": b"\xff\0",
    }
    assert read(archive(pax(more), entry("a", b"x")))[0]._replace(offset=0) == replace_offset(
        one(archive(entry("a", b"x")))
    )
    assert one(archive(pax({"comment": "commit"}, type=b"g"), entry("a", b"x"))).path == "a"


def test_what_the_tree_does_not_keep_is_noted() -> None:
    notes: list[Note] = []
    read(
        archive(
            entry("suid", b"x", mode=0o4755),
            entry("sgid", b"x", mode=0o2755),
            folder("tmp/", mode=0o1777),
            pax({"SCHILY.xattr.security.capability": b"\x01", "SCHILY.acl.access": b"user::rw-"}),
            entry("x", b"x"),
            entry("owned", b"x", owner=b"0001750\x000001750\0"),
        ),
        notes=notes,
    )
    kept = [("suid", "setuid"), ("sgid", "setgid"), ("tmp", "sticky"), ("x", "xattr"), ("x", "acl")]
    assert notes == [Note(*row) for row in [*kept, ("", "owner of 1 entries")]]


@pytest.mark.parametrize("kind", ["ustar", "gnu", "pax"])
def test_what_python_writes_is_what_it_reads(kind: str) -> None:
    form = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}[kind]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as made:
        for name, data in python_files(long=kind != "ustar"):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), MTIME
            made.addfile(info, io.BytesIO(data))
    out.seek(0)
    with tarfile.open(fileobj=out) as again:
        wanted = [(m.name, m.size, m.offset_data, m.mtime * NS) for m in again.getmembers()]
    assert [(e.path, e.size, e.offset, e.mtime) for e in read(out.getvalue())] == wanted


def python_files(*, long: bool) -> Iterator[tuple[str, bytes]]:
    yield "a", b""
    yield "d/b", b"x" * 512
    yield "/".join(["d" * 60, "e" * 60, "f"]), b"y" * 513
    if long:
        yield "ü" * 100, b"z"
        yield "g" * 200 + "/" + "h" * 200, b"z"


@pytest.mark.parametrize(
    ("limits", "got"),
    [
        (replace(Limits(), entries=2), "more entries"),
        (replace(Limits(), unpacked=299), "100 bytes"),
        (replace(Limits(), names=2), "more bytes of names"),
    ],
)
def test_limits(limits: Limits, got: str) -> None:
    data = archive(*(entry(name, b"x" * 100) for name in "abc"))
    assert len(read(data, limits=Limits(entries=3, unpacked=300, names=3))) == 3
    with pytest.raises(ContentError) as caught:
        read(data, limits=limits)
    assert (caught.value.code, caught.value.got) == ("SM5107", got)


def test_a_size_that_is_too_much_is_refused_before_the_content_is_read() -> None:
    asked: list[int] = []

    def pieces() -> Iterator[bytes]:
        yield header("a", size=1 << 32)
        asked.append(1)
        yield b""

    with pytest.raises(ContentError) as caught:
        list(walk(pieces(), subject="layer 0", limits=Limits(unpacked=1 << 20), notes=[]))
    assert (caught.value.code, asked) == ("SM5107", [])


def test_errors_name_layer_entry_and_rule() -> None:
    with pytest.raises(ContentError) as caught:
        read(archive(entry("good", b"x"), entry("bad/../b", b"x")))
    error = caught.value
    assert (error.subject, error.want) == ("layer 0, entry 'bad/../b'", "a path inside the tree")


def test_headers_are_told_from_other_bytes() -> None:
    assert is_header(archive(entry("a", b"x")))
    assert is_header(archive(entry("a", b"x", magic=GNU)))
    assert not is_header(archive(entry("a", b"x"))[:511])
    assert not is_header(bytes(BLOCK))
    assert not is_header(header("a", checksum=b"0000000\0"))
    assert not is_header(header("a", checksum=b"zzzzzz\0 "))
    assert not is_header(header("a", magic=b"\0" * 8))


def test_an_archive_of_nothing() -> None:
    assert read(bytes(2 * BLOCK)) == []
    assert read(bytes(10_240)) == []
