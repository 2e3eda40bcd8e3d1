"""From held layers to trees: every kind of layer, what is kept in the store, and what makes it be made again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from secmount.errors import ContentError
from secmount.oci.digest import Digest
from secmount.policy import glob
from secmount.policy.decision import Obligations
from secmount.store.cas import Store
from secmount.tree import assemble, unpack
from secmount.tree.build import build
from secmount.tree.dump import dump, walk
from secmount.tree.limits import Limits
from secmount.tree.node import Directory, File
from secmount.tree.options import Selection
from tests.support.archives import (
    TITLE,
    UNPACK,
    UNPACKED_DIGEST,
    Artifact,
    archive,
    entry,
    folder,
    hardlink,
    packed,
    symlink,
    zstd,
)
from tests.support.layouts import digest_of

TAR = "application/vnd.acme.content.v1.tar"
ORAS_FILE = "application/vnd.oci.image.layer.v1.tar"


def sample(root: Path) -> Artifact:
    """Give an artifact with a file, and archives in three compressions."""
    return (
        Artifact(root)
        .file("w.bin", b"weights" * 1000)
        .put(archive(folder("d/"), entry("d/a", b"A" * 600), symlink("d/l", "a"), hardlink("d/h", "d/a")), TAR)
        .put(packed(archive(entry("d/z", b"zipped", mode=0o755))), TAR + "+gzip")
        .put(zstd(archive(entry("d/q", b"zst"))), TAR + "+zstd")
    )


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Note each layer that is unpacked or walked."""
    noted: list[str] = []
    whole = unpack.unpack

    def noting(request: unpack.Request, store: Store) -> object:
        noted.append(request.subject)
        return whole(request, store)

    monkeypatch.setattr(assemble, "unpack", noting)
    yield noted


def test_every_kind_of_layer(tmp_path: Path) -> None:
    artifact = sample(tmp_path)
    tree = artifact.tree()
    assert artifact.contents(tree) == {
        "d": "/",
        "d/a": b"A" * 600,
        "d/h": b"A" * 600,
        "d/l": "-> a",
        "d/q": b"zst",
        "d/z": b"zipped",
        "w.bin": b"weights" * 1000,
    }
    assert (tree.files, tree.bytes) == (5, 7000 + 1200 + 6 + 3)
    assert str(tree.digest) == digest_of(dump(tree.root))


def test_extents_of_uncompressed_archives_point_into_the_verified_blob(tmp_path: Path) -> None:
    artifact = sample(tmp_path)
    tree = artifact.tree()
    inner = tree.root.entries["d"]
    assert isinstance(inner, Directory)
    blobs = [digest_of(data) for _, data in artifact.layers]
    found = {name: node for name, node in inner.entries.items() if isinstance(node, File)}
    assert str(found["a"].extent.blob) == blobs[1]
    assert str(found["z"].extent.blob) not in blobs
    assert found["a"] is found["h"]
    assert {node.extent.offset % 512 for node in found.values()} == {0}
    assert (found["z"].executable, found["a"].executable) == (True, False)
    assert {str(blob) for blob in tree.blobs} >= set(blobs[:2])


def test_a_tree_is_made_once(tmp_path: Path, made: list[str]) -> None:
    artifact = sample(tmp_path)
    first = artifact.tree()
    assert len(made) == 4
    with artifact.held() as (held, store):
        again = build(held, store)
        assert len(made) == 4
        assert replace(again, root=first.root) == first
        assert list(again.root.entries) == list(first.root.entries)
        assert len(made) == 4
        assert again.root == first.root
        assert len(made) == 8  # nodes are made when they are looked at


def test_a_tree_has_a_few_of_its_largest_files_at_hand(tmp_path: Path) -> None:
    tree = sample(tmp_path).file("nothing", b"").tree()
    assert [path for path, _ in tree.sample] == ["w.bin", "d/a", "d/h", "d/z"]
    nodes = dict(walk(tree.root))
    assert all(nodes[path] == file for path, file in tree.sample)


def test_what_a_key_names_is_all_that_an_image_depends_on(tmp_path: Path) -> None:
    """Trees with one dump but other times or places have other keys."""
    trees = [
        Artifact(tmp_path).put(archive(entry("a", b"x", mtime=1)), TAR).tree(),
        Artifact(tmp_path).put(archive(entry("a", b"x", mtime=2)), TAR).tree(),
        Artifact(tmp_path).put(packed(archive(entry("a", b"x", mtime=1))), TAR + "+gzip").tree(),
        Artifact(tmp_path).file("a", b"x").tree(),
    ]
    assert len({tree.digest for tree in trees}) == 1
    assert len({tree.key for tree in trees}) == 4


