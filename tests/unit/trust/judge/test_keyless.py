"""Keyless signatures that count: what is known of them, and by how many they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from secmount.errors import TrustError
from secmount.trust.check.fulcio import Identity
from secmount.trust.root import TrustRoot
from secmount.trust.sigstore import opinion
from tests.support import keys
from tests.support.keyless import Keyless
from tests.support.layouts import Json, encode
from tests.support.minisig import GITHUB, NOW, V03, WORKFLOW, MiniSigstore, authority
from tests.unit.trust import world
from tests.unit.trust.bench import MODEL
from tests.unit.trust.world import NOW_MS, STATEMENT, decoded, judged, made, plain_root, root_of, sigstore, window

HALF_MINUTE = 30_000


def test_the_facts_of_a_keyless_signature() -> None:
    (found,) = judged(made()).signatures
    assert (found.issuer, found.identity, found.signers) == (GITHUB, WORKFLOW, ("ci",))
    assert dict(found.claims) == {"source-repository": "https://github.com/acme/app"}
    assert found.principal == f"{GITHUB} {WORKFLOW.rpartition('@')[0]}"
    assert (found.root, found.root_updated_ms, found.key) == (plain_root().digest, NOW_MS, None)
    time = found.time
    assert (time.not_before, time.not_before_source) == (NOW_MS, "certificate")
    assert (time.not_after, time.not_after_source) == (NOW_MS + HALF_MINUTE, "transparency log")
    assert found.expires_ms is None


def test_the_certificate_says_when_not_the_signer() -> None:
    said = keys.statement(str(MODEL.digest), signed_at="2026-11-01T12:09:00Z")
    (found,) = judged(made(Keyless(statement=encode(said)))).signatures
    assert found.time.not_before == NOW_MS


def test_the_earliest_time_counts_whoever_attests_it() -> None:
    def early(signature: bytes) -> bytes:
        return sigstore().stamp(signature, NOW + timedelta(seconds=10))

    (found,) = judged(made(foreign_stamps=(early,))).signatures
    assert (found.time.not_after, found.time.not_after_source) == (NOW_MS + 10_000, "timestamp authority")


def test_one_workflow_at_two_tags_is_one_principal() -> None:
    first = judged(made()).signatures[0]
    second = judged(made(certifying={"san": WORKFLOW.replace("/v1", "/v2")})).signatures[0]
    assert (first.principal, first.identity != second.identity) == (second.principal, True)


@pytest.mark.parametrize(
    ("issuer", "name", "principal"),
    [
        ("https://i", "https://h/w@refs/tags/v1", "https://i https://h/w"),
        ("https://i", "https://h/w@x@refs/tags/v1", "https://i https://h/w@x"),
        ("https://i", "https://h/w@refs/tags/v1@x", "https://i https://h/w"),
        ("https://i", "https://h/w@x@0123abcd", "https://i https://h/w@x"),
        ("https://i", "https://h/w", "https://i https://h/w"),
        ("https://i", "ann@acme.test", "https://i ann@acme.test"),
        ("https://i", "spiffe://h/w@v1", "https://i spiffe://h/w@v1"),
    ],
)
def test_a_principal_is_cut_only_where_a_version_stands(issuer: str, name: str, principal: str) -> None:
    assert Identity(issuer, name, {}).principal == principal


def test_mail_addresses_and_user_names_are_identities() -> None:
    signer = world.signer(pattern="ann@acme.test", claims={})
    found = judged(made(certifying={"san": "ann@acme.test", "claims": ()}), signer)
    assert found.signatures[0].identity == "ann@acme.test"
    user = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7"), b"\x0c\x0cann!mini.tst")
    signer = world.signer(pattern="ann!mini.tst", claims={})
    found = judged(made(certifying={"san": [user], "claims": ()}), signer)
    assert (found.considered.code, [one.identity for one in found.signatures]) == (None, ["ann!mini.tst"])


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()])
def test_keys_that_sigstore_python_has_no_form_for_are_for_our_checks(key: Any) -> None:
    from secmount.trust.formats import bundle as bundles

    raw = made(key=key)
    assert not opinion.representable(bundles.parse(raw, declared=V03))
    assert len(judged(raw).signatures) == 1


def test_what_the_second_verifier_refuses_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise TypeError("whatever")

    monkeypatch.setattr(opinion, "_verify", refuse)
    found = judged(made())
    assert (found.signatures, found.considered.code, found.considered.got) == (
        (),
        "SM2036",
        "sigstore-python: TypeError: whatever",
    )


def test_the_second_verifier_judges_identity_and_payload_itself() -> None:
    from secmount.trust.formats import bundle as bundles

    claim = bundles.parse(made(), declared=V03)
    opinion.agree(claim, MODEL.raw, Identity(GITHUB, WORKFLOW, {}), plain_root())
    for identity in (Identity("https://eve.test", WORKFLOW, {}), Identity(GITHUB, "https://eve.test/w", {})):
        with pytest.raises(TrustError) as caught:
            opinion.agree(claim, MODEL.raw, identity, plain_root())
        assert caught.value.code == "SM2036"


def test_zeros_that_protojson_leaves_out_are_put_in_for_it() -> None:
    one = MiniSigstore()
    one.leaves.clear()  # the first entry of a log: index 0
    raw = made(by=one, rekor=2, stamps=1, entering={"grow": 0}, edit=_bare)
    assert "logIndex" not in decoded(raw)["verificationMaterial"]["tlogEntries"][0]
    assert len(judged(raw, world.signer(root=root_of(one))).signatures) == 1


def _bare(whole: Any) -> None:
    row = whole["verificationMaterial"]["tlogEntries"][0]
    assert (row["logIndex"], row["inclusionProof"]["hashes"]) == ("0", [])
    for holder, name in ((row, "logIndex"), (row["inclusionProof"], "logIndex"), (row["inclusionProof"], "hashes")):
        del holder[name]
    row["integratedTime"] = None


def test_a_log_entry_of_another_index_outside_changes_nothing_with_rekor_v2() -> None:
    def renumber(whole: Any) -> None:
        row = whole["verificationMaterial"]["tlogEntries"][0]
        row["logIndex"], row["integratedTime"] = "7", "1"

    (found,) = judged(made(rekor=2, stamps=1, edit=renumber)).signatures
    assert found.time.not_after == NOW_MS + HALF_MINUTE


def test_one_signature_under_two_roots_is_one_principal() -> None:
    other = root_of(sigstore(), lambda root: root["tlogs"][0].update(operator="another edition"))
    found = judged(made(), world.signer("a"), world.signer("b", root=other)).signatures
    assert [one.signers for one in found] == [("a",), ("b",)]
    assert len({one.principal for one in found}) == 1
    assert {one.root for one in found} == {plain_root().digest, other.digest}


def test_of_two_names_for_one_identity_the_one_out_of_its_window_is_left_out() -> None:
    ended = world.signer("ended", valid_until=NOW_MS)
    assert judged(made(), ended, world.signer("now")).signatures[0].signers == ("now",)
    gone = world.signer("gone", revoked=True)
    found = judged(made(), gone, world.signer("now"))
    assert (found.signatures, found.considered.code) == ((), "SM2014")


def test_a_bare_signature_counts_for_those_who_take_it() -> None:
    raw = made(Keyless(artifact=MODEL.raw))
    both = world.signer("strict"), world.signer("lax", message_signature=True)
    found = judged(raw, *both)
    assert (found.signatures, found.considered.code) == ((), "SM2012")
    assert judged(raw, both[1]).signatures[0].signers == ("lax",)


def test_the_nearest_miss_is_told() -> None:
    far = world.signer("far", root=root_of(sigstore(1)))
    near = world.signer("near", claims={"source-repository": "https://github.com/eve/app"})
    assert judged(made(), far, near).considered.code == "SM2034"
    missed = judged(made(certifying={"san": "https://eve.test/w"})).considered
    assert (missed.got, missed.want) == ("ci: https://eve.test/w", world.IDENTITY)
    missed = judged(made(certifying={"san": "https://eve.test/w", "issuer": "https://eve.test"})).considered
    assert missed.got == "ci: https://eve.test/w, vouched for by https://eve.test"
    assert missed.want == f"{world.IDENTITY}, vouched for by {GITHUB}"


def test_a_jws_is_no_form_of_sigstore() -> None:
    from secmount.trust.formats import bundle as bundles
    from secmount.trust.judge.claims import judge

    claim = replace(bundles.parse(made(), declared=V03), algorithm="ES256")
    found = judge(claim, MODEL, {"ci": world.signer()}, now_ms=NOW_MS)
    assert (found.signatures, found.considered.code) == ((), "SM2005")


def test_an_attestation_is_evidence_of_its_own() -> None:
    said = keys.statement(str(MODEL.digest), predicate_type="https://slsa.dev/provenance/v1", repository="ghcr.io/a/b")
    (found,) = judged(made(Keyless(statement=encode(said)))).attestations
    assert (found.predicate_type, found.signers, found.root) == (
        "https://slsa.dev/provenance/v1",
        ("ci",),
        plain_root().digest,
    )
    assert (found.bound_to, found.time.not_after) == ("ghcr.io/a/b", NOW_MS + HALF_MINUTE)


def test_a_certificate_under_a_policy_of_keys_is_no_key() -> None:
    from tests.unit.trust.bench import RELEASE
    from tests.unit.trust.bench import signer as key_signer

    what = Keyless(statement=STATEMENT, key=RELEASE.private)
    found = judged(made(what), key_signer(RELEASE))
    assert (found.signatures, found.considered.code) == ((), "SM2006")


def _authorities(*windows: Json | None) -> TrustRoot:
    """Give a root that names the authority once for each window; None: a foreign one instead."""
    foreign = decoded(root_of(sigstore(1)).raw)["certificateAuthorities"]

    def edit(root: Json) -> None:
        (own,) = root["certificateAuthorities"]
        rows = [own | {"validFor": one} if one is not None else foreign[0] for one in windows]
        root["certificateAuthorities"] = rows

    return root_of(sigstore(), edit)


@pytest.mark.parametrize("first", [None, window(start=-30, end=-1)], ids=["foreign", "ended"])
def test_any_authority_of_the_root_may_have_given_the_certificate_out(first: Json | None) -> None:
    assert judged(made(), world.signer(root=_authorities(first, {}))).signatures


def test_of_several_authorities_the_first_that_had_ended_is_told() -> None:
    root = _authorities(window(start=-30, end=-1), window(start=-30, end=-2))
    found = judged(made(), world.signer(root=root)).considered
    assert (found.code, found.want) == (
        "SM2022",
        "an authority that is good from 2026-10-02T12:00:00.000Z until 2026-10-31T12:00:00.000Z",
    )


@pytest.mark.parametrize("turned", [False, True])
def test_of_several_authorities_the_one_that_may_not_issue_is_told(turned: bool) -> None:
    one = MiniSigstore()
    one.intermediate = authority("mini intermediate", under=one.root, length=0, use=ExtendedKeyUsageOID.SERVER_AUTH)

    foreign = decoded(root_of(sigstore(1)).raw)["certificateAuthorities"][0]

    def edit(root: Json) -> None:
        root["certificateAuthorities"].insert(0 if turned else 1, foreign)

    found = judged(made(by=one), world.signer(root=root_of(one, edit)))
    assert (found.signatures, found.considered.code) == ((), "SM2023")
