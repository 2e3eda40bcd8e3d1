"""Attacks on what was signed, and on the policy that asks for it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

from secmount.errors import SecmountError
from secmount.policy import folder
from secmount.policy.decision import Approved
from secmount.policy.rules import Policy
from tests.support import facts
from tests.support.facts import (
    CI,
    PROVENANCE,
    TESTED,
    VSA,
    evidence,
    keyless,
)
from tests.support.policies import MODEL, NAME, SIGNERS, artifact, index, judge, layer, signed, write
from tests.unit.policy.attacks.row import attack, met, refused


@attack("another-repository", "a signature made for another repository is copied along with the artifact", "SM3012")
def _(root: Path) -> str:
    return met(facts.load(root, 'signers = ["release"]'), evidence(signed("release", bound_to="ghcr.io/acme/other")))


@attack("no-repository", "a signature that names no repository, where the rule wants this one named", "SM3012")
def _(root: Path) -> str:
    return met(facts.load(root, 'signers = ["release"]\nbind = "repository"'), evidence(signed("release")))


@attack("attestation-as-signature", "a statement about the artifact is passed off as a signature of it", "SM3004")
def _(root: Path) -> str:
    vsa = facts.statement(VSA, {"verificationResult": "PASSED"}, "release")
    return met(facts.load(root, 'signers = ["release"]'), evidence(vsa))


@attack("failed-summary-of-any-content", "a summary that says FAILED, where the rule names no result", "SM3025")
def _(root: Path) -> str:
    table = f'[[rules.attestations]]\ntype = "{VSA}"\nsigners = ["ci"]'
    failed = facts.statement(VSA, {"verificationResult": "FAILED"}, "ci")
    return met(facts.load(root, f'signers = ["release"]\n{table}'), evidence(signed("release"), failed))


@attack("index-of-a-denied-type", "an index of a denied artifact type leads to a manifest of another", "SM3020")
def _(root: Path) -> str:
    policy = facts.load(root, 'signers = ["release"]', top='[deny]\nmedia-types = ["application/vnd.evil"]')
    through = replace(index(), artifact_type="application/vnd.Evil")
    verdict = judge(policy, artifact(index=through), evidence(signed("release", about="index")))
    return "allowed" if isinstance(verdict, Approved) else verdict.decision.deny[0]


@attack("forged-fact-of-a-log", "unlogged evidence of a watched signer is slipped in after it was judged", "SM3096")
def _(root: Path) -> str:
    policy = facts.load(root, 'signers = ["ci-workflow"]', signers=f"{CI}logged = true\n")
    assert isinstance(judge(policy, artifact(), evidence(keyless(logged=True))), Approved)
    try:
        return met(policy, evidence(keyless()))
    except SecmountError as err:
        return err.code


@attack("signature-as-attestation", "a rule takes a signature for a statement about the artifact", "SM1205")
def _(root: Path) -> str:
    form = "https://sigstore.dev/cosign/sign/v1"
    rule = f'[[rules]]\nmatch = "**"\nsigners = ["ci"]\n[[rules.attestations]]\ntype = "{form}"\nsigners = ["ci"]\n'
    return refused(root, f"version = 1\n{SIGNERS}{rule}")


def passed(root: Path, where: str = '{ "/verificationResult" = ["PASSED"] }', *, form: str = VSA) -> Policy:
    """Load a policy that wants a statement by `ci` beside the signature by `release`."""
    table = f'[[rules.attestations]]\ntype = "{form}"\nsigners = ["ci"]\nwhere = {where}'
    return facts.load(root, f'signers = ["release"]\n{table}')


@attack("failed-vsa", "a verification summary says FAILED, and is there", "SM3025")
def _(root: Path) -> str:
    failed = facts.statement(VSA, {"verificationResult": "FAILED"}, "ci")
    return met(passed(root), evidence(signed("release"), failed))


@attack("statement-of-another-repository", "a statement made for another repository is copied along with it", "SM3025")
def _(root: Path) -> str:
    elsewhere = replace(facts.statement(VSA, {"verificationResult": "PASSED"}, "ci"), bound_to="ghcr.io/acme/other")
    return met(passed(root), evidence(signed("release"), elsewhere))


@attack("withheld-report", "the registry withholds the report that says FAILED", "SM3025")
def _(root: Path) -> str:
    return met(passed(root), evidence(signed("release")))


@attack("demand-of-absence", "a rule would be met by a report that lacks a finding, or is withheld", "SM1203")
def _(root: Path) -> str:
    table = f'[[rules.attestations]]\ntype = "{VSA}"\nsigners = ["ci"]\nwhere = {{ "/findings" = [] }}\n'
    return refused(root, f'version = 1\n{SIGNERS}[[rules]]\nmatch = "**"\nsigners = ["ci"]\n{table}')


@attack("another-type", "any attestation satisfies a rule for one type (CVE-2022-35929, CVE-2022-35930)", "SM3025")
def _(root: Path) -> str:
    other = facts.statement(f"{VSA}.1", {"verificationResult": "PASSED"}, "ci")
    return met(passed(root), evidence(signed("release"), other))


@attack("attested-by-another", "an attestation by a signer who may sign, but not attest", "SM3025")
def _(root: Path) -> str:
    vsa = facts.statement(VSA, {"verificationResult": "PASSED"}, "release")
    return met(passed(root), evidence(signed("release"), vsa))


@attack("forged-attester", "an attestation comes with a signer's name, but by another's key", "SM3025")
def _(root: Path) -> str:
    vsa = facts.statement(VSA, {"verificationResult": "PASSED"}, "ci", key="qa")
    return met(passed(root), evidence(signed("release"), vsa))


@attack("value-of-another-type", 'a predicate says 1 or "true" where the rule wants true', "SM3025")
def _(root: Path) -> str:
    policy = passed(root, '{ "/ok" = [true] }', form=TESTED)
    found = {
        met(policy, evidence(signed("release"), facts.statement(TESTED, {"ok": value}, "ci")))
        for value in (1, "true", [True], {"": True}, None)
    }
    return found.pop() if len(found) == 1 else str(found)


@attack("value-elsewhere", "the wanted value stands in another place of the predicate", "SM3025")
def _(root: Path) -> str:
    policy = passed(root, '{ "/checks/0/result" = ["PASSED"] }', form=TESTED)
    found = {
        met(policy, evidence(signed("release"), facts.statement(TESTED, predicate, "ci")))
        for predicate in (
            {"checks": [{"result": "FAILED"}, {"result": "PASSED"}]},
            {"checks": {"00": {"result": "PASSED"}}},
            {"checks/0/result": "PASSED"},
            {"checks": ["PASSED"]},
        )
    }
    return found.pop() if len(found) == 1 else str(found)


@attack("provenance-of-another-builder", "provenance by the right workflow names another builder", "SM3025")
def _(root: Path) -> str:
    hosted = "https://github.com/actions/runner/github-hosted"
    table = f'[[rules.attestations]]\ntype = "{PROVENANCE}"\nsigners = ["ci"]\n'
    table += f'where = {{ "/runDetails/builder/id" = ["{hosted}"] }}'
    policy = facts.load(root, f'signers = ["release"]\n{table}')
    said = {"runDetails": {"builder": {"id": "https://github.com/actions/runner/self-hosted"}}}
    return met(policy, evidence(signed("release"), facts.statement(PROVENANCE, said, "ci")))


@attack(
    "model-signature-and-exclude", "files are left out of a tree that a model signature vouches for whole", "SM3004"
)
def _(root: Path) -> str:
    policy = facts.load(root, 'signers = ["release"]\nexclude = ["*.pkl"]')
    return met(policy, evidence(facts.model("release", {"model.bin": "layer"})))


@attack("two-models-in-one", "two model signatures for different trees reach a threshold together", "SM3010")
def _(root: Path) -> str:
    policy = facts.load(root, 'signers = ["release", "ci"]\nthreshold = 2')
    return met(policy, evidence(facts.model("release", {"a": "1"}), facts.model("ci", {"a": "2"})))


@attack("manifest-for-signed-files", "another manifest, with other annotations, for files of a signed model", "SM3016")
def _(root: Path) -> str:
    policy = facts.load(root, 'signers = ["release"]\nannotations = { licence = ["MIT"] }')
    proof = evidence(facts.model("release", {"model.bin": "layer"}))
    verdict = judge(policy, artifact(annotations={"licence": "MIT"}), proof)
    return "allowed" if isinstance(verdict, Approved) else verdict.decision.deny[0]


@attack("type-for-signed-files", "another manifest, of another artifact type, for files of a signed model", "SM3014")
def _(root: Path) -> str:
    policy = facts.load(root, f'signers = ["release"]\nartifact-types = ["{MODEL}"]')
    return met(policy, evidence(facts.model("release", {"model.bin": "layer"})))


@attack("link-out-of-the-folder", "a trust root in the policy folder is a link to a file of others", "SM1213")
def _(root: Path) -> str:
    path = write(root, f"version = 1\n{CI}", **{"real.json": facts.ROOT})
    (root / "acme.json").symlink_to("real.json")
    try:
        folder.load(path, uid=os.getuid())
    except SecmountError as err:
        return err.code
    return "loaded"


@attack("root-of-another-kind", "a file that is no trust root stands in for one", "SM1230")
def _(root: Path) -> str:
    return refused(root, "version = 1\n" + CI.replace("acme.json", "corp.pem"))


@attack("asserted-name", "the user gives an artifact a name under which no signature is asked for", "SM3001")
def _(root: Path) -> str:
    policy = facts.load(root, "unsigned = true")
    try:
        judge(policy, artifact(layer("a"), asserted=True), evidence())
    except SecmountError as err:
        return err.code
    return "allowed"


@attack(
    "denied-under-another-algorithm", "a manifest that is denied by its SHA-512 is asked for by its SHA-256", "SM3019"
)
def _(root: Path) -> str:
    other = hashlib.sha512(artifact().manifest.raw).hexdigest()
    policy = facts.load(root, 'signers = ["release"]', top=f'[deny]\ndigests = ["sha512:{other}"]')
    return met(policy, evidence(signed("release")))


@attack("denied-type-with-a-parameter", "a media type that is denied is written with a parameter", "SM3020")
def _(root: Path) -> str:
    policy = facts.load(root, 'signers = ["release"]', top='[deny]\nmedia-types = ["application/x-executable"]')
    row = layer("a", media_type="Application/X-Executable;version=1")
    verdict = judge(policy, artifact(row), evidence(signed("release")))
    return "allowed" if isinstance(verdict, Approved) else verdict.decision.deny[0]


@attack("signatures-for-a-layout-from-elsewhere", "a folder on disk is judged by signatures of a registry", "SM1205")
def _(root: Path) -> str:
    rule = f'[[rules]]\nmatch = "oci:/srv/**"\nsigners = ["ci"]\nsignatures-from = "{NAME}"\n'
    return refused(root, f"version = 1\n{SIGNERS}{rule}")
