"""Files, directories, charts, rules: what is pushed with ORAS and tools like it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.conformance.row import Row
from tests.support.archives import (
    TITLE,
    UNPACK,
    UNPACKED_DIGEST,
    Artifact,
    archive,
    entry,
    folder,
    hardlink,
    packed,
    symlink,
)
from tests.support.layouts import digest_of


def _oras_directory(root: Path) -> Artifact:
    plain = archive(folder("data"), entry("data/a", b"A"), symlink("data/l", "a"), hardlink("data/h", "data/a"))
    annotations = {TITLE: "data", UNPACK: "true", UNPACKED_DIGEST: digest_of(plain)}
    return Artifact(root).put(packed(plain), "application/vnd.oci.image.layer.v1.tar+gzip", annotations)


def _helm(root: Path) -> Artifact:
    artifact = Artifact(root, b"{}", "application/vnd.cncf.helm.config.v1+json")
    chart = archive(entry("app/Chart.yaml", b"name: app"), entry("app/templates/a.yaml", b"kind: A"))
    artifact.put(packed(chart), "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
    return artifact.put(b"-----BEGIN PGP", "application/vnd.cncf.helm.chart.provenance.v1.prov")


def _single(data: Callable[[], bytes], media_type: str, **more: str) -> Callable[[Path], Artifact]:
    """Give an artifact with an empty config and one layer, titled `title`."""
    return lambda root: Artifact(root).put(data(), media_type, {TITLE: more["title"]} if "title" in more else {})


_ORAS = "oras-go v2.6 `content/file/file.go`"
_RULE = "the general rule"

ROWS: tuple[Row, ...] = (
    Row(
        "ORAS",
        "a file, whatever its type: `application/vnd.oci.image.layer.v1.tar` by default",
        "the file, under its title",
        f"{_ORAS}, `Push`",
        lambda root: Artifact(root).put(b"text", "application/vnd.oci.image.layer.v1.tar", {TITLE: "docs/a.txt"}),
        {"docs": "/", "docs/a.txt": b"text"},
        real="test_oras.py: `oras pull`",
    ),
    Row(
        "ORAS",
        "a directory: `…tar+gzip`, `io.deis.oras.content.unpack`",
        "the directory named by the title; its uncompressed digest is checked, entries outside of it are refused",
        f"{_ORAS}, `pushDir`, `utils.go`, `extractTarGzip`",
        _oras_directory,
        {"data": "/", "data/a": b"A", "data/h": b"A", "data/l": "-> a"},
        real="test_oras.py: `oras pull`",
    ),
    Row(
        "CRI-O",
        "`application/vnd.cnai.model.layer.v1.tar`, `application/vnd.cnai.doc.layer.v1.tar` with the empty config",
        "the archive's entries, where its bytes are one; else the file, under its title",
        "KEP-4639, Filesystem representation; cri-o#9132",
        lambda root: (
            Artifact(root, artifact_type="application/vnd.cnai.model.manifest.v1+json")
            .put(archive(entry("m/w", b"W")), "application/vnd.cnai.model.layer.v1.tar", {TITLE: "model.tar"})
            .put(b"# doc", "application/vnd.cnai.doc.layer.v1.tar", {TITLE: "README.md"})
        ),
        {"README.md": b"# doc", "m": "/", "m/w": b"W"},
    ),
    Row(
        "Helm",
        "a chart and its provenance",
        "the chart's entries; `chart.prov`",
        "Helm `pkg/registry/constants.go`, HIPs 6, Artifact Format",
        _helm,
        {
            "app": "/",
            "app/Chart.yaml": b"name: app",
            "app/templates": "/",
            "app/templates/a.yaml": b"kind: A",
            "chart.prov": b"-----BEGIN PGP",
        },
        real="test_helm.py: `helm pull --untar`",
    ),
    Row(
        "Helm",
        "before 3.7: `application/tar+gzip`",
        "the chart's entries",
        "Helm `pkg/registry/constants.go`, LegacyChartLayerMediaType",
        _single(lambda: packed(archive(entry("app/Chart.yaml", b"n"))), "application/tar+gzip"),
        {"app": "/", "app/Chart.yaml": b"n"},
    ),
    Row(
        "Flux",
        "`application/vnd.cncf.flux.content.v1.tar+gzip`",
        "its entries",
        "fluxcd/pkg `oci/client`, source-controller `docs/spec/v1/ocirepositories.md`",
        _single(
            lambda: packed(archive(folder("./"), entry("./a.yaml", b"kind: A"))),
            "application/vnd.cncf.flux.content.v1.tar+gzip",
        ),
        {"a.yaml": b"kind: A"},
    ),
    Row(
        "Falco",
        "`application/vnd.cncf.falco.rulesfile.layer.v1+tar.gz`, title `rules.tar.gz`",
        "its entries",
        "falcosecurity/falcoctl `pkg/oci/types.go`",
        _single(
            lambda: packed(archive(entry("falco_rules.yaml", b"- rule"))),
            "application/vnd.cncf.falco.rulesfile.layer.v1+tar.gz",
            title="rules.tar.gz",
        ),
        {"falco_rules.yaml": b"- rule"},
    ),
    Row(
        "Dev Containers",
        "`application/vnd.devcontainers.layer.v1+tar`, title `….tgz`, not compressed",
        "its entries",
        f"{_RULE}; devcontainers/cli#664",
        _single(
            lambda: archive(entry("./install.sh", b"#!", mode=0o755)),
            "application/vnd.devcontainers.layer.v1+tar",
            title="devcontainer-feature-go.tgz",
        ),
        {"install.sh": b"#!"},
        frozenset({"install.sh"}),
    ),
    Row(
        "Trivy",
        "`application/vnd.aquasec.trivy.db.layer.v1.tar+gzip`, title `db.tar.gz`",
        "its entries",
        _RULE,
        _single(
            lambda: packed(archive(entry("trivy.db", b"bolt"), entry("metadata.json", b"{}"))),
            "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip",
            title="db.tar.gz",
        ),
        {"metadata.json": b"{}", "trivy.db": b"bolt"},
    ),
    Row(
        "OPA, conftest",
        "`application/vnd.cncf.openpolicyagent.policy.layer.v1+rego`",
        "the file, under its title",
        _RULE,
        _single(lambda: b"package a", "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego", title="p/a.rego"),
        {"p": "/", "p/a.rego": b"package a"},
    ),
)

ANYTHING_ELSE = Row(
    "anything else",
    "a layer whose type has no `tar` among its parts, without a name",
    "one file, `sha256-` and the first 12 digits of its digest",
    _RULE,
    _single(lambda: b"\0asm", "application/wasm"),
    {"sha256-cd5d4935a48c": b"\0asm"},
)
