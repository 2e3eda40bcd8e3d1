"""Layouts that oras, crane and skopeo wrote, with what cosign signed: verified, mounted, read, unmounted."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop import model
from tests.interop.conftest import Published
from tests.interop.peers.run import Cosign, run
from tests.interop.product import Product, mounting

pytestmark = pytest.mark.peer

Writer = Callable[[Path, Published, Published], str]  # folder, modern, classic -> reference


def crane(layout: Path, name: str, *options: str) -> None:
    run("crane", "pull", "--insecure", "--format=oci", *options, name, str(layout))


def oras_tag(folder: Path, modern: Published, _: Published) -> str:
    run("oras", "copy", "-r", "--from-plain-http", f"{modern.name}:v1", "--to-oci-layout", f"{folder}/l:v1")
    return f"oci:{folder}/l:v1"


def oras_tag_classic(folder: Path, _: Published, classic: Published) -> str:
    return oras_tag(folder, classic, classic)


def oras_digest(folder: Path, modern: Published, _: Published) -> str:
    run("oras", "copy", "-r", "--from-plain-http", f"{modern.name}@{modern.digest}", "--to-oci-layout", f"{folder}/l")
    return f"oci:{folder}/l"


def oras_backup(folder: Path, modern: Published, _: Published) -> str:
    run("oras", "backup", "--plain-http", "--include-referrers", "-o", f"{folder}/l.tar", f"{modern.name}:v1")
    return f"oci-archive:{folder}/l.tar:v1"


def crane_fallback(folder: Path, _: Published, classic: Published) -> str:
    crane(folder / "l", f"{classic.name}:v1")
    crane(folder / "l", f"{classic.name}:{classic.fallback}")
    return f"oci:{folder}/l@{classic.digest}"


def crane_unnamed(folder: Path, _: Published, classic: Published) -> str:
    return crane_fallback(folder, classic, classic).partition("@")[0]


def crane_annotated(folder: Path, _: Published, classic: Published) -> str:
    crane(folder / "l", f"{classic.name}:v1", "--annotate-ref")
    crane(folder / "l", f"{classic.name}:{classic.fallback}", "--annotate-ref")
    return f"oci:{folder}/l:{classic.name}:v1"


def crane_referrer(folder: Path, modern: Published, _: Published) -> str:
    crane(folder / "l", f"{modern.name}:v1")
    listing = run("oras", "discover", "--plain-http", "--format", "go-template", "--template",
                  "{{(index .referrers 0).digest}}", f"{modern.name}@{modern.digest}")  # fmt: skip
    crane(folder / "l", f"{modern.name}@{listing.strip()}")
    return f"oci:{folder}/l"


def skopeo_fallback(folder: Path, _: Published, classic: Published) -> str:
    copy = ("copy", "--src-tls-verify=false", "--insecure-policy")
    run("skopeo", *copy, f"docker://{classic.name}:v1", f"oci:{folder}/l:v1")
    run("skopeo", *copy, "--all", f"docker://{classic.name}:{classic.fallback}", f"oci:{folder}/l:{classic.fallback}")
    return f"oci:{folder}/l:v1"


def cosign_save(folder: Path, modern: Published, _: Published) -> str:
    run("cosign", "save", "--allow-http-registry", "--dir", f"{folder}/l", f"{modern.name}@{modern.digest}")
    return f"oci:{folder}/l"


SIGNED: list[Writer] = [
    oras_tag,
    oras_tag_classic,
    oras_digest,
    oras_backup,
    crane_fallback,
    crane_unnamed,
    crane_annotated,
    crane_referrer,
    skopeo_fallback,
    cosign_save,
]


def oras_alone(folder: Path, modern: Published, _: Published) -> str:
    run("oras", "copy", "--from-plain-http", f"{modern.name}:v1", "--to-oci-layout", f"{folder}/l:v1")
    return f"oci:{folder}/l:v1"


def crane_alone(folder: Path, modern: Published, _: Published) -> str:
    crane(folder / "l", f"{modern.name}:v1")
    return f"oci:{folder}/l"


def skopeo_alone(folder: Path, modern: Published, _: Published) -> str:
    source = f"docker://{modern.name}:v1"
    run("skopeo", "copy", "--src-tls-verify=false", "--insecure-policy", source, f"oci:{folder}/l:v1")
    return f"oci:{folder}/l:v1"


UNSIGNED: list[Writer] = [oras_alone, crane_alone, skopeo_alone]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "layouts"
    made.mkdir()
    return made


@pytest.mark.parametrize("writer", SIGNED, ids=lambda writer: writer.__name__)
def test_what_cosign_signed_mounts(
    writer: Writer, folder: Path, product: Product, modern: Published, classic: Published
) -> None:
    reference = writer(folder, modern, classic)
    verified = product.run("verify", reference)
    assert verified.exit == 0, verified.document
    assert verified.document["decision"]["verdict"] == "allowed"
    assert verified.document["decision"]["signers"] == ["release"]
    assert verified.document["artifact"]["digest"] in {modern.digest, classic.digest}

    target = folder / "mounted"
    mounted = product.run("mount", reference, str(target), *mounting())
    assert mounted.exit == 0, mounted.document
    try:
        assert model.read(target) == model.SEEN
        assert {row["path"] for row in mounted.document["decision"]["withheld"]} <= model.WITHHELD
        assert mounted.document["mount"]["partial"] is True
        if not mounting():
            shown = subprocess.check_output(["findmnt", "-n", "-o", "SOURCE,OPTIONS", str(target)], text=True)
            assert verified.document["artifact"]["digest"] in shown
            assert {"ro", "nosuid", "nodev", "noexec"} <= set(shown.split()[-1].split(","))
    finally:
        assert product.run("unmount", str(target)).exit == 0
    assert not target.exists()


@pytest.mark.parametrize("writer", UNSIGNED, ids=lambda writer: writer.__name__)
def test_a_copy_that_left_the_signature_behind_is_refused(
    writer: Writer, folder: Path, product: Product, modern: Published, classic: Published
) -> None:
    refused = product.run("verify", writer(folder, modern, classic))
    assert refused.exit == 10, refused.document
    assert refused.document["decision"]["verdict"] == "denied"


def test_a_changed_blob_is_refused(folder: Path, product: Product, modern: Published, classic: Published) -> None:
    reference = oras_tag(folder, modern, classic)
    weights = next(
        path for path in (folder / "l/blobs/sha256").iterdir() if path.read_bytes() == model.FILES["weights.bin"]
    )
    weights.chmod(0o644)
    weights.write_bytes(b"\xff" + model.FILES["weights.bin"][1:])
    refused = product.run("mount", reference, str(folder / "mounted"), *mounting())
    assert refused.exit == 30, refused.document
    assert refused.document["error"]["code"] == "SM5001"
    assert not (folder / "mounted").exists()


def test_another_key_is_refused(folder: Path, tmp_path: Path, modern: Published, classic: Published) -> None:
    run("cosign", "generate-key-pair", "--output-key-prefix", "other", cwd=folder)
    product = Product(tmp_path / "other").configure()
    product.trust(folder / "other.pub", f"oci:{tmp_path}/**")
    refused = product.run("verify", oras_tag(folder, modern, classic))
    assert refused.exit == 12, refused.document


def test_policy_init_is_enough_for_a_first_mount(
    folder: Path, tmp_path: Path, cosign: Cosign, modern: Published, classic: Published
) -> None:
    product = Product(tmp_path / "fresh").configure()
    reference = oras_tag(folder, modern, classic)
    assert product.run("verify", reference).exit == 2  # no policy yet
    made = product.run("policy init", "--key", str(cosign.public), "--match", f"oci:{tmp_path}/**")
    assert made.exit == 0, made.document
    assert product.run("verify", reference).exit == 0
