"""Builds one artifact in a folder of its own and prints the digests of its trees: for tests in other environments.

python -m tests.support.digests FOLDER [reversed]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from secmount.policy import glob
from secmount.policy.decision import Obligations
from secmount.store.cas import Store
from tests.support.archives import Artifact, archive, entry, folder, hardlink, packed, pax, symlink, zstd

TAR = "application/vnd.acme.content.v1.tar"


def artifact(root: Path) -> Artifact:
    """Give an artifact with every kind of layer, names of every kind, and conflicts."""
    names = ["Z", "a", "é", "e\u0301", "ß", "İ", "ı", "名前", "a b", "\x7f", "~"]
    lower = [
        folder("d/"),
        *(entry(f"d/{name}", name.encode()) for name in names),
        entry(b"d/raw\xff", b"r", mode=0o711),
    ]
    upper = [
        entry("d/a", b"later"),
        hardlink("h", "d/Z"),
        symlink("d/l", "é"),
        pax({"mtime": "-1.5"}),
        entry("t", b"t"),
    ]
    return (
        Artifact(root)
        .put(packed(archive(folder("d/"), *lower)), TAR + "+gzip")
        .file("model/weights.bin", bytes(range(256)) * 100)
        .put(zstd(archive(*reversed(lower))), TAR + "+zstd")
        .put(archive(*upper), TAR)
        .file("model/evil.pkl", b"p")
    )


def main(root: Path, *, backwards: bool) -> None:
    """Print the digest of the whole tree and of one that meets obligations."""
    made = artifact(root)
    if backwards:
        rows = zip(made.resolution().manifest.layers, (data for _, data in made.layers), strict=True)
        with Store(str(root / "store"), uid=os.getuid()) as store:
            for descriptor, data in reversed(list(rows)):
                store.put(descriptor, [data])
    asked = Obligations(exclude=(glob.path("**/*.pkl"), glob.path("d/É")))
    sys.stdout.write(f"{made.tree().digest}\n{made.tree(obligations=asked).digest}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), backwards="reversed" in sys.argv)
