"""The image: golden bytes, tails, limits, and what it must not depend on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from secmount.errors import MountError
from secmount.mount.image.content import filled
from secmount.mount.image.emission import emit
from secmount.mount.image.graph import collect
from secmount.mount.image.layout import CHUNK, INLINE, PLAIN, Layout, Owner, plan
from secmount.oci.digest import Digest
from secmount.store.blob import Blob
from secmount.tree.node import Directory, Extent, File, Tree
from tests.support.blobs import BytesBlob
from tests.support.erofs_reader import Reader
from tests.support.trees import MTIME, Pack, file, folder, held, link, tree, whole

GOLDEN = Path(__file__).parent / "golden"
ANY = Digest.of(b"")


def lay(value: Tree, blobs: Mapping[Digest, Blob], owner: Owner | None = None) -> Layout:
    return plan(value, collect(value.root), blobs, owner or Owner())


def image(value: Tree, blobs: Mapping[Digest, Blob], owner: Owner | None = None) -> bytes:
    return b"".join(emit(lay(value, blobs, owner)))


def reader(value: Tree, blobs: Mapping[Digest, BytesBlob]) -> Reader:
    return Reader(image(value, blobs), [blobs[name].data for name in filled(value.blobs, blobs)])


def small() -> tuple[Tree, dict[Digest, BytesBlob]]:
    config, weights = b'{"layers": 2}', bytes(range(256)) * 4 + b"tail"
    root = folder(
        {
            "config.json": whole(config),
            "weights.bin": whole(weights, executable=True, mtime=MTIME + 5),
            "empty": File(Extent(ANY, 0, 0), ANY, executable=False, mtime=MTIME, layer=0),
            "latest": link("tokenizer/vocab"),
            "tokenizer": folder({"vocab": whole(weights, mtime=MTIME + 6), "caf\udce9": whole(config, mtime=-1)}),
        }
    )
    return tree(root), held(config, weights)


def dump(data: bytes) -> str:
    lines = [f"{at:06x} {data[at : at + 32].hex()}" for at in range(0, len(data), 32) if any(data[at : at + 32])]
    return "\n".join([*lines, f"{len(data):06x}", ""])


def test_a_small_tree_has_the_bytes_it_always_had() -> None:
    assert dump(image(*small())) == (GOLDEN / "small.hex").read_text()


def test_the_bytes_are_the_same_under_another_hash_seed_and_locale() -> None:
    program = (
        "import hashlib; from tests.unit.mount.test_image import *; print(hashlib.sha256(image(*small())).hexdigest())"
    )
    environments = (
        {"PYTHONHASHSEED": "1", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"},
    )
    made = [
        subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, check=True).stdout
        for env in environments
    ]
    assert made[0] == made[1]
    assert made[0].decode().strip() == Digest.of(image(*small())).hex


def test_the_identifier_is_the_trees_digest() -> None:
    value, blobs = small()
    assert reader(value, blobs).uuid == bytes.fromhex(value.digest.hex)[:16]


def test_each_device_is_labelled_with_its_digest() -> None:
    value, blobs = small()
    assert [tag.decode() for _, _, tag in reader(value, blobs).devices] == [name.hex for name in value.blobs]


@pytest.mark.parametrize("size", [1, 511, 513, 1023, 4097])
def test_the_tail_of_a_blob_is_in_the_image(size: int) -> None:
    content = b"\x01" * size
    value = tree(folder({"f": whole(content)}))
    planned = lay(value, held(content))
    assert planned.forms[1] >> 1 == INLINE
    assert [item.content for item in reader(value, held(content)).walk()] == [None, content]


def test_a_tar_member_with_zero_padding_stays_in_its_blob() -> None:
    pack = Pack()
    offset, _ = pack.add(b"x" * 700)
    blobs = {ANY: BytesBlob(ANY, bytes(pack.data))}
    planned = lay(tree(folder({"f": file(ANY, offset, b"x" * 700)})), blobs)
    assert planned.forms[1] >> 1 == PLAIN
    assert planned.blocks == 4  # superblock, inodes: no byte of the member


def test_a_tar_member_with_other_padding_is_inlined() -> None:
    """Through mmap the rest of the last block could be read: it must not be a neighbour's."""
    pack = Pack(fill=b"\0" * 323 + b"secret")
    offset, _ = pack.add(b"x" * 700)
    data = bytes(pack.data).ljust(4096, b"s")
    blobs = {ANY: BytesBlob(ANY, data)}
    value = tree(folder({"f": file(ANY, offset, b"x" * 700)}))
    assert lay(value, blobs).forms[1] >> 1 == INLINE
    assert b"secret" not in image(value, blobs)


def test_a_window_does_not_hide_padding_of_a_later_member() -> None:
    pack = Pack()
    places = [pack.add(b"a" * 10) for _ in range(300)]
    pack.data[places[200][0] + 11] = 1  # in the middle of what is read at once
    blobs = {ANY: BytesBlob(ANY, bytes(pack.data))}
    planned = lay(tree(folder({f"{n:03}": file(ANY, at, b"a" * 10) for n, (at, _) in enumerate(places)})), blobs)
    assert [index - 1 for index, form in enumerate(planned.forms) if form >> 1 == INLINE and index] == [200]


@dataclass(frozen=True)
class Huge:
    """A blob of zeros of any size."""

    digest: Digest
    size: int
    complete: bool = True

    def pread(self, length: int, offset: int) -> bytes:
        return bytes(max(0, min(length, self.size - offset)))

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        return None


def huge(size: int, extents: list[tuple[int, int]]) -> tuple[Tree, dict[Digest, Huge]]:
    entries = {
        f"{n}": File(Extent(ANY, at, length), ANY, executable=False, mtime=0, layer=0)
        for n, (at, length) in enumerate(extents)
    }
    return tree(folder(entries, mtime=0)), {ANY: Huge(ANY, size)}


