"""Every stamp and every keyless bundle is read by a program that is not ours, too: which one, and by one only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509

from secmount.errors import TrustError
from secmount.trust.check import stamp
from secmount.trust.check.fulcio import Identity
from secmount.trust.claim import CertificateChain, Envelope
from secmount.trust.formats import bundle as bundles
from secmount.trust.formats import dsse
from secmount.trust.sigstore import normal, opinion
from tests.support.keyless import Keyless
from tests.support.layouts import encode
from tests.support.minisig import GITHUB, NOW, WORKFLOW
from tests.unit.trust import corporate, world
from tests.unit.trust.bench import MODEL, RELEASE, signer
from tests.unit.trust.world import STATEMENT, judged, made, plain_root

# What sigstore-python has a form for, and how often rfc3161-client is asked in the end.
FORMS = [
    (Keyless(statement=STATEMENT), True, 0),
    (Keyless(statement=STATEMENT, stamps=1), True, 0),
    (Keyless(statement=STATEMENT, rekor=2, stamps=2), True, 0),
    (Keyless(artifact=MODEL.raw), True, 0),
    (Keyless(artifact=MODEL.raw, rekor=2, stamps=1), True, 0),
    (Keyless(statement=STATEMENT, rekor=0, stamps=2), False, 2),
    (Keyless(statement=STATEMENT, rekor=2, kind="dsse", stamps=1), False, 1),
]


@pytest.mark.parametrize(("what", "represented", "asked"), FORMS, ids=range(len(FORMS)))
def test_one_other_program_reads_it(
    monkeypatch: pytest.MonkeyPatch, what: Keyless, represented: bool, asked: int
) -> None:
    sigstore, rfc3161 = _counted(monkeypatch, opinion, "_verify"), _counted(monkeypatch, stamp, "_second")
    raw = made(what)
    assert opinion.representable(bundles.parse(raw, declared=None)) is represented
    assert judged(raw, world.signer(message_signature=True)).signatures
    assert (len(sigstore), len(rfc3161)) == (int(represented), asked)


def _counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[object]:
    calls: list[object] = []
    plain = getattr(module, name)

    def count(*given: Any) -> Any:
        calls.append(given)
        return plain(*given)

    monkeypatch.setattr(module, name, count)
    return calls


def test_it_is_given_the_bundle_as_it_is_and_completed_only_where_it_cannot_read_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    completed = _counted(monkeypatch, normal, "bundle")
    whole = made(Keyless(statement=STATEMENT, rekor=2, stamps=1))
    assert judged(whole, world.signer()).signatures
    assert completed == []
    sparse = world.decoded(whole)
    del sparse["verificationMaterial"]["tlogEntries"][0]["logIndex"]  # as of a log's first entry
    assert judged(encode(sparse), world.signer()).signatures
    assert len(completed) == 1


def test_what_is_no_bundle_has_no_form() -> None:
    claim = bundles.parse(made(), declared=None)
    assert opinion.representable(claim)
    assert not opinion.representable(replace(claim, format="cosign-simplesigning"))
    assert isinstance(claim.by, CertificateChain)
    assert not opinion.representable(replace(claim, entries=claim.entries * 2))


@pytest.mark.parametrize(
    "change",
    [{"content": Envelope(dsse.IN_TOTO, b"{}")}, {"raw": b"x"}],
    ids=["another payload", "another document"],
)
def test_it_must_have_read_the_same(change: dict[str, Any]) -> None:
    claim = bundles.parse(made(), declared=None)
    with pytest.raises(TrustError) as caught:
        opinion.agree(replace(claim, **change), MODEL.raw, Identity(GITHUB, WORKFLOW, {}), plain_root())
    assert caught.value.code == "SM2036"


@pytest.mark.parametrize("how", [{"issuer": None, "issuer_text": GITHUB}, {"issuer_text": None}], ids=["old", "new"])
def test_one_of_the_two_issuer_extensions_is_enough(how: dict[str, Any]) -> None:
    assert judged(made(certifying=how)).signatures[0].issuer == GITHUB


def test_a_long_name_is_one_too() -> None:
    """From 128 bytes on, the length in the DER around a user name is no UTF-8."""
    name = WORKFLOW.replace("release.yml", f"{'release' * 20}.yml")
    raw = made(certifying={"san": [x509.UniformResourceIdentifier(name)]})
    assert judged(raw, world.signer(pattern=name)).signatures


def test_a_stamp_that_rfc3161_client_refuses_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("whatever")

    monkeypatch.setattr(stamp, "_second", refuse)
    alone = judged(made(Keyless(statement=STATEMENT, rekor=0, stamps=1)))
    assert (alone.signatures, alone.considered.code) == ((), "SM2029")
    keyed = made(Keyless(statement=STATEMENT, key=RELEASE.private, managed=True, rekor=0, stamps=1))
    assert judged(keyed, signer(RELEASE), root=plain_root()).signatures[0].time.not_after is None
    corp = corporate.judged(corporate.claim(corporate.leaf(), stamps=[NOW]), corporate.stamping())
    assert (corp.signatures, corp.considered.code) == ((), "SM2029")
