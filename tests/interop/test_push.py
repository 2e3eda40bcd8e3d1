"""What we push and sign in real registries, the others read: oras, crane and skopeo the content, cosign the signatures.

docker-registry has no referrers API, so its signatures stand in an index of our making; go-containerregistry's has.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from secmount.registry.layout import LayoutSource
from tests.interop.flattened import folder as contents
from tests.interop.peers.distribution import distribution
from tests.interop.peers.run import PASSWORD, ROOT, Cosign, run
from tests.interop.product import Product, mounting

pytestmark = pytest.mark.peer
PATHS = ("config.json:application/json", "weights.bin", "data", "sub/inner.json")
FORMATS = pytest.mark.parametrize("form", ["bundle", "legacy"])


@pytest.fixture(scope="module", params=["docker-registry", "ociregistry"])
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "ociregistry":
        yield request.getfixturevalue("with_referrers")
        return
    with distribution(tmp_path_factory.mktemp("distribution")) as running:
        yield running.host


@pytest.fixture
def name(host: str, tmp_path: Path) -> str:
    """A fresh repository."""
    return f"{host}/pushed/{tmp_path.name.replace('_', '-').strip('-').lower()}"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Files and folders with what tools stumble over."""
    root = tmp_path / "files"
    (root / "data/deep/er").mkdir(parents=True)
    (root / "data/empty").mkdir()
    (root / "data/deep/er/b.bin").write_bytes(bytes(range(256)) * 20)
    (root / "data/run.sh").write_text("#!/bin/sh\n")
    (root / "data/run.sh").chmod(0o755)
    (root / "data" / ("n" * 150)).write_text("a name for a pax header")
    (root / "data/ünïcode name").write_text("x")
    (root / "data/nothing").write_bytes(b"")
    (root / "data/link").symlink_to("deep/er/b.bin")
    (root / "weights.bin").write_bytes(b"w" * 100_000)
    (root / "config.json").write_text("{}")
    (root / "sub").mkdir()
    (root / "sub/inner.json").write_text('{"inner": true}')
    return root


@pytest.fixture
def secmount(tmp_path: Path, name: str) -> Product:
    return Product(tmp_path / "secmount").configure()


def push(secmount: Product, ref: str, written: Path, *words: str, paths: tuple[str, ...] = PATHS) -> str:
    """Push, and give the digest."""
    done = secmount.run("push", ref, *paths, "--plain-http", *words, cwd=written)
    assert done.exit == 0, done.document["error"]
    return str(done.document["artifact"]["digest"])


def sign(secmount: Product, ref: str, key: Path, *words: str) -> dict[str, str]:
    done = secmount.run("sign", ref, "--key", str(key), "--plain-http", *words, password=PASSWORD)
    assert done.exit == 0, done.document["error"]
    found: dict[str, str] = done.document["signature"]
    return found


