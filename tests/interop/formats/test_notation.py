"""Signatures that the real Notation made and pushed into a real registry, with certificates of a company's own."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from secmount.publish.layout import LayoutWriter
from secmount.registry.layout import LayoutSource
from tests.interop import model
from tests.interop.peers.distribution import distribution
from tests.interop.peers.notation import KINDS, Notation
from tests.interop.peers.run import run
from tests.interop.peers.servers import timestamp_authority
from tests.interop.product import Answer, Product, mounting
from tests.support.relay import relay

pytestmark = pytest.mark.peer
SUBJECT = 'CN = "release", O = "Acme", C = "DE"'
DISTINGUISHED = "CN=release, C=DE, ST=Berlin, O=Acme"  # the same, and what Notation asks for besides
BRIEF = timedelta(seconds=5)  # the life of one certificate: long enough to sign with it
Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Signed:
    """Models in a registry, each named by what is special about its signatures; `ended`: when the brief ones have."""

    notation: Notation
    host: str
    stamper: Path
    digests: dict[str, str]
    ended: float

    def name(self, what: str) -> str:
        return f"{self.host}/acme/{what}"

    def reference(self, what: str) -> str:
        return f"{self.name(what)}@{self.digests[what]}"


def push(host: str, what: str, files: Path) -> str:
    """Push a model that no other one equals; give its digest."""
    kind = ["--artifact-type", model.ARTIFACT_TYPE, "--annotation", f"what={what}"]
    run("oras", "push", "--plain-http", f"{host}/acme/{what}:v1", *kind, *model.LAYERS, cwd=files)
    return run("crane", "digest", f"{host}/acme/{what}:v1").strip()


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Iterator[Signed]:
    folder = tmp_path_factory.mktemp("notation")
    with distribution(folder / "registry") as registry, timestamp_authority(folder) as stamper:
        notation = Notation.make(folder / "config")
        digests = {what: push(registry.host, what, files) for what in ("kinds", "stamped", "expiring", "bound", "cose")}
        made = Signed(
            notation, registry.host, folder / "tsa-root.pem", digests, time.time() + BRIEF.total_seconds() + 1
        )
        notation.add("brief", life=BRIEF)
        stamping = ["--timestamp-url", stamper, "--timestamp-root-cert", str(made.stamper)]
        notation.sign(made.reference("stamped"), *stamping, by="brief")
        notation.sign(made.reference("expiring"), "--expiry", "1s")
        for kind in KINDS:
            notation.sign(made.reference("kinds"), by=kind)
        said = ["--user-metadata", f"io.secmount.repository={made.name('bound')}", "--user-metadata", "team=ml"]
        notation.sign(made.reference("bound"), *said, by="rsa2048")
        notation.sign(made.reference("cose"), "--signature-format", "cose")
        yield made


@pytest.fixture
def product(tmp_path: Path, signed: Signed) -> Product:
    made = Product(tmp_path / "secmount").configure()
    (made.policy / "roots").mkdir(parents=True)
    for name, path in (("corp", signed.notation.root), ("tsa", signed.stamper)):
        shutil.copy(path, made.policy / f"roots/{name}.pem")
    write(made, signed.host)
    return made


def write(product: Product, match: str, *, subject: str = SUBJECT, stamps: bool = True, more: str = "") -> None:
    signer = f'x509 = "roots/corp.pem"\nsubject = {{ {subject} }}\nrevocation = "none"\n'
    signer += 'timestamp-authority = "roots/tsa.pem"\n' if stamps else ""
    rule = f'[[rules]]\nmatch = "{match}/**"\nsigners = ["corp"]\nexclude = ["**/*.pkl"]\n{more}'
    (product.policy / "policy.toml").write_text(f"version = 1\n[signers.corp]\n{signer}{rule}")


def verify(product: Product, signed: Signed, what: str) -> Answer:
    return product.run("verify", signed.reference(what), "--plain-http")


def codes(answer: Answer) -> list[str | None]:
    """Give the code of each signature that was looked at; None where it counts."""
    return [row["code"] for row in answer.document["considered"]]


def wait(signed: Signed) -> None:
    """Wait until what was made to be brief has ended."""
    time.sleep(max(0.0, signed.ended - time.time()))


def test_every_kind_of_key(signed: Signed, product: Product) -> None:
    signed.notation.trust(signed.notation.root, DISTINGUISHED)
    assert signed.notation.accepts(signed.reference("kinds"))
    answer = verify(product, signed, "kinds")
    assert answer.exit == 0, answer.document["error"]
    assert answer.document["decision"]["signers"] == ["corp"]
    assert codes(answer) == [None] * len(KINDS)


def test_another_subject(signed: Signed, product: Product, tmp_path: Path) -> None:
    signed.notation.trust(signed.notation.root, DISTINGUISHED.replace("release", "other"))
    assert not signed.notation.accepts(signed.reference("kinds"))
    write(product, signed.host, subject='CN = "other", O = "Acme"')
    found = product.evidence(copied(signed, "kinds", tmp_path / "layout"))
    assert (found.signatures, [one.code for one in found.considered]) == ((), ["SM2035"] * len(KINDS))


def test_another_root(signed: Signed, product: Product, tmp_path: Path) -> None:
    other = Notation.make(tmp_path / "other")
    signed.notation.trust(other.root, DISTINGUISHED)
    assert not signed.notation.accepts(signed.reference("kinds"))
    shutil.copy(other.root, product.policy / "roots/corp.pem")
    found = product.evidence(copied(signed, "kinds", tmp_path / "layout"))
    assert (found.signatures, [one.code for one in found.considered]) == ((), ["SM2021"] * len(KINDS))


def test_stamped_by_a_certificate_that_has_ended_since(signed: Signed, product: Product, tmp_path: Path) -> None:
    wait(signed)
    signed.notation.trust(signed.notation.root, DISTINGUISHED, signed.stamper)
    assert signed.notation.accepts(signed.reference("stamped"))
    target = tmp_path / "mnt"
    answer = product.run("mount", signed.reference("stamped"), str(target), "--plain-http", *mounting())
    assert answer.exit == 0, answer.document["error"]
    try:
        assert model.read(target) == model.SEEN
    finally:
        assert product.run("unmount", str(target)).exit == 0


def test_a_stamp_that_the_policy_does_not_read_or_know(signed: Signed, product: Product, tmp_path: Path) -> None:
    wait(signed)
    layout = copied(signed, "stamped", tmp_path / "layout")
    assert [one.code for one in product.evidence(layout).considered] == [None]
    write(product, signed.host, stamps=False)
    assert [one.code for one in product.evidence(layout).considered] == ["SM2022"]
    shutil.copy(signed.notation.root, product.policy / "roots/tsa.pem")
    write(product, signed.host)
    assert [one.code for one in product.evidence(layout).considered] == ["SM2030"]


def test_expired(signed: Signed, product: Product) -> None:
    wait(signed)
    signed.notation.trust(signed.notation.root, DISTINGUISHED)
    assert not signed.notation.accepts(signed.reference("expiring"))
    answer = verify(product, signed, "expiring")
    assert answer.exit == 12 and codes(answer) == ["SM2039"]


def test_user_metadata_is_what_the_signer_said(signed: Signed, product: Product, tmp_path: Path) -> None:
    """`io.secmount.repository` binds, as in a signature of secmount's own; the rest is there for the user's Rego."""
    (one,) = product.evidence(copied(signed, "bound", tmp_path / "layout")).signatures
    assert (one.bound_to, dict(one.annotations)) == (signed.name("bound"), {"team": "ml"})
    write(product, f"oci:{tmp_path}")
    answer = product.run("verify", f"oci:{tmp_path}/layout:v1")
    assert answer.exit == 20 and answer.document["error"]["code"] == "SM3012"
    assert signed.name("bound") in answer.document["error"]["got"]
    write(product, signed.host, more='bind = "repository"\n')
    assert verify(product, signed, "bound").exit == 0


def test_cose(signed: Signed, product: Product) -> None:
    answer = verify(product, signed, "cose")
    assert answer.exit == 12 and codes(answer) == ["SM2063"]


def test_in_a_registry_with_the_referrers_api(
    signed: Signed, product: Product, with_referrers: str, files: Path
) -> None:
    reference = f"{with_referrers}/acme/notation@{push(with_referrers, 'notation', files)}"
    signed.notation.sign(reference, "--force-referrers-tag=false", by="p384")
    write(product, with_referrers)
    answer = product.run("verify", reference, "--plain-http")
    assert answer.exit == 0, answer.document["error"]
    assert codes(answer) == [None]


def copied(signed: Signed, what: str, layout: Path, *, tag: str = "v1", referrers: bool = True) -> Path:
    """Let oras copy it into a layout."""
    words = ["-r"] if referrers else []
    run("oras", "copy", *words, "--from-plain-http", f"{signed.name(what)}:v1", "--to-oci-layout", f"{layout}:{tag}")
    return layout


def _payload(envelope: dict[str, Any]) -> None:
    said = json.loads(_decode(envelope["payload"]))
    said["targetArtifact"]["annotations"] = {"io.secmount.repository": "ghcr.io/acme/model"}
    envelope["payload"] = _encode(json.dumps(said).encode())


def _signing_time(envelope: dict[str, Any]) -> None:
    said = json.loads(_decode(envelope["protected"]))
    said["io.cncf.notary.signingTime"] = "2030-01-01T00:00:00Z"
    envelope["protected"] = _encode(json.dumps(said).encode())


def _stamp(envelope: dict[str, Any]) -> None:
    raw = bytearray(base64.b64decode(envelope["header"]["io.cncf.notary.timestampSignature"]))
    raw[-1] ^= 1
    envelope["header"]["io.cncf.notary.timestampSignature"] = base64.b64encode(raw).decode()


def _chain(envelope: dict[str, Any]) -> None:
    del envelope["header"]["x5c"][1:]


CHANGES = [(_payload, "SM2005"), (_signing_time, "SM2005"), (_stamp, "SM2029"), (_chain, "SM2021")]


@pytest.mark.parametrize(("change", "code"), CHANGES)
def test_one_thing_changed(signed: Signed, product: Product, tmp_path: Path, change: Change, code: str) -> None:
    layout = copied(signed, "stamped", tmp_path / "layout")
    with LayoutSource(str(layout)) as source, LayoutWriter(str(tmp_path / "changed")) as writer:
        digest = relay(source, writer, "v1", change)
    found = product.evidence(tmp_path / "changed", f"@{digest}")
    assert (found.signatures, [one.code for one in found.considered]) == ((), [code])


def test_put_beside_another_artifact(signed: Signed, product: Product, tmp_path: Path) -> None:
    """The envelope is as Notation wrote it; the referrer that holds it is made to point elsewhere."""
    layout = copied(signed, "stamped", tmp_path / "layout")
    copied(signed, "cose", layout, tag="other", referrers=False)
    with LayoutSource(str(layout)) as source:
        other = source.head("other", None)
        (row,) = source.referrers(source.head("v1", None).digest)
        document = json.loads(source.manifest(row))
    document["subject"] = {"mediaType": other.media_type, "digest": str(other.digest), "size": other.size}
    with LayoutWriter(str(layout)) as writer:
        writer.add_document(json.dumps(document).encode())
    found = product.evidence(layout, ":other")
    assert (found.signatures, [one.code for one in found.considered]) == ((), ["SM2007"])


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
