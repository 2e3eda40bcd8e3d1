"""Whatever stands in a reference, a digest or a document: a value, or one of the errors that are promised."""

from __future__ import annotations

import hashlib
import json
import string

from hypothesis import assume, given
from hypothesis import strategies as st

from secmount.errors import ContentError, InputError
from secmount.oci import exact, manifest, reference
from secmount.oci.digest import Digest
from secmount.oci.reference import LayoutReference, RegistryReference

REFERENCE_MARKS = st.text(alphabet="ab0AZ.-_:/@[]~% \\\n\u00e9\udc80", max_size=40)
digests = st.sampled_from(["sha256", "sha512"]).flatmap(
    lambda name: st.binary().map(lambda data: f"{name}:{hashlib.new(name, data).hexdigest()}")
)
components = st.from_regex(r"\A[a-z0-9]+(?:(?:[._]|__|-{1,3})[a-z0-9]+){0,2}\Z")
hosts = st.from_regex(r"\A[a-zA-Z0-9]{1,5}(?:\.[a-zA-Z0-9-]{0,3}[a-zA-Z0-9]){1,2}(?::[1-9][0-9]{0,3})?\Z").filter(
    lambda text: ".-" not in text
)
tags = st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
media_types = st.sampled_from(
    ["", "application/x", manifest.OCI_MANIFEST, manifest.OCI_INDEX, manifest.DOCKER_MANIFEST, "x"]
)
descriptors = st.fixed_dictionaries(
    {},
    optional={
        "mediaType": media_types | json_values,
        "digest": digests | json_values,
        "size": st.integers(-1, 2**60) | json_values,
        "annotations": st.dictionaries(st.text(max_size=3), st.text(max_size=3)) | json_values,
        "platform": json_values,
        "Size": st.integers(),
    },
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "schemaVersion": st.just(2) | json_values,
        "mediaType": media_types | json_values,
        "config": descriptors,
        "layers": st.lists(descriptors, max_size=3) | json_values,
        "manifests": st.lists(descriptors, max_size=3) | json_values,
        "subject": descriptors,
        "annotations": json_values,
        "artifactType": media_types | json_values,
    },
)


@given(st.text())
def test_digest_text(text: str) -> None:
    try:
        assert str(Digest.parse(text)) == text
    except InputError as err:
        assert err.code == "SM1003"


@given(digests)
def test_digest_round_trip(text: str) -> None:
    assert str(Digest.parse(text)) == text


@given(st.lists(st.binary(max_size=20)), st.integers(-3, 3), st.binary(max_size=4))
def test_digest_check_passes_exactly_its_bytes(chunks: list[bytes], more: int, other: bytes) -> None:
    data = b"".join(chunks)
    digest = Digest.of(data)
    assert b"".join(digest.check(chunks, len(data))) == data
    if more or other:
        try:
            list(digest.check([*chunks, other], len(data) + more))
        except ContentError as err:
            assert err.code in {"SM5001", "SM5002"}
        else:
            assert not other
            assert not more


@given(st.sampled_from(["", "oci:", "oci-archive:", "docker://"]), REFERENCE_MARKS | st.text(max_size=40))
def test_reference_text(scheme: str, text: str) -> None:
    try:
        parsed = reference.parse(scheme + text, cwd="/w")
    except InputError as err:
        assert err.code in {"SM1001", "SM1002", "SM1003"}
        str(err).encode("utf-8")
        return
    parsed.name.encode("utf-8")
    if isinstance(parsed, LayoutReference):
        assert parsed.path.startswith("/")
        assert not parsed.path.startswith("//")
        assert ".." not in parsed.path.split("/")
    else:
        assert ".." not in parsed.name
        assert parsed.tag or parsed.digest


@given(hosts, st.lists(components, min_size=1, max_size=3).map("/".join), st.none() | tags, st.none() | digests)
def test_reference_round_trip(host: str, path: str, tag: str | None, digest: str | None) -> None:
    text = f"{host}/{path}" + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    parsed = reference.parse(text, cwd="/w")
    assert isinstance(parsed, RegistryReference)
    assert parsed.host == host.lower().removesuffix(":443")
    assert (parsed.path, parsed.tag) == (path, tag or (None if digest else "latest"))
    assert (str(parsed.digest) if parsed.digest else None) == digest
    normal = parsed.name + (f":{parsed.tag}" if parsed.tag else "") + (f"@{parsed.digest}" if parsed.digest else "")
    again = reference.parse(normal, cwd="/w")
    assert isinstance(again, RegistryReference)
    assert (again.host, again.path, again.tag, again.digest) == (parsed.host, parsed.path, parsed.tag, parsed.digest)
    assert reference.registry_name(parsed.name) == parsed.name


@given(st.text(alphabet=string.ascii_letters + "/._- ", min_size=1), st.none() | tags, st.none() | digests)
def test_layout_round_trip(path: str, tag: str | None, digest: str | None) -> None:
    assume(not (tag and digest))
    text = f"oci:{path}" + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    parsed = reference.parse(text, cwd="/w")
    assert isinstance(parsed, LayoutReference)
    assert (parsed.tag, str(parsed.digest) if parsed.digest else None) == (tag, digest)
    assert reference.parse(parsed.name, cwd="/elsewhere").name == parsed.name


@given(json_values)
def test_exact_agrees_with_json_on_good_documents(value: object) -> None:
    data = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert exact.read(data, limit=1 << 20, subject="x") == json.loads(data)


@given(
    st.binary(max_size=60)
    | st.text(alphabet='[]{}",:\\ua01-.eENT\ud800', max_size=60).map(lambda t: t.encode("utf-8", "surrogatepass"))
)
def test_exact_raises_nothing_but_its_own(data: bytes) -> None:
    try:
        value = exact.read(data, limit=50, subject="x")
    except ContentError as err:
        assert err.code in {"SM5010", "SM5011"}
    else:
        assert value == json.loads(data)


@given(documents | json_values, media_types | st.none())
def test_manifest_raises_nothing_but_its_own(document: object, expected: str | None) -> None:
    raw = json.dumps(document).encode()
    try:
        parsed = manifest.parse(raw, expected=expected, subject="x")
    except ContentError as err:
        assert err.code in {"SM5010", "SM5011", "SM5012", "SM5013"}
        return
    assert parsed.raw == raw
    assert parsed.digest == Digest.of(raw)
    assert isinstance(document, dict)
    assert expected in (None, parsed.media_type)
    assert ("manifests" in document) == (parsed.media_type in manifest.INDEX_TYPES)
