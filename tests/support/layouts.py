"""Builds OCI image layout folders from plain Python, good ones and broken ones, without any code of secmount.

What is written is what the test says, byte for byte: no value is checked, so that hostile documents can be made as
easily as good ones. Every blob is deterministic. OCI image-spec v1.1 `image-layout.md`, `manifest.md` and
`image-index.md`.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
REF_NAME = "org.opencontainers.image.ref.name"
TITLE = "org.opencontainers.image.title"
FILEPATH = "org.cncf.model.filepath"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MODEL = "application/vnd.cncf.model"

Json = dict[str, Any]


def encode(document: object) -> bytes:
    """Write `document` as compact JSON, keys in the order given."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """Give `sha256:…` of `data`."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def describe(data: bytes, media_type: str, **more: Any) -> Json:
    """Give the descriptor of `data`; `more` (annotations, artifactType, platform) is added where it is not None."""
    row: Json = {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}
    row.update({key: value for key, value in more.items() if value is not None})
    return row


def tar(members: Mapping[str, bytes], *, mode: int = 0o644) -> bytes:
    """Pack regular files into a tar with fixed times and owners, directories first where a name needs one."""
    out, made = io.BytesIO(), set[str]()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in members.items():
            parts = name.split("/")[:-1]
            for depth in range(1, len(parts) + 1):
                folder = "/".join(parts[:depth])
                if folder and folder not in made:
                    made.add(folder)
                    info = tarfile.TarInfo(folder + "/")
                    info.type, info.mode = tarfile.DIRTYPE, 0o755
                    archive.addfile(info)
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), mode
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def tar_gzip(members: Mapping[str, bytes]) -> bytes:
    """Pack regular files into a deterministic tar+gzip."""
    return gzip.compress(tar(members), mtime=0)


