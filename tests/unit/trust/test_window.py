"""The bounds of a key, against the one time that may be asked."""

from __future__ import annotations

import pytest

from secmount.trust.check.window import outside, revoked
from secmount.trust.evidence import SignatureTime
from tests.support import keys
from tests.unit.trust.bench import signer

KEY = keys.pair()


def at(ms: int | None, *, said: int | None = None) -> SignatureTime:
    return SignatureTime(not_before=said, not_after=ms)


def test_a_key_without_bounds_asks_for_no_time() -> None:
    assert outside(signer(KEY), at(None)) is None


@pytest.mark.parametrize("bound", ["valid_from", "valid_until", "revoked_since"])
def test_a_bound_without_an_attested_time_fails(bound: str) -> None:
    limits: dict[str, int] = {bound: 1000}
    for said in (None, 0, 999, 1000, 1001):
        missed = outside(signer(KEY, **limits), at(None, said=said))  # type: ignore[arg-type]
        assert missed is not None
        assert "third party" in missed[0]
        assert "1970-01-01T00:00:01.000Z" in missed[1]


@pytest.mark.parametrize(("ms", "fits"), [(999, False), (1000, True), (1999, True), (2000, False)])
def test_from_is_within_and_until_is_not(ms: int, fits: bool) -> None:
    missed = outside(signer(KEY, valid_from=1000, valid_until=2000), at(ms))
    assert (missed is None) is fits
    both = "first seen not before 1970-01-01T00:00:01.000Z and before 1970-01-01T00:00:02.000Z"
    assert missed is None or missed[1] == both


@pytest.mark.parametrize(("ms", "fits"), [(1999, True), (2000, False), (3000, False)])
def test_revoked_since(ms: int, fits: bool) -> None:
    for ask in (outside, revoked):
        missed = ask(signer(KEY, revoked_since=2000), at(ms))
        assert (missed is None) is fits
        assert missed is None or missed[1] == "first seen before its revocation at 1970-01-01T00:00:02.000Z"
