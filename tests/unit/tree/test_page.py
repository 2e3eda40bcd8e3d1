"""docs/formats/tree.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from secmount.oci import layer
from secmount.tree import limits
from secmount.tree.archive import decompress
from secmount.tree.dump import dump, parse
from tests.support.trees import folder, link, whole

PAGE = (Path(__file__).parents[3] / "docs" / "formats" / "tree.md").read_text("utf-8")


def test_the_example_is_a_dump() -> None:
    example = PAGE.split("```\n")[3]
    root = folder({"model": folder({"latest": link("w v2.bin"), "w v2.bin": whole(b"weights")})})
    assert example.encode() == dump(root)
    assert len(parse(example.encode())) == 4


def test_the_limits_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| ([a-z].*?) \| (.*?) \| SM51", PAGE, re.MULTILINE))
    default = limits.Limits()
    assert rows == {
        "a name": f"{layer.NAME_LIMIT} bytes",
        "a path": f"{layer.PATH_LIMIT} bytes, {layer.DEPTH_LIMIT} components",
        "a symbolic link's target": f"{limits.TARGET_LIMIT} bytes; 40 links on the way",
        "entries of one artifact, extension headers counted": f"{default.entries:,}",
        "bytes of all names and targets": f"{default.names >> 20} MiB",
        "file content of all layers, what is replaced later counted": (
            f"{default.unpacked >> 40} TiB, or a rule's `max-unpacked-size`"
        ),
        "compressed layer to what it unpacks to": f"1 to {default.ratio}, beyond {limits.RATIO_FREE >> 20} MiB",
        "gzip members or zstd frames of a layer": f"{limits.MEMBERS_LIMIT:,}",
        "a pax or GNU extension record": f"{limits.EXTENDED_LIMIT >> 20} MiB",
        "zeros behind an archive's end": f"{limits.TRAILER_LIMIT >> 20} MiB",
        "a zstd frame's window": f"{1 << decompress.WINDOW_LOG >> 20} MiB",
        "steps that all symbolic links lead through together": f"{limits.STEPS_LIMIT:,}",
    }


def test_every_code_of_the_tree_that_a_layer_can_raise_is_named() -> None:
    named = set(re.findall(r"SM51\d\d", PAGE))
    assert {f"SM51{number:02}" for number in (*range(1, 4), 5, 7, *range(9, 21), 26, 27)} - named <= {
        "SM5111",
        "SM5116",
    }
