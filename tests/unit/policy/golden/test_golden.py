"""The input of the program and its answer as they were recorded: fields may be added under /v1, none may change.

`python -m tests.unit.policy.golden.test_golden` writes them anew.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema

from secmount.oci.descriptor import Platform
from secmount.policy.input import Request, document
from secmount.policy.rules import Policy
from tests.support import facts
from tests.support.facts import CI, CORP, PERSON, VSA, ann, certified, evidence, keyless, model, statement
from tests.support.policies import KEYS, NOW, TAR, artifact, engine, index, layer, signed

HERE = Path(__file__).parent
SCHEMA = json.loads((Path(__file__).parents[4] / "docs/formats/input-v1.schema.json").read_text("utf-8"))
RULE = f"""
require = [{{ signers = ["release", "ci-workflow"], threshold = 2 }}, {{ signers = ["corp", "person"], threshold = 1 }}]
max-age = "90d"
no-rollback = "tag"
[[rules.attestations]]
type = "{VSA}"
signers = ["ci"]
where = {{ "/verificationResult" = ["PASSED"], "/levels/0" = [3] }}
"""


def policy(root: Path) -> Policy:
    top = '[trust]\nmax-root-age = "30d"\n[deny]\npaths = ["**/.ssh/**"]'
    return facts.load(root, RULE, signers=CI + PERSON + CORP, top=top)


def given() -> dict[str, Any]:
    layers = (layer("A/Model.bin"), layer(None, media_type=TAR), layer("evil.pkl"))
    resolution = replace(artifact(*layers, index=index(), annotations={"a": "b"}), platform=Platform("linux", "amd64"))
    proof = evidence(
        signed("release", not_after=NOW, bound_to="ghcr.io/acme/model"),
        keyless(time={"not_after": NOW}),
        ann(not_after=NOW),
        replace(certified(), expires_ms=NOW + 5),
        model("qa", {"A/Model.bin": "x"}),
        statement(VSA, {"verificationResult": "PASSED", "levels": [3, 1.5, None, {"x": True}]}, "ci", not_after=NOW),
    )
    request = Request("csi", "csi", "mount", "u", "n", "p", "s")
    return document(resolution, proof, request=request, now_ms=NOW, newest_ms=NOW - 86_400_000)


def said(root: Path) -> dict[str, Any]:
    return engine().evaluate(given(), policy(root)).document()


def steady(value: Any) -> Any:
    """Give `value` with names for the keys, which are made anew for every run."""
    text = json.dumps(value)
    for name, key in KEYS.items():
        text = text.replace(key.principal, f"key of {name}")
    return json.loads(text)


def read(name: str) -> Any:
    return json.loads((HERE / name).read_text("utf-8"))


def test_the_input_is_what_was_recorded() -> None:
    assert steady(given()) == read("input.json")
    jsonschema.Draft202012Validator(SCHEMA).validate(read("input.json"))


def test_the_policy_is_what_was_recorded(tmp_path: Path) -> None:
    assert steady(policy(tmp_path / "p").data) == read("policy.json")


def test_the_answer_is_what_was_recorded(tmp_path: Path) -> None:
    answer = said(tmp_path / "p")
    assert steady(answer) == read("answer.json")
    assert answer["allow"] is True


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as base:
        rows = {"input": given(), "policy": policy(Path(base, "a")).data, "answer": said(Path(base, "b"))}
        for title, value in rows.items():
            (HERE / f"{title}.json").write_text(json.dumps(steady(value), indent=1, sort_keys=True) + "\n", "utf-8")
