"""No secret of a known shape passes, whatever surrounds it; nothing a stranger writes as note or proof crashes."""

from __future__ import annotations

import json
import string
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from secmount.audit import mask, record
from secmount.audit.tlog.note import Proof, Signer, open_note, parse_proof, stated
from secmount.errors import StorageError
from secmount.oci import canonical
from secmount.review.report import markup

SECRET = "hunter2hunter2"
AROUND = st.text(max_size=30)
SHAPES = st.sampled_from(
    (
        "https://bob:{}@ghcr.io/v2/",
        " Bearer {}",
        '"password":"{}"',
        "secret={}",
        '"access_token": "{}"',
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
    )
)
SIGNER = Signer("host.example/log", bytes(32))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(AROUND, SHAPES, AROUND)
def test_a_credential_is_cut_out_whatever_stands_around_it(before: str, shape: str, after: str) -> None:
    text = f"{before} {shape.format(SECRET)} {after}"
    made = record.record("check", now_ms=0, reference=text, details={"a": [text]})
    assert SECRET not in json.dumps(made)


@given(JSON)
def test_what_was_cleaned_has_a_canonical_form_and_stays(value: object) -> None:
    once = record.clean(value)
    assert record.clean(once) == once
    assert json.loads(canonical.encode(once)) == once


@given(st.text(), st.text())
def test_a_text_that_is_no_note_is_refused_with_a_code(head: str, tail: str) -> None:
    for text in (head, f"{head}\n\n{tail}", f"{head}\n\n— {SIGNER.name} {tail}\n"):
        for read in (lambda note: open_note(note, SIGNER.verifier()), parse_proof):
            try:
                read(text)
            except StorageError as err:
                assert err.code in {"SM7105", "SM7111"}
            else:
                raise AssertionError(text)
        with suppress(StorageError):
            stated(text, subject="x")


@given(st.text(string.ascii_letters + " \n", min_size=1).filter(lambda text: "\n\n" not in text), st.data())
def test_a_signed_note_opens_and_with_one_character_changed_does_not(text: str, data: st.DataObject) -> None:
    whole = text.strip("\n") + "\n"
    note = SIGNER.sign(whole)
    assert open_note(note, SIGNER.verifier()) == whole
    at = data.draw(st.integers(0, len(note) - 1))
    changed = note[:at] + chr(ord(note[at]) ^ 1) + note[at + 1 :]
    try:
        open_note(changed, SIGNER.verifier())
    except StorageError as err:
        assert err.code == "SM7105"
    else:
        raise AssertionError(changed)


@given(st.integers(0, 10**15), st.lists(st.binary(min_size=32, max_size=32), max_size=64), st.binary(min_size=1))
def test_a_proof_is_read_as_it_was_written(index: int, hashes: list[bytes], extra: bytes) -> None:
    for entry in (None, extra):
        proof = Proof(index, tuple(hashes), SIGNER.sign("x\n"), entry)
        assert parse_proof(proof.text()) == proof


@given(JSON, st.text(max_size=3))
def test_a_mask_leaves_nothing_of_its_value(value: object, name: str) -> None:
    masked, done = mask.apply({"a": {name: SECRET, "x": value}}, [("a", name)], b"salt")
    if name != "x":
        assert done and SECRET not in json.dumps(masked) and masked["a"]["x"] == value


@given(st.text())
def test_text_in_a_page_is_text(text: str) -> None:
    shown = markup.text(text)
    assert not set("<>\"'") & set(shown)
    assert shown.isprintable() or all(char.isprintable() or char in " \u3000\xa0" or char.isspace() for char in shown)
    assert not any(ord(char) < 32 for char in shown)
