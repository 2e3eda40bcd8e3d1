"""What `inspect --tree` shows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from secmount.policy import glob
from secmount.policy.decision import Obligations
from secmount.tree.listing import Line, document, lines
from secmount.tree.node import Dropped
from tests.support.archives import Artifact, archive, entry, folder, symlink
from tests.support.trees import folder as directory
from tests.support.trees import link, tree, whole

TAR = "application/vnd.acme.content.v1.tar"


def sample(root: Path) -> Artifact:
    lower = archive(folder("d/", mtime=1), entry("d/a", b"old"), entry("d/su", b"s", mode=0o4755), entry("e.pkl", b"p"))
    upper = archive(entry("d/a", b"new", mtime=2), symlink("l", "d/a", mtime=3))
    return Artifact(root).put(lower, TAR).put(upper, TAR).file("w.bin", b"w")


def test_every_path_with_its_layer(tmp_path: Path) -> None:
    built = sample(tmp_path).tree(obligations=Obligations(exclude=(glob.path("**/*.pkl"),)))
    assert [(line.path, line.type, oct(line.mode), line.size, line.target, line.layer) for line in lines(built)] == [
        ("d", "d", "0o555", 0, None, 0),
        ("d/a", "f", "0o444", 3, None, 1),
        ("d/su", "f", "0o555", 1, None, 0),
        ("l", "l", "0o777", 0, "d/a", 1),
        ("w.bin", "f", "0o444", 1, None, 2),
    ]
    assert next(lines(built)) == Line("d", "d", 0o555, 0, None, None, 0, 1_000_000_000)


def test_what_is_not_there_and_why(tmp_path: Path) -> None:
    shown = document(sample(tmp_path).tree(obligations=Obligations(exclude=(glob.path("**/*.pkl"),))))
    assert shown["withheld"] == [{"path": "e.pkl", "escaped": False, "reason": "exclude **/*.pkl"}]
    assert shown["dropped"] == [
        {"path": "d/su", "escaped": False, "layer": 0, "reason": "setuid"},
        {"path": "d/a", "escaped": False, "layer": 0, "reason": "replaced by layer 1"},
    ]


def test_the_document_is_json_whatever_the_names_are() -> None:
    root = directory({"raw\udcff": whole(b"x", mtime=-1), "l": link("\udc80"), "far": whole(b"y", mtime=10**21)})
    odd = replace(tree(root), dropped=(Dropped("\udcfe", 1, "xattr"),), collisions=(("A", "a"),))
    shown = json.loads(json.dumps(document(odd), ensure_ascii=False).encode("utf-8"))
    assert [(row["path"], row["escaped"], row["target"], row["mtime"]) for row in shown["paths"]] == [
        ("far", False, None, None),
        ("l", False, "\\x80", "2023-11-14T22:13:20.000Z"),
        ("raw\\xff", True, None, None),
    ]
    assert shown["dropped"][0]["path"] == "\\xfe"
    assert shown["collisions"] == [["A", "a"]]
