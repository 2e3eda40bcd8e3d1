"""Attacks on who counts: principals, keyless identities, certificates."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from secmount.policy import folder
from secmount.trust.check import fulcio
from tests.support import facts
from tests.support.facts import (
    CALLER,
    CI,
    CORP,
    GITHUB,
    WORKFLOW,
    certified,
    evidence,
    keyless,
)
from tests.support.policies import KEYS, NOW, SIGNERS, signed, write
from tests.unit.policy.attacks.row import KEYLESS, attack, met, refused, workflow

TWO = 'signers = ["ci-workflow", "ci-other"]\nthreshold = 2'


@attack("workflow-under-two-tags", "one workflow signs for two tags, and is counted as two signers", "SM3010")
def _(root: Path) -> str:
    signers = workflow("ci-workflow", f"{WORKFLOW}@refs/tags/v1") + workflow("ci-other", f"{WORKFLOW}@refs/tags/v2")
    policy = facts.load(root, TWO, signers=signers)
    return met(policy, evidence(keyless(), keyless("ci-other", identity=f"{WORKFLOW}@refs/tags/v2")))


@attack("workflow-at-refs-with-an-at-sign", "one workflow signs for tags v1@a and v2@b, and is two signers", "SM3010")
def _(root: Path) -> str:
    tags = (f"{WORKFLOW}@refs/tags/v1@a", f"{WORKFLOW}@refs/tags/v2@b")
    signers = workflow("ci-workflow", f"{WORKFLOW}@refs/tags/v1*") + workflow("ci-other", f"{WORKFLOW}@refs/tags/v2*")
    policy = facts.load(root, TWO, signers=signers)
    facts_of = (keyless(identity=tags[0]), keyless("ci-other", identity=tags[1]))
    said = (fulcio.Identity(fact.issuer or "", fact.identity or "", {}).principal for fact in facts_of)
    return met(policy, evidence(*(replace(fact, principal=whose) for fact, whose in zip(facts_of, said, strict=True))))


@attack("workflow-under-two-globs", "one identity fits two signers' patterns, and is counted for both", "SM3010")
def _(root: Path) -> str:
    signers = CI + workflow("ci-other", "https://github.com/acme/**@refs/tags/**")
    policy = facts.load(root, TWO, signers=signers)
    both = keyless("ci-workflow", "ci-other")
    return met(policy, evidence(both, both, keyless("ci-other", identity=f"{WORKFLOW}@refs/tags/v9")))


@attack("one-key-twice", "one key signs twice, and reaches a threshold of two", "SM3010")
def _(root: Path) -> str:
    policy = facts.load(root, 'signers = ["release", "ci"]\nthreshold = 2')
    return met(policy, evidence(signed("release"), signed("release", not_before=NOW)))


@attack("key-and-certificate", "a managed key is certified as well, and signs as two signers", "SM3010")
def _(root: Path) -> str:
    policy = facts.load(root, 'signers = ["release", "corp"]\nthreshold = 2', signers=CORP)
    return met(policy, evidence(signed("release"), replace(certified(), key=KEYS["release"].principal)))


@attack("one-key-two-subjects", "one key is certified under two subjects, and signs as two signers", "SM3010")
def _(root: Path) -> str:
    other = CORP.replace("[signers.corp]", "[signers.other]").replace("release", "other")
    policy = facts.load(root, 'signers = ["corp", "other"]\nthreshold = 2', signers=CORP + other)
    both = certified(), certified("other", subject="CN=other,O=Acme")
    return met(policy, evidence(*(replace(fact, key=KEYS["qa"].principal) for fact in both)))


@attack(
    "one-holder-three-certificates", "of three certificates two share a key and two a subject, and two count", "SM3010"
)
def _(root: Path) -> str:
    """The second signer is the first for the one's subject and for the other's key, and for both of neither."""
    other = '[signers.other]\nx509 = "more.pem"\nsubject = { O = "Acme" }\nrevocation = "none"\n'
    policy = facts.load(root, 'signers = ["corp", "other"]\nthreshold = 2', signers=CORP + other)
    under = facts.sha256(facts.FILES["more.pem"])
    first = replace(certified(), key=KEYS["qa"].principal)
    subject = replace(certified("other", subject="CN=other,O=Acme", root=under), key=KEYS["qa"].principal)
    key = replace(certified("other", root=under), key=KEYS["ci"].principal)
    return met(policy, evidence(first, subject, key))


@attack("one-key-two-names", "one key stands in the policy under two names", "SM1210")
def _(root: Path) -> str:
    return refused(root, f'version = 1\n{SIGNERS}[signers.again]\nkey = "keys/ci.pub"\n')


@attack("one-identity-two-names", "one keyless identity stands in the policy under two names", "SM1210")
def _(root: Path) -> str:
    return refused(root, f"version = 1\n{CI}{CI.replace('ci-workflow', 'ci-other')}")


@attack("forged-name", "a signature comes with a signer's name, but by another's key", "SM3004")
def _(root: Path) -> str:
    return met(facts.load(root, 'signers = ["release"]'), evidence(signed("release", key="qa")))


@attack("another-issuer", "another issuer certifies the same identity", "SM3004")
def _(root: Path) -> str:
    policy = facts.load(root, KEYLESS, signers=CI)
    return met(policy, evidence(keyless(issuer="https://token.actions.githubusercontent.com.evil.example")))


@attack("another-root", "another certificate authority certifies issuer and identity", "SM3004")
def _(root: Path) -> str:
    return met(facts.load(root, KEYLESS, signers=CI), evidence(keyless(root=facts.sha256(b"another"))))


@attack("another-caller", "a reusable workflow is called by another repository", "SM3004")
def _(root: Path) -> str:
    policy = facts.load(root, KEYLESS, signers=CI)
    return met(policy, evidence(keyless(claims={"source-repository": "https://github.com/evil/app"})))


@attack("no-caller", "a policy lets a GitHub workflow sign for whoever calls it, unawares", "SM1232")
def _(root: Path) -> str:
    return refused(root, "version = 1\n" + "\n".join(row for row in CI.splitlines() if "claims" not in row))


@attack(
    "branch-named-like-a-tag", "a branch is called …@refs/tags/v1, so that its identity ends like a tag's", "SM3004"
)
def _(root: Path) -> str:
    identity = f"{WORKFLOW}@refs/heads/x@refs/tags/v1"
    return met(facts.load(root, KEYLESS, signers=CI), evidence(keyless(identity=identity)))


@attack(
    "identity-inside-another", "an identity contains the right one, as an unanchored pattern would find it", "SM3004"
)
def _(root: Path) -> str:
    policy = facts.load(root, KEYLESS, signers=CI)
    return met(policy, evidence(keyless(identity=f"https://evil.example/{WORKFLOW}@refs/tags/v1")))


@attack("issuer-with-a-space", "issuer and identity are chosen so that together they read like another pair", "SM1203")
def _(root: Path) -> str:
    return refused(root, "version = 1\n" + CI.replace(GITHUB, f"{GITHUB} https"))


@attack("pattern-as-claim", "a claim is written as a pattern and would never, or always, match", "SM1206")
def _(root: Path) -> str:
    return refused(root, "version = 1\n" + CI.replace(f'"{CALLER}"', '"https://github.com/acme/*"'))


@attack("misspelt-restriction", "a restriction is misspelt and ignored (CVE-2025-29778)", "SM1202")
def _(root: Path) -> str:
    return refused(root, f"version = 1\n{CI}identity-regexp = '^x$'\n")


@attack("misspelt-claim", "a claim is misspelt and ignored", "SM1202")
def _(root: Path) -> str:
    return refused(root, "version = 1\n" + CI.replace("source-repository", "source-repositry"))


@attack("issuer-without-identity", "a policy trusts everybody whom an issuer certifies, unawares", "SM1205")
def _(root: Path) -> str:
    return refused(root, 'version = 1\n[signers.x]\nissuer = "https://accounts.google.com"\n')


CERTIFIED = 'signers = ["corp"]'


@attack("another-subject", "a certificate under the right authority has another subject", "SM3004")
def _(root: Path) -> str:
    return met(facts.load(root, CERTIFIED, signers=CORP), evidence(certified(subject="CN=intern,O=Acme")))


@attack("another-authority", "another authority certifies the right subject", "SM3004")
def _(root: Path) -> str:
    return met(facts.load(root, CERTIFIED, signers=CORP), evidence(certified(root=facts.sha256(b"another"))))


@attack("attribute-twice", "a subject has an attribute twice, the right one and another", "SM3004")
def _(root: Path) -> str:
    proof = evidence(certified(subject="CN=release,O=Evil,O=Acme", claims={"CN": "release"}))
    return met(facts.load(root, CERTIFIED, signers=CORP), proof)


@attack(
    "certificate-under-two-roots", "one certificate stands under two signers' anchors, and counts for both", "SM3010"
)
def _(root: Path) -> str:
    other = CORP.replace("[signers.corp]", "[signers.other]").replace("corp.pem", "more.pem")
    toml = (
        f'version = 1\n{CORP}{other}[[rules]]\nmatch = "ghcr.io/acme/**"\nsigners = ["corp", "other"]\nthreshold = 2\n'
    )
    policy = folder.load(write(root, toml, **facts.FILES), uid=os.getuid())
    return met(policy, evidence(certified(), certified("other", root=facts.sha256(facts.FILES["more.pem"]))))


@attack("silence-on-revocation", "a policy says nothing of revoked certificates, and none is looked for", "SM1205")
def _(root: Path) -> str:
    return refused(root, "version = 1\n" + CORP.replace('revocation = "none"', ""))
