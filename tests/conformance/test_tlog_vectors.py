"""Published vectors: RFC 6962 trees and proofs, the signed note of the specification, Go's keys, tile paths."""

from __future__ import annotations

from hashlib import sha256

import pytest

from secmount.audit.tlog import merkle, tiles
from secmount.audit.tlog.note import Signer, Verifier, key_id, open_checkpoint, open_note, parse_proof
from secmount.errors import StorageError

# The reference tree of Certificate Transparency (google/certificate-transparency, merkletree/merkle_tree_test.cc, and
# transparency-dev/merkle, testonly): eight leaves and the root of each size.
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
ROOTS = [
    bytes.fromhex(text)
    for text in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
# (index, size): the hashes from the leaf's sibling up; PATH of the same suite, whose leaves are numbered from 1.
PATHS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
PROOFS = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
# C2SP signed-note and golang.org/x/mod/sumdb/note: key, text and signature of the documentation's example.
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NOTE = (
    TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n"
    "\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def hashes(level: int, number: int) -> bytes:
    return merkle.fold([merkle.leaf(entry) for entry in LEAVES[number << level : (number + 1) << level]])


@pytest.mark.parametrize("size", range(9))
def test_roots(size: int) -> None:
    assert merkle.root(hashes, size) == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_inclusion_proofs(index: int, size: int) -> None:
    proof = merkle.inclusion(hashes, index, size)
    assert [each.hex() for each in proof] == PATHS[index, size]
    assert merkle.included(merkle.leaf(LEAVES[index]), index, size, proof, ROOTS[size])


@pytest.mark.parametrize(("old", "new"), PROOFS)
def test_consistency_proofs(old: int, new: int) -> None:
    proof = merkle.consistency(hashes, old, new)
    assert [each.hex() for each in proof] == PROOFS[old, new]
    assert merkle.consistent(old, ROOTS[old], new, ROOTS[new], proof)


@pytest.mark.parametrize(("key", "note"), [(VKEY, NOTE), (SPEC_VKEY, SPEC_NOTE)])
def test_notes_of_the_specification_open(key: str, note: str) -> None:
    verifier = Verifier.parse(key)
    assert str(verifier) == key
    assert open_note(note, verifier) == note.partition("\n\n")[0] + "\n"


def test_the_examples_key_signs_the_examples_note() -> None:
    signer = Signer.parse(SKEY)
    assert str(signer.verifier()) == VKEY
    assert signer.text() == SKEY
    assert signer.sign(TEXT) == NOTE


def test_the_key_id_is_of_name_type_and_key() -> None:
    verifier = Verifier.parse(SPEC_VKEY)
    assert key_id(verifier.name, verifier.public) == sha256(b"example.com/foo\n\x01" + verifier.public).digest()[:4]


@pytest.mark.parametrize(
    ("number", "path"),
    [(0, "000"), (999, "999"), (1000, "x001/000"), (1_234_067, "x001/x234/067"), (5_000_000, "x005/x000/000")],
)
def test_tile_numbers_are_spelt_as_tlog_tiles_says(number: int, path: str) -> None:
    assert tiles.number_path(number) == path
    assert tiles.tile_path(1, number) == f"tile/1/{path}"
    assert tiles.partial(tiles.bundle_path(number), 17) == f"tile/entries/{path}.p/17"


BROKEN = {
    "no blank line": NOTE.replace("\n\n", "\n"),
    "no final newline": NOTE[:-1],
    "another text": NOTE.replace("cryptography", "cryptographie"),
    "a hyphen for the dash": NOTE.replace("—", "-"),
    "a short signature": NOTE.replace("RyyBwJnAM=", "RyyA=="),
    "base64 with spaces": NOTE.replace("ZJkuBS", "ZJk BS"),
    "a control character": NOTE.replace("problem,", "problem,\r"),
    "an empty signature line": NOTE + "\n",
    "nothing": "",
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_notes_are_refused(what: str) -> None:
    with pytest.raises(StorageError) as caught:
        open_note(BROKEN[what], Verifier.parse(VKEY))
    assert caught.value.code == "SM7105"


def test_signatures_of_others_are_ignored_and_a_wrong_one_of_ours_refuses_the_note() -> None:
    verifier = Verifier.parse(VKEY)
    foreign = SPEC_NOTE.rpartition("\n\n")[2]
    assert open_note(NOTE + foreign, verifier) == TEXT
    with pytest.raises(StorageError):
        open_note(TEXT + "\n" + foreign, verifier)
    wrong = NOTE.rpartition("\n\n")[2].replace("ZJkuBS", "ZJkuBT")
    with pytest.raises(StorageError):
        open_note(NOTE + wrong, verifier)


@pytest.mark.parametrize(
    "text",
    [
        "PeterNeumann\n01\n{root}\n",
        "PeterNeumann\n-1\n{root}\n",
        "PeterNeumann\n1\n{root}",
        "PeterNeumann\n1\nAAAA\n",
        "PeterNeumann\n1\n",
        "another\n1\n{root}\n",
        "PeterNeumann\n\n1\n{root}\n",
        "PeterNeumann\n٣\n{root}\n",
    ],
)
def test_signed_texts_that_are_no_checkpoint_of_the_key(text: str) -> None:
    root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    with pytest.raises(StorageError) as caught:
        open_checkpoint(Signer.parse(SKEY).sign(text.format(root=root)), Verifier.parse(VKEY))
    assert caught.value.code == "SM7105"


def test_a_checkpoint_may_have_extension_lines_as_the_specification_allows() -> None:
    root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    note = Signer.parse(SKEY).sign(f"PeterNeumann\n0\n{root}\nextension\n")
    assert open_checkpoint(note, Verifier.parse(VKEY)).root == merkle.EMPTY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v2\nindex 0\n\nnote\n",
        "c2sp.org/tlog-proof@v1\nindex 00\n\nnote\n",
        "c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\nnote\n",
        "c2sp.org/tlog-proof@v1\nextra !\nindex 1\n\nnote\n",
        "c2sp.org/tlog-proof@v1\nindex 1\n" + "A" * 43 + "=\n" * 1 + ("A" * 43 + "=\n") * 70 + "\nnote\n",
        "c2sp.org/tlog-proof@v1\nindex 1",
    ],
)
def test_broken_proofs_are_refused(text: str) -> None:
    with pytest.raises(StorageError) as caught:
        parse_proof(text)
    assert caught.value.code == "SM7111"


def test_a_proof_is_read_as_it_is_written() -> None:
    text = "c2sp.org/tlog-proof@v1\nextra aGVsbG8=\nindex 7\n" + ("A" * 43 + "=\n") * 3 + "\nnote text\n"
    proof = parse_proof(text)
    assert (proof.index, proof.hashes, proof.note, proof.extra) == (7, (bytes(32),) * 3, "note text\n", b"hello")
    assert proof.text() == text
