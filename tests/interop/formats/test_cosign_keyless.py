"""Keyless signatures of the real cosign with what came before: Rekor v1, and its form before bundles; servers gone."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.publish.layout import LayoutWriter
from secmount.registry.layout import LayoutSource
from tests.interop import model
from tests.interop.peers.run import registry, run
from tests.interop.peers.sigstore import IDENTITY, PrivateSigstore, private_sigstore
from tests.interop.product import Product, mounting
from tests.support.relay import relay

pytestmark = pytest.mark.peer
PROVENANCE = "https://slsa.dev/provenance/v1"
BUILDER = "https://builder.example/v1"
LOG, STAMP = "transparency log", "timestamp authority"
_NOTE = "dev.sigstore.cosign/"  # what its annotations begin with
Notes = dict[str, str]

# how cosign is asked, by what it writes, and where its earliest time comes from
OLDER: dict[str, tuple[dict[str, bool], set[str]]] = {
    "logged": ({"logged": True, "stamped": False}, {LOG}),
    "stamped": ({"logged": False, "stamped": True}, {STAMP}),
    "both": ({"logged": True, "stamped": True}, {LOG, STAMP}),
}


@dataclass(frozen=True, slots=True)
class Signed:
    """A layout for each way, with a model that was signed and attested in that way, and the Sigstore that is gone."""

    sigstore: PrivateSigstore
    folder: Path
    host: str

    def layout(self, way: str) -> Path:
        return self.folder / way

    def name(self, way: str) -> str:
        return f"{self.host}/acme/{way}"


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Iterator[Signed]:
    folder = tmp_path_factory.mktemp("older")
    said = {
        "buildDefinition": {"buildType": BUILDER, "externalParameters": {}},
        "runDetails": {"builder": {"id": BUILDER}},
    }
    (folder / "predicate.json").write_text(json.dumps(said))
    attesting = ["--type", "slsaprovenance1", "--predicate", str(folder / "predicate.json")]
    with registry("-no-referrers") as host, private_sigstore(folder / "sigstore", older=True) as sigstore:
        made = Signed(sigstore, folder, host)
        for way in (*OLDER, "bundled"):
            pushed = ["oras", "push", "--plain-http", f"{made.name(way)}:v1", "--artifact-type", model.ARTIFACT_TYPE]
            run(*pushed, *model.LAYERS, cwd=files)
            digest = run("crane", "digest", f"{made.name(way)}:v1").strip()
            reference, to = f"{made.name(way)}@{digest}", ["--from-plain-http", "--to-oci-layout"]
            if way in OLDER:
                sigstore.cosign_older("sign", reference, **OLDER[way][0])
                sigstore.cosign_older("attest", *attesting, reference, **OLDER[way][0])
                tag = digest.replace(":", "-")
                for name in ("v1", f"{tag}.sig", f"{tag}.att"):
                    run("oras", "copy", to[0], f"{made.name(way)}:{name}", to[1], f"{made.layout(way)}:{name}")
            else:
                sigstore.cosign("sign", reference, services="unstamped.json")
                sigstore.cosign("attest", *attesting, reference, services="unstamped.json")
                run("oras", "copy", "-r", to[0], f"{made.name(way)}:v1", to[1], f"{made.layout(way)}:v1")
    yield made


@pytest.fixture
def product(tmp_path: Path, signed: Signed) -> Product:
    made = Product(tmp_path / "secmount").configure()
    (made.policy / "roots").mkdir(parents=True)
    trust(made, signed)
    return made


def trust(
    product: Product,
    signed: Signed,
    *,
    identity: str = IDENTITY,
    issuer: str | None = None,
    change: Callable[[dict[str, Any]], object] | None = None,
) -> None:
    """Write a policy, and the root that it names, in which `change` may change something."""
    root = json.loads(signed.sigstore.trusted_root.read_text())
    if change:
        change(root)
    (product.policy / "roots/acme.json").write_text(json.dumps(root))
    wanted = f'type = "{PROVENANCE}"\nsigners = ["ci"]\nwhere = {{ "/runDetails/builder/id" = ["{BUILDER}"] }}\n'
    (product.policy / "policy.toml").write_text(
        f'version = 1\n[signers.ci]\nissuer = "{issuer or signed.sigstore.issuer}"\nidentity = "{identity}"\n'
        f'trusted-root = "roots/acme.json"\n[[rules]]\nmatch = "{signed.host}/**"\nsigners = ["ci"]\n'
        f'exclude = ["**/*.pkl"]\n[[rules.attestations]]\n{wanted}'
    )


def codes(product: Product, layout: Path, at: str = ":v1") -> set[str | None]:
    """Give the codes of all that was looked at; None for a signature that counts, SM2008 for such an attestation."""
    return {one.code for one in product.evidence(layout, at).considered}


@pytest.mark.parametrize("way", OLDER)
def test_signature_and_attestation_count(signed: Signed, product: Product, way: str) -> None:
    found = product.evidence(signed.layout(way))
    (signature,), (attestation,) = found.signatures, found.attestations
    assert (signature.format, signature.identity, signature.bound_to) == ("cosign-legacy", IDENTITY, signed.name(way))
    assert (attestation.format, attestation.identity) == ("cosign-legacy", IDENTITY)
    assert attestation.predicate["runDetails"]["builder"]["id"] == BUILDER
    for one in (signature, attestation):
        assert one.time.not_before is not None and one.time.not_after is not None
        assert one.time.not_after_source in OLDER[way][1]
    assert codes(product, signed.layout(way)) == {None, "SM2008"}


def test_a_bundle_with_an_entry_of_rekor_v1_counts(signed: Signed, product: Product) -> None:
    """Its promise is the time, its proof is beside it; sigstore-python is asked as well."""
    found = product.evidence(signed.layout("bundled"))
    (signature,), (attestation,) = found.signatures, found.attestations
    assert (signature.format, signature.time.not_after_source) == ("sigstore-bundle", LOG)
    assert (attestation.identity, attestation.predicate_type) == (IDENTITY, PROVENANCE)


def test_what_was_logged_is_mounted(signed: Signed, product: Product, tmp_path: Path) -> None:
    target, name = tmp_path / "mnt", ("--as", signed.name("logged"))
    answer = product.run("mount", f"oci:{signed.layout('logged')}:v1", str(target), *name, *mounting())
    assert answer.exit == 0, answer.document["error"]
    try:
        assert model.read(target) == model.SEEN
        assert answer.document["decision"]["signers"] == ["ci"]
    finally:
        assert product.run("unmount", str(target)).exit == 0


@pytest.mark.parametrize("way", [*OLDER, "bundled"])
def test_another_identity_or_issuer(signed: Signed, product: Product, way: str) -> None:
    trust(product, signed, identity="other@example.test")
    assert codes(product, signed.layout(way)) == {"SM2033"}
    trust(product, signed, issuer="https://other.example.test")
    assert codes(product, signed.layout(way)) == {"SM2032"}


def _other_log(root: dict[str, Any]) -> None:
    """Another key under the log's address, and the id that follows from it."""
    for field in ("publicKey", "logId"):
        root["tlogs"][0][field] = root["ctlogs"][0][field]