def test_the_stored_dump_has_the_tree_s_digest(tmp_path: Path) -> None:
    artifact = sample(tmp_path)
    tree = artifact.tree()
    with artifact.held() as (_, store), store.open(tree.digest) as kept:
        assert kept.pread(kept.size, 0) == dump(tree.root)


@pytest.mark.parametrize("kind", ["blob", "unpacked", "dump"])
def test_a_tree_is_made_again_when_something_of_it_is_gone(tmp_path: Path, made: list[str], kind: str) -> None:
    artifact = sample(tmp_path)
    tree = artifact.tree()
    blobs = {digest_of(data) for _, data in artifact.layers}
    gone = {
        "blob": tree.blobs[0],
        "unpacked": next(blob for blob in tree.blobs if str(blob) not in blobs),
        "dump": tree.digest,
    }[kind]
    area = "blobs" if str(gone) in blobs else "derived"
    (tmp_path / "store" / area / "sha256" / gone.hex).unlink()
    made.clear()
    assert artifact.tree() == tree
    assert len(made) == 4


def test_a_changed_unpacked_layer_is_not_believed(tmp_path: Path) -> None:
    artifact = sample(tmp_path)
    tree = artifact.tree()
    blobs = {digest_of(data) for _, data in artifact.layers}
    derived = next(blob for blob in tree.blobs if str(blob) not in blobs)
    file = tmp_path / "store" / "derived" / "sha256" / derived.hex
    file.chmod(0o600)
    data = file.read_bytes()
    file.write_bytes(data.replace(b"zipped", b"ZIPPED").replace(b"zst", b"ZST"))
    assert artifact.contents(artifact.tree()) == artifact.contents(tree)


