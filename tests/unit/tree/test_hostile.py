"""Every hostile archive and title is refused with its code, and nothing is left outside of the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from secmount.errors import ContentError
from tests.support.archives import Artifact, packed, zstd
from tests.support.hostile import ARCHIVES, ARTIFACTS, TAR


def refused(artifact: Artifact) -> ContentError:
    with pytest.raises(ContentError) as caught:
        artifact.tree()
    assert sorted(path.name for path in artifact.root.iterdir()) == ["store"]
    assert not list((artifact.root / "store" / "ingest").iterdir())
    return caught.value


@pytest.mark.parametrize("name", ARCHIVES)
def test_hostile_archive(name: str, tmp_path: Path) -> None:
    code, data = ARCHIVES[name]
    layer, suffix = data(), ""
    if "gzip" not in name and "zstd" not in name:  # each as it is, or compressed in one of two ways
        layer, suffix = [(layer, ""), (packed(layer), "+gzip"), (zstd(layer), "+zstd")][list(ARCHIVES).index(name) % 3]
    error = refused(Artifact(tmp_path).put(layer, TAR + suffix))
    assert error.code == code
    assert error.subject


@pytest.mark.parametrize("name", ARTIFACTS)
def test_hostile_artifact(name: str, tmp_path: Path) -> None:
    code, make = ARTIFACTS[name]
    assert refused(make(tmp_path)).code == code


def test_they_are_many() -> None:
    assert len(ARCHIVES) + len(ARTIFACTS) >= 60
