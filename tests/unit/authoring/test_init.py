"""`policy init`: a folder that passes its own check, whole or not at all, never in place of another."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from secmount.authoring import init as authoring
from secmount.authoring.check import check
from secmount.authoring.init import Written
from secmount.errors import InputError, StorageError
from secmount.policy.rules import choose
from secmount.trust.signer import KeySigner
from tests.support.policies import KEYS

UID = os.getuid()


@pytest.fixture
def key(tmp_path: Path) -> str:
    file = tmp_path / "release.pub"
    file.write_bytes(KEYS["release"].public_pem)
    return str(file)


def init(path: Path, key: str, match: str = "ghcr.io/acme/**", **more: tuple[str, ...]) -> Written:
    return authoring.init(str(path), key_file=key, match=match, uid=UID, cwd="/here", **more)


def refused(path: Path, key: str, match: str = "ghcr.io/acme/**", **more: tuple[str, ...]) -> str:
    before = sorted(str(each) for each in path.parent.rglob("*"))
    with pytest.raises(InputError) as caught:
        init(path, key, match, **more)
    assert sorted(str(each) for each in path.parent.rglob("*")) == before
    return caught.value.code


def test_a_first_policy(tmp_path: Path, key: str) -> None:
    made = init(tmp_path / "policy", key)
    assert (made.signers, made.match) == (("release",), "ghcr.io/acme/**")
    signer = made.policy.signers["release"]
    assert isinstance(signer, KeySigner) and signer.principal == KEYS["release"].principal
    report = check(str(tmp_path / "policy"), uid=UID)
    assert (report.ok, report.findings) == (True, ())
    assert report.policy is not None
    assert report.policy.revision == made.policy.revision
    assert sorted(str(each.relative_to(tmp_path / "policy")) for each in (tmp_path / "policy").rglob("*")) == [
        "keys",
        "keys/release.pub",
        "policy.toml",
    ]
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_every_line_of_it_is_explained(tmp_path: Path, key: str) -> None:
    init(tmp_path / "policy", key)
    rows = (tmp_path / "policy/policy.toml").read_text().splitlines()
    keys = [at for at, row in enumerate(rows) if row and not row.startswith(("#", "["))]
    assert len(keys) == 6
    assert all(rows[at - 1].startswith(("#", "[")) for at in keys)


def test_what_it_leaves_out(tmp_path: Path, key: str) -> None:
    made = init(tmp_path / "policy", key, exclude=("**/*.pkl", "secrets/**"))
    assert [pattern.text for pattern in made.policy.rules[0].exclude] == ["**/*.pkl", "secrets/**"]
    assert refused(tmp_path / "other", key, exclude=("[a]",)) == "SM1221"


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ("oci:models/**", "oci:/here/models/**"),
        ("oci:./models", "oci:/here/models"),
        ("oci:/srv/m/../models/**", "oci:/srv/models/**"),
        ("oci:/**", "oci:/**"),
        ("oci:.", "oci:/here"),
        ("GHCR.io:443/acme/model", "ghcr.io/acme/model"),
        ("docker.io/nginx", "docker.io/library/nginx"),
        ("**", "**"),
        ('oci:/srv/a "b"/**', 'oci:/srv/a "b"/**'),
    ],
)
def test_a_match_is_written_in_its_normal_form(tmp_path: Path, key: str, given: str, match: str) -> None:
    made = init(tmp_path / "policy", key, given)
    assert made.match == match
    document = tomllib.loads((tmp_path / "policy/policy.toml").read_text())
    assert document["rules"][0]["match"] == match
    name = {"**": "ghcr.io/x"}.get(match, match.removesuffix("/**"))
    assert choose(made.policy, name if name != "oci:" else "oci:/x", asserted=False).match.text == match


@pytest.mark.parametrize(
    ("match", "code"),
    [
        ("model", "SM1002"),
        ("ghcr.io/acme/model:v1", "SM1001"),
        ("ghcr.io/acme/*", "SM1221"),
        ("GHCR.io/acme/**", "SM1221"),
        ("oci:/srv/[ab]/**", "SM1221"),
        ("", "SM1001"),
    ],
)
def test_a_match_that_cannot_be_one(tmp_path: Path, key: str, match: str, code: str) -> None:
    assert refused(tmp_path / "policy", key, match) == code


@pytest.mark.parametrize(
    ("file", "signer"),
    [
        ("cosign.pub", "cosign"),
        ("my key.pub", "my-key"),
        ("...pub", "signer"),
        ("über.x.pub", "ber"),
        ("a.b.pub", "a"),
        ("--", "signer"),
    ],
)
def test_the_file_names_the_signer(tmp_path: Path, file: str, signer: str) -> None:
    (tmp_path / file).write_bytes(KEYS["ci"].public_pem)
    assert init(tmp_path / "policy", str(tmp_path / file)).signers == (signer,)


def test_only_a_public_key_is_taken(tmp_path: Path) -> None:
    private = tmp_path / "release.key"
    private.write_bytes(KEYS["release"].private_pem)
    assert refused(tmp_path / "policy", str(private)) == "SM1221"
    assert refused(tmp_path / "policy", str(tmp_path / "absent.pub")) == "SM1221"
    assert refused(tmp_path / "policy", str(tmp_path)) == "SM1221"


def test_nothing_is_written_over(tmp_path: Path, key: str) -> None:
    first = init(tmp_path / "policy", key)
    assert refused(tmp_path / "policy", key, "**") == "SM1220"
    (tmp_path / "file").touch()
    assert refused(tmp_path / "file", key) == "SM1220"
    (tmp_path / "link").symlink_to("nowhere")
    assert refused(tmp_path / "link", key) == "SM1220"
    (tmp_path / "other").mkdir()
    (tmp_path / "other/x").touch()
    assert refused(tmp_path / "other", key) == "SM1220"
    report = check(str(tmp_path / "policy"), uid=UID)
    assert report.policy is not None
    assert report.policy.revision == first.policy.revision


def test_an_empty_folder_and_missing_parents_are_fine(tmp_path: Path, key: str) -> None:
    (tmp_path / "empty").mkdir()
    assert init(tmp_path / "empty", key).policy.rules
    assert init(tmp_path / "a/b/policy", key).policy.rules


def test_a_folder_that_would_not_be_believed_is_not_made(tmp_path: Path, key: str) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o777)
    with pytest.raises(StorageError) as caught:
        init(tmp_path / "shared/policy", key)
    assert caught.value.code == "SM7011"
    assert list((tmp_path / "shared").iterdir()) == []


def test_two_at_once_leave_one(tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process takes the name between the look and the rename."""
    real = os.rename

    def late(source: str, target: str, **handles: int) -> None:
        if target == "policy" and not (tmp_path / "policy").exists():
            (tmp_path / "policy").mkdir()
            (tmp_path / "policy/theirs").touch()
        real(source, target, **handles)

    monkeypatch.setattr(os, "rename", late)
    with pytest.raises(InputError) as caught:
        init(tmp_path / "policy", key)
    assert caught.value.code == "SM1220"
    assert [each.name for each in (tmp_path / "policy").iterdir()] == ["theirs"]
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []
