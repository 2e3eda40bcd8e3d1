"""What a decision was taken under stands in the log: the policy's files and the configuration, once each."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256

from tests.support.command import Desk

BERT = ("verify", "oci:models/bert:v1")


def kinds(desk: Desk) -> list[str]:
    return [record["kind"] for record in desk.log()]


def test_each_is_recorded_once_and_anew_when_it_changes(secmount: Desk) -> None:
    secmount.ready()
    secmount(*BERT)
    secmount(*BERT)
    assert kinds(secmount).count("config.loaded") == kinds(secmount).count("policy.loaded") == 1
    with (secmount.folder / "policy/policy.toml").open("a") as stream:
        stream.write("\n")
    secmount(*BERT)
    assert (kinds(secmount).count("policy.loaded"), kinds(secmount).count("config.loaded")) == (2, 1)
    with (secmount.folder / "config.toml").open("a") as stream:
        stream.write("[limits]\nentries = 1000\n")
    secmount(*BERT)
    assert (kinds(secmount).count("policy.loaded"), kinds(secmount).count("config.loaded")) == (2, 2)


def test_the_configuration_is_kept_beside_the_log(secmount: Desk) -> None:
    secmount.ready()
    secmount(*BERT)
    (record,) = [record for record in secmount.log() if record["kind"] == "config.loaded"]
    digest = record["parts"]["config"]
    assert record["details"] == {"config": digest}
    (path,) = secmount.folder.rglob(digest.removeprefix("sha256:"))
    assert digest == f"sha256:{sha256(path.read_bytes()).hexdigest()}"
    assert json.loads(path.read_bytes())["store"] == str(secmount.folder / "store")


def test_a_new_log_has_the_policys_files_though_the_state_is_older(secmount: Desk) -> None:
    secmount.ready()
    secmount(*BERT)
    shutil.rmtree(secmount.folder / "store/audit")
    for path in secmount.folder.rglob("audit-*.checkpoint"):
        path.unlink()
    assert secmount(*BERT).exit == 0
    replayed = secmount("audit", "replay", "--all")
    assert (replayed.exit, replayed.out.splitlines()[-1]) == (0, "1 same, 0 changed, 0 impossible")
