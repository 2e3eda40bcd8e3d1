"""Checkpoints, and proofs that an entry is in a tree."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from secmount.trust import spki
from secmount.trust.check import note
from secmount.trust.root import Log, Window
from tests.support import minisig
from tests.support.minisig import b64, sha

SIG = minisig.MiniSigstore()
KEY = spki.parse(minisig.spki(SIG.log_key), subject="log")
LOG = Log("https://mini.test", KEY, SIG.log_id, Window())
ROOT = b64(sha(b"root"))


def text(origin: str = "mini.test", size: str = "9", root: str = ROOT, more: str = "") -> str:
    return f"{origin}\n{size}\n{root}\n{more}"


@pytest.mark.parametrize("size", range(1, 18))
def test_every_entry_is_in_its_tree_and_nowhere_else(size: int) -> None:
    entries = [b"entry %d" % number for number in range(size)]
    leaves = [sha(b"\x00" + entry) for entry in entries]
    root = minisig._tree(leaves)
    for index, entry in enumerate(entries):
        path = tuple(minisig._path(index, leaves))
        assert note.includes(entry, index=index, size=size, path=path, root=root)
        assert not note.includes(b"other", index=index, size=size, path=path, root=root)
        assert not note.includes(entry, index=index, size=size, path=path, root=sha(b"other"))
        assert not note.includes(entry, index=index, size=size, path=(*path, sha(b"more")), root=root)
        if path:
            assert not note.includes(entry, index=index, size=size, path=path[:-1], root=root)
            assert not note.includes(entry, index=index, size=size, path=(path[0][:-1], *path[1:]), root=root)
        for other in set(range(-1, size + 2)) - {index}:
            assert not note.includes(entry, index=other, size=size, path=path, root=root)


def test_a_node_is_no_entry() -> None:
    """Second preimages: an inner node, given as a leaf, is hashed as one."""
    leaves = [sha(b"\x00" + name) for name in (b"a", b"b")]
    root = minisig._tree(leaves)
    assert not note.includes(b"\x01" + leaves[0] + leaves[1], index=0, size=1, path=(), root=root)


@pytest.mark.parametrize(
    ("url", "name", "origin"),
    [
        ("https://mini.test", "mini.test", "mini.test"),
        ("https://mini.test/", "mini.test", "mini.test"),
        ("https://mini.test", "mini.test", "mini.test - 1193050959916656506"),
        ("http://127.0.0.1:3000", "127.0.0.1", "127.0.0.1"),
        ("http://127.0.0.1:3000", "127.0.0.1:3000", "127.0.0.1:3000"),
        ("http://[::1]:3000", "[::1]", "[::1]"),
        ("https://mini.test/logs/2", "mini.test/logs/2", "mini.test/logs/2"),
        ("https://mini.test:1/logs/2/", "mini.test:1/logs/2", "mini.test:1/logs/2"),
        ("https://mini.test:1/logs/2", "mini.test:1", "mini.test:1"),
        ("https://mini.test/logX", "mini.test/logX", "mini.test/logX"),
        ("mini.test", "mini.test", "mini.test"),
    ],
)
def test_a_log_signs_under_the_names_of_its_address(url: str, name: str, origin: str) -> None:
    signed = note.read(SIG.note(text(origin), signer=name))
    assert note.signed_by(signed, replace(LOG, url=url))


@pytest.mark.parametrize(
    ("url", "name", "origin"),
    [
        ("https://mini.test", "mini.test", "mini.test2"),
        ("https://mini.test", "mini.test", "mini.test -"),
        ("https://mini.test", "mini.test", "other.test"),
        ("https://mini.test", "mini.test", "other.test - mini.test"),
        ("https://mini.test", "other.test", "mini.test"),
        ("https://mini.test", "mini.test - 1", "mini.test - 1"),
        ("https://other.test", "mini.test", "mini.test"),
        ("https://mini.test:1", "mini.test:2", "mini.test:2"),
        ("https://mini.test/logs/2", "mini.test/logs", "mini.test/logs"),
        ("https://mini.test/logs/2", "mini.test/logs/3", "mini.test/logs/3"),
        ("", "mini.test", "mini.test"),
    ],
)
def test_another_name_is_another_log(url: str, name: str, origin: str) -> None:
    signed = note.read(SIG.note(text(origin), signer=name)) if " " not in name else None
    if signed is None:
        with pytest.raises(ValueError, match="no signature"):
            note.read(SIG.note(text(origin), signer=name))
        return
    assert not note.signed_by(signed, replace(LOG, url=url))


def test_the_hint_is_that_of_the_log_and_the_key_decides() -> None:
    signed = note.read(SIG.note(text()))
    assert note.signed_by(signed, LOG)
    assert not note.signed_by(signed, replace(LOG, log_id=sha(b"other")))
    assert not note.signed_by(note.read(SIG.note(text(), key=minisig.p256())), LOG)


def test_cosignatures_beside_the_logs_own_change_nothing() -> None:
    cosigned = SIG.note(text(more="extension\n")) + f"\u2014 witness.test {b64(b'hint' + b'x' * 70)}\n"
    found = note.read(cosigned)
    assert (found.origin, found.size, len(found.signatures)) == ("mini.test", 9, 2)
    assert note.signed_by(found, LOG)


_NO_NOTE, _NO_HEAD, _NO_MARK = (
    "a checkpoint that is no signed note",
    "a checkpoint without origin, size and root",
    "a checkpoint with a line that is no signature",
)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("", _NO_NOTE),
        ("\n\n", _NO_NOTE),
        (text(), _NO_NOTE),
        (text() + "\n", _NO_NOTE),
        (SIG.note(text())[:-1], _NO_NOTE),
        (SIG.note(text()) + "\n", _NO_MARK),
        (SIG.note(text(more="\nbehind a gap\n")), _NO_MARK),
        (SIG.note(text(size="-1")), _NO_HEAD),
        (SIG.note(text(size="09")), _NO_HEAD),
        (SIG.note(text(size="9 ")), _NO_HEAD),
        (SIG.note(text(size="1" * 20)), _NO_HEAD),
        (SIG.note(text(root="====")), "."),
        (SIG.note(text(origin="")), _NO_HEAD),
        (SIG.note("mini.test\n"), _NO_HEAD),
        (SIG.note("mini.test\n9\n"), _NO_HEAD),
        (SIG.note(text()).replace("\u2014", "-"), _NO_MARK),
        (SIG.note(text()).replace(" mini.test", "  mini.test"), _NO_MARK),
        (text() + "\n\u2014 mini.test AAAA\n", _NO_MARK),
        (text() + "\n\u2014 mini.test " + base64.b64encode(b"abcd").decode() + "\n", _NO_MARK),
        (SIG.note(text(more="line\n" * 200)), _NO_NOTE),
        (SIG.note(text(more="line\n" * 63)) + f"\u2014 witness.test {b64(b'hint' + b'x')}\n" * 62, _NO_NOTE),
        ("x" * (note.NOTE_LIMIT + 1), f"a checkpoint of {note.NOTE_LIMIT + 1} characters"),
    ],
    ids=range(22),
)
def test_what_is_no_checkpoint(broken: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}"):
        note.read(broken)


def test_what_just_is_one() -> None:
    """At each limit: 128 lines, 64 KiB, and a signature of one byte, which then does not hold."""
    witness = f"\u2014 witness.test {b64(b'hint' + b'x')}\n"
    found = note.read(SIG.note(text(more="line\n" * 63)) + witness * 61)
    assert found.signatures[1:] == (("witness.test", b"hint", b"x"),) * 61
    assert note.signed_by(found, LOG)
    plain = SIG.note(text(more="x\n"))
    longest = plain.replace("x\n\n", "x" * (note.NOTE_LIMIT - len(plain) + 1) + "\n\n")
    assert len(longest) == note.NOTE_LIMIT
    assert note.read(longest).origin == "mini.test"
