"""What is attached to an artifact, as a tree: bounded, judged by its own bytes, whoever wrote the lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from secmount.authoring.discover import DEPTH_LIMIT, Discovery, Node, discover
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.reference import parse
from secmount.registry.layout import LayoutSource
from secmount.registry.resolve import resolve
from secmount.registry.source import Referrers
from secmount.trust.signer import KeySigner
from tests.support import keys, layouts
from tests.support.layouts import Layout

KEY, OTHER = keys.pair("ecdsa-p256", 0), keys.pair("ecdsa-p256", 1)
SBOM = "application/spdx+json"
SIGNERS = {"release": KeySigner("release", 1, KEY.spki, KEY.principal)}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout")


def artifact(layout: Layout) -> dict[str, Any]:
    row = layout.add_manifest([layout.add_file("weights", b"weights")])
    layout.tag(row, "v1")
    return row


def look(layout: Layout, tag: str = "v1") -> Discovery:
    layout.write_index()
    reference = parse(f"oci:{layout.path}:{tag}", cwd="/")
    with LayoutSource(layout.path) as source:
        found = resolve(reference, source, name=reference.name, name_source="asked", platform=None)
        return discover(found, source, SIGNERS)


def every(node: Node) -> Iterator[Node]:
    yield node
    for child in node.attached:
        yield from every(child)


def outcomes(node: Node) -> list[tuple[str, tuple[str, ...]]]:
    return [(row.outcome, row.signers) for row in node.considered]


def test_nothing_attached(layout: Layout) -> None:
    artifact(layout)
    found = look(layout)
    assert found.root.attached == () and not found.truncated


def test_a_signature_of_ours_one_of_somebody_else_and_an_sbom(layout: Layout) -> None:
    row = artifact(layout)
    keys.sign_row(row, KEY).attach(layout)
    keys.sign_row(row, OTHER).attach(layout)
    layout.attach_referrer(row, b"{}", SBOM)
    found = look(layout)
    kinds = sorted(outcomes(node) for node in found.root.attached)
    assert kinds == [[], [("counts", ("release",))], [("unacceptable", ())]]


def test_the_signature_of_an_sbom_is_below_it(layout: Layout) -> None:
    row = artifact(layout)
    sbom = layout.attach_referrer(row, b"{}", SBOM)
    keys.sign_row(sbom, KEY).attach(layout)
    (node,) = look(layout).root.attached
    assert node.artifact_type == SBOM and node.considered == ()
    assert [outcomes(child) for child in node.attached] == [[("counts", ("release",))]]


def test_an_index_shows_what_is_at_it_and_at_the_manifest(layout: Layout) -> None:
    row = layout.add_manifest([layout.add_file("weights", b"weights")])
    index = layout.add_index([row])
    layout.tag(index, "v1")
    keys.sign_row(index, KEY).attach(layout)
    keys.sign_row(row, KEY).attach(layout)
    root = look(layout).root
    assert str(root.digest) == index["digest"] and [node.found for node in root.attached] == ["referrer", "entry"]
    assert [outcomes(node) for node in every(root)][1::2] == [[("counts", ("release",))], [("counts", ("release",))]]


def test_what_cosign_attached_by_tag_is_there(layout: Layout) -> None:
    row = artifact(layout)
    for suffix in (".sig", ".att", ".sbom"):
        old = layout.add_manifest(
            [layout.add_blob(suffix.encode(), "application/vnd.dev.cosign.simplesigning.v1+json")]
        )
        layout.tag(old, row["digest"].replace(":", "-") + suffix)
    assert [node.found for node in look(layout).root.attached] == ["tag", "tag", "tag"]


class Lying(LayoutSource):
    """A source that lists what is attached to something else."""

    rows: tuple[Descriptor, ...] = ()

    def referrers(self, subject: Digest) -> Referrers:
        return Referrers((*super().referrers(subject), *self.rows))


def test_a_referrer_of_something_else_is_shown_as_that_and_not_followed(layout: Layout) -> None:
    artifact(layout)
    other = layout.add_manifest([layout.add_file("weights", b"other")])
    foreign = layout.attach_referrer(other, b"{}", SBOM)
    layout.attach_referrer(foreign, b"{}", SBOM)
    layout.write_index()
    reference = parse(f"oci:{layout.path}:v1", cwd="/")
    with Lying(layout.path) as source:
        source.rows = (Descriptor(foreign["mediaType"], Digest.parse(foreign["digest"]), foreign["size"]),)
        found = resolve(reference, source, name=reference.name, name_source="asked", platform=None)
        (node,) = discover(found, source, SIGNERS).root.attached
    assert node.fault is not None and node.fault.code == "SM2003" and node.attached == ()


@pytest.mark.parametrize("damage", ["corrupt", "truncate", "remove"])
def test_what_cannot_be_read_does_not_hide_the_rest(layout: Layout, damage: str) -> None:
    row = artifact(layout)
    bad = layout.attach_referrer(row, b"{}", SBOM)
    keys.sign_row(row, KEY).attach(layout)
    getattr(layout, damage)(bad)
    found = look(layout)
    assert [("counts", ("release",))] in [outcomes(node) for node in found.root.attached]
    assert all(node.fault for node in found.root.attached if str(node.digest) == bad["digest"])


def test_the_depth_is_bounded_and_said(layout: Layout) -> None:
    row = artifact(layout)
    for _ in range(DEPTH_LIMIT + 3):
        row = layout.attach_referrer(row, b"{}", SBOM)
    found = look(layout)
    assert len(list(every(found.root))) == DEPTH_LIMIT + 1 and found.truncated


def test_the_number_is_bounded_and_said(layout: Layout) -> None:
    row = artifact(layout)
    for number in range(70):
        layout.attach_referrer(row, json.dumps(number).encode(), SBOM)
    found = look(layout)
    assert len(found.root.attached) == 64 and found.truncated


def test_hints_are_bounded(layout: Layout) -> None:
    row = artifact(layout)
    layout.attach_referrer(row, b"{}", SBOM, annotations={layouts.TITLE: "x" * 5000})
    (node,) = look(layout).root.attached
    assert node.hint == "x" * 200
