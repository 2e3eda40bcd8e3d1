from __future__ import annotations

import hashlib

import pytest

from secmount.errors import ContentError, InputError
from secmount.oci.digest import Digest

HEX = "ab" * 32

MALFORMED = {
    "no algorithm": HEX,
    "no hex": "sha256:",
    "empty": "",
    "short": f"sha256:{HEX[:-1]}",
    "long": f"sha256:{HEX}0",
    "upper case hex": f"sha256:{HEX.upper()}",
    "upper case algorithm": f"SHA256:{HEX}",
    "unknown algorithm": f"sha384:{HEX}{HEX[:32]}",
    "md5": f"md5:{HEX[:32]}",
    "sha512 with the length of sha256": f"sha512:{HEX}",
    "newline after": f"sha256:{HEX}\n",
    "space before": f" sha256:{HEX}",
    "a path": "sha256:../../../../etc/passwd",
    "a slash": f"sha256:{HEX[:-1]}/",
    "digits of another script": "sha256:" + "\u0661" * 64,
    "nul": f"sha256:{HEX[:-1]}\0",
    "two colons": f"sha256:{HEX}:{HEX}",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed(text: str) -> None:
    with pytest.raises(InputError) as caught:
        Digest.parse(text)
    assert caught.value.code == "SM1003"


@pytest.mark.parametrize(("algorithm", "hex"), [("sha256", "../../etc/passwd"), ("..", HEX), ("sha256", HEX.upper())])
def test_there_is_no_other_way_to_make_one(algorithm: str, hex: str) -> None:
    with pytest.raises(ValueError, match="not a digest"):
        Digest(algorithm, hex)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_check_passes_the_bytes_it_was_made_of(algorithm: str) -> None:
    digest = Digest.parse(f"{algorithm}:{hashlib.new(algorithm, b'onetwo').hexdigest()}")
    assert Digest.of(b"onetwo", algorithm) == digest
    assert list(digest.check([b"one", b"", b"two"], 6)) == [b"one", b"", b"two"]


@pytest.mark.parametrize(
    ("chunks", "size", "code"),
    [
        ([b"onetwp"], 6, "SM5001"),
        ([b"onetw"], 6, "SM5002"),
        ([b"one", b"twoo"], 6, "SM5002"),
        ([b"onetwo"], 5, "SM5002"),
        ([], 6, "SM5002"),
    ],
)
def test_check_refuses_other_bytes(chunks: list[bytes], size: int, code: str) -> None:
    with pytest.raises(ContentError) as caught:
        list(Digest.of(b"onetwo").check(chunks, size))
    assert caught.value.code == code


def test_check_gives_out_nothing_beyond_the_size() -> None:
    given = []
    with pytest.raises(ContentError):
        for chunk in Digest.of(b"ab").check(iter([b"a", b"b", b"c" * 100, b"d"]), 2):
            given.append(chunk)  # noqa: PERF402 -- what was given before the error is the point
    assert given == [b"a", b"b"]
