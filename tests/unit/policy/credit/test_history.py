"""`no-rollback` and model signatures: what came before, and what the tree must be."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from secmount.errors import PolicyError
from secmount.oci.descriptor import Descriptor
from secmount.policy import folder
from secmount.policy.decision import Approved
from tests.support import facts, policies
from tests.support.facts import evidence, judge, model
from tests.support.policies import DAY, NOW, SIGNERS, artifact, codes, digest, layer, load, signed, write

BACK = 'signers = ["release"]\nno-rollback = "tag"'
TWO = 'signers = ["release", "ci"]\nthreshold = 2'


@pytest.mark.parametrize(
    ("at", "mark", "allowed"),
    [
        (NOW, None, True),
        (NOW, NOW, True),
        (NOW, NOW - 1, True),
        (NOW, NOW + 1, False),
        (None, None, False),
        (None, 0, False),
        (0, 0, True),
    ],
)
@pytest.mark.parametrize("scope", ["tag", "repository"])
def test_nothing_older_than_the_mark(
    tmp_path: Path, at: int | None, mark: int | None, scope: str, *, allowed: bool
) -> None:
    policy = facts.load(tmp_path / "p", BACK.replace("tag", scope))
    verdict = judge(policy, artifact(), evidence(signed("release", not_before=at)), newest=mark)
    assert codes(verdict) == (() if allowed else ("SM3024",))
    assert verdict.decision.newest_ms == (at if allowed else None)


def test_the_newest_of_those_that_count_is_the_mark(tmp_path: Path) -> None:
    """Two signers sign one after the other; the same artifact can be mounted again."""
    policy = facts.load(tmp_path / "p", f'{TWO}\nno-rollback = "tag"')
    proof = evidence(signed("release", not_before=NOW - 2 * DAY), signed("ci", not_before=NOW - DAY))
    first = judge(policy, artifact(), proof)
    assert first.decision.newest_ms == NOW - DAY
    assert isinstance(judge(policy, artifact(), proof, newest=first.decision.newest_ms), Approved)


def test_a_newer_signature_that_does_not_count_is_no_progress(tmp_path: Path) -> None:
    policy = facts.load(tmp_path / "p", BACK)
    old, other = signed("release", not_before=NOW - DAY), signed("ci", not_before=NOW)
    unbound = signed("release", not_before=NOW, bound_to="ghcr.io/acme/other")
    assert codes(judge(policy, artifact(), evidence(old, other, unbound), newest=NOW)) == ("SM3024",)


def test_without_the_key_the_past_is_no_matter(tmp_path: Path) -> None:
    policy = facts.load(tmp_path / "p", 'signers = ["release"]')
    assert isinstance(judge(policy, artifact(), evidence(signed("release")), newest=NOW + DAY), Approved)


def test_what_a_denial_says(tmp_path: Path) -> None:
    policy = facts.load(tmp_path / "p", BACK)
    verdict = judge(policy, artifact(), evidence(signed("release", not_before=0)), newest=NOW)
    [check] = [check for check in verdict.decision.checks if check.id == "no-rollback"]
    assert check.got == "signed by release; the newest of 1970-01-01T00:00:00.000Z"
    assert check.want == "not older than 2026-09-21T14:13:20.000Z"
    allowed = judge(policy, artifact(), evidence(signed("release", not_before=NOW)))
    [check] = [check for check in allowed.decision.checks if check.id == "no-rollback"]
    assert (check.got, check.want) == ("2026-09-21T14:13:20.000Z", "a signed time")


# --- model signatures ---


def test_a_model_signature_is_an_obligation(tmp_path: Path) -> None:
    policy = facts.load(tmp_path / "p", 'signers = ["release"]')
    verdict = judge(policy, artifact(), evidence(model("release", {"a": "1", "b": "2"})))
    assert isinstance(verdict, Approved)
    assert verdict.obligations.files == {"a": digest("1"), "b": digest("2")}
    assert verdict.obligations.files_partial is False


def test_another_signature_that_is_enough_has_no_obligation(tmp_path: Path) -> None:
    policy = facts.load(tmp_path / "p", 'signers = ["release"]')
    verdict = judge(policy, artifact(), evidence(model("release", {"a": "1"}), signed("release")))
    assert isinstance(verdict, Approved)
    assert verdict.obligations.files is None


def test_where_files_are_left_out_it_counts_only_if_the_rule_says_so(tmp_path: Path) -> None:
    rule = 'signers = ["release"]\nexclude = ["*.pkl"]'
    proof = evidence(model("release", {"a": "1"}))
    assert codes(judge(facts.load(tmp_path / "p", rule), artifact(), proof)) == ("SM3004",)
    verdict = judge(facts.load(tmp_path / "q", f"{rule}\nmodel-signing-partial = true"), artifact(), proof)
    assert isinstance(verdict, Approved)
    assert (verdict.obligations.files, verdict.obligations.files_partial) == ({"a": digest("1")}, True)


def test_two_that_say_the_same_count_together_and_others_do_not(tmp_path: Path) -> None:
    policy = facts.load(tmp_path / "p", TWO)
    same = evidence(model("release", {"a": "1"}), model("ci", {"a": "1"}))
    assert isinstance(judge(policy, artifact(), same), Approved)
    with_plain = evidence(model("release", {"a": "1"}), signed("ci"))
    verdict = judge(policy, artifact(), with_plain)
    assert isinstance(verdict, Approved)
    assert verdict.obligations.files == {"a": digest("1")}
    other = evidence(model("release", {"a": "1"}), model("ci", {"a": "2"}))
    verdict = judge(policy, artifact(), other)
    assert codes(verdict) == ("SM3010",)


def test_of_several_the_one_is_taken_that_the_manifest_does_not_contradict(tmp_path: Path) -> None:
    policy = facts.load(tmp_path / "p", 'signers = ["release"]')
    [row] = artifact(layer("model.bin")).manifest.layers
    stale = model("release", {"model.bin": "old"}, not_before=NOW)
    right = model("release", {"model.bin": "x"}, not_before=NOW - DAY)
    right = replace(right, files={"model.bin": row.digest})
    for proof in (evidence(stale, right), evidence(right, stale)):
        verdict = judge(policy, artifact(layer("model.bin")), proof)
        assert isinstance(verdict, Approved)
        assert verdict.obligations.files == right.files
    older = model("release", {"other": "1"}, not_before=NOW - 9 * DAY)
    verdict = judge(policy, artifact(layer("model.bin")), evidence(older, stale))
    assert isinstance(verdict, Approved)
    assert verdict.obligations.files == stale.files


@pytest.mark.parametrize("key", ['artifact-types = ["**"]', 'annotations = { a = ["b"] }'])
def test_a_model_signature_vouches_for_no_word_of_the_manifest(tmp_path: Path, key: str) -> None:
    policy, resolution = facts.load(tmp_path / "p", f'signers = ["release"]\n{key}'), artifact(annotations={"a": "b"})
    assert isinstance(judge(policy, resolution, evidence(signed("release"))), Approved)
    assert len(codes(judge(policy, resolution, evidence(model("release", {"a": "1"}))))) == 1


@pytest.mark.parametrize("key", ['artifact-types = ["**"]', 'annotations = { a = ["b"] }'])
def test_an_unsigned_rule_believes_the_manifest(tmp_path: Path, key: str) -> None:
    policy, resolution = facts.load(tmp_path / "p", f"unsigned = true\n{key}"), artifact(annotations={"a": "b"})
    assert isinstance(judge(policy, resolution, evidence()), Approved)


GGUF = "application/vnd.cncf.model.weight.v1.gguf"  # named by its type and place: model-00001-of-00002.gguf


@pytest.mark.parametrize(
    "layers",
    [
        (layer("m.tar", media_type=policies.TAR),),  # an archive
        (layer("m.tar", media_type="application/vnd.acme.layer.v1.tar"),),  # perhaps one
        (layer("m.bin", media_type="application/vnd.kitops.modelkit.model.v1.raw+gzip"),),
    ],
)
def test_what_is_not_a_plain_file_contradicts_nothing(tmp_path: Path, layers: tuple[Descriptor, ...]) -> None:
    """The digest of an archive, or of what is compressed, says nothing of the files: the newest comes first."""
    policy = facts.load(tmp_path / "p", 'signers = ["release"]')
    newest = model("release", {"a": "new"}, not_before=NOW)
    older = model("release", {"a": "old"}, not_before=NOW - DAY)
    older = replace(older, files={layers[0].annotations["org.opencontainers.image.title"]: layers[0].digest})
    verdict = judge(policy, artifact(*layers), evidence(older, newest))
    assert isinstance(verdict, Approved)
    assert verdict.obligations.files == newest.files


def test_files_that_are_named_by_their_place_are_compared_as_well(tmp_path: Path) -> None:
    policy = facts.load(tmp_path / "p", 'signers = ["release"]')
    rows = tuple(replace(layer(None, media_type=GGUF), digest=digest(text)) for text in "ab")
    names = ("model-00001-of-00002.gguf", "model-00002-of-00002.gguf")
    right = model("release", dict(zip(names, "ab", strict=True)), not_before=NOW - DAY)
    swapped = model("release", dict(zip(names, "ba", strict=True)), not_before=NOW)
    verdict = judge(policy, artifact(*rows), evidence(swapped, right))
    assert isinstance(verdict, Approved)
    assert verdict.obligations.files == right.files
    withheld = judge(
        facts.load(tmp_path / "q", 'signers = ["release"]\nexclude = ["*-00002-*"]'),
        artifact(*rows),
        evidence(signed("release")),
    )
    assert [row.path for row in withheld.decision.withheld] == [names[1]]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ('no-rollback = "tags"', "SM1203"),
        ("no-rollback = true", "SM1203"),
        ("model-signing-partial = true", "SM1205"),
        ('signatures-from = "acme/sigs"', "SM1203"),
        ('signatures-from = "GHCR.io/acme/sigs"', "SM1203"),
        ('signatures-from = "ghcr.io/acme/sigs:v1"', "SM1203"),
        ('signatures-from = "oci:/srv/sigs"', "SM1203"),
        ('signatures-from = "docker.io/sigs"', "SM1203"),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, lines: str, code: str) -> None:
    toml = f'version = 1\n{SIGNERS}[[rules]]\nmatch = "ghcr.io/**"\nsigners = ["ci"]\n{lines}\n'
    findings = folder.read(write(tmp_path / "p", toml), uid=os.getuid()).findings
    assert [(row.code, row.subject) for row in findings] == [(code, f"rules[0].{lines.partition(' ')[0]}")]


@pytest.mark.parametrize(
    "lines", ['no-rollback = "tag"', 'signatures-from = "ghcr.io/a/b"', "model-signing-partial = true"]
)
def test_what_means_nothing_where_no_signature_is_asked_for(tmp_path: Path, lines: str) -> None:
    toml = f'version = 1\n[[rules]]\nmatch = "ghcr.io/**"\nexclude = ["a"]\nunsigned = true\n{lines}\n'
    findings = folder.read(write(tmp_path / "p", toml), uid=os.getuid()).findings
    assert [row.code for row in findings if row.severity == "error"] == ["SM1205"]


def test_signatures_from_is_a_full_name(tmp_path: Path) -> None:
    policy = load(
        tmp_path / "p",
        f'version = 1\n{SIGNERS}[[rules]]\nmatch = "**"\nsigners = ["ci"]\nsignatures-from = "ghcr.io/acme/sigs"\n',
    )
    assert policy.rules[0].signatures_from == "ghcr.io/acme/sigs"


def test_a_program_that_does_not_see_a_rollback_is_told(tmp_path: Path) -> None:
    policy = facts.load(tmp_path / "p", BACK)
    old = evidence(signed("release", not_before=NOW - DAY))
    with pytest.raises(PolicyError, match="not older than what was used before"):
        policies.judge(policy, artifact(), old, newest=NOW, by=facts.Yes())