OPTIONS = {
    "on_conflict": {"on_conflict": "error"},
    "portable": {"portable": True},
    "limits": {"limits": Limits(entries=100)},
    "subpath": {"selection": Selection(subpath="d")},
    "include": {"selection": Selection(include=(glob.path("d/**"),))},
    "exclude": {"selection": Selection(exclude=(glob.path("d/z"),))},
}
ASKED = {
    "exclude": Obligations(exclude=(glob.path("d/z"),)),
    "forbid paths": Obligations(forbid_paths=(glob.path("x"),)),
    "forbid digests": Obligations(forbid_digests=frozenset({Digest.of(b"x")})),
    "unpacked size": Obligations(max_unpacked_size=1 << 20),
    "symlinks": Obligations(symlinks="any"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_part_of_what_a_tree_is_kept_under(tmp_path: Path, made: list[str], name: str) -> None:
    artifact = sample(tmp_path)
    artifact.tree()
    made.clear()
    artifact.tree(**OPTIONS[name])  # type: ignore[arg-type]
    assert len(made) == 4


@pytest.mark.parametrize("name", ASKED)
def test_every_obligation_is_part_of_what_a_tree_is_kept_under(tmp_path: Path, made: list[str], name: str) -> None:
    artifact = sample(tmp_path)
    artifact.tree()
    made.clear()
    artifact.tree(obligations=ASKED[name])
    assert len(made) == 4


def test_the_files_of_a_model_signature_are_part_of_it(tmp_path: Path, made: list[str]) -> None:
    artifact = Artifact(tmp_path).file("a", b"x")
    artifact.tree()
    for partial in (False, True):
        artifact.tree(obligations=Obligations(files={"a": Digest.of(b"x")}, files_partial=partial))
    assert len(made) == 3
    with pytest.raises(ContentError) as caught:
        artifact.tree(obligations=Obligations(files={"a": Digest.of(b"y")}))
    assert caught.value.code == "SM5120"


def test_the_approved_layers_are_part_of_it(tmp_path: Path) -> None:
    artifact = Artifact(tmp_path).file("a", b"x").file("b.pkl", b"y")
    whole = artifact.tree()
    partial = artifact.tree(withheld={1: "b.pkl"})
    assert list(whole.root.entries) == ["a", "b.pkl"]
    assert list(partial.root.entries) == ["a"]
    assert partial.withheld == (("b.pkl", "exclude test"),)
    assert whole.digest != partial.digest


def test_a_withheld_layer_is_not_asked_for_and_hides(tmp_path: Path) -> None:
    artifact = Artifact(tmp_path).put(archive(entry("m/a", b"old"), entry("m/b", b"x")), TAR).file("m/a", b"new")
    tree = artifact.tree(withheld={1: "m/a"})
    assert artifact.contents(tree) == {"m": "/", "m/b": b"x"}
    assert [drop.reason for drop in tree.dropped] == ["hidden by withheld layer 1"]


@pytest.mark.parametrize(
    ("media_type", "title"),
    [(TAR, None), (ORAS_FILE, "a.tar"), (f"{TAR}+gzip", None)],
    ids=["archive", "unknown", "gzip"],
)
def test_only_files_can_be_withheld(tmp_path: Path, media_type: str, title: str | None) -> None:
    artifact = Artifact(tmp_path).file("a").put(archive(), media_type, {TITLE: title} if title else {})
    with pytest.raises(ContentError) as caught:
        artifact.tree(withheld={1: "a.tar"})
    assert caught.value.code == "SM5123"


def test_obligations_hold_in_archives_and_for_hard_links(tmp_path: Path) -> None:
    inner = archive(entry("d/evil.pkl", b"p"), hardlink("d/fine.bin", "d/evil.pkl"), entry("d/ok", b"o"))
    artifact = Artifact(tmp_path).put(packed(inner), TAR + "+gzip").file("w.bin")
    tree = artifact.tree(obligations=Obligations(exclude=(glob.path("**/*.pkl"),)))
    assert set(artifact.contents(tree)) == {"d", "d/ok", "w.bin"}
    assert tree.withheld == (("d/evil.pkl", "exclude **/*.pkl"), ("d/fine.bin", "hard link of d/evil.pkl"))


def test_a_file_that_was_unknown_until_its_bytes_were_seen_can_still_be_withheld(tmp_path: Path) -> None:
    artifact = Artifact(tmp_path).put(b"pickle", ORAS_FILE, {TITLE: "evil.pkl"}).file("a")
    tree = artifact.tree(obligations=Obligations(exclude=(glob.path("**/*.pkl"),)))
    assert list(tree.root.entries) == ["a"]


def test_links_may_leave_where_the_rule_says_any(tmp_path: Path) -> None:
    artifact = Artifact(tmp_path).put(archive(symlink("l", "/etc/passwd"), symlink("m", "m")), TAR)
    tree = artifact.tree(obligations=Obligations(symlinks="any"))
    assert artifact.contents(tree) == {"l": "-> /etc/passwd", "m": "-> m"}


def test_links_are_looked_at_again_when_the_tree_was_narrowed(tmp_path: Path) -> None:
    artifact = Artifact(tmp_path).put(archive(entry("a", b"x"), symlink("d/l", "../a")), TAR)
    assert artifact.tree().files == 1
    with pytest.raises(ContentError) as caught:
        artifact.tree(selection=Selection(subpath="d"))
    assert caught.value.code == "SM5112"


def test_names_that_collide_are_reported_and_refused_where_asked(tmp_path: Path) -> None:
    artifact = Artifact(tmp_path).file("A").file("a")
    assert artifact.tree().collisions == (("A", "a"),)
    with pytest.raises(ContentError) as caught:
        artifact.tree(portable=True)
    assert caught.value.code == "SM5117"


def test_an_oras_file_is_a_file_and_an_oras_archive_an_archive(tmp_path: Path) -> None:
    artifact = (
        Artifact(tmp_path)
        .put(b"text", ORAS_FILE, {TITLE: "notes.txt"})
        .put(archive(entry("m/a", b"x")), ORAS_FILE, {TITLE: "m.tar"})
        .put(packed(archive(entry("n/a", b"x"))), ORAS_FILE, {TITLE: "n.tgz"})
        .put(packed(archive(entry("o/a", b"y"))), "application/octet-stream", {TITLE: "o", UNPACK: "true"})
        .put(archive(entry("p/a", b"z")), ORAS_FILE, {TITLE: "p", UNPACK: "true"})
        .put(archive(entry("q/a", b"z")), ORAS_FILE, {TITLE: "q.tar", UNPACK: "false"})
    )
    contents = artifact.contents(artifact.tree())
    files = {path for path, content in contents.items() if isinstance(content, bytes)}
    assert files == {"notes.txt", "m/a", "n.tgz", "o/a", "p/a", "q.tar"}


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_what_the_unpacked_bytes_must_be(tmp_path: Path, algorithm: str) -> None:
    plain = archive(entry("m/a", b"x"))
    annotations = {TITLE: "m", UNPACK: "true", UNPACKED_DIGEST: digest_of(plain, algorithm)}
    artifact = Artifact(tmp_path).put(packed(plain), "application/x.tar+gzip", annotations)
    assert artifact.tree().files == 1


def test_a_lie_about_unpacked_bytes_is_found_where_they_are_held_already(tmp_path: Path) -> None:
    plain = archive(entry("m/a", b"x"))
    Artifact(tmp_path).put(packed(plain), "application/x.tar+gzip", {TITLE: "m", UNPACK: "true"}).tree()
    lying = {TITLE: "m", UNPACK: "true", UNPACKED_DIGEST: digest_of(b"other")}
    with pytest.raises(ContentError) as caught:
        Artifact(tmp_path).put(packed(plain), "application/x.tar+gzip", lying).tree()
    assert caught.value.code == "SM5105"


def test_layers_by_sha512(tmp_path: Path) -> None:
    octets = "application/octet-stream"
    tree = Artifact(tmp_path).put(b"x", octets, {TITLE: "a"}, digest=digest_of(b"x", "sha512")).tree()
    (node,) = tree.root.entries.values()
    assert isinstance(node, File)
    assert (node.digest, node.extent.blob.algorithm) == (Digest.of(b"x"), "sha512")


@pytest.mark.parametrize(
    ("limits", "fits"),
    [
        (Limits(entries=4), True),
        (Limits(entries=3), False),
        (Limits(unpacked=100), True),
        (Limits(unpacked=99), False),
        (Limits(names=8), True),
        (Limits(names=7), False),
    ],
)
def test_limits_hold_for_all_layers_together(tmp_path: Path, limits: Limits, fits: bool) -> None:
    artifact = Artifact(tmp_path).file("a", b"x" * 40).put(archive(folder("d"), entry("d/b", b"x" * 50)), TAR)
    artifact.put(packed(archive(entry("d/c", b"x" * 10))), TAR + "+gzip")
    if fits:
        assert artifact.tree(limits=limits).bytes == 100
        return
    with pytest.raises(ContentError) as caught:
        artifact.tree(limits=limits)
    assert caught.value.code == "SM5107"


def test_a_rule_can_lower_the_unpacked_size(tmp_path: Path) -> None:
    artifact = Artifact(tmp_path).file("a", b"x" * 100)
    assert artifact.tree(obligations=Obligations(max_unpacked_size=100)).bytes == 100
    with pytest.raises(ContentError) as caught:
        artifact.tree(obligations=Obligations(max_unpacked_size=99))
    assert caught.value.code == "SM5107"


def test_a_compressed_file_is_measured_while_it_is_unpacked(tmp_path: Path) -> None:
    kind = "application/vnd.kitops.modelkit.model.v1.raw+gzip"
    artifact = Artifact(tmp_path).put(packed(bytes(8 << 20)), kind, {"org.cncf.model.filepath": "m"})
    with pytest.raises(ContentError) as caught:
        artifact.tree(limits=Limits(unpacked=1 << 20))
    assert caught.value.code == "SM5107"
    assert not list((tmp_path / "store" / "derived" / "sha256").iterdir())
    assert artifact.tree().bytes == 8 << 20


@pytest.mark.parametrize("suffix", ["", "+gzip", "+zstd"])
def test_large_layers_are_unpacked_by_several_threads(tmp_path: Path, suffix: str) -> None:
    data = os.urandom(6 << 20)
    plain = archive(entry("big", data), entry("small", b"x"))
    compress = {"": bytes, "+gzip": packed, "+zstd": zstd}[suffix]
    artifact = Artifact(tmp_path).put(compress(plain), TAR + suffix)  # type: ignore[operator]
    tree = artifact.tree()
    assert artifact.contents(tree) == {"big": data, "small": b"x"}
    broken = Artifact(tmp_path / "broken").put(compress(plain[:-1024]), TAR + suffix)  # type: ignore[operator]
    with pytest.raises(ContentError) as caught:
        broken.tree()
    assert caught.value.code == "SM5108"


def test_the_index_of_a_large_archive_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = archive(entry("big", os.urandom(17 << 20), mode=0o4755), symlink("l", "big"))
    artifact = Artifact(tmp_path).put(data, TAR)
    first = artifact.tree()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("walked again")

    monkeypatch.setattr(unpack, "walk", never)
    again = artifact.tree(portable=True)
    assert (again.root, again.dropped) == (first.root, first.dropped)
    with pytest.raises(ContentError) as caught:
        artifact.tree(limits=Limits(unpacked=1 << 20))
    assert caught.value.code == "SM5107"


def test_modes_and_times(tmp_path: Path) -> None:
    inner = archive(folder("d/", mtime=7), entry("d/x", b"x", mode=0o700, mtime=8), symlink("d/l", "x", mtime=9))
    tree = Artifact(tmp_path).put(inner, TAR).tree()
    directory = tree.root.entries["d"]
    assert isinstance(directory, Directory)
    times = [directory.mtime, *(node.mtime for node in directory.entries.values())]
    assert times == [7_000_000_000, 9_000_000_000, 8_000_000_000]


def test_an_empty_artifact_is_an_empty_tree(tmp_path: Path) -> None:
    artifact = Artifact(tmp_path).put(archive(), TAR)
    tree = artifact.tree()
    assert (tree.files, tree.bytes, tree.blobs, dict(tree.root.entries)) == (0, 0, (), {})
