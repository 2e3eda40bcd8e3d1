"""The policy: it loads, it runs, it denies what nobody signed; and the keys and roots that it believes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator

from secmount.config.value import Config
from secmount.errors import SecmountError
from secmount.oci import instant, manifest, reference
from secmount.oci.manifest import Manifest
from secmount.policy import folder
from secmount.policy.decision import Approved, decide
from secmount.policy.input import Request, document
from secmount.policy.rules import Policy, Rule
from secmount.registry.resolution import Resolution
from secmount.trust.evidence import Evidence
from secmount.trust.root import TrustRoot
from secmount.trust.roots import kept
from secmount.trust.signer import KeylessSigner, Signer
from secmount.upkeep.doctor.diagnosis import Diagnosis, count, failed, of_error, ok, warning
from secmount.upkeep.doctor.site import Site

RULES_LIMIT = 32  # rules that are tried
OLD_MS = 90 * 86_400_000  # a root that nobody vouched for since then may lack a log or authority that signs now
_EMPTY = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # {}
_NOTHING = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def policy(site: Site) -> Iterator[Diagnosis]:
    """Load the policy, and let the engine decide about an artifact that nobody signed, once for each rule."""
    found = _policy(site)
    if not isinstance(found, Policy):
        yield found
        return
    assert site.config is not None  # a policy was loaded from where it says
    yield ok(
        f"{found.path} loads: {count(len(found.rules), 'rule')}, {count(len(found.signers), 'signer')}, "
        f"revision {found.revision[:19]}"
    )
    if found.warnings:
        yield warning(f"{count(len(found.warnings), 'thing')} in the folder to be looked at", "secmount policy check")
    if not found.rules:
        yield warning("the policy has no rule: everything is denied", "secmount policy check")
        return
    engine, began = site.engine(site.config), time.monotonic()
    for rule in found.rules[:RULES_LIMIT]:
        resolution = _unsigned(rule)
        evidence = Evidence(subject=resolution.digest)
        asked = document(resolution, evidence, request=Request(verb="doctor"), now_ms=site.clock(), newest_ms=None)
        answer = engine.evaluate(asked, found)
        outcome = decide(
            resolution, evidence, found, rule, answer, decision_id="doctor", now_ms=site.clock(), exec_asked=False
        )
        if isinstance(outcome, Approved) and not rule.unsigned:
            yield failed(
                f"rule {rule.name!r} allows what nobody signed", "secmount policy check", "secmount explain SM9001"
            )
    took = round((time.monotonic() - began) * 1000)
    yield ok(f"the engine decides: {count(min(len(found.rules), RULES_LIMIT), 'rule')} tried in {took} ms")


def trust(site: Site) -> Iterator[Diagnosis]:
    """Look at each signer that rules name, and at the age of the trust roots."""
    found = _policy(site)
    signers: tuple[Signer, ...] = ()
    if isinstance(found, Policy):
        used = {name for rule in found.rules for name in rule.signers}
        signers = tuple(signer for name, signer in found.signers.items() if name in used)
    now = site.clock()
    for signer in signers:
        yield from _signer(signer, now)
    roots = {signer.root.digest: signer.root for signer in signers if isinstance(signer, KeylessSigner)}
    default = site.root(site.config) if site.config is not None and not roots else None
    for root in roots.values():
        yield _root(root, now)
    if default is not None:
        yield ok(f"{_root(default, now).said}; no signer needs it")
    if isinstance(found, Policy) and not signers:
        yield warning("no signer is named by a rule: nobody's signature counts", "secmount policy init --help")


def _signer(signer: Signer, now: int) -> Iterator[Diagnosis]:
    kind = type(signer).__name__.removesuffix("Signer").lower()
    if signer.revoked or (signer.revoked_since is not None and signer.revoked_since <= now):
        yield warning(f"signer {signer.name} is revoked, and a rule names it", "secmount policy check")
    elif signer.valid_until is not None and signer.valid_until <= now:
        ended = instant.render(signer.valid_until)
        yield warning(
            f"signer {signer.name}: valid only until {ended}; newer signatures do not count", "secmount policy check"
        )
    else:
        yield ok(f"signer {signer.name} ({kind}) is in force")


def _root(root: TrustRoot, now: int) -> Diagnosis:
    if root.updated_ms is None:
        return ok(f"trust root {root.source}: nobody says how old it is")
    days = (now - root.updated_ms) // 86_400_000
    shown = f"trust root {root.source}, {root.digest[:19]}, vouched for {days} days ago"
    return ok(shown) if now - root.updated_ms < OLD_MS else warning(shown, "secmount trust update")


def _policy(site: Site) -> Policy | Diagnosis:
    config: Config | None = site.config
    if config is None:
        raise ValueError("a configuration is there where the policy is looked at")
    if not os.path.lexists(config.policy):
        return warning(f"no policy at {config.policy}: nothing can be mounted", "secmount policy init --help")
    try:
        return folder.load(config.policy, uid=site.uid, default_root=lambda: kept.default(config.state, uid=site.uid))
    except SecmountError as err:
        return of_error(err)


def _unsigned(rule: Rule) -> Resolution:
    """Make an artifact up that `rule` is for: an empty layer, nobody's signature."""
    body = {
        "schemaVersion": 2,
        "mediaType": manifest.OCI_MANIFEST,
        "artifactType": "application/vnd.secmount.doctor.v1",
        "config": {"mediaType": manifest.EMPTY, "digest": _EMPTY, "size": 2},
        "layers": [{"mediaType": "application/octet-stream", "digest": _NOTHING, "size": 0}],
    }
    found = manifest.parse(json.dumps(body).encode(), expected=manifest.OCI_MANIFEST, subject="an artifact made up")
    if not isinstance(found, Manifest):
        raise TypeError("a manifest is no index")
    name = "doctor.invalid/doctor" if rule.match.kind == "any" else rule.match.base
    if rule.match.kind == "prefix":
        name = f"{name.rstrip('/')}/doctor"
    meant = reference.parse(f"{name}@{found.digest}", cwd="/")
    return Resolution(meant, meant.name, "asked", found, None, None, b"{}")
