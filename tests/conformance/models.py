"""Models: ModelPack, KitOps, Docker Model Runner, Ollama."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from secmount.oci.manifest import DOCKER_MANIFEST
from tests.conformance.row import Contents, Row
from tests.support.archives import (
    Artifact,
    archive,
    entry,
    folder,
    packed,
    zstd,
)
from tests.support.layouts import encode

DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
FILEPATH, OLD_FILEPATH = "org.cncf.model.filepath", "org.cnai.model.filepath"
METADATA, OLD_METADATA = "org.cncf.model.file.metadata+json", "org.cnai.model.file.metadata+json"
MODEL = "application/vnd.cncf.model"


def _metadata(name: str, mode: int, mtime: str) -> str:
    return encode({"name": name, "mode": mode, "uid": 0, "gid": 0, "size": 5, "mtime": mtime, "typeflag": 48}).decode()


def _modelpack(prefix: str, filepath: str, metadata: str) -> Callable[[Path], Artifact]:
    def make(root: Path) -> Artifact:
        time = "2025-05-01T08:00:00Z"
        artifact = Artifact(root, b"{}", f"{prefix}.config.v1+json", f"{prefix}.manifest.v1+json")
        artifact.put(
            b"gguf!", f"{prefix}.weight.v1.raw", {filepath: "m/w.gguf", metadata: _metadata("w.gguf", 420, time)}
        )
        artifact.put(b"#!/bi", f"{prefix}.code.v1.raw", {filepath: "run.sh", metadata: _metadata("run.sh", 493, time)})
        artifact.put(archive(entry("cfg/c.json", b"{}")), f"{prefix}.weight.config.v1.tar", {filepath: "cfg"})
        artifact.put(packed(archive(entry("doc/a.md", b"#"))), f"{prefix}.doc.v1.tar+gzip", {filepath: "doc"})
        return artifact.put(zstd(archive(entry("set/a.csv", b","))), f"{prefix}.dataset.v1.tar+zstd", {filepath: "set"})

    return make


MODELPACK: Contents = {
    "cfg": "/",
    "cfg/c.json": b"{}",
    "doc": "/",
    "doc/a.md": b"#",
    "m": "/",
    "m/w.gguf": b"gguf!",
    "run.sh": b"#!/bi",
    "set": "/",
    "set/a.csv": b",",
}
MODELPACK_TIME = 1_746_086_400


def _kitops(root: Path) -> Artifact:
    prefix = "application/vnd.kitops.modelkit"
    artifact = Artifact(root, b"{}", f"{prefix}.config.v1+json", "application/vnd.kitops.modelkit.manifest.v1+json")
    artifact.put(packed(archive(folder("model/"), entry("model/w.bin", b"W"))), f"{prefix}.model.v1.tar+gzip")
    artifact.put(archive(entry("src/a.py", b"P")), f"{prefix}.code.v1.tar")
    artifact.put(zstd(archive(entry("docs/a.md", b"D"))), f"{prefix}.docs.v1.tar+zstd")
    artifact.put(b"raw", f"{prefix}.modelpart.v1.raw", {FILEPATH: "part.bin"})
    artifact.put(packed(b"rawgz"), f"{prefix}.dataset.v1.raw+gzip", {FILEPATH: "set/a.csv"})
    return artifact.put(zstd(b"rawzst"), f"{prefix}.dataset.v1.raw+zstd", {FILEPATH: "set/b.csv"})


def _model_runner(root: Path, *parts: str) -> Artifact:
    prefix = "application/vnd.docker.ai"
    artifact = Artifact(root, b"{}", f"{prefix}.model.config.v0.1+json")
    for part in parts:
        artifact.put(part.encode(), f"{prefix}.{part.partition(' ')[0]}")
    return artifact


def _model_runner_files(root: Path) -> Artifact:
    prefix = "application/vnd.docker.ai"
    artifact = Artifact(root, b"{}", f"{prefix}.model.config.v0.2+json")
    artifact.put(b"W", f"{prefix}.safetensors", {FILEPATH: "unet/w.safetensors", METADATA: _metadata("w", 420, _NEW)})
    return artifact.put(b"{}", f"{prefix}.model.file", {FILEPATH: "unet/config.json"})


_NEW = "2026-01-01T00:00:00Z"


def _model_runner_archives(root: Path) -> Artifact:
    artifact = _model_runner(root, "safetensors")
    artifact.put(archive(entry("config.json", b"{}")), "application/vnd.docker.ai.vllm.config.tar")
    return artifact.put(archive(folder("lora/"), entry("lora/a", b"L")), "application/vnd.docker.ai.dir.tar")


def _ollama(root: Path, *rows: tuple[str, str]) -> Artifact:
    """Make a Docker schema 2 manifest without any annotation; a row is (type, the field `name` or nothing)."""
    config = encode({"model_format": "gguf", "rootfs": {"type": "layers", "diff_ids": []}})
    artifact = Artifact(root, config, DOCKER_CONFIG, media_type=DOCKER_MANIFEST)
    for kind, name in rows:
        more = {"name": name} if name else {}
        artifact.put(f"{kind} {name}".encode(), f"application/vnd.ollama.image.{kind}", None, **more)
    return artifact


_SPEC = "CNCF model-spec v0.0.7 `docs/spec.md`, modctl `pkg/codec`"
_RUNNER = "docker/model-runner `pkg/distribution/internal/bundle/unpack.go`"

ROWS: tuple[Row, ...] = (
    Row(
        "ModelPack",
        "`application/vnd.cncf.model.*.v1.{raw,tar,tar+gzip,tar+zstd}`",
        "raw: the file at `org.cncf.model.filepath`, mode and time from its metadata; tar: its entries",
        _SPEC,
        _modelpack(MODEL, FILEPATH, METADATA),
        MODELPACK,
        frozenset({"run.sh"}),
        {"run.sh": MODELPACK_TIME, "m/w.gguf": MODELPACK_TIME},
    ),
    Row(
        "ModelPack",
        "up to v0.0.6: `application/vnd.cnai.model.*`, `org.cnai.model.filepath`",
        "as above",
        "CNCF model-spec v0.0.6 `specs-go/v1`",
        _modelpack("application/vnd.cnai.model", OLD_FILEPATH, OLD_METADATA),
        MODELPACK,
        frozenset({"run.sh"}),
        {"run.sh": MODELPACK_TIME, "m/w.gguf": MODELPACK_TIME},
    ),
    Row(
        "ModelPack",
        "before its first release: `application/vnd.cncf.cnai.model.layer.v1.tar`",
        "the archive's entries",
        "model-spec before 7aabe2b, `docs/spec.md`",
        lambda root: Artifact(root).put(archive(entry("m/w", b"W")), "application/vnd.cncf.cnai.model.layer.v1.tar"),
        {"m": "/", "m/w": b"W"},
    ),
    Row(
        "KitOps",
        "`application/vnd.kitops.modelkit.*.v1.{tar,raw}[+gzip,+zstd]`",
        "tar: its entries; raw: the file at `org.cncf.model.filepath`, uncompressed",
        "kitops `pkg/lib/constants/mediatype/kitops.go`, `pkg/lib/filesystem/{raw,tar}.go`",
        _kitops,
        {
            "docs": "/",
            "docs/a.md": b"D",
            "model": "/",
            "model/w.bin": b"W",
            "part.bin": b"raw",
            "set": "/",
            "set/a.csv": b"rawgz",
            "set/b.csv": b"rawzst",
            "src": "/",
            "src/a.py": b"P",
        },
    ),
    Row(
        "Docker Model Runner",
        "config v0.1, one `application/vnd.docker.ai.gguf.v3`, projector, template, licence",
        "`model.gguf`, `model.mmproj`, `template.jinja`, `LICENSE`",
        _RUNNER,
        lambda root: _model_runner(root, "gguf.v3", "mmproj", "chat.template.jinja", "license"),
        {
            "LICENSE": b"license",
            "model.gguf": b"gguf.v3",
            "model.mmproj": b"mmproj",
            "template.jinja": b"chat.template.jinja",
        },
    ),
    Row(
        "Docker Model Runner",
        "config v0.1, several `gguf.v3` or `safetensors`",
        "`model-00001-of-0000N.gguf` in the manifest's order",
        f"{_RUNNER}, `unpackGGUFs`, `unpackSafetensors`",
        lambda root: _model_runner(root, "gguf.v3 1", "gguf.v3 2", "safetensors"),
        {
            "model-00001-of-00002.gguf": b"gguf.v3 1",
            "model-00002-of-00002.gguf": b"gguf.v3 2",
            "model.safetensors": b"safetensors",
        },
    ),
    Row(
        "Docker Model Runner",
        "config v0.2, a layer for each file",
        "each file at `org.cncf.model.filepath`",
        "docker/model-runner `pkg/distribution/types/config.go`, `builder/from_directory.go`",
        _model_runner_files,
        {"unet": "/", "unet/config.json": b"{}", "unet/w.safetensors": b"W"},
    ),
    Row(
        "Docker Model Runner",
        "`…vllm.config.tar`, `…dir.tar`",
        "their entries",
        f"{_RUNNER}, `unpackConfigArchive`, `unpackDirTarArchives`",
        _model_runner_archives,
        {"config.json": b"{}", "lora": "/", "lora/a": b"L", "model.safetensors": b"safetensors"},
    ),
    Row(
        "Docker Model Runner",
        "ModelPack types of its own: `application/vnd.cncf.model.weight.v1.gguf`",
        "`model.gguf`",
        "docker/model-runner `pkg/distribution/modelpack/types.go`",
        lambda root: Artifact(root, b"{}", f"{MODEL}.config.v1+json").put(b"G", f"{MODEL}.weight.v1.gguf"),
        {"model.gguf": b"G"},
    ),
    Row(
        "Ollama",
        "GGUF models: `application/vnd.ollama.image.{model,template,params,license,…}`",
        "`model.gguf`, `template`, `params.json`, `license`, `license-2`, …: names of ours, Ollama has none",
        "ollama `server/images.go`, `manifest/layer.go`",
        lambda root: _ollama(root, ("model", ""), ("template", ""), ("params", ""), ("license", ""), ("license", "")),
        {
            "license": b"license ",
            "license-2": b"license ",
            "model.gguf": b"model ",
            "params.json": b"params ",
            "template": b"template ",
        },
    ),
    Row(
        "Ollama",
        "safetensors models: `…image.json`, `…image.tensor`",
        "the descriptor's field `name`",
        "ollama `manifest/layer.go`, `x/create/create.go`",
        lambda root: _ollama(root, ("json", "config.json"), ("tensor", "text_encoder/model.embed_tokens.weight")),
        {
            "config.json": b"json config.json",
            "text_encoder": "/",
            "text_encoder/model.embed_tokens.weight": b"tensor text_encoder/model.embed_tokens.weight",
        },
    ),
)
