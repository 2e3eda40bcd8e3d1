"""Reading the folder: what is part of it, who controls it, what its revision names."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from secmount.errors import InputError, StorageError
from secmount.policy import folder, publickey, shipped
from secmount.policy.rules import LoadedFile, Policy
from secmount.policy.toml import TOML_LIMIT
from secmount.trust.signer import KeySigner
from tests.support.policies import KEYS, SIGNERS, write

UID = os.getuid()
TOML = f'version = 1\n{SIGNERS}[[rules]]\nmatch = "**"\nsigners = ["release"]\n'


def refused(path: Path | str, *, uid: int = UID) -> InputError | StorageError:
    with pytest.raises((InputError, StorageError)) as caught:
        folder.load(str(path), uid=uid)
    error = caught.value
    assert isinstance(error, InputError | StorageError)
    return error


def one_key(root: Path, path: str) -> Path:
    """Write a policy whose one signer has the key file `path`; give its folder."""
    write(root, f"version = 1\n[signers.a]\nkey = '{path}'\n")
    for name in KEYS:
        (root / "keys" / f"{name}.pub").rename(root.parent / f"{name}.pub")
    return root


def keyed(policy: Policy) -> dict[str, KeySigner]:
    return {name: signer for name, signer in policy.signers.items() if isinstance(signer, KeySigner)}


def test_a_policy_is_what_its_files_say(tmp_path: Path) -> None:
    policy = folder.load(write(tmp_path / "p", TOML), uid=UID)
    assert [file.path for file in policy.files] == ["keys/ci.pub", "keys/qa.pub", "keys/release.pub", "policy.toml"]
    assert all(hashlib.sha256(file.data).hexdigest() == file.sha256 for file in policy.files)
    assert {name: (signer.principal, signer.spki) for name, signer in keyed(policy).items()} == {
        name: (key.principal, key.spki) for name, key in KEYS.items()
    }
    assert [(signer.name, signer.line) for signer in policy.signers.values()] == [("release", 2), ("ci", 4), ("qa", 6)]
    assert policy.warnings == ()


def test_without_a_folder_or_a_file_there_is_no_policy(tmp_path: Path) -> None:
    error = refused(tmp_path / "absent")
    assert (error.code, error.subject) == ("SM1105", str(tmp_path / "absent"))
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty").code == "SM1105"
    write(tmp_path / "p", TOML)
    (tmp_path / "p/policy.toml").unlink()
    assert refused(tmp_path / "p").code == "SM1105"


def test_not_toml_names_the_line(tmp_path: Path) -> None:
    error = refused(write(tmp_path / "p", "version = 1\n\n[[rules]\n"))
    assert error.code == "SM1201"
    assert error.place is not None
    assert error.place.line == 3
    (tmp_path / "q").mkdir()
    (tmp_path / "q/policy.toml").write_bytes(b"version = 1 # \xff\n")
    assert refused(tmp_path / "q").code == "SM1201"
    assert refused(write(tmp_path / "r", "a = " + "[" * 5_000)).code == "SM1201"
    assert refused(write(tmp_path / "s", "version = 1\nversion = 1\n")).code == "SM1201"


def test_files_have_a_limit(tmp_path: Path) -> None:
    assert refused(write(tmp_path / "p", "#" * (TOML_LIMIT + 1))).code == "SM1215"
    assert folder.load(write(tmp_path / "q", TOML + "#" * (TOML_LIMIT - len(TOML))), uid=UID).rules
    root = one_key(tmp_path / "r", "big.pub")
    (root / "big.pub").write_bytes(KEYS["ci"].public_pem + b"\n" * publickey.PEM_LIMIT)
    assert refused(root).code == "SM1215"


def test_a_folder_has_a_limit(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "p", TOML))
    for number in range(folder.FILES_LIMIT + 1):
        (root / str(number)).touch()
    assert refused(root).code == "SM1215"


@pytest.mark.parametrize(
    "path",
    [
        "../release.pub",
        "keys/../../release.pub",
        "/etc/hostname",
        "./x",
        "keys//x",
        "keys/",
        "",
        "..",
        "absent.pub",
        "a\x01b",
        "keys",
        "a/b/c/d/e/f/g/h/i.pub",
    ],
)
def test_key_files_lie_in_the_folder(tmp_path: Path, path: str) -> None:
    root = one_key(tmp_path / "p", path.replace("\x01", ""))
    if "\x01" in path:
        (root / "policy.toml").write_text('version = 1\n[signers.a]\nkey = "a\\u0001b"\n')
    error = refused(root)
    assert error.code in ("SM1213", "SM1203")
    assert error.place is not None
    assert error.place.line == 3


def test_no_link_inside_the_folder_is_followed(tmp_path: Path) -> None:
    root = one_key(tmp_path / "p", "a.pub")
    (root / "a.pub").symlink_to("../release.pub")
    assert refused(root).code == "SM1213"
    (root / "a.pub").unlink()
    (root / "b.pub").write_bytes(KEYS["ci"].public_pem)
    (root / "a.pub").symlink_to("b.pub")
    assert refused(root).code == "SM1213"
    other = one_key(tmp_path / "x" / "q", "sub/a.pub")
    (other / "real").mkdir()
    (other / "real/a.pub").write_bytes(KEYS["ci"].public_pem)
    (other / "sub").symlink_to("real")
    assert refused(other).code == "SM1213"
    root = Path(write(tmp_path / "r", TOML))
    (root / "policy.toml").rename(tmp_path / "outside.toml")
    (root / "policy.toml").symlink_to(tmp_path / "outside.toml")
    assert refused(root).code == "SM1105"


def test_the_folder_is_not_a_link(tmp_path: Path) -> None:
    write(tmp_path / "p", TOML)
    (tmp_path / "link").symlink_to("p")
    assert refused(tmp_path / "link").code == "SM7012"


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    root = one_key(tmp_path / "p", "pipe.pub")
    os.mkfifo(root / "pipe.pub")
    assert refused(root).code == "SM1213"


@pytest.mark.parametrize("target", ["", "policy.toml", "keys", "keys/ci.pub"])
def test_what_others_may_write_is_not_believed(tmp_path: Path, target: str) -> None:
    root = Path(write(tmp_path / "p", TOML))
    (root / target).chmod(0o777)
    assert refused(root).code == "SM7011"
    (root / target).chmod(0o770)
    assert refused(root).code == "SM7011"


@pytest.mark.skipif(UID != 0, reason="only root can give files away")
@pytest.mark.parametrize("target", ["", "policy.toml", "keys", "keys/ci.pub"])
def test_what_another_user_owns_is_not_believed(tmp_path: Path, target: str) -> None:
    root = Path(write(tmp_path / "p", TOML))
    os.chown(root / target, 12345, 12345)
    assert refused(root).code == "SM7010"


def test_other_files_are_ignored_and_reported(tmp_path: Path) -> None:
    root = Path(write(tmp_path / "p", TOML, README=b"notes"))
    (root / "more").mkdir()
    (root / "more/x").touch()
    (root / "link").symlink_to("README")
    policy = folder.load(str(root), uid=UID)
    assert [(found.code, found.subject, found.severity) for found in policy.warnings] == [
        ("SM1252", "README", "warning"),
        ("SM1252", "link", "warning"),
        ("SM1252", "more/x", "warning"),
    ]


@pytest.mark.parametrize("name", ["release.key", "keys.txt", "deep"])
@pytest.mark.parametrize(
    "label", ["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED SIGSTORE PRIVATE KEY", "OPENSSH PRIVATE KEY"]
)
def test_a_private_key_in_the_folder_is_an_error(tmp_path: Path, name: str, label: str) -> None:
    root = Path(write(tmp_path / "p", TOML))
    place = root / "a/b" if name == "deep" else root
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_text(f"# mine\n-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n")
    error = refused(root)
    assert error.code == "SM1211"
    assert error.place is not None
    assert error.place.file.endswith(name)


def test_a_private_key_as_a_signers_key_is_an_error(tmp_path: Path) -> None:
    root = one_key(tmp_path / "p", "a.pub")
    (root / "a.pub").write_bytes(KEYS["ci"].private_pem)
    error = refused(root)
    assert error.code == "SM1209"
    assert "private key" in str(error.got)


@pytest.mark.parametrize("name", ["deny.rego", "custom.wasm", "lib/x.rego"])
def test_rego_is_not_enforced_by_this_version(tmp_path: Path, name: str) -> None:
    root = Path(write(tmp_path / "p", TOML))
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("package secmount\nimport rego.v1\nallow := true\n")
    assert refused(root).code == "SM1204"


def test_the_revision_names_exactly_what_was_loaded(tmp_path: Path) -> None:
    first = folder.load(write(tmp_path / "a", TOML), uid=UID).revision
    assert first == folder.load(write(tmp_path / "b", TOML, README=b"x"), uid=UID).revision
    assert first != folder.load(write(tmp_path / "c", TOML + "#"), uid=UID).revision
    moved = Path(write(tmp_path / "d", TOML.replace("keys/ci.pub", "ci.pub")))
    (moved / "keys/ci.pub").rename(moved / "ci.pub")
    assert first != folder.load(str(moved), uid=UID).revision
    rows = sorted((f"{path.relative_to(tmp_path / 'a')}", path.read_bytes()) for path in (tmp_path / "a").rglob("*.*"))
    text = "".join(f"{hashlib.sha256(data).hexdigest()} {name}\n" for name, data in rows)
    text = f"secmount.policy/v1\n{text}program {shipped.program().digest}\n"
    assert first == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def test_the_revision_depends_on_every_part() -> None:
    files = (LoadedFile("a", "1" * 64, b""), LoadedFile("b", "2" * 64, b""))
    several = {
        folder.revision(files, "p"),
        folder.revision(files, "q"),
        folder.revision(files[:1], "p"),
        folder.revision((LoadedFile("a", "2" * 64, b""), LoadedFile("b", "1" * 64, b"")), "p"),
        folder.revision((LoadedFile("c", "1" * 64, b""), files[1]), "p"),
    }
    assert len(several) == 5


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is hashed is what is parsed: no name is opened twice for its content."""
    path = write(tmp_path / "p", TOML)
    opened: list[str] = []
    real = os.open

    def count(name: str, flags: int, *more: int, dir_fd: int | None = None) -> int:
        if not flags & (os.O_DIRECTORY | os.O_PATH):
            opened.append(name)
        return real(name, flags, *more, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", count)
    folder.load(path, uid=UID)
    assert sorted(opened) == ["ci.pub", "policy.toml", "qa.pub", "release.pub"]
