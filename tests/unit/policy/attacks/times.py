"""Attacks on when something counts: ages, windows, revocations, roots, rollbacks."""

from __future__ import annotations

from pathlib import Path

from tests.support import facts
from tests.support.facts import (
    CI,
    PERSON,
    WORKFLOW,
    ann,
    evidence,
    keyless,
)
from tests.support.policies import DAY, NOW, signed
from tests.unit.policy.attacks.row import KEYLESS, attack, met, workflow


@attack("restamped", "an old signature by a managed key gets a new time stamp, to look young", "SM3013")
def _(root: Path) -> str:
    policy = facts.load(root, 'signers = ["release"]\nmax-age = "1d"')
    return met(policy, evidence(signed("release", not_before=NOW - 9 * DAY, not_after=NOW)))


@attack("window-without-time", "a stolen key signs after its window; nobody saw when (GHSA-wqqc-jjcq-vfxm)", "SM3011")
def _(root: Path) -> str:
    signers = f"{PERSON}valid = {{ until = 2027-01-01T00:00:00Z }}\n"
    return met(facts.load(root, 'signers = ["person"]', signers=signers), evidence(ann()))


@attack("backdated", "a stolen key signs with a time of its own, before its revocation", "SM3011")
def _(root: Path) -> str:
    signers = f"{PERSON}revoked-since = 2026-01-01T00:00:00Z\n"
    person = ann(not_before=NOW - 999 * DAY, not_after=NOW)
    return met(facts.load(root, 'signers = ["person"]', signers=signers), evidence(person))


@attack("revoked-under-another-name", "a revoked identity signs, and fits another signer's pattern, too", "SM3011")
def _(root: Path) -> str:
    signers = CI + workflow("burnt", f"{WORKFLOW}@refs/tags/v1", "revoked = true\n")
    return met(facts.load(root, KEYLESS, signers=signers), evidence(keyless()))


@attack("revoked-under-another-root", "a revoked identity signs with a certificate under another root", "SM3011")
def _(root: Path) -> str:
    burnt = workflow("burnt", f"{WORKFLOW}@refs/tags/v1", "revoked = true\n").replace("acme.json", "other.json")
    return met(facts.load(root, KEYLESS, signers=CI + burnt), evidence(keyless()))


@attack("from-the-future", "a signature's time lies in the future, so that it never grows old", "SM3011")
def _(root: Path) -> str:
    policy = facts.load(root, 'signers = ["release"]\nmax-age = "1d"')
    return met(policy, evidence(signed("release", not_before=NOW + 9 * DAY)))


@attack("rollback-of-a-tag", "a tag is moved back to an older artifact, soundly signed", "SM3024")
def _(root: Path) -> str:
    policy = facts.load(root, 'signers = ["release"]\nno-rollback = "tag"')
    return met(policy, evidence(signed("release", not_before=NOW - DAY)), newest=NOW - DAY + 1)


@attack("rollback-by-stamp", "a tag is moved back, and the old signature stamped anew", "SM3024")
def _(root: Path) -> str:
    policy = facts.load(root, 'signers = ["release"]\nno-rollback = "repository"')
    return met(policy, evidence(signed("release", not_before=None, not_after=NOW)), newest=NOW - DAY)


@attack("stale-root", "updates of the trust root are withheld, so that a closed log is still believed", "SM3023")
def _(root: Path) -> str:
    policy = facts.load(root, KEYLESS, signers=CI, top='[trust]\nmax-root-age = "30d"')
    return met(policy, evidence(keyless(updated=NOW - 31 * DAY)))


@attack("root-without-age", "a trust root does not say how old it is", "SM3023")
def _(root: Path) -> str:
    policy = facts.load(root, KEYLESS, signers=CI, top='[trust]\nmax-root-age = "30d"')
    return met(policy, evidence(keyless(updated=None)))
