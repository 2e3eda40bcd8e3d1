"""Whatever stands in a layout or its archive: an answer, or one of the errors that are promised."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secmount.errors import ContentError, RegistryError
from secmount.oci import reference
from secmount.oci.digest import Digest
from secmount.registry import members
from secmount.registry.archive import ArchiveSource
from secmount.registry.entries import REF_NAME
from secmount.registry.layout import LayoutSource
from secmount.registry.resolve import resolve
from tests.support.layouts import OCI_INDEX, OCI_MANIFEST, Layout, Model, encode, model


@pytest.fixture(scope="module")
def sample() -> Iterator[Model]:
    with tempfile.TemporaryDirectory() as folder:
        found = model(Path(folder) / "m", weights=b"w" * 600)
        found.layout.attach_referrer(found.manifest, b"signature")
        yield found


def ask(source: LayoutSource | ArchiveSource) -> None:
    asked = reference.parse("oci:/x:v1", cwd="/")
    for tag in ("v1", None):
        try:
            head = source.head(tag, None)
            source.referrers(head.digest)
            source.manifest(head)
        except (RegistryError, ContentError):
            pass
    resolve(asked, source, name=asked.name, name_source="asked", platform=None)


edits = st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(min_size=1, max_size=12)), min_size=1, max_size=3)


@settings(deadline=None)
@given(edits, st.none() | st.integers(0, 1 << 16))
def test_a_damaged_archive(sample: Model, edits: list[tuple[int, bytes]], cut: int | None) -> None:
    sample.layout.write_index()
    path = sample.layout.root.parent / "a.tar"
    raw = bytearray(sample.layout.archive(path).read_bytes())
    for at, data in edits:
        start = at % len(raw)
        raw[start : start + len(data)] = data
    path.write_bytes(raw if cut is None else raw[: cut % len(raw)])
    try:
        with ArchiveSource(str(path)) as source:
            ask(source)
    except (RegistryError, ContentError):
        pass


@given(st.binary(max_size=1500), st.lists(st.sampled_from([b"x", b"g", b"L", b"0", b"5", b"2", b"S"]), max_size=4))
def test_member_tables_hold_what_is_inside(data: bytes, kinds: list[bytes]) -> None:
    raw = b""
    for kind in kinds:
        block = bytearray(512)
        block[:10] = b"index.json"
        block[124:136] = b"%011o\0" % len(data)
        block[156:157] = kind
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
        raw += bytes(block) + data + bytes(-len(data) % 512)
    raw += bytes(1024)
    try:
        table = members.members(
            lambda length, offset: raw[offset : offset + length],
            len(raw),
            wanted=re.compile(r"index\.json"),
            shown="x",
        )
    except RegistryError as err:
        assert err.code in {"SM4030", "SM4032", "SM4033", "SM4034"}
    else:
        assert all(member.start + member.size <= len(raw) for member in table.values())


names = st.sampled_from(["v1", "h.io/a:v1", "v2", "", "sha256-" + "0" * 64, ":v1", "/:v1"]) | st.text(max_size=5)
rows = st.fixed_dictionaries(
    {
        "mediaType": st.sampled_from([OCI_MANIFEST, OCI_INDEX, "application/x"]),
        "digest": st.sampled_from(["model", "referrer", "index"]) | st.just("sha256:" + "1" * 64),
        "size": st.sampled_from([-1, 0, 2, 1 << 30]) | st.none(),
        "annotations": st.none() | st.dictionaries(st.just(REF_NAME) | st.just("kind"), names),
    }
)


@settings(deadline=None)
@given(st.lists(rows, max_size=5))
def test_a_strange_index(sample: Model, rows: list[dict[str, object]]) -> None:
    layout = Layout(sample.layout.root)
    known = {"model": sample.manifest, "referrer": sample.layout.manifests[-1]}
    known["index"] = layout.add_index([*known.values()], listed=False)
    entries = []
    for row in rows:
        one = known.get(str(row["digest"]), {"digest": row["digest"], "size": 1})
        entries.append({**row, "digest": one["digest"], "size": one["size"] if row["size"] is None else row["size"]})
    layout.write_index_bytes(encode({"schemaVersion": 2, "manifests": entries}))
    try:
        with LayoutSource(layout.path) as source:
            source.referrers(Digest.parse(sample.digest))
            ask(source)
    except (RegistryError, ContentError):
        return
    assert any((row["annotations"] or {}).get(REF_NAME) in ("v1", "h.io/a:v1", "/:v1") for row in entries)
