"""Attacks with statements: what is signed, true, and no approval."""

from __future__ import annotations

from typing import Any

from tests.support import keys, legacy, shelf
from tests.support.layouts import Json, encode
from tests.unit.trust import world
from tests.unit.trust.attacks.formats.build import SUBJECT, FormatAttack, Make, keyless, put, referring, stated, void
from tests.unit.trust.bench import MODEL, OTHER, RELEASE, STRANGER

PROVENANCE = "https://slsa.dev/provenance/v1"
VSA = "https://slsa.dev/verification_summary/v1"
SUMMARY: Json = {
    "verificationResult": "PASSED",
    "resourceUri": "ghcr.io/acme/model",
    "verifier": {"id": "https://acme.example/verifier"},
}


def said(predicate: Json, predicate_type: str = VSA, **more: Any) -> Make:
    return stated(predicate_type=predicate_type, edit_statement=put("predicate", to=predicate), **more)


def attested(about: str = SUBJECT, *, key: keys.KeyPair = RELEASE, **more: Any) -> Make:
    """Put an attestation at cosign's older tag."""

    def make(source: Any) -> None:
        envelope = keys.envelope(key, encode(keys.statement(about, **more)))
        void(legacy.attach(source, SUBJECT, legacy.attested(envelope), suffix=".att"))

    return make


def in_sig(source: Any) -> None:
    """Put an attestation where signatures are."""
    envelope = keys.envelope(RELEASE, encode(keys.statement(SUBJECT, predicate_type=PROVENANCE)))
    legacy.attach(source, SUBJECT, legacy.attested(envelope))


def bare_envelope(source: Any) -> None:
    """Sign an envelope as if it were a payload of simple signing."""
    envelope = encode(keys.envelope(RELEASE, encode(keys.statement(SUBJECT, predicate_type=PROVENANCE))))
    legacy.attach(source, SUBJECT, legacy.layer(envelope, RELEASE))


def unproven(whole: Json) -> None:
    del whole["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]


STATEMENTS = (
    FormatAttack(
        "entry-unproven",
        "an entry that the log promised and nobody proved to be in it",
        "SM2001",
        referring(lambda: keys.refer(shelf.row_of(MODEL), world.made(edit=unproven))),
        keyless,
    ),
    FormatAttack(
        "provenance-as-signature", "provenance passed off as a signature", "SM2008", stated(predicate_type=PROVENANCE)
    ),
    FormatAttack(
        "attestation-v01",
        "a scanner's report in an older statement passed off as a signature",
        "SM2008",
        stated(predicate_type="https://cosign.sigstore.dev/attestation/vuln/v1", statement_type=keys.STATEMENT_V01),
    ),
    FormatAttack(
        "summary-failed",
        "a summary that says FAILED passed off as a signature",
        "SM2008",
        said({**SUMMARY, "verificationResult": "FAILED"}),
    ),
    FormatAttack("summary-passed", "a summary that says PASSED passed off as a signature", "SM2008", said(SUMMARY)),
    FormatAttack(
        "summary-maybe",
        "a summary with a result that is none",
        "SM2080",
        said({**SUMMARY, "verificationResult": "passed"}),
    ),
    FormatAttack("summary-of-nothing", "a summary without a resource", "SM2080", said({**SUMMARY, "resourceUri": ""})),
    FormatAttack("summary-of-nobody", "a summary without a verifier", "SM2080", said({**SUMMARY, "verifier": {}})),
    FormatAttack(
        "predicate-spelling",
        "cosign's predicate type in another spelling",
        "SM2008",
        stated(predicate_type=f"{keys.COSIGN_SIGN}/"),
    ),
    FormatAttack("att-as-signature", "an attestation at the older tag", "SM2008", attested(predicate_type=PROVENANCE)),
    FormatAttack("att-in-sig", "an attestation at the tag of signatures", "SM2008", in_sig),
    FormatAttack("att-copied", "an attestation copied from another artifact", "SM2007", attested(str(OTHER.digest))),
    FormatAttack("att-stranger", "an attestation by an unknown key", "SM2004", attested(key=STRANGER)),
    FormatAttack("envelope-signed-bare", "an envelope signed as a payload", "SM2050", bare_envelope),
    FormatAttack(
        "sibling-version",
        "a statement of a version that does not exist",
        "SM2010",
        stated(statement_type="https://in-toto.io/Statement/v2"),
    ),
)
