"""What is recorded of a claim, whatever came of it: people read it, and the audit log keeps it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from secmount.oci.digest import Digest
from secmount.trust.check.fulcio import Identity
from secmount.trust.claim import Claim
from secmount.trust.evidence import Attestation, SignatureTime
from secmount.trust.judge import keyless
from secmount.trust.judge.claims import judge
from secmount.trust.root import TrustRoot
from secmount.trust.signer import KeySigner, Signer
from tests.support import keys
from tests.support.keyless import Keyless
from tests.support.layouts import encode
from tests.support.minisig import GITHUB, WORKFLOW
from tests.unit.trust import bench, corporate, world
from tests.unit.trust.bench import MODEL, RELEASE, STRANGER
from tests.unit.trust.world import NOW_MS, judged, made, plain_root, root_of, sigstore

SLSA = "https://slsa.dev/provenance/v1"
PROVENANCE = encode(keys.statement(str(MODEL.digest), predicate_type=SLSA, repository="ghcr.io/a/b"))
CLAIMS = {"source-repository": "https://github.com/acme/app"}
KEYED = Keyless(statement=world.STATEMENT, key=RELEASE.private, managed=True, rekor=0)


@pytest.mark.parametrize(
    ("raw", "signers", "code", "outcome", "names"),
    [
        (made(), [world.signer("a"), world.signer("b")], None, "counts", ("a", "b")),
        (made(), [world.signer("a", revoked=True), world.signer("b")], "SM2014", "unacceptable", ("a", "b")),
        (made(), [world.signer(issuer="https://eve.test")], "SM2032", "unacceptable", ()),
        (made(Keyless(statement=PROVENANCE)), [world.signer("a")], "SM2008", "unacceptable", ("a",)),
        (made(KEYED), [bench.signer(RELEASE, "a"), bench.signer(RELEASE, "b")], None, "counts", ("a", "b")),
        (made(KEYED), [bench.signer(RELEASE, "a", revoked=True)], "SM2014", "unacceptable", ("a",)),
        (made(KEYED), [bench.signer(STRANGER, "a")], "SM2004", "unacceptable", ()),
    ],
)
def test_what_was_looked_at_is_recorded_with_those_whose_it_is(
    raw: bytes, signers: list[Signer], code: str | None, outcome: str, names: tuple[str, ...]
) -> None:
    found = judged(raw, *signers).considered
    recorded = (found.material, found.format, found.subject)
    assert recorded == (Digest.of(raw), "sigstore-bundle", MODEL.digest)
    assert (found.code, found.outcome, found.signers) == (code, outcome, names)


def test_an_attestation_has_all_the_facts_of_a_keyless_signature() -> None:
    raw = made(Keyless(statement=PROVENANCE, stamps=1))
    (found,) = judged(raw).attestations
    assert found == Attestation(
        format="sigstore-bundle",
        subject=MODEL.digest,
        predicate_type=SLSA,
        predicate=keys.decoded(PROVENANCE)["predicate"],
        signers=("ci",),
        principal=f"{GITHUB} {WORKFLOW.rpartition('@')[0]}",
        issuer=GITHUB,
        identity=WORKFLOW,
        claims=CLAIMS,
        time=SignatureTime(NOW_MS, "certificate", NOW_MS + 30_000, "timestamp authority"),
        material=Digest.of(raw),
        root=plain_root().digest,
        root_updated_ms=NOW_MS,
        bound_to="ghcr.io/a/b",
        logged=True,
    )


def test_an_attestation_by_a_certificate_without_a_stamp_ends_with_it() -> None:
    (found,) = corporate.judged(corporate.claim(corporate.leaf(), payload=PROVENANCE)).attestations
    assert (found.expires_ms, found.identity, found.issuer) == (NOW_MS + 10 * 86_400_000, "O=Acme,CN=release", None)


def test_a_keys_signature_ends_where_it_says_so() -> None:
    """No format lets a managed key sign an end today; a claim that has one keeps it."""
    from tests.support import notary
    from tests.unit.trust.attacks.formats.notary import TARGET

    claim = _notary(notary.header("ES256", expiry="2026-11-24T12:00:00Z"), TARGET)
    (found,) = judge(claim, MODEL, {"release": bench.signer(RELEASE)}).signatures
    assert found.expires_ms == 1_795_478_400_000 + 43_200_000


def test_a_signature_does_not_count_in_the_instant_it_ends() -> None:
    from tests.support import notary
    from tests.unit.trust.attacks.formats.notary import TARGET

    claim = _notary(notary.header("ES256", expiry="2026-11-01T12:00:00Z"), TARGET)
    claim = replace(claim, by=corporate.claim(corporate.leaf(RELEASE.private)).by)
    for now_ms, code in ((NOW_MS - 1, None), (NOW_MS, "SM2039")):
        assert corporate.judged(claim, now_ms=now_ms).considered.code == code


def _notary(head: dict[str, object], target: dict[str, object]) -> Claim:
    from secmount.trust.claim import KeyHint, Payload

    protected, payload = encode(head), encode({"targetArtifact": target})
    signed = protected + b"." + payload
    content = Payload("notary", payload, protected)
    return Claim("notary", Digest.of(signed), signed, RELEASE.sign(signed), KeyHint(""), content)


@pytest.mark.parametrize("turned", [False, True])
def test_of_several_signers_the_nearest_miss_is_told(turned: bool) -> None:
    signers = [
        world.signer("identity", pattern="https://eve.test/w"),
        world.signer("issuer", issuer="https://eve.test"),
        world.signer("claim", claims={"source-repository": "https://github.com/eve/app"}),
    ]
    identity = Identity(GITHUB, WORKFLOW, CLAIMS)
    for count, code in ((1, "SM2033"), (2, "SM2032"), (3, "SM2034")):
        several = signers[:count][::-1] if turned else signers[:count]
        with pytest.raises(Exception, match=code):
            keyless.fitting(identity, tuple(several))


def test_a_root_that_cannot_be_read_is_as_far_as_one_that_is_another() -> None:
    broken = TrustRoot("broken", "sha256:" + "0" * 64, b"{}")
    far, none = world.signer("far", root=root_of(sigstore(1))), world.signer("none", root=broken)
    assert judged(made(), far, none).considered.code == "SM2021"
    assert judged(made(), none, far).considered.code == "SM2201"


def test_a_bare_signature_counts_for_those_roots_whose_signers_take_it() -> None:
    other = root_of(sigstore(), lambda root: root["tlogs"][0].update(operator="another edition"))
    strict, lax = world.signer("strict"), world.signer("lax", root=other, message_signature=True)
    bare, stated = made(Keyless(artifact=MODEL.raw)), made()
    assert [one.signers for one in judged(bare, strict, lax).signatures] == [("lax",)]
    assert [one.signers for one in judged(stated, strict, lax).signatures] == [("strict",), ("lax",)]


def test_a_bare_signature_by_a_certificate_is_over_the_artifact() -> None:
    claim = corporate.bare(corporate.leaf())
    lax = corporate.signer(message_signature=True)
    assert corporate.judged(claim, lax).signatures
    assert corporate.judged(claim, lax, about=bench.OTHER).considered.code == "SM2005"
    assert corporate.judged(claim).considered.code == "SM2012"


def test_all_the_keys_that_would_do_are_named() -> None:
    found = judged(made(KEYED), bench.signer(STRANGER), bench.signer(keys.pair("ecdsa-p256", 2), "b")).considered
    assert found.want == f"one of {STRANGER.principal}, {keys.pair('ecdsa-p256', 2).principal}"


def test_a_hint_that_is_not_base64_names_no_key() -> None:
    assert bench.refusal(bench.signed(STRANGER, hint=f"!{RELEASE.hint}")).got == "a key that is not named"


def test_a_configured_key_that_cannot_be_read_is_named() -> None:
    broken = KeySigner("broken", 1, b"0", RELEASE.principal)
    found = judged(made(KEYED), broken)
    assert (found.signatures, (found.considered.got or "").partition(": ")[0]) == ((), RELEASE.principal)
