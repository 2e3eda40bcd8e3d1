"""What the audit log could not do outside its folder is said, and stops nothing."""

from __future__ import annotations

from tests.support.command import Desk


def test_a_witness_that_failed_is_a_warning(secmount: Desk) -> None:
    with (secmount.folder / "config.toml").open("a") as file:
        file.write(f'[audit-log]\nwitness-files = ["{secmount.folder}/nowhere/copy"]\n')
    secmount.ready()
    allowed = secmount.json("verify", "oci:models/bert:v1")
    assert allowed.exit == 0
    assert "nowhere/copy" in " ".join(allowed.document["warnings"])
    said = secmount("verify", "oci:models/bert:v1")
    assert said.exit == 0
    assert "warning: checkpoint not taken by file" in said.err


def test_it_is_a_warning_of_a_refusal_too(secmount: Desk) -> None:
    with (secmount.folder / "config.toml").open("a") as file:
        file.write(f'[audit-log]\nwitness-files = ["{secmount.folder}/nowhere/copy"]\n')
    secmount.ready().model("unsigned", key=None)
    refused = secmount.json("verify", "oci:models/unsigned:v1")
    assert refused.exit == 10
    assert "nowhere/copy" in " ".join(refused.document["warnings"])