def _other_ct_log(root: dict[str, Any]) -> None:
    for field in ("publicKey", "logId"):
        root["ctlogs"][0][field] = root["tlogs"][0][field]


def _other_authority(root: dict[str, Any]) -> None:
    above = root["timestampAuthorities"][0]["certChain"]["certificates"][-1]
    root["certificateAuthorities"][0]["certChain"]["certificates"] = [above]


def _other_stamper(root: dict[str, Any]) -> None:
    root["timestampAuthorities"][0]["certChain"] = root["certificateAuthorities"][0]["certChain"]


ROOTS = [
    ("logged", _other_log, "SM2028"),
    ("bundled", _other_log, "SM2028"),
    ("stamped", _other_stamper, "SM2030"),
    ("both", _other_stamper, "SM2030"),
    ("both", _other_log, "SM2028"),
    ("stamped", _other_authority, "SM2021"),
    ("logged", _other_ct_log, "SM2025"),
]


@pytest.mark.parametrize(("way", "change", "code"), ROOTS)
def test_another_root(signed: Signed, product: Product, way: str, change: Callable[[Any], None], code: str) -> None:
    trust(product, signed, change=change)
    assert codes(product, signed.layout(way)) == {code}


def rewrite(source: Path, target: Path, suffix: str, change: Callable[[Notes, bytes], bytes]) -> None:
    """Copy a layout, the one layer at a tag of cosign's changed: its annotations in place, its bytes as given."""
    shutil.copytree(source, target)
    with LayoutSource(str(source)) as layout, LayoutWriter(str(target)) as writer:
        tag = str(layout.head("v1", None).digest).replace(":", "-") + suffix
        document = json.loads(layout.manifest(layout.head(tag, None)))
        (layer,) = document["layers"]
        blob = Descriptor(layer["mediaType"], Digest.parse(layer["digest"]), layer["size"])
        written = writer.add_blob(change(layer["annotations"], layout.small(blob, limit=1 << 20)), blob.media_type)
        document["layers"] = [{**layer, "digest": str(written.digest), "size": written.size}]
        writer.add_document(json.dumps(document).encode(), tag=tag)


def _payload(_: Notes, raw: bytes) -> bytes:
    return raw.replace(b'"optional":null', b'"optional":{"team":"evil"}')


def _statement(_: Notes, raw: bytes) -> bytes:
    envelope = json.loads(raw)
    said = base64.b64decode(envelope["payload"]).replace(BUILDER.encode(), b"https://evil.example/v1")
    return json.dumps({**envelope, "payload": base64.b64encode(said).decode()}).encode()


