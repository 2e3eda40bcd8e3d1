"""From a reference to a decision, and the decision into the log: resolve, gather, ask, decide.

The rule is chosen by name before the source is opened. Whatever keeps a decision from being taken is recorded as
undecided and raised: nobody gets an `Approved` then. Design 2, promises 2, 3 and 6.
"""

from __future__ import annotations

from secmount.errors import SecmountError
from secmount.oci.reference import LayoutReference, Reference, RegistryReference
from secmount.pipeline import identity, records
from secmount.pipeline.admission import Admission, Wanted
from secmount.pipeline.memory import clock, marks
from secmount.pipeline.memory.answers import evaluate
from secmount.pipeline.memory.evidence import RememberedEvidence
from secmount.pipeline.observer import Observer
from secmount.pipeline.origin import Origin, judged
from secmount.pipeline.parts import Parts
from secmount.pipeline.settle import settle
from secmount.policy import rules
from secmount.policy.credit.force import SKEW
from secmount.policy.decision import Approved, decide
from secmount.policy.input import document
from secmount.policy.rules import Policy, Rule
from secmount.registry.resolve import resolve
from secmount.registry.source import Source
from secmount.trust.gather import gather
from secmount.trust.root import TrustRoot
from secmount.trust.signer import KeySigner
from secmount.value import dataclass


def admit(parts: Parts, wanted: Wanted, observer: Observer) -> Admission:
    """Settle what earlier commands left, decide, and record that durably before it is given back. A denial is a value.

    Raise what kept the decision from being taken, with the id under which that was recorded: `PolicyError` SM3001
    without a rule, SM309x undecided, `RegistryError`, `ContentError`, `InputError` for the policy folder,
    `StorageError`.
    """
    settle(parts)
    began = parts.clock()
    decision_id = identity.decision_id(began, parts.random)
    policy: Policy | None = None
    try:
        records.config_loaded(parts)
        policy = parts.policy()
        records.policy_loaded(parts, policy)
        admission = consider(parts, wanted, policy, decision_id, observer)
        clock.advance(parts, admission.taken_ms)
    except Exception as err:  # a bug of ours keeps a decision from being taken, too
        fault = err if isinstance(err, SecmountError) else SecmountError("SM9001", got=f"{type(err).__name__}: {err}")
        fault.decision_id = decision_id
        parts.log.append(records.undecided(parts, wanted, decision_id, policy, fault))
        raise
    kept = {"manifest": admission.resolution.manifest.raw}
    elapsed = max(0, parts.clock() - began)
    parts.log.append(records.decided(parts, wanted, admission, elapsed_ms=elapsed), document=admission.input, kept=kept)
    observer.decided(admission.decision)
    return admission


def consider(parts: Parts, wanted: Wanted, policy: Policy, decision_id: str, observer: Observer) -> Admission:
    """Take the decision `decision_id` without recording it. The rule is chosen before anything is opened.

    So is the clock looked at, and once more when its time is used: it may be set back meanwhile.
    """
    rule = rules.choose(policy, wanted.name, asserted=wanted.asserted is not None)
    clock.now(parts)

    def judge(origin: Origin) -> Admission:
        return _judge(parts, wanted, _Judgement(policy, rule, decision_id, observer), origin)

    if isinstance(wanted.reference, LayoutReference):
        return judge(Origin(parts.open_source(wanted.reference)))
    return judged(parts, wanted.reference, judge, suffices=lambda admission: isinstance(admission.outcome, Approved))


@dataclass(frozen=True, slots=True)
class _Judgement:
    policy: Policy
    rule: Rule
    decision_id: str
    observer: Observer


def _judge(parts: Parts, wanted: Wanted, by: _Judgement, origin: Origin) -> Admission:
    resolution = resolve(
        wanted.reference,
        origin.source,
        name=wanted.name,
        name_source="asserted" if wanted.asserted else "asked",
        platform=wanted.platform,
        digest=origin.digest,
    )
    by.observer.resolved(resolution)
    now = clock.now(parts)
    evidence = gather(
        resolution,
        origin.source,
        by.policy.signers,
        now_ms=now,
        root=_dating_root(parts, by.policy, now),
        elsewhere=_elsewhere(parts, by.rule, origin, wanted.reference),
        memory=RememberedEvidence(parts),
    )
    newest = marks.newest(parts, by.policy, by.rule, resolution)
    asked = document(resolution, evidence, request=wanted.request, now_ms=now, newest_ms=newest)
    answered = evaluate(parts, asked, by.policy, now)
    outcome = decide(
        resolution,
        evidence,
        by.policy,
        by.rule,
        answered.answer,
        decision_id=by.decision_id,
        now_ms=now,
        exec_asked=wanted.exec,
        memo=answered.memo,
        newest_ms=newest,
    )
    return Admission(outcome, evidence, by.policy, by.rule, origin, now, answered.input)


def _dating_root(parts: Parts, policy: Policy, now_ms: int) -> TrustRoot | None:
    """Give the root under which a third party may say when managed keys signed; None: nobody is asked, or believed."""
    if not _needs_times(policy):
        return None
    root, oldest = parts.default_root(), policy.max_root_age
    if oldest is None:
        return root
    return root if root.updated_ms is not None and -SKEW <= now_ms - root.updated_ms <= oldest else None


def _needs_times(policy: Policy) -> bool:
    """Whether it matters who saw a managed key's signatures, in force for a while or logged: the default root says."""
    keys = tuple(signer for signer in policy.signers.values() if isinstance(signer, KeySigner))
    bounds = (bound for key in keys for bound in (key.valid_from, key.valid_until, key.revoked_since))
    return any(key.logged for key in keys) or any(bound is not None for bound in bounds)


def _elsewhere(parts: Parts, rule: Rule, origin: Origin, named: Reference) -> Source | None:
    """Open the repository that the rule takes signatures from; what is kept holds what was found there.

    A layout that is said to be a registry's (`--as`) is read where no registry may be asked, too: then without those.
    """
    never = parts.network.offline or parts.network.pull == "never"
    if rule.signatures_from is None or origin.kind == "kept" or never:
        return None
    host, _, path = rule.signatures_from.partition("/")
    same = isinstance(named, RegistryReference) and named.host == host
    found = RegistryReference(rule.signatures_from, host, path, None, None)
    return parts.open_source(found) if same else parts.open_elsewhere(found)
