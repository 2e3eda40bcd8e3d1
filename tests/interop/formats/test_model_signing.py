"""Models signed by the OpenSSF package, mounted only where the full tree is exactly what was signed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.product import Answer, Product, mounting
from tests.support import keys as made
from tests.support import shelf
from tests.support.legacy import pem
from tests.support.minisig import der
from tests.unit.trust import corporate
from tests.unit.trust.attacks.formats.build import company, looked_at, referring
from tests.unit.trust.bench import MODEL

model_signing = pytest.importorskip("model_signing", reason="model-signing is not installed")
KEY = made.pair("ecdsa-p256")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "sub/weights.bin").write_bytes(b"w" * 5000)
    (folder / "sub/opt.pkl").write_bytes(b"p" * 50)
    (folder / ".gitignore").write_text("*.tmp")
    (tmp_path / "key.pem").write_bytes(KEY.private_pem)
    return folder


def sign(model: Path, tmp_path: Path, *, config: object | None = None) -> None:
    """Sign as `model_signing sign key` does; git's files are ignored unless told otherwise."""
    signing = model_signing.signing.Config().use_elliptic_key_signer(private_key=tmp_path / "key.pem")
    if config is not None:
        signing.set_hashing_config(config)
    signing.sign(model, model / "model.sig")


def everything(model: Path) -> object:
    """Ignore nothing but the signature itself."""
    return model_signing.hashing.Config().set_ignored_paths(paths=[model / "model.sig"], ignore_git_paths=False)


def look(model: Path, tmp_path: Path, *paths: str, rule: str = "", verb: str = "mount") -> Answer:
    """Push the model's files into a layout, and mount or verify that under a rule that wants the signer."""
    product = Product(tmp_path / "product").configure()
    layout = tmp_path / "layout"
    words = paths or ("config.json", ".gitignore", "sub", "model.sig")
    pushed = product.run("push", f"oci:{layout}:v1", *words, cwd=model)
    assert pushed.exit == 0, pushed.document["error"]
    (product.policy / "keys").mkdir(parents=True, exist_ok=True)
    (product.policy / "keys/release.pub").write_bytes(KEY.public_pem)
    (product.policy / "policy.toml").write_text(
        'version = 1\n[signers.release]\nkey = "keys/release.pub"\n'
        f'[[rules]]\nmatch = "oci:{layout}"\nsigners = ["release"]\n{rule}\n'
    )
    if verb == "verify":
        return product.run("verify", f"oci:{layout}:v1")
    answer = product.run("mount", f"oci:{layout}:v1", str(tmp_path / "at"), *mounting())
    if answer.exit == 0:
        product.run("unmount", str(tmp_path / "at"))
    return answer


def test_exactly_what_was_signed_is_mounted(model: Path, tmp_path: Path) -> None:
    sign(model, tmp_path, config=everything(model))
    answer = look(model, tmp_path)
    assert answer.exit == 0, answer.document["error"]
    assert answer.document["mount"]["files"] == 5


def added(model: Path) -> None:
    (model / "sub/more.py").write_text("import os")


def removed(model: Path) -> None:
    (model / "sub/weights.bin").unlink()


def changed(model: Path) -> None:
    (model / "sub/weights.bin").write_bytes(b"v" * 5000)


def linked(model: Path) -> None:
    (model / "sub/weights.bin").rename(model / "sub/w")
    (model / "sub/weights.bin").symlink_to("w")


@pytest.mark.parametrize("change", [added, removed, changed, linked], ids=lambda change: change.__name__)
def test_any_other_tree_is_refused(change: Callable[[Path], None], model: Path, tmp_path: Path) -> None:
    sign(model, tmp_path, config=everything(model))
    change(model)
    answer = look(model, tmp_path)
    assert (answer.exit, answer.document["error"]["code"]) == (20, "SM5120"), answer.document["error"]


def test_a_file_that_the_signer_ignored_is_refused(model: Path, tmp_path: Path) -> None:
    sign(model, tmp_path)
    answer = look(model, tmp_path)
    assert answer.document["error"]["code"] == "SM5120"
    assert answer.document["error"]["subject"] == ".gitignore"


def test_a_rule_that_withholds_counts_it_only_where_it_says_so(model: Path, tmp_path: Path) -> None:
    sign(model, tmp_path, config=everything(model))
    exclude = 'exclude = ["**/*.pkl"]'
    assert look(model, tmp_path, rule=exclude).exit == 12
    partial = look(model, tmp_path, rule=f"{exclude}\nmodel-signing-partial = true")
    assert partial.exit == 0, partial.document["error"]
    assert partial.document["mount"]["partial"]


def test_shards_are_refused(model: Path, tmp_path: Path) -> None:
    hashing = everything(model)
    hashing.use_shard_serialization()  # type: ignore[attr-defined]
    sign(model, tmp_path, config=hashing)
    answer = look(model, tmp_path, verb="verify")
    assert answer.exit == 12
    assert "SM2072" in str(answer.document)


def test_the_signature_of_another_key_counts_for_nothing(model: Path, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(made.pair("ecdsa-p256", 1).private_pem)
    sign(model, tmp_path, config=everything(model))
    assert look(model, tmp_path, verb="verify").exit == 12


def test_a_certificate_signs_as_a_company_s_signer(model: Path, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(corporate.key().private_pem)
    chain = [tmp_path / name for name in ("leaf.pem", "issuing.pem", "root.pem")]
    for path, one in zip(
        chain, (corporate.leaf(), corporate.issuing().certificate, corporate.root().certificate), strict=True
    ):
        path.write_text(pem(der(one)))
    signing = model_signing.signing.Config().use_certificate_signer(
        private_key=tmp_path / "key.pem", signing_certificate=chain[0], certificate_chain=chain[1:]
    )
    signing.sign(model, model / "model.sig")
    raw = (model / "model.sig").read_bytes()
    (found,) = looked_at(referring(lambda: made.refer(shelf.row_of(MODEL), raw)), company()).signatures
    assert found.identity == "O=Acme,CN=release"
    assert set(found.files or ()) == {"config.json", "sub/weights.bin", "sub/opt.pkl"}
