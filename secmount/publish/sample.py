"""A small model, made of nothing but this module, for `secmount demo` and the first steps of a reader.

ModelPack media types (CNCF model-spec v0.0.7): a config, the weights as a file, a tokenizer directory as tar+gzip
with a pickle inside it, and a pickle as a layer of its own. The bytes are the same on every machine.
"""

from __future__ import annotations

import io
import json
import tarfile

from secmount.oci.descriptor import Descriptor
from secmount.publish.layout import LayoutWriter
from secmount.publish.pack.archive import gzipped
from secmount.value import dataclass

_MODEL = "application/vnd.cncf.model"
ARTIFACT_TYPE = f"{_MODEL}.manifest.v1+json"
CONFIG_TYPE = f"{_MODEL}.config.v1+json"
TITLE = "org.opencontainers.image.title"
_WEIGHTS = 1 << 20  # bytes
_PICKLE = b"cos\nsystem\n(S'echo a pickle can run commands when it is loaded'\ntR."


@dataclass(frozen=True, slots=True)
class SampleLayer:
    """A layer to be: its type, its title (None for an archive), its bytes."""

    media_type: str
    title: str | None
    data: bytes


def config() -> bytes:
    """Give the model's config document."""
    model = {
        "descriptor": {"name": "demo", "version": "1.0.0"},
        "config": {"paramSize": "1m"},
        "modelfs": {"type": "layers", "diffIds": []},
    }
    return json.dumps(model, separators=(",", ":")).encode()


def layers(variant: int) -> tuple[SampleLayer, ...]:
    """Give the layers in manifest order; the first byte of the weights is `variant`."""
    tokenizer = {
        "tokenizer/vocab.json": b'{"hello":0,"world":1}',
        "tokenizer/merges.txt": b"h e\n",
        "tokenizer/cache.pkl": _PICKLE,
    }
    return (
        SampleLayer(f"{_MODEL}.weight.config.v1.raw", "config.json", b'{"hidden_size":64,"layers":2}'),
        SampleLayer(f"{_MODEL}.weight.config.v1.tar+gzip", None, _tar_gzip(tokenizer)),
        SampleLayer(
            f"{_MODEL}.weight.v1.raw",
            "model.safetensors",
            bytes([variant]) + bytes(range(1, 256)) + bytes(range(256)) * (_WEIGHTS // 256 - 1),
        ),
        SampleLayer(f"{_MODEL}.code.v1.raw", "preprocess.pkl", _PICKLE),
    )


def _tar_gzip(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        folder = tarfile.TarInfo("tokenizer/")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(folder)
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))
    return b"".join(gzipped([out.getvalue()]))


def pack(path: str, tag: str, *, variant: int = 0) -> Descriptor:
    """Write the model into the layout folder `path` under `tag`; another `variant` (0 to 255) has other weights."""
    with LayoutWriter(path) as writer:
        made = [writer.add_blob(row.data, row.media_type, annotations=_names(row)) for row in layers(variant)]
        return writer.add_manifest(
            made,
            artifact_type=ARTIFACT_TYPE,
            config=writer.add_blob(config(), CONFIG_TYPE),
            annotations={"org.opencontainers.image.licenses": "Apache-2.0"},
            tag=tag,
        )


def _names(row: SampleLayer) -> dict[str, str]:
    return {} if row.title is None else {TITLE: row.title}
