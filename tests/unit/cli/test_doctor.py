"""`doctor` by the command line, and against registries on loopback."""

from __future__ import annotations

import os
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from tests.support import certificates
from tests.support.command import Desk
from tests.support.lying import Lying, challenge, endless, redirect

HOSTILE = "x\x1b]0;owned\x07\u202egpj"


def rows(document: dict[str, Any], area: str) -> list[dict[str, Any]]:
    return [row for row in document["checks"] if row["area"] == area]


def states(document: dict[str, Any], area: str) -> list[str]:
    return [row["state"] for row in rows(document, area)]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the credentials of whoever runs the tests out of it."""
    (tmp_path / "auth.json").write_text("{}")
    (tmp_path / "auth.json").chmod(0o600)
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))


def test_with_nothing_set_up_nothing_is_broken_and_nothing_is_made(secmount: Desk) -> None:
    before = sorted(os.listdir())
    result = secmount.json("doctor")
    assert result.exit == 0, [row for row in result.document["checks"] if row["state"] == "failed"]
    assert states(result.document, "policy") == ["warning"]
    assert sorted(os.listdir()) == before


def test_after_the_first_steps_everything_is_well(secmount: Desk) -> None:
    assert secmount.ready()("verify", "oci:models/bert:v1").exit == 0
    document = secmount.json("doctor").document
    for area in ("configuration", "clock", "folders", "policy", "trust", "store", "log"):
        assert set(states(document, area)) == {"ok"}, rows(document, area)


def test_what_is_broken_exits_2_and_says_what_to_do(secmount: Desk) -> None:
    secmount.ready()
    Path("policy/policy.toml").write_text("version = 2\n")
    result = secmount("doctor")
    assert result.exit == 2 and "✖ policy" in result.out and "→ secmount policy check" in result.out
    assert result.out.splitlines()[-1].startswith("1 broken")
    quiet = secmount("doctor", "-q")
    assert quiet.exit == 2 and "✔" not in quiet.out and "✖ policy" in quiet.out


def test_a_wrong_configuration_is_a_finding_not_the_end(secmount: Desk) -> None:
    Path("config.toml").write_text("sotre = 1\n")
    result = secmount.json("doctor")
    assert result.exit == 2 and rows(result.document, "configuration")[0]["code"] == "SM1103"
    assert states(result.document, "clock") == ["ok"] and states(result.document, "registries") == ["warning"]


@pytest.mark.parametrize("whole", [50_000, 0], ids=["small", "large"])
def test_a_tampered_log_is_found(secmount: Desk, monkeypatch: pytest.MonkeyPatch, whole: int) -> None:
    monkeypatch.setattr("secmount.app.site.WHOLE", whole)
    secmount.ready()("verify", "oci:models/bert:v1")
    (bundle,) = Path("store/audit/tile/entries").rglob("*.p/*")
    data = bundle.read_bytes()
    bundle.write_bytes(data.replace(b'"allowed"', b'"alloved"'))
    result = secmount.json("doctor")
    assert result.exit == 2 and "failed" in states(result.document, "log")


def test_a_log_that_was_cut_off_is_found_at_a_glance(secmount: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secmount.app.site.WHOLE", 0)
    secmount.ready()("verify", "oci:models/bert:v1")
    assert states(secmount.json("doctor").document, "log") == ["ok"]
    shutil.copytree("store/audit", "older")
    secmount("verify", "oci:models/bert:v1")
    shutil.rmtree("store/audit")
    Path("older").rename("store/audit")
    result = secmount.json("doctor")
    assert result.exit == 2 and rows(result.document, "log")[0]["code"] == "SM7107"


def test_hostile_names_are_harmless(secmount: Desk) -> None:
    result = secmount("doctor", "--policy", f"/{HOSTILE}", "--store", f"/proc/{HOSTILE}")
    assert {char for char in result.out if unicodedata.category(char) in {"Cc", "Cf"}} == {"\n"}


def policy_for(secmount: Desk, *hosts: str) -> None:
    rules = "".join(f'[[rules]]\nmatch = "{host}/**"\nsigners = ["release"]\n' for host in hosts)
    secmount.ready()
    text = Path("policy/policy.toml").read_text()
    Path("policy/policy.toml").write_text(text + rules)


def test_registries_that_answer_and_one_that_does_not(secmount: Desk) -> None:
    with Lying() as gone:
        pass
    with Lying() as open_one, Lying() as closed:
        closed.on("GET /v2/", challenge('Bearer realm="https://auth.example/token"'))
        policy_for(secmount, open_one.host(), closed.host(), gone.host())
        document = secmount.json("doctor", "--plain-http").document
        said = {row["said"].split()[0]: row["state"] for row in rows(document, "registries")}
        assert said[open_one.host()] == said[closed.host()] == "ok"
        assert states(document, "registries").count("failed") == 1
        assert "wants Bearer" in str(rows(document, "registries"))
        assert [seen.authorization for seen in (*open_one.seen, *closed.seen)] == [None, None]


def test_a_registry_by_an_authority_of_its_own(secmount: Desk, tmp_path: Path) -> None:
    authority = certificates.authority()
    file, _ = authority.write(tmp_path, "authority")
    Path(file).chmod(0o600)
    with Lying(tls=certificates.server_context(certificates.leaf(authority, "localhost"), tmp_path)) as registry:
        policy_for(secmount, registry.host("localhost"))
        (refused,) = rows(secmount.json("doctor").document, "registries")
        assert refused["state"] == "failed" and refused["code"].startswith("SM41")
        assert "insecure" not in str(refused["remedy"])
        assert states(secmount.json("doctor", "--ca-file", file).document, "registries") == ["ok"]


def test_a_registry_that_never_stops_is_no_hang(secmount: Desk) -> None:
    with Lying() as registry:
        registry.on("GET /v2/", endless())
        policy_for(secmount, registry.host())
        assert states(secmount.json("doctor", "--plain-http").document, "registries") == ["failed"]


def test_a_redirect_to_another_host_carries_nothing(secmount: Desk) -> None:
    with Lying() as registry, Lying() as other:
        registry.on("GET /v2/", redirect(other.url("/v2/")))
        policy_for(secmount, registry.host())
        secmount.json("doctor", "--plain-http")
        assert [seen.authorization for seen in (*registry.seen, *other.seen)] == [None, None]


def test_offline_asks_nobody(secmount: Desk) -> None:
    with Lying() as registry:
        policy_for(secmount, registry.host())
        assert states(secmount.json("doctor", "--plain-http", "--offline").document, "registries") == ["ok"]
        assert registry.seen == []


def test_logins_and_their_helpers(secmount: Desk, tmp_path: Path) -> None:
    file = tmp_path / "auth.json"
    file.write_text(
        '{"auths": {"https://index.docker.io/v1/": {"auth": "dTpw"}}, "credHelpers": {"quay.io": "none-such"}}'
    )
    document = secmount.json("doctor", "--offline", "--authfile", str(file)).document
    assert "docker.io, quay.io" in rows(document, "registries")[0]["said"]
    assert states(document, "credentials") == ["ok", "failed"]
    assert rows(document, "credentials")[1]["code"] == "SM4204"
    file.write_text("{")
    document = secmount.json("doctor", "--offline", "--authfile", str(file)).document
    assert rows(document, "credentials")[0]["code"] == "SM4200"


def test_as_a_user_with_nothing_set_up(secmount: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SECMOUNT_CONFIG", "REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(tmp_path).st_uid or 65534)
    result = secmount.json("doctor", "--offline")
    assert result.exit == 0, rows(result.document, "folders")
    assert list((tmp_path / "home").iterdir()) == []


def test_a_log_that_is_remembered_and_gone(secmount: Desk) -> None:
    secmount.ready()
    assert secmount("verify", "oci:models/bert:v1").exit == 0
    shutil.rmtree(secmount.folder / "store" / "audit")
    result = secmount.json("doctor", "--offline")
    assert result.exit == 2
    assert "SM7107" in {row["code"] for row in result.document["checks"]}