def _spaced(_: Notes, raw: bytes) -> bytes:
    """The same envelope in other bytes."""
    return json.dumps(json.loads(raw), indent=1).encode()


def _certificate(notes: Notes, raw: bytes) -> bytes:
    lines = notes[_NOTE + "certificate"].split("\n")
    der = bytearray(base64.b64decode("".join(lines[1:-2])))
    der[-1] ^= 1
    notes[_NOTE + "certificate"] = "\n".join([lines[0], base64.b64encode(der).decode(), *lines[-2:]])
    return raw


def _body(notes: Notes, raw: bytes) -> bytes:
    entry = json.loads(notes[_NOTE + "bundle"])
    body = json.loads(base64.b64decode(entry["Payload"]["body"]))
    body["spec"]["data"]["hash"]["value"] = "0" * 64
    entry["Payload"]["body"] = base64.b64encode(json.dumps(body).encode()).decode()
    notes[_NOTE + "bundle"] = json.dumps(entry)
    return raw


def _time(notes: Notes, raw: bytes) -> bytes:
    entry = json.loads(notes[_NOTE + "bundle"])
    entry["Payload"]["integratedTime"] -= 1
    notes[_NOTE + "bundle"] = json.dumps(entry)
    return raw


def _stamp(notes: Notes, raw: bytes) -> bytes:
    row = json.loads(notes[_NOTE + "rfc3161timestamp"])
    data = bytearray(base64.b64decode(row["SignedRFC3161Timestamp"]))
    data[-1] ^= 1
    notes[_NOTE + "rfc3161timestamp"] = json.dumps({"SignedRFC3161Timestamp": base64.b64encode(data).decode()})
    return raw


def _untimed(notes: Notes, raw: bytes) -> bytes:
    for name in ("bundle", "rfc3161timestamp"):
        notes.pop(_NOTE + name, None)
    return raw


CHANGES = [
    ("logged", ".sig", _payload, "SM2005"),
    ("logged", ".sig", _certificate, "SM2021"),
    ("logged", ".sig", _body, "SM2027"),
    ("logged", ".sig", _time, "SM2026"),
    ("logged", ".sig", _untimed, "SM2031"),
    ("stamped", ".sig", _payload, "SM2005"),
    ("stamped", ".sig", _stamp, "SM2029"),
    ("stamped", ".sig", _untimed, "SM2031"),
    ("both", ".sig", _stamp, "SM2029"),
    ("both", ".sig", _time, "SM2026"),
    ("logged", ".att", _statement, "SM2005"),
    ("stamped", ".att", _statement, "SM2005"),
    ("stamped", ".att", _stamp, "SM2029"),
]


@pytest.mark.parametrize(("way", "suffix", "change", "code"), CHANGES)
def test_one_thing_changed(
    signed: Signed, product: Product, tmp_path: Path, way: str, suffix: str, change: Callable[..., bytes], code: str
) -> None:
    rewrite(signed.layout(way), tmp_path / "changed", suffix, change)
    found = product.evidence(tmp_path / "changed")
    assert code in {one.code for one in found.considered}
    assert not (found.signatures if suffix == ".sig" else found.attestations)


def test_the_same_envelope_in_other_bytes(signed: Signed, product: Product, tmp_path: Path) -> None:
    """cosign 3 has the signature stamped and not the envelope, so how that is written decides nothing."""
    rewrite(signed.layout("stamped"), tmp_path / "changed", ".att", _spaced)
    assert product.evidence(tmp_path / "changed").attestations


def _entry(bundle: dict[str, Any]) -> dict[str, Any]:
    (entry,) = bundle["verificationMaterial"]["tlogEntries"]
    assert (entry["kindVersion"]["kind"], entry["kindVersion"]["version"]) == ("dsse", "0.0.1")
    return entry  # type: ignore[no-any-return]


def _promise(bundle: dict[str, Any]) -> None:
    entry = _entry(bundle)
    entry["integratedTime"] = str(int(entry["integratedTime"]) - 1)


def _proof(bundle: dict[str, Any]) -> None:
    proof = _entry(bundle)["inclusionProof"]
    proof["hashes"] = [base64.b64encode(bytes(32)).decode(), *proof["hashes"][1:]]


def _tree(bundle: dict[str, Any]) -> None:
    proof = _entry(bundle)["inclusionProof"]
    proof["treeSize"] = str(int(proof["treeSize"]) + 1)


@pytest.mark.parametrize("change", [_promise, _proof, _tree])
def test_one_thing_changed_in_an_entry_of_rekor_v1(
    signed: Signed, product: Product, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    with LayoutSource(str(signed.layout("bundled"))) as source, LayoutWriter(str(tmp_path / "changed")) as writer:
        digest = relay(source, writer, "v1", change)
    assert codes(product, tmp_path / "changed", f"@{digest}") == {"SM2026"}
