"""`trust show` and `trust update`, from the command line to the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from secmount.trust.roots import kept, public
from tests.support.command import Desk
from tests.support.minisig import NOW, MiniSigstore, authority
from tests.support.tufrepo import Repository

ROOT = MiniSigstore().trusted_root()


@pytest.fixture
def repository(secmount: Desk) -> Iterator[tuple[Repository, str]]:
    made = Repository(ROOT)
    (secmount.folder / "root.json").write_bytes(made.first)
    with made.serving() as url:
        yield made, url


def test_the_root_that_ships_is_shown(secmount: Desk) -> None:
    (root,) = secmount.json("trust", "show").document["roots"]
    assert (root["role"], root["digest"]) == ("default", public.public_good().digest)
    assert {part["kind"] for part in root["parts"]} == {
        "certificate authority",
        "timestamp authority",
        "log",
        "certificate log",
    }
    assert "https://rekor.sigstore.dev" in secmount("trust", "show").out


def test_an_update_is_kept_shown_and_recorded(secmount: Desk, repository: tuple[Repository, str]) -> None:
    made, url = repository
    words = ("trust", "update", "--url", url)
    done = secmount.json(*words, "--bootstrap", "root.json").document["root"]
    assert (done["before"], done["after"], done["url"]) == (None, kept.digest_of(ROOT), url)
    shown = secmount.json("trust", "show").document["roots"]
    assert [root["role"] for root in shown] == ["default", f"kept from {url}"]
    later = MiniSigstore().trusted_root()
    made.publish(later)
    assert secmount(*words).out.startswith(f"updated  {kept.digest_of(later)}")
    assert secmount(*words).out.startswith(f"unchanged  {kept.digest_of(later)}")
    records = [row for row in secmount.log() if row["kind"] == "trust.updated"]
    assert [row["details"]["root"]["after"] for row in records] == [
        kept.digest_of(ROOT),
        kept.digest_of(later),
        kept.digest_of(later),
    ]
    assert records[0]["parts"]["root"] == kept.digest_of(ROOT)
    assert records[0]["request"]["verb"] == "trust update"


def test_offline_nothing_is_asked(secmount: Desk, repository: tuple[Repository, str]) -> None:
    made, url = repository
    found = secmount.json("trust", "update", "--offline", "--url", url, "--bootstrap", "root.json")
    assert (found.exit, found.code) == (2, "SM2205")
    assert made.asked == []


@pytest.mark.parametrize(
    "flag", [("--plain-http",), ("--ca-file", "x.pem"), ("--authfile", "x.json"), ("--timeout", "9s")]
)
def test_options_of_registries_are_not_taken_in_silence(secmount: Desk, flag: tuple[str, ...]) -> None:
    assert secmount.json("trust", "update", *flag).code == "SM1010"


def test_a_refused_update_has_its_code_and_changes_nothing(secmount: Desk, repository: tuple[Repository, str]) -> None:
    made, url = repository
    made.publish(ROOT, days=-1)
    found = secmount.json("trust", "update", "--url", url, "--bootstrap", "root.json")
    assert (found.exit, found.code) == (13, "SM2204")
    assert [root["role"] for root in secmount.json("trust", "show").document["roots"]] == ["default"]
    assert all(row["kind"] != "trust.updated" for row in secmount.log())


def test_a_damaged_root_is_said_and_an_update_mends_it(secmount: Desk, repository: tuple[Repository, str]) -> None:
    _, url = repository
    words = ("trust", "update", "--url", url, "--bootstrap", "root.json")
    assert secmount(*words).exit == 0
    name = kept.digest_of(ROOT).partition(":")[2] + ".json"
    (Path(kept.folder(f"{secmount.folder}/state", url)) / name).write_bytes(b"{}")
    shown = secmount.json("trust", "show").document
    assert len(shown["roots"]) == 1
    assert shown["warnings"][0].startswith("a kept root is not shown: SM2206")
    assert secmount(*words).exit == 0
    assert len(secmount.json("trust", "show").document["roots"]) == 2


def test_what_ends_soon_is_said(secmount: Desk, repository: tuple[Repository, str]) -> None:
    made, url = repository
    made.publish(MiniSigstore().trusted_root(lambda root: root["tlogs"][0]["publicKey"].update(validFor=_ended())))
    secmount("trust", "update", "--url", url, "--bootstrap", "root.json")
    shown = secmount.json("trust", "show").document["roots"][1]
    assert shown["warnings"] == ["the last log ended at 2026-10-01T00:00:00.000Z"]


def _ended() -> dict[str, str]:
    return {"start": "2026-01-01T00:00:00Z", "end": "2026-10-01T00:00:00Z"}


def test_the_roots_of_a_policys_signers_are_shown(secmount: Desk) -> None:
    folder = secmount.folder / "policy"
    folder.mkdir(mode=0o700)
    ended = authority("corp root", end=NOW - timedelta(days=1)).certificate
    (folder / "corp.pem").write_bytes(ended.public_bytes(Encoding.PEM))
    (folder / "acme.json").write_bytes(ROOT)
    identity = 'issuer = "https://i.test"\nidentity = "ann@acme.test"\n'
    (folder / "policy.toml").write_text(
        f'version = 1\n[signers.public]\n{identity}[signers.private]\n{identity}trusted-root = "acme.json"\n'
        '[signers.corp]\nx509 = "corp.pem"\nsubject = { CN = "release" }\nrevocation = "none"\n'
        '[[rules]]\nmatch = "ghcr.io/acme/**"\nsigners = ["public", "private", "corp"]\n'
    )
    shown = {root["role"]: root for root in secmount.json("trust", "show").document["roots"]}
    assert list(shown) == ["default, signer public", "signer private", "signer corp"]
    assert shown["signer private"]["digest"] == kept.digest_of(ROOT)
    assert [part["kind"] for part in shown["signer corp"]["parts"]] == ["anchor"]
    assert shown["signer corp"]["warnings"] == ["the last anchor ended at 2026-10-31T12:00:00.000Z"]
    (folder / "policy.toml").write_text("version = 2\n")
    document = secmount.json("trust", "show").document
    assert [root["role"] for root in document["roots"]] == ["default"]
    assert document["warnings"][0].startswith("the policy does not load")
