"""The dump names a tree injectively, and can be read back byte for byte."""

from __future__ import annotations

import io

import pytest

from secmount.errors import ContentError
from secmount.oci.digest import Digest
from secmount.tree.dump import FORM, Row, dump, escape, parse, walk, write
from tests.support.trees import folder, link, whole

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_golden() -> None:
    root = folder(
        {
            "a b": whole(b""),
            "back\\slash": whole(b"", executable=True),
            "d": folder({"\n": link("-"), "ü": folder({})}),
            "raw\udcff": link("a b"),
        }
    )
    assert dump(root).decode("ascii") == (
        "secmount.tree/v1\n"
        "/ d 0555 0 - -\n"
        f"/a\\x20b f 0444 0 {EMPTY} -\n"
        f"/back\\x5cslash f 0555 0 {EMPTY} -\n"
        "/d d 0555 0 - -\n"
        "/d/\\x0a l 0777 0 - -\n"
        "/d/\\xc3\\xbc d 0555 0 - -\n"
        "/raw\\xff l 0777 0 - a\\x20b\n"
    )


def test_it_is_read_back() -> None:
    root = folder({"a b": whole(b"x", executable=True), "d": folder({"l": link("\udcff -")})})
    assert parse(dump(root)) == [
        Row("", "d", 0o555, 0, None, None),
        Row("a b", "f", 0o555, 1, Digest.of(b"x"), None),
        Row("d", "d", 0o555, 0, None, None),
        Row("d/l", "l", 0o777, 0, None, "\udcff -"),
    ]


def test_times_layers_and_places_are_not_part_of_it() -> None:
    one, other = whole(b"x", mtime=1), whole(b"x", mtime=2)._replace(layer=7)
    moved = other._replace(extent=other.extent._replace(blob=Digest.of(b"archive"), offset=512))
    assert dump(folder({"a": one})) == dump(folder({"a": other})) == dump(folder({"a": moved}, mtime=9))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"secmount.tree/v2\n/ d 0555 0 - -\n",
        b"secmount.tree/v1\n",
        b"secmount.tree/v1\n/ d 0555 0 - -",
        b"secmount.tree/v1\n/ d 0555 0 - -\n/a d 0555 0 - -",
        b"secmount.tree/v1\n/ d 0755 0 - -\n",
        b"secmount.tree/v1\n/ d 0555 1 - -\n",
        b"secmount.tree/v1\n/a f 0444 01 sha256:" + b"0" * 64 + b" -\n",
        b"secmount.tree/v1\n/a f 0444 1 sha256:" + b"0" * 63 + b" -\n",
        b"secmount.tree/v1\n/a f 0444 1 - -\n",
        b"secmount.tree/v1\n/a l 0777 0 - \n",
        b"secmount.tree/v1\n/a\\ d 0555 0 - -\n",
        b"secmount.tree/v1\n/a\\x4 d 0555 0 - -\n",
        b"secmount.tree/v1\n/\\xAB d 0555 0 - -\n",
        b"secmount.tree/v1\na d 0555 0 - -\n",
        b"secmount.tree/v1\n/a  d 0555 0 - -\n",
        b"secmount.tree/v1\n/a s 0555 0 - -\n",
    ],
)
def test_what_is_no_dump_is_refused(data: bytes) -> None:
    with pytest.raises(ContentError) as caught:
        parse(data)
    assert caught.value.code == "SM5129"


def test_the_form_is_the_first_line() -> None:
    assert dump(folder({})).startswith(FORM.encode() + b"\n")


def test_escaping_by_bytes() -> None:
    assert escape("plain~!") == "plain~!"
    assert escape("é \\\udc80\x7f") == "\\xc3\\xa9\\x20\\x5c\\x80\\x7f"


def test_walking_in_order() -> None:
    root = folder({"b": folder({"c": whole(b""), "d": folder({"e": whole(b"")})}), "a": whole(b""), "f": whole(b"")})
    assert [path for path, _ in walk(root)] == ["a", "b", "b/c", "b/d", "b/d/e", "f"]


def test_a_large_tree_is_written_in_pieces() -> None:
    root = folder({f"d{n:03}": folder({f"f{m:03}": whole(b"") for m in range(100)}) for n in range(100)})
    pieces: list[int] = []

    class Out(io.BytesIO):
        def write(self, data: bytes, /) -> int:  # type: ignore[override]
            pieces.append(len(data))
            return super().write(data)

    out = Out()
    write(root, out)
    assert out.getvalue() == dump(root)
    assert [row.path for row in parse(dump(root))[1:]] == [path for path, _ in walk(root)]
    assert len(pieces) > 1
    assert max(pieces) < len(dump(root)) // 2
