"""Policy folders, artifacts and evidence as values, for tests of the decision: no registry, no signature, one engine.

A policy is written as TOML and loaded by secmount; the key files are those of `KEYS`. Evidence is made by hand: what a
verified signature says, not the signature.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import Index, Manifest
from secmount.oci.reference import parse
from secmount.policy import folder
from secmount.policy.decision import Approved, Denied, decide
from secmount.policy.engine import Engine
from secmount.policy.input import Request, document
from secmount.policy.rules import Policy, choose
from secmount.policy.wasm import WasmEngine
from secmount.registry.resolution import Resolution
from secmount.trust.evidence import Considered, Evidence, Signature, SignatureTime
from tests.support import keys

KEYS = {name: keys.pair("ecdsa-p256", number) for number, name in enumerate(("release", "ci", "qa"))}
NAME = "ghcr.io/acme/model"
NOW = 1_790_000_000_000  # 2026-09-21T14:13:20Z
DAY = 86_400_000
DECISION = "01890000-0000-7000-8000-000000000000"
RAW = "application/vnd.cncf.model.weight.v1.raw"
TAR = "application/vnd.cncf.model.weight.v1.tar"
MODEL = "application/vnd.cncf.model.manifest.v1+json"
SIGNERS = "".join(f'[signers.{name}]\nkey = "keys/{name}.pub"\n' for name in KEYS)


@cache
def engine() -> WasmEngine:
    """Give the one engine of this process; its module is compiled once."""
    return WasmEngine(module_directory=None)


def write(root: Path, toml: str, **files: bytes) -> str:
    """Write a policy folder with the keys of `KEYS`, and `files` by name; give its path."""
    (root / "keys").mkdir(parents=True)
    for name, key in KEYS.items():
        (root / "keys" / f"{name}.pub").write_bytes(key.public_pem)
    (root / "policy.toml").write_text(toml, encoding="utf-8")
    for name, data in files.items():
        (root / name).write_bytes(data)
    return str(root)


def load(root: Path, toml: str) -> Policy:
    """Write and load a policy folder."""
    return folder.load(write(root, toml), uid=os.getuid())


def rule(
    root: Path, more: str = "", *, deny: str = "", signers: str = SIGNERS, who: str = 'signers = ["release"]'
) -> Policy:
    """Load a policy with one rule for ghcr.io/acme/**, `more` being its other keys."""
    match = 'match = "ghcr.io/acme/**"'
    return load(root, f"version = 1\n[deny]\n{deny}\n{signers}\n[[rules]]\n{match}\n{who}\n{more}\n")


def digest(text: str) -> Digest:
    """Give a digest that stands for `text`."""
    return Digest.of(text.encode())


def layer(path: str | None, *, media_type: str = RAW, size: int = 10, **annotations: str) -> Descriptor:
    """Describe a layer whose file, if it has one, is `path`."""
    notes = dict(annotations) | ({} if path is None else {"org.opencontainers.image.title": path})
    return Descriptor(media_type, digest(f"layer {path} {media_type}"), size, notes)


def artifact(
    *layers: Descriptor,
    name: str = NAME,
    asserted: bool = False,
    index: Index | None = None,
    annotations: Mapping[str, str] | None = None,
    artifact_type: str = MODEL,
) -> Resolution:
    """Resolve an artifact called `name` with `layers` (default: one file)."""
    manifest = Manifest(
        raw=b"{}",
        digest=digest("manifest"),
        media_type="application/vnd.oci.image.manifest.v1+json",
        artifact_type=artifact_type,
        config=Descriptor("application/vnd.cncf.model.config.v1+json", digest("config"), 2),
        layers=layers or (layer("model.bin"),),
        subject=None,
        annotations=annotations or {},
    )
    reference = parse("oci:/srv/layout" if asserted else name, cwd="/")
    return Resolution(reference, name, "asserted" if asserted else "asked", manifest, index, None, b"{}")


def index() -> Index:
    """Give an index that the artifact may be reached through."""
    media_type = "application/vnd.oci.image.index.v1+json"
    return Index(b"{}", digest("index"), media_type, None, (), None, {"who": "index"})


def signed(
    *names: str, about: str = "manifest", key: str | None = None, bound_to: str | None = None, **time: Any
) -> Signature:
    """Give a verified signature that counts for the signers `names`, by the key of the first (or `key`)."""
    principal = KEYS[key or names[0]].principal
    moments = {"not_before": NOW - DAY, **time}
    return Signature("test", digest(about), names, principal, bound_to=bound_to, time=SignatureTime(**moments))


def evidence(*signatures: Signature, considered: Sequence[Considered] = ()) -> Evidence:
    """Give evidence about the artifact."""
    return Evidence(digest("manifest"), signatures, considered=tuple(considered))


def judge(
    policy: Policy,
    resolution: Resolution,
    proof: Evidence,
    *,
    now: int = NOW,
    request: Request | None = None,
    exec_asked: bool = False,
    by: Engine | None = None,
    newest: int | None = None,
) -> Approved | Denied:
    """Go the way of a decision: choose the rule, write the input, evaluate, decide."""
    chosen = choose(policy, resolution.name, asserted=resolution.name_source != "asked")
    given = document(resolution, proof, request=request or Request(), now_ms=now, newest_ms=newest)
    answer = (by or engine()).evaluate(given, policy)
    return decide(
        resolution,
        proof,
        policy,
        chosen,
        answer,
        decision_id=DECISION,
        now_ms=now,
        exec_asked=exec_asked,
        newest_ms=newest,
    )


def codes(verdict: Approved | Denied) -> tuple[str, ...]:
    """Give the codes of a denial, or nothing for an approval."""
    return verdict.decision.deny


def failed(verdict: Approved | Denied) -> set[str]:
    """Give the ids of the checks that failed."""
    return {check.id for check in verdict.decision.checks if not check.ok}
