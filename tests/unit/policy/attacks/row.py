"""What a row is, and how attacks on decisions are tried: a policy is written, evidence made, and both are judged."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from secmount.errors import SecmountError
from secmount.policy import folder
from secmount.policy.decision import Approved
from secmount.policy.rules import Policy
from secmount.trust.evidence import Evidence
from tests.support import facts
from tests.support.facts import CI, WORKFLOW, judge
from tests.support.policies import artifact, write

KEYLESS = 'signers = ["ci-workflow"]'

Try = Callable[[Path], str]

ROWS: list[tuple[str, str, str]] = []
TRIES: dict[str, Try] = {}


def attack(name: str, text: str, code: str) -> Callable[[Try], Try]:
    """Add a row, tried by the function below."""

    def add(tried: Try) -> Try:
        ROWS.append((name, text, code))
        TRIES[name] = tried
        return tried

    return add


def met(policy: Policy, proof: Evidence, **more: int) -> str:
    """Give the first code of the denial; "allowed" where there is none."""
    verdict = judge(policy, artifact(), proof, **more)
    return "allowed" if isinstance(verdict, Approved) else verdict.decision.deny[0]


def refused(root: Path, toml: str) -> str:
    """Give the code under which a policy is not loaded; "loaded" where it is."""
    try:
        folder.load(write(root, toml, **facts.FILES), uid=os.getuid())
    except SecmountError as err:
        return err.code
    return "loaded"


def workflow(name: str, identity: str, more: str = "") -> str:
    """Write a keyless signer of GitHub's, called by the right repository."""
    head = CI.replace("ci-workflow", name)
    return head.replace(f"{WORKFLOW}@refs/tags/**", identity) + more