@dataclass
class Layout:
    """A layout folder being written; descriptors are plain JSON objects."""

    root: Path
    manifests: list[Json] = field(default_factory=list)  # the rows of index.json, in order

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        (self.root / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0"}')
        self.write_index()

    @property
    def path(self) -> str:
        """The folder, as a user would name it."""
        return str(self.root)

    def blob_path(self, descriptor: Json | str) -> Path:
        """Where the blob of a descriptor, or of a digest's text, lies."""
        text: str = descriptor if isinstance(descriptor, str) else descriptor["digest"]
        return self.root / "blobs" / Path(*text.split(":"))

    def add_blob(self, data: bytes, media_type: str = "application/octet-stream", **more: Any) -> Json:
        """Write `data` under its digest and describe it."""
        row = describe(data, media_type, **more)
        self.blob_path(row).write_bytes(data)
        return row

    def add_file(self, name: str, data: bytes, media_type: str = f"{MODEL}.weight.v1.raw") -> Json:
        """Write a layer that is one file, named by its title."""
        return self.add_blob(data, media_type, annotations={TITLE: name, FILEPATH: name})

    def add_document(self, raw: bytes, media_type: str = OCI_MANIFEST, *, listed: bool = True, **more: Any) -> Json:
        """Write a manifest or index of exactly these bytes, well formed or not, and list it in index.json."""
        row = self.add_blob(raw, media_type, **more)
        if listed:
            self.list(row)
        return row

    def add_manifest(
        self,
        layers: Sequence[Json] = (),
        *,
        config: Json | None = None,
        artifact_type: str | None = None,
        subject: Json | None = None,
        annotations: Mapping[str, str] | None = None,
        tag: str | None = None,
        platform: Json | None = None,
        listed: bool = True,
    ) -> Json:
        """Write a manifest; without `config` the empty one. Its row names artifactType as oras and cosign do."""
        document: Json = {"schemaVersion": 2, "mediaType": OCI_MANIFEST}
        if artifact_type is not None:
            document["artifactType"] = artifact_type
        document["config"] = config or self.add_blob(b"{}", OCI_EMPTY)
        document["layers"] = list(layers)
        if subject is not None:
            document["subject"] = {key: subject[key] for key in ("mediaType", "digest", "size")}
        if annotations is not None:
            document["annotations"] = dict(annotations)
        names = {REF_NAME: tag} if tag is not None else None
        more = {"artifactType": artifact_type, "platform": platform, "annotations": names}
        return self.add_document(encode(document), OCI_MANIFEST, listed=listed, **more)

    def add_index(
        self,
        manifests: Sequence[Json],
        *,
        tag: str | None = None,
        subject: Json | None = None,
        annotations: Mapping[str, str] | None = None,
        artifact_type: str | None = None,
        listed: bool = True,
    ) -> Json:
        """Write an index over rows that were already described."""
        document: Json = {"schemaVersion": 2, "mediaType": OCI_INDEX}
        if artifact_type is not None:
            document["artifactType"] = artifact_type
        document["manifests"] = list(manifests)
        if subject is not None:
            document["subject"] = {key: subject[key] for key in ("mediaType", "digest", "size")}
        if annotations is not None:
            document["annotations"] = dict(annotations)
        names = {REF_NAME: tag} if tag is not None else None
        return self.add_document(encode(document), OCI_INDEX, listed=listed, annotations=names)

    def list(self, row: Json) -> None:
        """Add a row to index.json as it is."""
        self.manifests.append(row)
        self.write_index()

    def unlist(self, row: Json) -> None:
        """Take every row of a digest out of index.json; its blob stays."""
        self.manifests = [other for other in self.manifests if other["digest"] != row["digest"]]
        self.write_index()

    def tag(self, row: Json, name: str) -> None:
        """Add a row for the same digest under `name`, after any untagged row of it was taken out."""
        self.manifests = [
            o for o in self.manifests if o["digest"] != row["digest"] or REF_NAME in o.get("annotations", {})
        ]
        self.list({**row, "annotations": {**row.get("annotations", {}), REF_NAME: name}})

    def attach_referrer(
        self,
        subject: Json,
        data: bytes,
        media_type: str = BUNDLE,
        *,
        artifact_type: str | None = None,
        annotations: Mapping[str, str] | None = None,
        listed: bool = True,
    ) -> Json:
        """Write a manifest about `subject` with one layer of `data`, shaped as cosign v3 writes a bundle."""
        kind = artifact_type or media_type
        layer = self.add_blob(data, media_type)
        return self.add_manifest([layer], artifact_type=kind, subject=subject, annotations=annotations, listed=listed)

    def add_fallback_tag(self, subject: Json, rows: Sequence[Json]) -> Json:
        """Write the referrers index under the tag `sha256-<hex>`. OCI distribution-spec v1.1, Referrers Tag Schema."""
        return self.add_index(rows, tag=subject["digest"].replace(":", "-"))

    def write_index(self, **more: Any) -> None:
        """Write index.json from `manifests`; `more` replaces or adds fields."""
        self.write_index_bytes(
            encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": self.manifests, **more})
        )

    def write_index_bytes(self, raw: bytes) -> None:
        """Write index.json of exactly these bytes."""
        (self.root / "index.json").write_bytes(raw)

    def corrupt(self, row: Json) -> None:
        """Flip one bit of a blob: same size, wrong digest."""
        data = bytearray(self.blob_path(row).read_bytes())
        data[len(data) // 2] ^= 1
        self.blob_path(row).write_bytes(data)

    def truncate(self, row: Json, by: int = 1) -> None:
        """Cut the last bytes of a blob off."""
        data = self.blob_path(row).read_bytes()
        self.blob_path(row).write_bytes(data[: len(data) - by])

    def remove(self, row: Json) -> None:
        """Delete a blob; what describes it stays."""
        self.blob_path(row).unlink()

    def archive(self, target: Path) -> Path:
        """Write the whole layout as an uncompressed tar, the members named as skopeo's oci-archive names them."""
        names = sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())
        target.write_bytes(tar({name: (self.root / name).read_bytes() for name in names}))
        return target


DUPLICATE_KEYS = (
    b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.empty.v1+json",'
    b'"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[],"layers":[]}'
)


def ambiguous(manifest: bytes, index: bytes) -> bytes:
    """Join the fields of a manifest and of an index into one document. CVE-2021-41190."""
    return encode({**json.loads(index), **json.loads(manifest)})


@dataclass(frozen=True)
class Model:
    """What `model` wrote: the descriptors, and every file that an exact unpacking of all layers has."""

    layout: Layout
    manifest: Json
    config: Json
    layers: list[Json]
    files: dict[str, bytes]
    tokenizer: Json
    weights: Json
    pickle: Json

    @property
    def digest(self) -> str:
        """The manifest's digest."""
        return str(self.manifest["digest"])

    @property
    def reference(self) -> str:
        """The artifact as a user would name it."""
        return f"oci:{self.layout.path}:v1"


# A pickle that would run `os.system` when it is loaded; nothing here loads it.
EVIL_PICKLE = b"cos\nsystem\n(S'echo pwned'\ntR."


def model(
    root: Path,
    *,
    tag: str | None = "v1",
    weights: bytes = b"\x00\x01\x02\x03" * 4096,
    annotations: Mapping[str, str] | None = None,
) -> Model:
    """Write a small ModelPack artifact: config.json, tokenizer/ as tar+gzip with a pickle in it, weights, a pickle."""
    layout = Layout(root)
    settings = encode({"architectures": ["Tiny"], "hidden_size": 8})
    tokenizer_files = {
        "tokenizer/merges.txt": b"#version: 0.2\n",
        "tokenizer/tokenizer.json": encode({"version": "1.0"}),
        "tokenizer/cache.pkl": EVIL_PICKLE,
    }
    tokenizer = layout.add_blob(
        tar_gzip(tokenizer_files),
        f"{MODEL}.weight.config.v1.tar+gzip",
        annotations={TITLE: "tokenizer", FILEPATH: "tokenizer"},
    )
    weight = layout.add_file("model.safetensors", weights)
    pickle = layout.add_file("optimizer.pkl", EVIL_PICKLE)
    layers = [layout.add_file("config.json", settings, f"{MODEL}.weight.config.v1.raw"), tokenizer, weight, pickle]
    config = layout.add_blob(
        encode(
            {
                "descriptor": {"name": "tiny", "version": "1"},
                "config": {"format": "safetensors"},
                "modelfs": {"type": "layers", "diffIds": []},
            }
        ),
        f"{MODEL}.config.v1+json",
    )
    notes = annotations if annotations is not None else {"org.opencontainers.image.licenses": "Apache-2.0"}
    manifest = layout.add_manifest(
        layers, config=config, artifact_type=f"{MODEL}.manifest.v1+json", annotations=notes, tag=tag
    )
    files = {"config.json": settings, **tokenizer_files, "model.safetensors": weights, "optimizer.pkl": EVIL_PICKLE}
    return Model(layout, manifest, config, layers, files, tokenizer, weight, pickle)
