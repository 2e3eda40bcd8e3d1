"""`discover` by the command line."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from tests.support.command import Desk
from tests.support.layouts import TITLE, Layout

HOSTILE = "x\x1b]0;owned\x07\u202egpj"


def test_the_tree_of_a_signed_artifact(secmount: Desk) -> None:
    secmount.ready()
    document = secmount.json("discover", "oci:models/bert:v1").document
    (node,) = document["root"]["attached"]
    assert node["found"] == "referrer" and node["considered"][0]["signers"] == ["release"]
    text = secmount("discover", "oci:models/bert:v1").out.splitlines()
    assert text[0] == "oci:models/bert:v1" and text[2].startswith("└─ sha256:")
    assert text[2].endswith("✔ signed by release")


def test_nothing_is_recorded(secmount: Desk) -> None:
    before = len(secmount.ready().log())
    secmount("discover", "oci:models/bert:v1")
    assert len(secmount.log()) == before


def test_a_layout_without_a_policy_is_shown_with_nobody_known(secmount: Desk) -> None:
    secmount.ready()
    result = secmount("discover", "oci:models/bert:v1", "--policy", "none")
    assert result.exit == 0 and "nobody's signature is known" in result.err and "SM2004" in result.out


def test_a_registry_is_not_asked_without_a_rule(secmount: Desk) -> None:
    assert secmount.ready().json("discover", "registry.invalid/acme/bert:v1").code == "SM3001"
    assert secmount.json("discover", "registry.invalid/acme/bert:v1", "--policy", "none").code == "SM1105"


def test_hostile_hints_are_harmless(secmount: Desk) -> None:
    secmount.ready()
    layout = Layout(Path("models/hostile"))
    row = layout.add_manifest([layout.add_file("weights", b"weights")])
    layout.tag(row, "v1")
    layout.attach_referrer(row, b"{}", "application/spdx+json", annotations={TITLE: HOSTILE})
    layout.write_index()
    shown = secmount("discover", "oci:models/hostile:v1")
    assert {char for char in shown.out if unicodedata.category(char) in {"Cc", "Cf"}} == {"\n"}
    (node,) = secmount.json("discover", "oci:models/hostile:v1").document["root"]["attached"]
    assert node["hint"] == HOSTILE
