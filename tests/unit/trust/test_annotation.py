"""What the signed subject's annotations say."""

from __future__ import annotations

import pytest

from secmount.errors import TrustError
from secmount.trust import annotation
from tests.support import keys


def test_all_of_it() -> None:
    found = annotation.read(
        {
            keys.REPOSITORY: "ghcr.io/acme/model",
            keys.SIGNED_AT: "2026-11-24T01:02:03.004+01:00",
            "team": "ml",
            "count": 3,
            "nested": {"a": 1},
        }
    )
    assert found.bound_to == "ghcr.io/acme/model"
    assert found.time.not_before == 1_795_478_523_004
    assert found.time.not_before_source == keys.SIGNED_AT
    assert found.time.not_after is None
    assert found.annotations == {"team": "ml"}


def test_nothing_of_it() -> None:
    found = annotation.read({})
    assert (found.bound_to, found.time.not_before, found.time.not_before_source) == (None, None, None)


@pytest.mark.parametrize("name", ["oci:/srv/models/a b", "ghcr.io/acme/model", "[::1]:5000/x", "docker.io/library/x"])
def test_names_as_rules_match_them(name: str) -> None:
    annotation.check_repository(name)


@pytest.mark.parametrize(
    "name",
    [
        None,
        5,
        "",
        "x",
        "acme/x",
        "GHCR.IO/a",
        "ghcr.io/A",
        "ghcr.io:443/a",
        "ghcr.io/a@sha256:" + "0" * 64,
        "ghcr.io/a:b",
        "docker.io/x",
        "index.docker.io/library/x",
        "https://ghcr.io/a",
        "docker://ghcr.io/a",
        "oci:/a/",
        "oci:/a//b",
        "oci:/",
        "oci:",
        "oci:/a:b",
        "oci-archive:/a",
        "ghcr.io/a\n",
    ],
)
def test_other_names(name: object) -> None:
    if name == "oci:/":
        annotation.check_repository(name)
        return
    with pytest.raises(TrustError, match="SM2011") as caught:
        annotation.check_repository(name)
    assert caught.value.got == repr(name)
