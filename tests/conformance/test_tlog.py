"""Vectors of RFC 6962 and of the C2SP specifications signed-note, tlog-checkpoint, tlog-tiles and tlog-proof."""

from __future__ import annotations

import base64
from hashlib import sha256

import pytest

from secmount.audit.tlog import merkle, tiles
from secmount.audit.tlog.note import (
    Checkpoint,
    Proof,
    Signer,
    Verifier,
    open_checkpoint,
    open_note,
    parse_proof,
    stated,
)
from secmount.errors import StorageError

# The eight entries, roots and proofs that Certificate Transparency's implementations of RFC 6962 share
# (certificate-transparency, merkle_tree_test.cc; transparency-dev/merkle, testonly/constants.go).
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
INCLUSION = {
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",),
    (1, 5): (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}
CONSISTENCY = {
    (1, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (6, 8): (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 5): (
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}
# signed-note, Example.
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ER"
    "YNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def hashes(level: int, number: int) -> bytes:
    return merkle.fold([merkle.leaf(entry) for entry in LEAVES[number << level : (number + 1) << level]])


def test_roots_of_rfc_6962() -> None:
    assert merkle.EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert tuple(merkle.root(hashes, size).hex() for size in range(1, 9)) == ROOTS


@pytest.mark.parametrize(("place", "wanted"), INCLUSION.items(), ids=str)
def test_inclusion_proofs_of_rfc_6962(place: tuple[int, int], wanted: tuple[str, ...]) -> None:
    index, size = place
    made = merkle.inclusion(hashes, index, size)
    assert tuple(item.hex() for item in made) == wanted
    root = bytes.fromhex(ROOTS[size - 1])
    assert merkle.included(merkle.leaf(LEAVES[index]), index, size, made, root)


@pytest.mark.parametrize(("place", "wanted"), CONSISTENCY.items(), ids=str)
def test_consistency_proofs_of_rfc_6962(place: tuple[int, int], wanted: tuple[str, ...]) -> None:
    old, new = place
    made = merkle.consistency(hashes, old, new)
    assert tuple(item.hex() for item in made) == wanted
    assert merkle.consistent(old, bytes.fromhex(ROOTS[old - 1]), new, bytes.fromhex(ROOTS[new - 1]), made)


def test_the_example_of_signed_note() -> None:
    verifier = Verifier.parse(VKEY)
    assert str(verifier) == VKEY
    assert open_note(NOTE, verifier) == "This is an example message.\n"


@pytest.mark.parametrize(
    "note",
    [
        NOTE.replace("example message", "example Message"),
        NOTE.replace("Uw2Q", "Uw2R"),
        NOTE[:-1],
        NOTE + "\n",
        NOTE.replace("\n\n", "\n"),
        NOTE.replace("\n\n", "\n\r\n"),
        NOTE.replace("— ", "- "),
        NOTE.replace("— ", "—  "),
        NOTE.replace("IneyaQM=", "IneyaQN="),  # the same bytes, spelt otherwise
        NOTE.replace("This", "Th\0is"),
        NOTE.replace("example.com/foo Uw2", "example.com/bar Uw2"),
        NOTE + "— other.example AAAAAA\n",  # four bytes: no key id and signature
        "",
    ],
)
def test_what_is_not_that_note_is_refused(note: str) -> None:
    with pytest.raises(StorageError) as caught:
        open_note(note, Verifier.parse(VKEY))
    assert caught.value.code == "SM7105"


def test_signatures_by_others_are_ignored_but_not_a_wrong_one_by_the_known_key() -> None:
    other = base64.b64encode(b"1234" + bytes(64)).decode()
    assert open_note(f"{NOTE}— other.example {other}\n", Verifier.parse(VKEY))
    wrong = base64.b64encode(bytes.fromhex("530d903a") + bytes(64)).decode()
    with pytest.raises(StorageError):
        open_note(f"{NOTE}— example.com/foo {wrong}\n", Verifier.parse(VKEY))


@pytest.mark.parametrize(
    "text",
    [VKEY.replace("530d903a", "530d903b"), VKEY.replace("+Aek", "+Bek"), VKEY[:-4], VKEY.replace("foo", "f o"), "a+b"],
)
def test_a_public_key_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(StorageError) as caught:
        Verifier.parse(text)
    assert caught.value.code == "SM7103"


def test_the_private_key_has_the_form_of_the_go_implementation() -> None:
    """x/mod/sumdb/note, note_test.go: PeterNeumann."""
    text = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
    signer = Signer.parse(text)
    assert signer.text() == text
    assert str(signer.verifier()) == "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    note = signer.sign(
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    )
    coded = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    assert note.endswith(f"\n\n— PeterNeumann {coded}\n")


def test_a_checkpoint_is_three_lines_and_its_origin_the_keys_name() -> None:
    signer = Signer("host.example/secmount/audit", bytes(range(32)))
    made = Checkpoint(signer.name, 8, bytes.fromhex(ROOTS[7]))
    assert made.text() == f"{signer.name}\n8\n{base64.b64encode(bytes.fromhex(ROOTS[7])).decode()}\n"
    assert open_checkpoint(signer.sign(made.text()), signer.verifier()) == made
    longer = signer.sign(made.text() + "extension line\n")
    assert open_checkpoint(longer, signer.verifier()) == made
    for text in (
        made.text().replace(signer.name, "other.example"),
        made.text().replace("\n8\n", "\n08\n"),
        made.text().replace("\n8\n", "\n-8\n"),
        made.text().replace("\n8\n", "\n\n8\n"),
        made.text().replace("=", ""),
        f"{signer.name}\n8\n",
    ):
        with pytest.raises(StorageError) as caught:
            open_checkpoint(signer.sign(text), signer.verifier())
        assert caught.value.code == "SM7105", text
    assert stated(signer.sign(made.text()), subject="x") == made


def test_paths_of_tlog_tiles() -> None:
    assert tiles.tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tiles.bundle_path(5) == "tile/entries/005"
    assert tiles.bundle_path(1000) == "tile/entries/x001/000"
    assert tiles.partial(tiles.tile_path(1, 0), 17) == "tile/1/000.p/17"


def test_entry_bundles_are_entries_behind_their_big_endian_lengths() -> None:
    assert tiles.frame(b"abc") == b"\x00\x03abc"
    assert list(tiles.frames(b"\x00\x01a\x01\x00" + bytes(256) + b"\x00\x09torn")) == [(3, b"a"), (261, bytes(256))]


def test_a_tlog_proof_is_the_text_of_its_specification() -> None:
    proof = Proof(5, tuple(bytes.fromhex(item) for item in INCLUSION[5, 8]), NOTE, b'{"a":1}')
    lines = [base64.b64encode(item).decode() for item in proof.hashes]
    assert proof.text() == "\n".join(["c2sp.org/tlog-proof@v1", "extra eyJhIjoxfQ==", "index 5", *lines, "", NOTE])
    assert parse_proof(proof.text()) == proof
    bare = Proof(0, (), NOTE)
    assert parse_proof(bare.text()) == bare


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("@v1", "@v2"),
        ("index 5", "index 05"),
        ("index 5", "index -5"),
        ("index 5", "Index 5"),
        ("extra eyJ", "extra !yJ"),
        ("extra eyJhIjoxfQ==", "extra"),
        ("extra eyJhIjoxfQ==", "extra eyJhIjoxfR=="),
        ("vBoG", "vBo"),
        ("\n\n", "\n"),
    ],
)
def test_a_proof_in_another_form_is_refused(old: str, new: str) -> None:
    text = Proof(5, tuple(bytes.fromhex(item) for item in INCLUSION[5, 8]), NOTE, b'{"a":1}').text()
    assert old in text
    with pytest.raises(StorageError) as caught:
        parse_proof(text.replace(old, new, 1))
    assert caught.value.code == "SM7111"


def test_leaf_and_node_have_their_domains() -> None:
    assert merkle.leaf(b"x") == sha256(b"\0x").digest()
    assert merkle.node(b"a" * 32, b"b" * 32) == sha256(b"\1" + b"a" * 32 + b"b" * 32).digest()
