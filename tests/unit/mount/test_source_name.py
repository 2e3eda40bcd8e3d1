from __future__ import annotations

import pytest

from secmount.mount.detached import source_name

DIGEST = "@sha256:" + "a" * 64


@pytest.mark.parametrize(
    "source",
    ["ghcr.io/acme/model" + DIGEST, "oci:/srv/models/x y" + DIGEST, "localhost:5000/ü" + DIGEST, "a/.../b", "a//b"],
)
def test_a_reference_is_shown_as_it_is(source: str) -> None:
    assert source_name(source) == source


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("oci:/a/../b", "oci:/a/%2E%2E/b"),
        ("./x", "%2E/x"),
        ("..", "%2E%2E"),
        ("/etc/passwd", "%2Fetc/passwd"),
        ("x/", "x%2F"),
        ("", "%2F"),
        ("100%/x", "100%25/x"),
        ("a\x1b[2Jb", "a%1B[2Jb"),
        ("a\x00b", "a%00b"),
        ("a\nb", "a%0Ab"),
        ("a\u202eb", "a%E2%80%AEb"),
        ("a\x9bb", "a%C2%9Bb"),
        ("a\udcffb", "a%FFb"),
    ],
)
def test_what_would_lead_elsewhere_or_does_not_print_is_escaped(source: str, shown: str) -> None:
    assert source_name(source) == shown


def test_of_a_long_name_the_end_is_shown() -> None:
    shown = source_name("ghcr.io/" + "é" * 300 + DIGEST)
    assert shown.endswith(DIGEST)
    assert shown.startswith("…é")
    assert 252 <= len(shown.encode()) <= 255
