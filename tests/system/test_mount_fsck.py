"""What erofs-utils thinks of our images: its check of the metadata, an eye that is not ours."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from secmount.mount.image.emission import emit
from secmount.mount.image.graph import collect
from secmount.mount.image.layout import BLOCK, Owner, plan
from secmount.oci.digest import Digest
from secmount.tree.node import Tree
from tests.support.blobs import BytesBlob
from tests.support.trees import Pack, file, folder, held, link, tree, whole

FSCK = shutil.which("fsck.erofs") or ""


def version() -> tuple[int, int]:
    answer = subprocess.run([FSCK, "-V"], capture_output=True, check=False, text=True)
    found = re.search(r"(\d+)\.(\d+)", answer.stdout + answer.stderr)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def sample() -> tuple[Tree, dict[Digest, BytesBlob]]:
    contents = [bytes([number]) * size for number, size in enumerate((1, 511, 512, 4095, 4096, 4097, 70_000))]
    pack = Pack()
    pack.data += bytes(3584)  # so that the member begins on a block of 4096 as well
    offset, _ = pack.add(b"m" * 5000)
    pack.data += bytes(-len(pack.data) % 4096)
    name = Digest.of(bytes(pack.data))
    one = whole(contents[3], executable=True, mtime=-5)
    root = folder(
        {
            "whole": folder({f"f{len(content)}": whole(content) for content in contents}),
            "many": folder(
                {f"{'n' * (number % 200)}{number}": link("x" * (1 + number % 50)) for number in range(1500)}
            ),
            "hard": folder({"a": one, "b": one, "caf\udce9\n": link("y" * 5000)}),
            "member": file(name, offset, b"m" * 5000),
            "empty": folder({}),
        }
    )
    return tree(root), held(*contents) | {name: BytesBlob(name, bytes(pack.data))}


@pytest.mark.parametrize("block", [BLOCK, 4096])
@pytest.mark.parametrize("owner", [Owner(), Owner(70_000, 3)], ids=["short", "long"])
def test_fsck_finds_nothing(tmp_path: Path, block: int, owner: Owner) -> None:
    if not FSCK:
        pytest.skip("fsck.erofs is not installed (erofs-utils)")
    if block != 4096 and version() < (1, 8):
        pytest.skip(f"fsck.erofs {version()} checks blocks of 4096 only, not {block}")
    value, blobs = sample()
    layout = plan(value, collect(value.root), blobs, owner, block=block)
    image = tmp_path / "image"
    with image.open("wb") as made:
        made.writelines(emit(layout))
    devices = []
    for content in layout.contents.values():
        path = tmp_path / content.blob.digest.hex
        path.write_bytes(content.blob.pread(content.size, 0))
        devices.append(f"--device={path}")
    answer = subprocess.run([FSCK, *devices, str(image)], capture_output=True, check=False, text=True)
    assert (answer.returncode, answer.stderr) == (0, "")