def test_a_file_of_more_than_four_gibibytes_gets_the_long_inode() -> None:
    planned = lay(*huge(5 << 30, [(0, (5 << 30) - 512), (0, (4 << 30) - 1024)]))
    assert [form & 1 for form in planned.forms] == [0, 1, 0]


@pytest.mark.parametrize(("code", "size", "extent"), [
    ("SM6020", 4096, (100, 512)),
    ("SM6020", 4096, (1, 1)),
    ("SM6022", 4096, (512, 4096)),
    ("SM6022", 4096, (8192, 1)),
    ("SM6022", 4096, (-512, 512)),
    ("SM6022", 4096, (512, -512)),
    ("SM6021", 2 << 40, (0, 512)),
])  # fmt: skip
def test_what_cannot_be_mapped_is_refused(code: str, size: int, extent: tuple[int, int]) -> None:
    value, blobs = huge(size, [extent])
    with pytest.raises(MountError) as caught:
        lay(value, blobs)
    assert caught.value.code == code
    assert caught.value.subject in ("0", None)


def test_the_path_of_a_file_that_cannot_be_mapped_is_named() -> None:
    bad = File(Extent(ANY, 3, 9), ANY, executable=False, mtime=0, layer=0)
    value = tree(folder({"a": folder({"b": folder({"c": bad})})}))
    with pytest.raises(MountError) as caught:
        lay(value, {ANY: BytesBlob(ANY, b"x" * 100)})
    assert caught.value.subject == "a/b/c"


def test_a_blob_that_became_shorter_is_refused_while_the_image_is_written() -> None:
    content = b"y" * 700
    value = tree(folder({"f": whole(content)}))
    blobs = held(content)
    planned = lay(value, blobs)
    planned.contents[Digest.of(content)].blob = BytesBlob(Digest.of(content), content[:600])
    with pytest.raises(MountError) as caught:
        list(emit(planned))
    assert caught.value.code == "SM6022"


def test_a_blob_shorter_than_it_says_is_refused_while_padding_is_read() -> None:
    pack = Pack()
    offset, _ = pack.add(b"x" * 700)
    short = replace(BytesBlob(ANY, bytes(pack.data)))
    value = tree(folder({"f": file(ANY, offset, b"x" * 700)}))

    class Lying(BytesBlob):
        @property
        def size(self) -> int:
            return len(short.data)

    with pytest.raises(MountError) as caught:
        lay(value, {ANY: Lying(ANY, short.data[:-100])})
    assert caught.value.code == "SM6022"


def test_too_many_blobs_are_refused() -> None:
    names = [Digest("sha256", f"{n:064x}") for n in range(65536)]
    entries: dict[str, File] = {
        f"{n:06}": File(Extent(name, 0, 512), name, executable=False, mtime=0, layer=0) for n, name in enumerate(names)
    }
    value = Tree(folder(entries), ANY, 1, 1, (), (), tuple(names))
    with pytest.raises(MountError) as caught:
        lay(value, {name: Huge(name, 512) for name in names})
    assert caught.value.code == "SM6021"


def test_many_blobs_are_reached_by_chunk_index() -> None:
    contents = [f"{n}".encode().ljust(512, b"x") for n in range(501)]
    value = tree(folder({f"{n:03}": whole(content) for n, content in enumerate(contents)}))
    planned = lay(value, held(*contents))
    assert {form >> 1 for form in planned.forms[1:]} == {CHUNK}
    assert len(list(reader(value, held(*contents)).walk())) == 502


def test_empty_blobs_are_no_devices() -> None:
    empty = File(Extent(ANY, 0, 0), ANY, executable=False, mtime=0, layer=0)
    value = replace(tree(folder({"e": empty})), blobs=(ANY,))
    assert reader(value, held(b"")).extra == 0


def test_a_large_directory_reads_back() -> None:
    value = tree(folder({f"name-{n}": link("x") for n in range(3000)}))
    names = [name for name, _, _ in reader(value, {}).entries(reader(value, {}).inode(reader(value, {}).root))]
    assert len(names) == 3002


def test_names_of_one_value_are_hard_links_and_equal_values_are_not() -> None:
    one, same = whole(b"x" * 512), whole(b"x" * 512)
    assert one == same
    value = tree(folder({"a": one, "b": one, "c": same, "d": folder({"e": one})}))
    found = {item.path: item.inode for item in reader(value, held(b"x" * 512)).walk()}
    assert found[b"a"].nid == found[b"b"].nid == found[b"d/e"].nid != found[b"c"].nid
    assert (found[b"a"].links, found[b"c"].links) == (3, 1)


def test_most_inodes_are_short() -> None:
    """The commonest time stands in the superblock, once."""
    value = tree(folder({f"{n}": link("x", mtime=7 if n else 8) for n in range(9)}, mtime=7))
    assert [form & 1 for form in lay(value, {}).forms] == [0, 1, *[0] * 8]


@pytest.mark.parametrize("names", [["b", "a"], ["a/b"], ["a\0b"], [""], ["."], [".."], ["n" * 256], ["é", "z"]])
def test_a_directory_that_no_tree_may_hold_is_a_bug(names: list[str]) -> None:
    root = Directory({name: link("x") for name in names}, 0, 0)
    with pytest.raises(ValueError, match="name"):
        collect(root)


def test_a_blob_that_the_tree_does_not_list_is_a_bug() -> None:
    value = replace(tree(folder({"f": whole(b"x")})), blobs=())
    with pytest.raises(ValueError, match="does not list"):
        lay(value, held(b"x"))
