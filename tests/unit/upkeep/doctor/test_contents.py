"""Policy, trust, store, log, credentials, registries: each ailing in its own way."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from secmount.config.value import Config
from secmount.errors import PolicyError, RegistryError, StorageError
from secmount.policy import decision
from secmount.policy.decision import Approved, Decision, Obligations
from secmount.policy.engine import Answer
from secmount.policy.rules import Policy
from secmount.registry.resolution import Resolution
from secmount.store.cas import STATE, Store
from secmount.trust.root import TrustRoot
from secmount.upkeep.doctor.site import Helper, Logins, LogState, Reached
from tests.support import policies
from tests.unit.upkeep.doctor.conftest import NOW, SIGNED, Examine, asked

DAY = 86_400_000


def test_no_policy_is_a_warning_with_the_next_command(found: Examine) -> None:
    (row,) = found("policy")
    assert row.state == "warning" and row.remedy == ("secmount policy init --help",)


def test_a_policy_is_loaded_and_every_rule_is_tried(found: Examine, config: Config) -> None:
    more = '[[rules]]\nmatch = "**"\nsigners = ["ci"]\n[[rules]]\nmatch = "oci:/srv/**"\nunsigned = true\n'
    policies.write(Path(config.policy), SIGNED + more)
    rows = found("policy")
    assert [row.state for row in rows][-1] == "ok" and "3 rules tried" in rows[-1].said


def test_a_policy_that_does_not_load_says_where(found: Examine, config: Config) -> None:
    policies.write(Path(config.policy), SIGNED + "max-sise = 1\n")
    (row,) = found("policy")
    assert row.state == "failed" and row.said.endswith(f"{config.policy}/policy.toml:{SIGNED.count(chr(10)) + 1}")


def test_a_policy_without_rules_denies_everything(found: Examine, config: Config) -> None:
    policies.write(Path(config.policy), f"version = 1\n{policies.SIGNERS}")
    assert [row.state for row in found("policy")][-1] == "warning"


class Generous:
    """An engine that allows what nobody signed."""

    name = "generous"

    def evaluate(self, document: object, policy: Policy) -> Answer:
        real = policies.engine().evaluate(document, policy)  # type: ignore[arg-type]
        return replace(real, allow=True, deny=(), checks=tuple(replace(row, ok=True) for row in real.checks))


class Silent:
    """An engine that never answers."""

    name = "silent"

    def evaluate(self, *_: object) -> Answer:
        raise PolicyError("SM3095", got="no answer in time")


@pytest.mark.parametrize("engine", [Generous(), Silent()], ids=lambda engine: engine.name)
def test_an_engine_that_cannot_be_trusted_is_broken(found: Examine, config: Config, engine: object) -> None:
    policies.write(Path(config.policy), SIGNED)
    rows = found("policy", engine=lambda _: engine)
    assert rows[-1].state == "failed" and str(rows[-1].code).startswith("SM30")


def test_a_decision_that_lets_through_what_nobody_signed_is_broken(
    found: Examine, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def generous(resolution: Resolution, *_: object, **__: object) -> Approved:
        allowed = Decision("doctor", "allowed", "**", 1, "sha256:…", approved=(0,))
        return Approved(resolution, allowed, Obligations(), decision._SEAL)

    monkeypatch.setattr("secmount.upkeep.doctor.deciding.decide", generous)
    unsigned = '[[rules]]\nmatch = "oci:/srv/**"\nunsigned = true\n'
    policies.write(Path(config.policy), SIGNED + unsigned)
    rows = [row for row in found("policy") if row.state == "failed"]
    assert len(rows) == 1 and "allows what nobody signed" in rows[0].said  # not the rule that says so


def test_signers_in_force_and_not(found: Examine, config: Config) -> None:
    toml = SIGNED.replace('key = "keys/ci.pub"', 'key = "keys/ci.pub"\nrevoked = true')
    toml = toml.replace('key = "keys/qa.pub"', 'key = "keys/qa.pub"\nvalid = { until = 2026-12-01T00:00:00Z }')
    policies.write(Path(config.policy), toml)
    assert [row.state for row in found("trust")] == ["ok", "warning", "warning"]


def test_the_age_of_the_default_root_that_nobody_needs(found: Examine) -> None:
    root = TrustRoot("sigstore 4.5.1", "sha256:" + "0" * 64, b"{}", NOW - 200 * DAY)
    (row,) = found("trust", root=lambda _: root)
    assert row.state == "ok" and "200 days ago; no signer needs it" in row.said


@pytest.mark.parametrize(("age", "state"), [(DAY, "ok"), (200 * DAY, "warning"), (None, "ok")])
def test_the_age_of_the_root_of_a_keyless_signer(
    found: Examine, config: Config, monkeypatch: pytest.MonkeyPatch, age: int | None, state: str
) -> None:
    root = TrustRoot("sigstore 4.5.1", "sha256:" + "0" * 64, b"{}", None if age is None else NOW - age)
    monkeypatch.setattr("secmount.trust.roots.kept.default", lambda *_, **__: root)
    keyless = '[signers.ci-run]\nissuer = "https://accounts.example"\nidentity = "ci@acme.example"\n'
    rule = '[[rules]]\nmatch = "ghcr.io/acme/**"\nsigners = ["ci-run"]\n'
    policies.write(Path(config.policy), f"version = 1\n{keyless}{rule}")
    assert [row.state for row in found("trust")] == ["ok", state]


def test_a_store_with_nothing_in_it(found: Examine, config: Config) -> None:
    assert [row.state for row in found("store")] == ["ok"]
    assert not os.path.lexists(config.store)
    with Store(config.store, uid=os.geteuid()):
        pass
    assert [row.state for row in found("store")] == ["ok"]


@pytest.mark.parametrize("damage", ["whole", "page"])
def test_a_damaged_database(found: Examine, config: Config, damage: str) -> None:
    with Store(config.store, uid=os.geteuid()) as store:
        for number in range(300):
            store.state.history.note("o", f"name {number}", "t", "r", number)
        store.state.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    file = Path(config.store, STATE)
    data = bytearray(file.read_bytes())
    start, length = (0, len(data)) if damage == "whole" else (len(data) - 4096, 4096)
    data[start : start + length] = b"\xa5" * length
    file.write_bytes(data)
    (row,) = found("store")
    assert row.state == "failed" and "secmount explain SM7020" in row.remedy


@pytest.mark.parametrize(
    ("log", "states"),
    [
        (None, ["ok"]),
        (LogState(3, NOW, anchored=True), ["ok"]),
        (LogState(3, NOW), ["warning"]),
        (LogState(3, NOW, anchored=True, waiting=2), ["ok", "warning"]),
        (LogState(3, NOW, (("SM7106", "entry 2", "other bytes"),)), ["failed"]),
    ],
)
def test_the_log(found: Examine, log: LogState | None, states: list[str]) -> None:
    assert [row.state for row in found("log", log=lambda _: log)] == states


def test_a_large_log_is_not_read_whole_and_says_so(found: Examine) -> None:
    (row,) = found("log", log=lambda _: LogState(10**6, NOW, anchored=True, whole=False))
    assert row.state == "ok" and "the last of 1000000 entries" in row.said


def test_a_log_that_cannot_be_opened(found: Examine) -> None:
    def forged(_: object) -> None:
        raise StorageError("SM7105", subject="log")

    (row,) = found("log", log=forged)
    assert (row.state, row.code) == ("failed", "SM7105")


def test_credentials_that_others_can_read(found: Examine, tmp_path: Path) -> None:
    file = tmp_path / "auth.json"
    file.write_text("{}")
    for mode, state in ((0o644, "warning"), (0o600, "ok")):
        file.chmod(mode)
        assert [row.state for row in found("credentials", logins=lambda _: Logins(files=(str(file),)))] == [state]


def test_a_file_that_cannot_be_read_does_not_hide_the_others(found: Examine, tmp_path: Path) -> None:
    (tmp_path / "auth.json").write_text("{}")
    (tmp_path / "auth.json").chmod(0o600)
    logins = Logins(files=(str(tmp_path / "auth.json"),), faults=(RegistryError("SM4010", subject="config.json"),))
    assert [row.state for row in found("credentials", logins=lambda _: logins)] == ["failed", "ok"]


def test_helpers(found: Examine, tmp_path: Path) -> None:
    plain, program = tmp_path / "plain", tmp_path / "program"
    for path, mode in ((plain, 0o644), (program, 0o755)):
        path.write_text("#!/bin/sh\nexit 1\n")
        path.chmod(mode)
    helpers = tuple(Helper("pass", at, "auth.json") for at in (RegistryError("SM4010"), str(plain), str(program)))
    assert [row.state for row in found("credentials", logins=lambda _: Logins(helpers=helpers))] == [
        "failed",
        "failed",
        "ok",
    ]


def test_registries_of_rules_and_logins_are_asked_once_each(found: Examine, config: Config) -> None:
    policies.write(Path(config.policy), SIGNED + '[[rules]]\nmatch = "quay.io/**"\nsigners = ["ci"]\n')
    seen: list[str] = []

    def reach(_: object, host: str) -> Reached:
        seen.append(host)
        return Reached(3)

    found("registries", reach=reach, logins=lambda _: Logins(("ghcr.io", "docker.io")))
    assert sorted(seen) == ["docker.io", "ghcr.io", "quay.io"]


def test_offline_no_registry_is_asked(found: Examine, config: Config) -> None:
    policies.write(Path(config.policy), SIGNED)
    (row,) = found("registries", reach=asked, offline=True)
    assert row.state == "ok" and "ghcr.io" in row.said


def test_a_registry_that_cannot_be_reached_does_not_hide_the_next(found: Examine) -> None:
    def reach(_: object, host: str) -> Reached:
        if host == "a.example":
            raise RegistryError("SM4010", subject=host, got="refused")
        return Reached(3, date_ms=NOW - 3_600_000)

    rows = found("registries", reach=reach, logins=lambda _: Logins(("a.example", "b.example")))
    assert [row.state for row in rows] == ["failed", "ok", "warning"]
    assert "60 minutes off" in rows[-1].said


def test_a_bug_while_asking_a_registry_is_a_finding(found: Examine) -> None:
    def reach(_: object, __: str) -> Reached:
        raise RuntimeError("never seen before")

    rows = found("registries", reach=reach, logins=lambda _: Logins(("a.example",)))
    assert [row.code for row in rows] == ["SM9001"]
