"""Decide recorded inputs again: under the policy that was recorded, or under another one."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from typing import Any

from secmount.app.assembly import Application, default_root
from secmount.errors import InputError
from secmount.policy import folder
from secmount.policy.rules import Policy
from secmount.review.replay import Answer, Evaluate, RecordedPolicy
from secmount.trust.root import TrustRoot


def evaluator(application: Application, other: str | None) -> Evaluate:
    """Give what answers a recorded input; `other` is a policy folder that takes the recorded one's place."""
    engine = application.parts.engine()
    uid, config = application.uid, application.config
    fixed = None if other is None else folder.load(other, uid=uid, default_root=lambda: default_root(config, uid))
    known: dict[str, Policy] = {}

    def evaluate(document: Mapping[str, Any], recorded: RecordedPolicy | None) -> Answer:
        if recorded is None:
            if fixed is None:
                raise ValueError("neither a recorded policy nor another one")
            policy = fixed
        else:
            policy = known.get(recorded.revision) or _restore(recorded, application.uid)
            known[recorded.revision] = policy
        answer = engine.evaluate(document, policy)
        codes = tuple(dict.fromkeys(reason.code for reason in answer.deny))
        return Answer("allowed" if answer.allow else "denied", codes)

    return evaluate


def _restore(recorded: RecordedPolicy, uid: int) -> Policy:
    """Load the recorded files as a folder; raise `InputError` SM1106 where they are not that revision any more."""
    files = dict(recorded.files)
    root = files.pop(folder.DEFAULT_ROOT, None)

    def recorded_root() -> TrustRoot:
        if root is None:
            raise InputError("SM1106", subject=folder.DEFAULT_ROOT, got="no record of it", want=recorded.revision)
        return TrustRoot("as recorded", f"sha256:{hashlib.sha256(root).hexdigest()}", root)

    with tempfile.TemporaryDirectory(prefix="secmount-policy-") as base:
        for path, data in files.items():
            whole = os.path.realpath(os.path.join(base, path))
            if not whole.startswith(os.path.realpath(base) + os.sep):
                raise InputError("SM1106", subject=path, got="a path outside the folder", want=recorded.revision)
            os.makedirs(os.path.dirname(whole), mode=0o700, exist_ok=True)
            with open(whole, "xb") as file:
                file.write(data)
        policy = folder.load(os.path.realpath(base), uid=uid, default_root=recorded_root)
    if policy.revision != recorded.revision:
        raise InputError("SM1106", got=policy.revision, want=recorded.revision)
    return policy
