"""What refers to an artifact in a layout, wherever the tools of the field put it, and what only pretends to."""

from __future__ import annotations

from pathlib import Path

import pytest

from secmount.errors import ContentError
from secmount.oci.digest import Digest
from secmount.registry import scan
from secmount.registry.layout import LayoutSource
from secmount.registry.source import REFERRERS_LIMIT, Referrers
from tests.support.layouts import BUNDLE, OCI_INDEX, OCI_MANIFEST, Json, Layout, Model, encode, model


@pytest.fixture
def sample(tmp_path: Path) -> Model:
    return model(tmp_path / "m")


def referrers(layout: Layout, subject: Json) -> Referrers:
    with LayoutSource(layout.path) as source:
        return source.referrers(Digest.parse(subject["digest"]))


def found(layout: Layout, subject: Json) -> list[str]:
    return [str(row.digest) for row in referrers(layout, subject)]


def test_entries_of_the_index(sample: Model) -> None:
    one = sample.layout.attach_referrer(sample.manifest, b"1", annotations={"a": "b"})
    two = sample.layout.attach_referrer(sample.manifest, b"2", "application/spdx+json")
    other = sample.layout.attach_referrer(one, b"about the first")
    rows = referrers(sample.layout, sample.manifest)
    assert [str(row.digest) for row in rows] == [one["digest"], two["digest"]]
    assert not rows.truncated
    assert (rows[0].artifact_type, rows[0].annotations, rows[0].size) == (BUNDLE, {"a": "b"}, one["size"])
    assert found(sample.layout, one) == [other["digest"]]
    assert found(sample.layout, other) == []


@pytest.mark.parametrize("name", ["the tag", "a whole reference", "none"])
def test_a_fallback_index(sample: Model, name: str) -> None:
    row = sample.layout.attach_referrer(sample.manifest, b"1", listed=False)
    tag = sample.digest.replace(":", "-")
    sample.layout.add_index([row], tag={"the tag": tag, "a whole reference": f"h:5/n:{tag}", "none": None}[name])
    assert found(sample.layout, sample.manifest) == [row["digest"]]


def test_an_index_below_an_index(sample: Model) -> None:
    row = sample.layout.attach_referrer(sample.manifest, b"1", listed=False)
    sample.layout.add_index([sample.layout.add_index([row], listed=False)])
    assert found(sample.layout, sample.manifest) == [row["digest"]]


def test_indexes_are_not_followed_for_ever(sample: Model) -> None:
    row = sample.layout.attach_referrer(sample.manifest, b"1", listed=False)
    for _ in range(scan.DEPTH_LIMIT + 1):
        row = sample.layout.add_index([row], listed=False)
    sample.layout.list(row)
    listed = sample.layout.attach_referrer(sample.manifest, b"2")
    assert found(sample.layout, sample.manifest) == [listed["digest"]]


def test_an_index_may_refer(sample: Model) -> None:
    row = sample.layout.add_index([], subject=sample.manifest, artifact_type="application/x-list")
    rows = referrers(sample.layout, sample.manifest)
    assert [(str(r.digest), r.media_type, r.artifact_type) for r in rows] == [
        (row["digest"], OCI_INDEX, "application/x-list")
    ]


def test_the_subject_at_the_fallback_tag_is_no_referrers_index(sample: Model) -> None:
    # oras-go#1396: GitLab answers so
    sample.layout.tag(sample.manifest, sample.digest.replace(":", "-"))
    assert found(sample.layout, sample.manifest) == []


def test_a_fallback_index_that_lists_what_is_about_something_else(sample: Model) -> None:
    other = sample.layout.add_manifest([sample.layout.add_file("x", b"x")])
    copied = sample.layout.attach_referrer(other, b"1", listed=False)
    without = sample.layout.add_manifest([sample.layout.add_file("y", b"y")], listed=False)
    sample.layout.add_fallback_tag(sample.manifest, [copied, without, sample.manifest])
    assert found(sample.layout, sample.manifest) == []


def test_what_nothing_points_to_is_found_as_cosign_save_leaves_it(sample: Model) -> None:
    row = sample.layout.attach_referrer(sample.manifest, b"1", listed=False)
    sample.layout.attach_referrer(row, b"2", listed=False)
    sample.layout.add_blob(encode({"mentions": sample.digest}))
    (sample.layout.root / "blobs" / "sha256" / ".tmp").write_bytes(b"")
    rows = referrers(sample.layout, sample.manifest)
    assert [(str(r.digest), r.media_type, r.size, r.artifact_type) for r in rows] == [
        (row["digest"], OCI_MANIFEST, row["size"], BUNDLE)
    ]


