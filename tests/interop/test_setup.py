"""The first steps against real registries: who signed, what is attached, is it reachable. The real cosign and oras."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.conftest import Published
from tests.interop.peers.run import Cosign, run
from tests.interop.product import Product

pytestmark = pytest.mark.peer


@pytest.fixture(params=["modern", "classic"])
def published(request: pytest.FixtureRequest) -> Published:
    """With the referrers API, and without."""
    found: Published = request.getfixturevalue(request.param)
    return found


def test_from_a_signed_artifact_to_a_policy_that_mounts_it(
    tmp_path: Path, cosign: Cosign, published: Published
) -> None:
    made = Product(tmp_path / "secmount").configure()
    reference = f"{published.name}:v1"
    words = ("--from", reference, "--plain-http")
    assert made.run("policy init", *words, "--yes").document["error"]["code"] == "SM1052"  # no key is taken from there
    assert made.run("policy init", *words, "--key", str(cosign.public)).document["error"]["code"] == "SM1051"
    answer = made.run("policy init", *words, "--key", str(cosign.public), "--yes")
    assert answer.exit == 0, answer.document["error"]
    assert [row["kind"] for row in answer.document["signed_by"]] == ["key"]
    assert made.run("verify", reference, "--plain-http").exit == 0


def test_what_is_attached(tmp_path: Path, cosign: Cosign, published: Published) -> None:
    made = Product(tmp_path / "secmount").configure()
    made.trust(cosign.public, f"{published.name.partition('/')[0]}/**")
    (tmp_path / "sbom.json").write_text("{}")
    subject = f"{published.name}@{published.digest}"
    kind = ("--artifact-type", "application/spdx+json")
    run("oras", "attach", "--plain-http", subject, *kind, "sbom.json:application/spdx+json", cwd=tmp_path)
    answer = made.run("discover", f"{published.name}:v1", "--plain-http")
    assert answer.exit == 0, answer.document["error"]
    attached = answer.document["root"]["attached"]
    signed = [node for node in attached if [row["signers"] for row in node["considered"]] == [["release"]]]
    sboms = [node for node in attached if node["artifact_type"] == "application/spdx+json"]
    assert len(signed) == 1 and sboms and sboms[0]["hint"] == "sbom.json"


def test_a_registry_that_answers(tmp_path: Path, cosign: Cosign, published: Published) -> None:
    made = Product(tmp_path / "secmount").configure()
    made.trust(cosign.public, f"{published.name.partition('/')[0]}/**")
    answer = made.run("doctor", "--plain-http")
    assert [row["state"] for row in answer.document["checks"] if row["area"] == "registries"] == ["ok"]
