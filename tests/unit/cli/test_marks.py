"""`no-rollback`, from one mount to the next: what was mounted is not undone by something older. Design 3.3."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from secmount.errors import MountError
from secmount.mount.copy import CopyBackend
from secmount.pipeline.memory import marks
from tests.support.command import Desk, Result

REF = "oci:models/bert:v1"


@pytest.fixture
def places(secmount: Desk) -> tuple[Path, Path]:
    """Give where two signed models of one name lie, the older first; neither is in its place."""
    old = secmount.ready().model("bert", variant=1).rename(secmount.folder / "old")
    return old, secmount.model("bert").rename(secmount.folder / "new")


def put(secmount: Desk, model: Path) -> None:
    """Put a model where the name leads."""
    target = secmount.folder / "models" / "bert"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(model, target)


def rule(secmount: Desk, scope: str) -> None:
    policy = secmount.folder / "policy" / "policy.toml"
    policy.write_text(policy.read_text() + f'no-rollback = "{scope}"\n')


def mount(secmount: Desk, at: str, reference: str = REF) -> Result:
    return secmount.json("mount", reference, at, "--backend", "copy")


def came_of(result: Result) -> tuple[int, str | None]:
    return result.exit, result.code


@pytest.mark.parametrize("scope", ["tag", "repository"])
def test_nothing_older_than_what_was_mounted_is_mounted(secmount: Desk, places: tuple[Path, Path], scope: str) -> None:
    old, new = places
    rule(secmount, scope)
    put(secmount, new)
    assert secmount.json("verify", REF).exit == 0  # only a mount is remembered
    put(secmount, old)
    assert mount(secmount, "first").exit == 0
    put(secmount, new)
    assert mount(secmount, "second").exit == 0
    put(secmount, old)
    assert came_of(secmount.json("verify", REF)) == (20, "SM3024")
    assert came_of(mount(secmount, "third")) == (20, "SM3024")
    assert secmount.log()[-1]["kind"] == "decision"  # nothing was begun
    assert not (secmount.folder / "third").exists()
    by_digest = str(REF.removesuffix(":v1"))
    assert came_of(mount(secmount, "fourth", by_digest)) == ((0, None) if scope == "tag" else (20, "SM3024"))
    put(secmount, new)
    assert mount(secmount, "fifth").exit == 0


def test_another_name_has_its_own_past(secmount: Desk, places: tuple[Path, Path]) -> None:
    old, new = places
    rule(secmount, "repository")
    policy = secmount.folder / "policy" / "policy.toml"
    policy.write_text(policy.read_text().replace('bind = "named"', 'bind = "any"'))
    put(secmount, new)
    assert mount(secmount, "mnt").exit == 0
    shutil.copytree(old, secmount.folder / "models" / "other")
    assert mount(secmount, "other", "oci:models/other:v1").exit == 0


def test_a_mount_that_failed_is_no_past(
    secmount: Desk, places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = places
    rule(secmount, "tag")

    def fail(*_: object) -> None:
        raise MountError("SM6001", got="no")

    put(secmount, new)
    with monkeypatch.context() as patch:
        patch.setattr(CopyBackend, "mount", fail)
        assert mount(secmount, "mnt").exit == 32
    put(secmount, old)
    assert mount(secmount, "mnt").exit == 0


def test_a_mount_that_another_one_overtook_does_not_stay(
    secmount: Desk, places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two commands decide at once, neither knowing of the other: the newer is mounted first."""
    old, new = places
    rule(secmount, "tag")
    put(secmount, new)
    assert mount(secmount, "mnt").exit == 0
    put(secmount, old)
    with monkeypatch.context() as patch:
        patch.setattr(marks, "newest", lambda *_: None)
        assert came_of(mount(secmount, "over")) == (20, "SM3024")
    assert not (secmount.folder / "over").exists()
    assert [row["kind"] for row in secmount.log()][-2:] == ["mount.intent", "mount.failed"]
    assert len(secmount.json("ls").document["mounts"]) == 1
