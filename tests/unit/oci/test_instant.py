from __future__ import annotations

import pytest

from secmount.oci import instant


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-24T05:06:07.089Z", 1_795_496_767_089),
        ("2026-11-24t05:06:07z", 1_795_496_767_000),
        ("2026-11-24T07:06:07.0899999+02:00", 1_795_496_767_089),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
    ],
)
def test_parse(text: str, ms: int) -> None:
    assert instant.parse(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-24",
        "2026-11-24T05:06:07",
        "2026-11-24 05:06:07Z",
        "2026-11-24T05:06Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T05:06:60Z",
        "2026-02-30T00:00:00Z",
        "2026-11-24T05:06:07+24:00",
        "2026-11-24T05:06:07+0200",
        "2026-11-24T05:06:07.Z",
        "2026-11-24T05:06:07.1234567890Z",
        "2026-11-24T05:06:07Z\n",
        "1969-12-31T23:59:59Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "２０２６-11-24T05:06:07Z",
    ],
)
def test_malformed(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        instant.parse(text)


@pytest.mark.parametrize("ms", [0, 1, 999, 1_795_496_767_089, 253_402_300_799_999])
def test_render_is_parsed_back(ms: int) -> None:
    assert instant.parse(instant.render(ms)) == ms
