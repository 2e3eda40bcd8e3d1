"""Images of OCI and Docker, as root file systems."""

from __future__ import annotations

from pathlib import Path

from secmount.oci.manifest import DOCKER_MANIFEST
from tests.conformance.row import Contents, Row
from tests.support.archives import (
    Artifact,
    archive,
    entry,
    folder,
    hardlink,
    packed,
    symlink,
    zstd,
)

DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
IMAGE_LAYERS = (
    archive(
        folder("etc/"),
        entry("etc/os", b"1"),
        entry("etc/old", b"o"),
        folder("var/"),
        entry("var/a", b"a"),
        symlink("lib", "usr"),
    ),
    archive(
        folder("etc/"), entry("etc/.wh.old"), entry("etc/os", b"2"), entry("lib/b", b"b"), hardlink("etc/h", "etc/os")
    ),
    archive(folder("var/"), entry("var/.wh..wh..opq"), entry("var/c", b"c", mode=0o755)),
)
IMAGE_CONTENTS: Contents = {
    "etc": "/",
    "etc/h": b"2",
    "etc/os": b"2",
    "lib": "-> usr",
    "usr": "/",
    "usr/b": b"b",
    "var": "/",
    "var/c": b"c",
}


def _image(root: Path) -> Artifact:
    kind = "application/vnd.oci.image.layer.v1.tar+gzip"
    return Artifact(root).image(*IMAGE_LAYERS, media_type=kind, compress=packed)


def _zstd_image(root: Path) -> Artifact:
    kind = "application/vnd.oci.image.layer.v1.tar+zstd"
    return Artifact(root).image(*IMAGE_LAYERS, media_type=kind, compress=zstd)


def _docker_image(root: Path) -> Artifact:
    kind = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    artifact = Artifact(root, media_type=DOCKER_MANIFEST)
    return artifact.image(*IMAGE_LAYERS, media_type=kind, config_type=DOCKER_CONFIG, compress=packed)


_LAYER = "OCI image-spec v1.1 `layer.md`"

ROWS: tuple[Row, ...] = (
    Row(
        "OCI image",
        "`application/vnd.oci.image.layer.v1.tar[+gzip]` with an image config",
        "its root file system: whiteouts, opaque directories, entries through symlinks; `diff_ids` are checked",
        f"{_LAYER}, Applying Changesets; `config.md`, rootfs",
        _image,
        IMAGE_CONTENTS,
        frozenset({"var/c"}),
        real="test_flatten_images.py: `crane export`",
    ),
    Row(
        "OCI image",
        "`application/vnd.oci.image.layer.v1.tar+zstd`",
        "as above",
        _LAYER,
        _zstd_image,
        IMAGE_CONTENTS,
        frozenset({"var/c"}),
        real="test_flatten_images.py: `crane export`",
    ),
    Row(
        "Docker image",
        "`application/vnd.docker.image.rootfs.diff.tar.gzip`, schema 2",
        "as above",
        "distribution-spec `manifest-v2-2.md`, moby `image/spec/v1.2.md`",
        _docker_image,
        IMAGE_CONTENTS,
        frozenset({"var/c"}),
        real="test_flatten_images.py: `crane export`",
    ),
)
