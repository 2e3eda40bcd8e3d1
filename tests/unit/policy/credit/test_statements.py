"""`[[rules.attestations]]` through the shipped program, and the pointers into predicates."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secmount.policy import attestations, folder
from secmount.policy.decision import Approved, Denied
from secmount.policy.input import Request, document
from secmount.policy.rules import Policy
from tests.support import facts
from tests.support.facts import CI, TESTED, VSA, evidence, judge, keyless, statement
from tests.support.policies import DAY, NAME, NOW, SIGNERS, artifact, codes, digest, index, signed, write

OK = {"verificationResult": "PASSED"}
PASSED = '{ "/verificationResult" = ["PASSED"] }'


def wanting(
    root: Path,
    where: str = PASSED,
    *,
    form: str = VSA,
    who: str = '["ci"]',
    signers: str = "",
    top: str = "",
    bind: str = "named",
) -> Policy:
    table = f'[[rules.attestations]]\ntype = "{form}"\nsigners = {who}\nwhere = {where}\n'
    return facts.load(root, f'signers = ["release"]\nbind = "{bind}"\n{table}', signers=signers, top=top)


def verdict(policy: Policy, *said: Any, **more: Any) -> Approved | Denied:
    return judge(policy, artifact(index=index()), evidence(signed("release"), *said), **more)


def text(outcome: Approved | Denied) -> tuple[str | None, str | None]:
    [check] = [check for check in outcome.decision.checks if check.id == "attestations"]
    return check.got, check.want


def test_a_statement_that_holds_is_enough_whatever_else_there_is(tmp_path: Path) -> None:
    policy = wanting(tmp_path / "p")
    good, bad = statement(VSA, OK, "ci"), statement(VSA, {"verificationResult": "FAILED"}, "ci")
    for said in ([good], [bad, good], [good, bad], [replace(good, subject=digest("index"))]):
        outcome = verdict(policy, *said)
        assert isinstance(outcome, Approved)
        assert text(outcome) == (VSA, f"{VSA} by ci")


def test_a_statement_that_has_run_out(tmp_path: Path) -> None:
    policy = wanting(tmp_path / "p")
    said = replace(statement(VSA, OK, "ci"), expires_ms=NOW + 1)
    assert verdict(policy, said).decision.valid_until == NOW + 1
    assert codes(verdict(policy, replace(said, expires_ms=NOW))) == ("SM3025",)


def test_a_statement_of_another_repository(tmp_path: Path) -> None:
    there = replace(statement(VSA, OK, "ci"), bound_to="ghcr.io/acme/other")
    here = replace(there, bound_to=NAME)
    for bind, needs in (("named", None), ("repository", NAME)):
        policy = wanting(tmp_path / bind, bind=bind)
        by = evidence(signed("release", bound_to=needs), there)
        refused = judge(policy, artifact(), by)
        assert codes(refused) == ("SM3025",)
        assert "but it names ghcr.io/acme/other" in (text(refused)[0] or "")
        for said in (here, statement(VSA, OK, "ci")):
            assert isinstance(judge(policy, artifact(), replace(by, attestations=(said,))), Approved)
    assert isinstance(verdict(wanting(tmp_path / "any", bind="any"), there), Approved)


def test_every_table_asks_for_one_of_its_own(tmp_path: Path) -> None:
    tables = "".join(f'[[rules.attestations]]\ntype = "{form}"\nsigners = ["ci"]\n' for form in (VSA, "https://t"))
    policy = facts.load(tmp_path / "p", f'signers = ["release"]\n{tables}')
    assert codes(verdict(policy, statement(VSA, OK, "ci"))) == ("SM3025",)
    assert isinstance(verdict(policy, statement(VSA, OK, "ci"), statement("https://t", None, "ci")), Approved)


def test_a_statement_does_not_sign_and_needs_no_signature_where_none_is_asked_for(tmp_path: Path) -> None:
    policy = wanting(tmp_path / "p", who='["release", "ci"]')
    unsigned = judge(policy, artifact(), evidence(statement(VSA, OK, "release")))
    assert codes(unsigned) == ("SM3004",)
    table = f'[[rules.attestations]]\ntype = "{VSA}"\nsigners = ["ci"]\n'
    free = facts.load(tmp_path / "q", f"unsigned = true\n{table}")
    assert isinstance(judge(free, artifact(), evidence(statement(VSA, OK, "ci"))), Approved)
    assert codes(judge(free, artifact(), evidence())) == ("SM3025",)


@pytest.mark.parametrize(
    ("keys", "not_after", "allowed"),
    [
        ("revoked = true", NOW, False),
        ("revoked-since = 2026-01-01T00:00:00Z", NOW, False),
        ("revoked-since = 2026-01-01T00:00:00Z", None, False),
        ("revoked-since = 2026-12-01T00:00:00Z", NOW, True),
        ("valid = { until = 2026-01-01T00:00:00Z }", NOW, False),
        ("valid = { from = 2026-12-01T00:00:00Z }", NOW, False),
        ("valid = { from = 2026-01-01T00:00:00Z }", None, False),
    ],
)
def test_a_statement_is_by_a_signer_in_force(
    tmp_path: Path, keys: str, not_after: int | None, *, allowed: bool
) -> None:
    signers = SIGNERS.replace('key = "keys/ci.pub"', f'key = "keys/ci.pub"\n{keys}').split("[signers.ci]")[1]
    path = write(
        tmp_path / "p",
        f'version = 1\n[signers.release]\nkey = "keys/release.pub"\n[signers.ci]{signers}[[rules]]\nmatch = "**"\n'
        f'signers = ["release"]\n[[rules.attestations]]\ntype = "{VSA}"\nsigners = ["ci"]\n',
    )
    outcome = verdict(folder.load(path, uid=os.getuid()), statement(VSA, OK, "ci", not_after=not_after))
    assert codes(outcome) == (() if allowed else ("SM3025",))


def test_a_statement_of_the_future_or_under_a_stale_root(tmp_path: Path) -> None:
    policy = wanting(tmp_path / "p")
    ahead = verdict(policy, statement(VSA, OK, "ci", not_before=NOW + 300_001))
    assert codes(ahead) == ("SM3025",)
    assert ahead.decision.valid_until == NOW + 1
    keyed = wanting(tmp_path / "q", who='["ci-workflow"]', signers=CI, top='[trust]\nmax-root-age = "30d"')

    def said(updated: int | None) -> Any:
        by = keyless(updated=updated)
        whose: dict[str, Any] = {"issuer": by.issuer, "identity": by.identity, "claims": by.claims, "root": by.root}
        whose |= {"principal": by.principal, "signers": by.signers, "root_updated_ms": updated}
        return replace(statement(VSA, OK, "ci"), **whose)

    assert isinstance(verdict(keyed, said(NOW - 30 * DAY)), Approved)
    assert verdict(keyed, said(NOW - 30 * DAY)).decision.valid_until == NOW + 1
    for updated in (NOW - 30 * DAY - 1, None, NOW + 300_001):
        assert codes(verdict(keyed, said(updated))) == ("SM3025",)
    assert codes(verdict(keyed, replace(said(NOW), claims={}))) == ("SM3025",)


@pytest.mark.parametrize(
    ("where", "predicate", "allowed"),
    [
        ('{ "/a/b" = ["x", "y"] }', {"a": {"b": "y"}}, True),
        ('{ "/a/b" = ["x"] }', {"a": {"b": "X"}}, False),
        ('{ "/a/b" = ["x"] }', {"a": ["b", "x"]}, False),
        ('{ "/a/1" = ["x"] }', {"a": ["b", "x"]}, True),
        ('{ "/a/1" = ["x"] }', {"a": {"1": "x"}}, True),
        ('{ "/a/01" = ["x"] }', {"a": ["b", "x"]}, False),
        ('{ "/a/-" = ["x"] }', {"a": ["x"]}, False),
        ('{ "/a/-1" = ["x"] }', {"a": ["x"]}, False),
        ('{ "/" = ["x"] }', {"": "x"}, True),
        ('{ "/a~1b~0" = ["x"] }', {"a/b~": "x"}, True),
        ('{ "/a~01" = ["x"] }', {"a~1": "x"}, True),
        ('{ "/n" = [3] }', {"n": 3}, True),
        ('{ "/n" = [3] }', {"n": 3.0}, True),
        ('{ "/n" = [3] }', {"n": "3"}, False),
        ('{ "/n" = [1] }', {"n": True}, False),
        ('{ "/n" = [true] }', {"n": True}, True),
        ('{ "/n" = [false] }', {"n": 0}, False),
        ('{ "/n" = [false] }', {}, False),
        ('{ "/n" = ["x"] }', {"n": ["x"]}, False),
        ('{ "/n" = ["null"] }', {"n": None}, False),
        ('{ "/n" = ["x"] }', "x", False),
        ('{ "/0" = ["x"] }', ["x"], True),
        ('{ "/a" = ["x"], "/b" = ["y"] }', {"a": "x", "b": "z"}, False),
        ('{ "/a" = ["x"], "/b" = ["y"] }', {"a": "x", "b": "y"}, True),
        ('{ "/a" = ["x"] }', {"a": "x", "big": 1 << 53}, False),
        ('{ "/a" = ["x"] }', {"a": "x", "most": (1 << 53) - 1, "float": 1.5}, True),
    ],
)
def test_where(tmp_path: Path, where: str, predicate: Any, *, allowed: bool) -> None:
    outcome = verdict(wanting(tmp_path / "p", where, form=TESTED), statement(TESTED, predicate, "ci"))
    assert codes(outcome) == (() if allowed else ("SM3025",))


@pytest.mark.parametrize(
    ("where", "result", "allowed"),
    [
        ("", "PASSED", True),
        ("", "FAILED", False),
        ('where = { "/a" = ["x"] }', "PASSED", True),
        ('where = { "/a" = ["x"] }', "FAILED", False),
        ('where = { "/verificationResult" = ["PASSED", "FAILED"] }', "FAILED", True),
        ('where = { "/verificationResult" = ["FAILED"] }', "PASSED", False),
    ],
)
def test_a_summary_must_have_passed_unless_the_rule_names_a_result(
    tmp_path: Path, where: str, result: str, *, allowed: bool
) -> None:
    table = f'signers = ["release"]\n[[rules.attestations]]\ntype = "{VSA}"\nsigners = ["ci"]\n{where}\n'
    said = statement(VSA, {"verificationResult": result, "a": "x"}, "ci")
    assert codes(verdict(facts.load(tmp_path / "p", table), said)) == (() if allowed else ("SM3025",))


@pytest.mark.parametrize(
    ("table", "code"),
    [
        ('signers = ["ci"]', "SM1205"),
        (f'type = "{VSA}"', "SM1205"),
        (f'type = "{VSA}"\nsigners = []', "SM1203"),
        (f'type = "{VSA}"\nsigners = ["stranger"]', "SM1207"),
        (f'type = "{VSA} x"\nsigners = ["ci"]', "SM1203"),
        ('type = "https://sigstore.dev/cosign/sign/v1"\nsigners = ["ci"]', "SM1205"),
        ('type = "https://model_signing/signature/v1.0"\nsigners = ["ci"]', "SM1205"),
        (f'type = "{VSA}"\nsigners = ["ci"]\nthreshold = 2', "SM1202"),
        *(
            (f'type = "{VSA}"\nsigners = ["ci"]\nwhere = {where}', code)
            for where, code in {
                "{}": "SM1203",
                '"x"': "SM1203",
                '{ "" = ["x"] }': "SM1206",
                '{ "a" = ["x"] }': "SM1206",
                '{ "/a~2" = ["x"] }': "SM1206",
                '{ "/a~" = ["x"] }': "SM1206",
                f'{{ "{"/a" * 33}" = ["x"] }}': "SM1206",
                '{ "/1/2/3/4/5" = ["x"] }': "SM1206",
                '{ "/a" = [] }': "SM1203",
                '{ "/a" = "x" }': "SM1203",
                '{ "/a" = [1.5] }': "SM1203",
                '{ "/a" = [["x"]] }': "SM1203",
                '{ "/a" = ["x", "x"] }': "SM1203",
                '{ "/a" = [9007199254740992] }': "SM1203",
                '{ "/a" = [2026-01-01T00:00:00Z] }': "SM1203",
            }.items()
        ),
    ],
)
def test_what_cannot_be_asked_for(tmp_path: Path, table: str, code: str) -> None:
    toml = f'version = 1\n{SIGNERS}[[rules]]\nmatch = "**"\nsigners = ["ci"]\n[[rules.attestations]]\n{table}\n'
    reading = folder.read(write(tmp_path / "p", toml), uid=os.getuid())
    assert [row.code for row in reading.findings if row.severity == "error"] == [code]


def test_there_is_a_limit_to_tables_pointers_and_values(tmp_path: Path) -> None:
    def found(number: int, tables: int, pointers: int, values: int) -> list[str]:
        row = ", ".join(f'"/{key}" = [{", ".join(map(str, range(values)))}]' for key in "abcdefghi" * pointers)
        row = row if pointers == 1 else ", ".join(f'"/x{key}" = [1]' for key in range(pointers))
        table = f'[[rules.attestations]]\ntype = "t"\nsigners = ["ci"]\nwhere = {{ {row} }}\n' * tables
        toml = f'version = 1\n{SIGNERS}[[rules]]\nmatch = "**"\nsigners = ["ci"]\n{table}'
        reading = folder.read(write(tmp_path / str(number), toml), uid=os.getuid())
        return [row.code for row in reading.findings if row.severity == "error"]

    assert found(0, 32, 1, 64) == []
    assert found(1, 33, 1, 1) == ["SM1203"]
    assert found(2, 1, 64, 1) == []
    assert found(3, 1, 65, 1) == ["SM1203"]
    assert set(found(4, 1, 1, 65)) == {"SM1203"}


def test_pointers_of_the_specification() -> None:
    """RFC 6901 section 5."""
    value = {
        "foo": ["bar", "baz"],
        "": 0,
        "a/b": 1,
        "c%d": 2,
        "e^f": 3,
        "g|h": 4,
        "i\\j": 5,
        'k"l': 6,
        " ": 7,
        "m~n": 8,
    }
    expected = {"/foo/0": "bar", "/": 0, "/a~1b": 1, "/c%d": 2, "/e^f": 3, "/g|h": 4, "/i\\j": 5, '/k"l': 6, "/ ": 7}
    assert {pointer: attestations.look(value, attestations.parse(pointer)) for pointer in expected} == expected
    assert attestations.look(value, attestations.parse("/m~0n")) == 8
    assert attestations.look(value, attestations.parse("/foo/2")) is None


def test_denials_name_the_pointer_and_both_values(tmp_path: Path) -> None:
    policy = wanting(tmp_path / "p")
    assert text(verdict(policy))[0] == f"none of {VSA}"
    assert text(verdict(policy, statement("https://t", OK, "ci")))[0] == f"none of {VSA}, only of https://t"
    failed = text(verdict(policy, statement(VSA, {"verificationResult": "FAILED"}, "ci")))
    assert failed == ('one by ci, but /verificationResult is "FAILED", want "PASSED"', f"{VSA} by ci")
    assert (
        text(verdict(policy, statement(VSA, {}, "ci")))[0]
        == 'one by ci, but /verificationResult is absent, want "PASSED"'
    )
    long = text(verdict(policy, statement(VSA, {"verificationResult": "x" * 999}, "ci")))[0]
    assert len(str(long)) < 300
    other = text(verdict(policy, statement(VSA, OK, "release")))[0]
    assert other == "one by release, but it is by release, whom the rule does not name for it"
    unreadable = text(verdict(policy, statement(VSA, OK | {"n": 1 << 60}, "ci")))[0]
    assert unreadable == "one by ci, but its predicate has numbers that not every reader reads alike"


def test_denials_name_every_signer_and_every_value(tmp_path: Path) -> None:
    policy = wanting(tmp_path / "p", '{ "/verificationResult" = ["PASSED", "WARNED"] }')
    other = text(verdict(policy, statement(VSA, OK, "release", "qa")))[0]
    assert other == "one by release, qa, but it is by release, qa, whom the rule does not name for it"
    failed = text(verdict(policy, statement(VSA, {"verificationResult": "FAILED"}, "ci")))[0]
    assert failed == 'one by ci, but /verificationResult is "FAILED", want "PASSED" or "WARNED"'


def test_what_not_every_reader_reads_alike_is_no_input(tmp_path: Path) -> None:
    proof = evidence(statement(VSA, {"n": 1 << 60}, "ci"), statement(VSA, {"n": 1}, "ci"))
    given = document(artifact(), proof, request=Request(), now_ms=NOW, newest_ms=None)
    assert [row["predicate"] for row in given["attestations"]] == [{"n": 1}]
    with pytest.raises(ValueError, match="neither"):
        judge(wanting(tmp_path / "p"), artifact(), evidence(statement(VSA, OK, "ci", about="other")))
