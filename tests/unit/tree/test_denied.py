"""A content that is denied by digest stays outside, whatever algorithm it is known by."""

from __future__ import annotations

from pathlib import Path

import pytest

from secmount.errors import ContentError
from secmount.oci.digest import Digest
from secmount.policy.decision import Obligations
from tests.support.archives import TITLE, Artifact, archive, entry, packed
from tests.support.layouts import digest_of
from tests.unit.tree.test_build import TAR


@pytest.mark.parametrize("named", ["sha256", "sha512"])
@pytest.mark.parametrize("denied", ["sha256", "sha512"])
@pytest.mark.parametrize("what", ["archive", "packed", "inner", "file"])
def test_a_digest_is_denied_whatever_algorithm_a_layer_is_named_by(
    tmp_path: Path, named: str, denied: str, what: str
) -> None:
    inner = b"payload" * 100_000
    contents = {"inner": inner, "archive": archive(entry("a", inner)), "file": b"f" * 2_000_000}
    contents["packed"] = packed(archive(entry("b", b"x")))
    artifact = Artifact(tmp_path)
    for name, form in (("archive", TAR), ("packed", TAR + "+gzip"), ("file", "application/octet-stream")):
        notes = {TITLE: "f"} if name == "file" else {}
        artifact.put(contents[name], form, notes, digest=digest_of(contents[name], named))
    floor = Obligations(forbid_digests=frozenset({Digest.parse(digest_of(contents[what], denied))}))
    if what in ("archive", "packed", "file") and denied == named:
        if what != "file":  # a layer by its own digest is the decision's to deny
            assert artifact.tree(obligations=floor).files == 3
        return
    with pytest.raises(ContentError) as caught:
        artifact.tree(obligations=floor)
    assert caught.value.code == "SM5119"
    assert artifact.tree(obligations=Obligations(forbid_digests=frozenset({Digest.of(b"x" * 9)}))).files == 3