def test_an_unlisted_manifest_of_another_digest_is_not_taken(sample: Model) -> None:
    row = sample.layout.attach_referrer(sample.manifest, b"1", listed=False)
    sample.layout.blob_path(row).rename(sample.layout.blob_path("sha256:" + "0" * 64))
    assert found(sample.layout, sample.manifest) == []


@pytest.mark.parametrize("harm", ["corrupt", "truncate"])
def test_a_damaged_referrer_is_listed_so_that_its_fault_is_met(sample: Model, harm: str) -> None:
    row = sample.layout.attach_referrer(sample.manifest, b"1")
    getattr(sample.layout, harm)(row)
    with LayoutSource(sample.layout.path) as source:
        rows = source.referrers(Digest.parse(sample.digest))
        assert [str(r.digest) for r in rows] == [row["digest"]]
        with pytest.raises(ContentError):
            source.manifest(rows[0])


def test_a_missing_referrer_is_not_there(sample: Model) -> None:
    sample.layout.remove(sample.layout.attach_referrer(sample.manifest, b"1"))
    assert found(sample.layout, sample.manifest) == []


def test_a_digest_that_is_only_mentioned(sample: Model) -> None:
    other = sample.layout.add_manifest([sample.layout.add_file("x", b"x")])
    sample.layout.attach_referrer(other, b"1", annotations={"about": sample.digest})
    sample.layout.attach_referrer(other, b"2", annotations={"about": sample.digest}, listed=False)
    assert found(sample.layout, sample.manifest) == []


def test_an_escaped_digest_is_read(sample: Model) -> None:
    row = sample.layout.attach_referrer(sample.manifest, b"1", listed=False)
    raw = sample.layout.blob_path(row).read_bytes()
    hex_ = sample.digest.removeprefix("sha256:").encode()
    letter = next(char for char in hex_ if char in b"abcdef")  # an escaped digit ends in the digit itself
    spelt = sample.layout.add_document(raw.replace(hex_, hex_.replace(b"%c" % letter, b"\\u%04x" % letter)))
    assert found(sample.layout, sample.manifest) == [spelt["digest"]]


def test_more_than_the_limit_is_said(sample: Model) -> None:
    rows = [sample.layout.attach_referrer(sample.manifest, b"%d" % number, listed=False) for number in range(65)]
    sample.layout.add_index(rows[:REFERRERS_LIMIT])
    assert not referrers(sample.layout, sample.manifest).truncated
    sample.layout.list(rows[64])
    listed = referrers(sample.layout, sample.manifest)
    assert (len(listed), listed.truncated) == (REFERRERS_LIMIT, True)


@pytest.mark.parametrize("limit", ["DOCUMENTS_LIMIT", "BYTES_LIMIT"])
def test_a_search_that_stops_early_is_said(sample: Model, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    sample.layout.attach_referrer(sample.manifest, b"1")
    monkeypatch.setattr(scan, limit, 1)
    rows = referrers(sample.layout, sample.manifest)
    assert (tuple(rows), rows.truncated) == ((), True)


def test_sha512_subjects(sample: Model) -> None:
    raw = sample.layout.blob_path(sample.manifest).read_bytes()
    subject = {"mediaType": OCI_MANIFEST, "digest": str(Digest.of(raw, "sha512")), "size": len(raw)}
    row = sample.layout.attach_referrer(subject, b"1")
    assert found(sample.layout, subject) == [row["digest"]]
    assert found(sample.layout, sample.manifest) == []


def test_legacy_cosign_signatures_by_their_tag(sample: Model) -> None:
    name = f"{sample.digest.replace(':', '-')}.sig"
    tagged = sample.layout.add_manifest([sample.layout.add_file("s", b"s")], tag=name)
    with LayoutSource(sample.layout.path) as source:
        assert str(source.head(name, None).digest) == tagged["digest"]


def test_legacy_cosign_signatures_as_cosign_save_marks_them(sample: Model) -> None:
    name = sample.digest.replace(":", "-")
    for kind in ("sigs", "atts"):
        row = sample.layout.add_manifest([sample.layout.add_file(kind, kind.encode())], listed=False)
        sample.layout.list({**row, "annotations": {"kind": f"dev.cosignproject.cosign/{kind}"}})
        with LayoutSource(sample.layout.path) as source:
            assert str(source.head(f"{name}.{kind[:3]}", None).digest) == row["digest"]
            assert str(source.head(None, None).digest) == sample.digest


def test_referrers_value() -> None:
    assert tuple(Referrers()) == ()
    assert Referrers(truncated=True).truncated