@pytest.mark.parametrize("words", [(), ("--chunk-size", "1")], ids=["in one piece", "in chunks"])
def test_oras_pulls_what_we_pushed(
    secmount: Product, name: str, written: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (written / "weights.bin").write_bytes(b"0123456789abcdef" * 200_000)
    push(secmount, f"{name}:v1", written, *words)
    run("oras", "pull", "--plain-http", f"{name}:v1", "-o", str(tmp_path / "pulled"))
    assert contents(tmp_path / "pulled") == contents(written)


def test_crane_and_skopeo_copy_what_we_pushed(secmount: Product, name: str, written: Path, tmp_path: Path) -> None:
    digest = push(secmount, f"{name}:v1", written)
    assert run("crane", "digest", f"{name}:v1").strip() == digest
    run("crane", "validate", "--remote", f"{name}:v1", "--fast")
    run("skopeo", "copy", "--src-tls-verify=false", f"docker://{name}:v1", f"oci:{tmp_path / 'copied'}:v1")
    with LayoutSource(str(tmp_path / "copied")) as layout:
        assert str(layout.head("v1", None).digest) == digest
    raw = run("crane", "manifest", f"{name}:v1")
    assert [layer["annotations"]["org.opencontainers.image.title"] for layer in json.loads(raw)["layers"]] == [
        "config.json",
        "weights.bin",
        "data",
        "sub/inner.json",
    ]
    weights = json.loads(raw)["layers"][1]["digest"]
    blob = subprocess.run(
        [str(ROOT / ".peers/bin/crane"), "blob", f"{name}@{weights}"], check=True, capture_output=True, timeout=60
    )
    assert blob.stdout == (written / "weights.bin").read_bytes()


def test_the_same_in_a_layout(secmount: Product, name: str, written: Path, tmp_path: Path) -> None:
    digest = push(secmount, f"{name}:v1", written)
    assert push(secmount, f"oci:{tmp_path / 'made'}:v1", written) == digest
    run("oras", "pull", "--oci-layout", f"{tmp_path / 'made'}:v1", "-o", str(tmp_path / "pulled"))
    assert contents(tmp_path / "pulled") == contents(written)


def test_what_oras_pushed_is_not_sent_again(secmount: Product, name: str, written: Path) -> None:
    run("oras", "push", "--plain-http", f"{name}:theirs", "weights.bin:application/octet-stream", cwd=written)
    done = secmount.run("push", f"{name}:v1", "weights.bin", "--plain-http", cwd=written)
    assert done.document["pushed"]["present"] >= 100_000 and done.document["pushed"]["sent"] < 10


@FORMATS
def test_cosign_accepts_our_signature(
    secmount: Product, name: str, written: Path, cosign: Cosign, tmp_path: Path, form: str
) -> None:
    digest = push(secmount, f"{name}:v1", written)
    assert sign(secmount, f"{name}:v1", cosign.key, "--format", form)["subject"] == digest
    (found,) = cosign.verify(f"{name}@{digest}", cosign.public, bundle=form == "bundle")
    assert found["critical"]["image"]["docker-manifest-digest"] == digest  # type: ignore[index]


@FORMATS
def test_theirs_and_ours_stand_beside_each_other(
    secmount: Product, name: str, written: Path, cosign: Cosign, tmp_path: Path, form: str
) -> None:
    """Whoever was first, the other's signature is not lost: both keys' are accepted."""
    digest = push(secmount, f"{name}:v1", written)
    made = secmount.run("key generate", "ours", cwd=tmp_path, password=PASSWORD)
    assert made.exit == 0
    for first in ("cosign", "ours", "cosign"):
        if first == "cosign":
            cosign.sign(f"{name}@{digest}", bundle=form == "bundle")
        else:
            sign(secmount, f"{name}@{digest}", tmp_path / "ours.key", "--format", form)
        if first == "ours":
            assert cosign.verify(f"{name}@{digest}", tmp_path / "ours.pub", bundle=form == "bundle")
    assert len(cosign.verify(f"{name}@{digest}", cosign.public, bundle=form == "bundle")) >= 1
    assert cosign.verify(f"{name}@{digest}", tmp_path / "ours.pub", bundle=form == "bundle")


@FORMATS
@pytest.mark.parametrize("signer", ["cosign", "ours"])
def test_the_loop_is_closed(
    secmount: Product, name: str, written: Path, cosign: Cosign, tmp_path: Path, form: str, signer: str
) -> None:
    """Pushed by us, signed by either, decided and mounted by us."""
    digest = push(secmount, f"{name}:v1", written)
    if signer == "cosign":
        cosign.sign(f"{name}@{digest}", bundle=form == "bundle")
    else:
        sign(secmount, f"{name}:v1", cosign.key, "--format", form)
    secmount.trust(cosign.public, f"{name}")
    target = tmp_path / "mounted"
    done = secmount.run("mount", f"{name}:v1", str(target), "--plain-http", *mounting())
    assert done.exit == 0, done.document["error"]
    try:
        assert (target / "weights.bin").read_bytes() == (written / "weights.bin").read_bytes()
        assert (target / "data/ünïcode name").read_text() == "x"
    finally:
        assert secmount.run("unmount", str(target)).exit == 0


def test_modelpack_is_one_layer_a_file(secmount: Product, name: str, written: Path, tmp_path: Path) -> None:
    (written / "data/link").unlink()
    push(secmount, f"{name}:v1", written, "--format", "modelpack", paths=("data", "config.json", "weights.bin"))
    run("oras", "pull", "--plain-http", f"{name}:v1", "-o", str(tmp_path / "pulled"))
    assert (tmp_path / "pulled/data/deep/er/b.bin").read_bytes() == (written / "data/deep/er/b.bin").read_bytes()
    manifest = json.loads(run("crane", "manifest", f"{name}:v1"))
    assert {layer["mediaType"].rpartition(".v1.")[2] for layer in manifest["layers"]} == {"raw"}
