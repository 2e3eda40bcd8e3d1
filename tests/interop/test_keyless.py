"""Keyless signatures that the real cosign made at a private Sigstore, judged after its servers are gone."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from secmount.publish import sample
from secmount.publish.layout import LayoutWriter
from secmount.registry.layout import LayoutSource
from secmount.trust.formats.bundle import V03
from tests.interop import model
from tests.interop.peers.run import registry, run
from tests.interop.peers.sigstore import IDENTITY, PrivateSigstore, private_sigstore
from tests.interop.product import Answer, Product, mounting
from tests.support.relay import relay

pytestmark = pytest.mark.peer
PROVENANCE = "https://slsa.dev/provenance/v1"
BUILDER = "https://builder.example/v1"
Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Signed:
    """A layout with a signed and attested model in it, and the Sigstore that is gone."""

    sigstore: PrivateSigstore
    layout: Path
    python: Path  # another one, signed by sigstore-python


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Iterator[Signed]:
    folder = tmp_path_factory.mktemp("keyless")
    predicate = folder / "predicate.json"
    predicate.write_text(
        json.dumps(
            {
                "buildDefinition": {"buildType": "https://example.test/build", "externalParameters": {}},
                "runDetails": {"builder": {"id": BUILDER}},
            }
        )
    )
    with registry() as host, private_sigstore(folder / "sigstore") as sigstore:
        name = f"{host}/acme/model"
        pushed = ["oras", "push", "--plain-http", f"{name}:v1", "--artifact-type", model.ARTIFACT_TYPE, *model.LAYERS]
        run(*pushed, cwd=files)
        digest = run("crane", "digest", f"{name}:v1").strip()
        sigstore.cosign("sign", f"{name}@{digest}")
        words = ["--type", "slsaprovenance1", "--predicate", str(predicate)]
        sigstore.cosign("attest", *words, f"{name}@{digest}")
        layout = folder / "layout"
        run("oras", "copy", "-r", "--from-plain-http", f"{name}:v1", "--to-oci-layout", f"{layout}:v1")
        python = folder / "python"
        sample.pack(str(python), "v1")
        with LayoutSource(str(python)) as source, LayoutWriter(str(python)) as writer:
            head = source.head("v1", None)
            sigstore.sign_in_python(str(head.digest), folder / "bundle.json")
            made = writer.add_blob((folder / "bundle.json").read_bytes(), V03)
            writer.add_manifest([made], artifact_type=V03, subject=head)
    yield Signed(sigstore, layout, python)


@pytest.fixture
def product(tmp_path: Path, signed: Signed) -> Product:
    made = Product(tmp_path / "secmount").configure()
    (made.policy / "roots").mkdir(parents=True)
    shutil.copy(signed.sigstore.trusted_root, made.policy / "roots/acme.json")
    write(made, signed, tmp_path)
    return made


def write(
    product: Product,
    signed: Signed,
    folder: Path,
    *,
    identity: str = IDENTITY,
    issuer: str | None = None,
    more: str = "",
) -> None:
    (product.policy / "policy.toml").write_text(
        f'version = 1\n[signers.ci]\nissuer = "{issuer or signed.sigstore.issuer}"\nidentity = "{identity}"\n'
        f'trusted-root = "roots/acme.json"\n[[rules]]\nmatch = "oci:{folder}/**"\nsigners = ["ci"]\n'
        f'exclude = ["**/*.pkl"]\n{more}'
    )


def verify(product: Product, layout: Path) -> Answer:
    return product.run("verify", f"oci:{layout}:v1")


@pytest.fixture
def layout(tmp_path: Path, signed: Signed) -> Path:
    shutil.copytree(signed.layout, tmp_path / "layout")
    return tmp_path / "layout"


def test_it_is_mounted(product: Product, layout: Path, tmp_path: Path) -> None:
    target = tmp_path / "mnt"
    answer = product.run("mount", f"oci:{layout}:v1", str(target), *mounting())
    assert answer.exit == 0, answer.document["error"]
    assert model.read(target) == model.SEEN
    assert answer.document["decision"]["signers"] == ["ci"]
    assert product.run("unmount", str(target)).exit == 0


def test_what_sigstore_python_signed(product: Product, signed: Signed, tmp_path: Path) -> None:
    shutil.copytree(signed.python, tmp_path / "python")
    answer = verify(product, tmp_path / "python")
    assert answer.exit == 0, answer.document["error"]
    again = verify(product, tmp_path / "python")
    assert again.exit == 0 and again.document["considered"] == answer.document["considered"]


def test_another_identity_issuer_or_root(product: Product, layout: Path, tmp_path: Path, signed: Signed) -> None:
    write(product, signed, tmp_path, identity="other@example.test")
    answer = verify(product, layout)
    assert answer.exit == 12 and IDENTITY in answer.document["error"]["got"]
    write(product, signed, tmp_path, issuer="https://other.example.test")
    answer = verify(product, layout)
    assert answer.exit == 12 and signed.sigstore.issuer in answer.document["error"]["got"]
    write(product, signed, tmp_path)
    root = json.loads(signed.sigstore.trusted_root.read_text())
    root["tlogs"][0]["publicKey"]["rawBytes"] = root["ctlogs"][0]["publicKey"]["rawBytes"]
    (product.policy / "roots/acme.json").write_text(json.dumps(root))
    assert verify(product, layout).exit in {2, 12, 13}


def test_an_attestation_that_a_rule_asks_for(product: Product, layout: Path, tmp_path: Path, signed: Signed) -> None:
    wanted = '[[rules.attestations]]\ntype = "{}"\nsigners = ["ci"]\nwhere = {{ "/runDetails/builder/id" = ["{}"] }}\n'
    write(product, signed, tmp_path, more=wanted.format(PROVENANCE, BUILDER))
    assert verify(product, layout).exit == 0
    write(product, signed, tmp_path, more=wanted.format(PROVENANCE, "https://another.example/v1"))
    answer = verify(product, layout)
    assert answer.exit == 20 and answer.document["error"]["code"] == "SM3025"
    write(product, signed, tmp_path, more=wanted.format("https://spdx.dev/Document", BUILDER))
    assert verify(product, layout).document["error"]["code"] == "SM3025"


def _payload(bundle: dict[str, Any]) -> None:
    envelope = bundle["dsseEnvelope"]
    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["predicate"] = {"more": True}
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()


def _log_body(bundle: dict[str, Any]) -> None:
    entry = bundle["verificationMaterial"]["tlogEntries"][0]
    body = json.loads(base64.b64decode(entry["canonicalizedBody"]))
    body["spec"]["hashedRekordV002"]["data"]["digest"] = base64.b64encode(bytes(32)).decode()
    entry["canonicalizedBody"] = base64.b64encode(json.dumps(body).encode()).decode()


def _stamp(bundle: dict[str, Any]) -> None:
    row = bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]
    raw = bytearray(base64.b64decode(row["signedTimestamp"]))
    raw[-1] ^= 1
    row["signedTimestamp"] = base64.b64encode(raw).decode()


def _certificate(bundle: dict[str, Any]) -> None:
    row = bundle["verificationMaterial"]["certificate"]
    raw = bytearray(base64.b64decode(row["rawBytes"]))
    raw[-1] ^= 1
    row["rawBytes"] = base64.b64encode(raw).decode()


def _no_stamp(bundle: dict[str, Any]) -> None:
    del bundle["verificationMaterial"]["timestampVerificationData"]


@pytest.mark.parametrize("change", [_payload, _log_body, _stamp, _certificate, _no_stamp])
def test_one_thing_changed(product: Product, signed: Signed, tmp_path: Path, change: Change) -> None:
    layout = tmp_path / "changed"
    digest = _with_bundles(signed.layout, layout, change)
    answer = product.run("verify", f"oci:{layout}@{digest}")
    assert answer.exit in {12, 13}, answer.document["error"]
    assert answer.document["considered"] and not [
        row for row in answer.document["considered"] if row["outcome"] == "counts"
    ]


def _with_bundles(source: Path, target: Path, change: Change) -> str:
    """Copy a layout, every bundle in it changed and its referrer made to fit; give the artifact's digest."""
    with LayoutSource(str(source)) as layout, LayoutWriter(str(target)) as writer:
        return relay(layout, writer, "v1", change)


@pytest.mark.parametrize("by", ["layout", "python"])
def test_a_policy_from_whoever_signed(signed: Signed, tmp_path: Path, by: str) -> None:
    """The identity is learnt from the certificate, and believed only under the root that is given."""
    made, reference = Product(tmp_path / "secmount").configure(), f"oci:{getattr(signed, by)}:v1"
    assert made.run("policy init", "--from", reference, "--yes").document["error"]["code"] == "SM1052"
    root = ("--trusted-root", str(signed.sigstore.trusted_root))
    answer = made.run("policy init", "--from", reference, *root, "--yes")
    assert answer.exit == 0, answer.document["error"]
    (found,) = answer.document["signed_by"]
    assert (found["identity"], found["issuer"]) == (IDENTITY, signed.sigstore.issuer)
    assert made.run("verify", reference).exit == 0
