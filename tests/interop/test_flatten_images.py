"""Images of several layers are flattened as `crane export` flattens them: path, type, content, link target."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.flattened import exported, ours
from tests.interop.peers.run import registry, run, tool
from tests.support.archives import archive, entry, folder, hardlink, packed, pax, symlink, zstd
from tests.support.layouts import OCI_CONFIG, Layout, digest_of, encode

pytestmark = pytest.mark.peer

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

BASE = archive(
    folder("./"),
    folder("bin/"),
    entry("bin/busybox", b"\x7fELF" * 300, mode=0o4755),
    *(hardlink(f"bin/{name}", "bin/busybox") for name in ("cat", "ls", "sh")),
    folder("etc/"),
    entry("etc/passwd", b"root:x:0:0"),
    entry("etc/shadow", b"secret", mode=0o600),
    symlink("etc/mtab", "/proc/mounts"),
    folder("usr/"),
    folder("usr/lib/"),
    entry("usr/lib/libc.so.6", b"libc"),
    symlink("lib", "usr/lib"),
    folder("var/"),
    folder("var/cache/"),
    *(entry(f"var/cache/{n}", bytes([n])) for n in range(20)),
    folder("tmp/", mode=0o1777),
)

WHITEOUTS = (
    BASE,
    archive(folder("etc/"), entry("etc/.wh.shadow"), entry("etc/passwd", b"changed"), entry("bin/.wh.ls")),
    archive(folder("var/"), entry("var/.wh.cache"), entry(".wh.tmp"), entry("etc/shadow", b"back again")),
    archive(entry("usr/lib/.wh.libc.so.6"), entry(".wh.lib")),
)
OPAQUE = (
    BASE,
    archive(folder("var/cache/"), entry("var/cache/.wh..wh..opq"), entry("var/cache/new", b"n")),
    archive(folder("usr/"), entry("usr/.wh..wh..opq"), folder("usr/share/"), entry("usr/share/doc", b"d")),
    archive(folder("usr/lib/"), entry("usr/lib/again", b"a")),
)
LINKS = (
    BASE,
    archive(
        hardlink("bin/ash", "bin/busybox"), symlink("etc/alternatives", "../usr/lib/libc.so.6"), symlink("l", "new")
    ),
    archive(
        folder("new/"), entry("new/target", b"t"), symlink("new/loop", "loop"), symlink("dangling", "nowhere/at/all")
    ),
    archive(
        symlink("etc/passwd", "../new/target"),
        entry("bin/sh", b"a shell of its own"),
        hardlink("new/twin", "new/target"),
    ),
)
TYPES = (
    BASE,
    archive(entry("usr", b"a file where a directory was"), folder("bin/cat/"), entry("bin/cat/inside", b"i")),
    archive(symlink("var", "tmp"), folder("lib/"), entry("lib/real.so", b"a directory now"), entry(".wh.nothing")),
    archive(pax({"path": "new/" + "long/" * 40 + "name"}), entry("x", b"long"), entry("new/ünï", b"u")),
)


@dataclass(frozen=True, slots=True)
class Image:
    """Layers, and how a builder writes them."""

    layers: tuple[bytes, ...]
    compress: Callable[[bytes], bytes]
    layer_type: str
    docker: bool = False

    def write(self, root: Path) -> Layout:
        layout = Layout(root)
        rows = [layout.add_blob(self.compress(data), self.layer_type) for data in self.layers]
        rootfs = {"type": "layers", "diff_ids": [digest_of(data) for data in self.layers]}
        config = encode({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs})
        about = layout.add_blob(config, DOCKER_CONFIG if self.docker else OCI_CONFIG)
        if self.docker:
            document = {"schemaVersion": 2, "mediaType": DOCKER, "config": about, "layers": rows}
            row = layout.add_document(encode(document), DOCKER)
            layout.tag(row, "v1")
        else:
            layout.add_manifest(rows, config=about, tag="v1")
        return layout


IMAGES = {
    "whiteouts, gzip": Image(WHITEOUTS, packed, f"{OCI_LAYER}+gzip"),
    "opaque directories, zstd": Image(OPAQUE, zstd, f"{OCI_LAYER}+zstd"),
    "links across layers, uncompressed": Image(LINKS, bytes, OCI_LAYER),
    "types that change, Docker": Image(TYPES, packed, DOCKER_LAYER, docker=True),
}


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with registry() as found:
        yield found


@pytest.mark.parametrize("name", IMAGES, ids=lambda name: name.replace(", ", "-"))
def test_an_image_is_flattened_as_crane_does(name: str, host: str, tmp_path: Path) -> None:
    layout = IMAGES[name].write(tmp_path / "layout")
    target = f"{host}/images/{list(IMAGES).index(name)}:v1"
    run("crane", "push", "--insecure", layout.path, target)
    done = subprocess.run([tool("crane"), "export", "--insecure", target, "-"], capture_output=True, check=True)
    found = ours(tmp_path / "layout", "v1", tmp_path / "store")
    assert found == exported(done.stdout)
    assert len(found) > 5
