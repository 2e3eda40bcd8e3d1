"""Key files: made once and never overwritten, readable by their owner alone, read in every form the field writes."""

from __future__ import annotations

import base64
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed448

from secmount.errors import StorageError, TrustError
from secmount.publish import cosign, keys, pem
from secmount.trust import spki
from secmount.trust.check.key import holds
from tests.support import keys as made

PASSWORD = b"correct horse"
PKCS8, SEC1 = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL


def constant(length: int) -> bytes:
    return bytes(range(length))


def code_of(path: Path, password: bytes | None = None) -> TrustError:
    with pytest.raises(TrustError) as caught:
        keys.load_private(str(path), password=(lambda: password) if password is not None else None)
    assert caught.value.subject == str(path)
    return caught.value


def write(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048"])
def test_a_pair_is_made_and_read_back(tmp_path: Path, algorithm: str) -> None:
    files = keys.generate("release", str(tmp_path), password=None, algorithm=algorithm)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["release.key", "release.pub"]
    assert (files.private, files.public) == (str(tmp_path / "release.key"), str(tmp_path / "release.pub"))
    assert (files.algorithm, files.encrypted) == (algorithm, False)
    assert (tmp_path / "release.key").stat().st_mode & 0o7777 == 0o600
    assert (tmp_path / "release.pub").stat().st_mode & 0o7777 == 0o644
    public = spki.load((tmp_path / "release.pub").read_bytes(), subject="x")
    private = keys.load_private(files.private, password=None)
    assert public.principal == files.principal == private.principal
    assert public.kind == algorithm
    assert holds(public, private.sign(b"message"), b"message")
    assert not holds(public, private.sign(b"message"), b"another")


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        files = keys.generate("a", str(tmp_path), password=None)
        os.umask(0o777)
        again = keys.generate("b", str(tmp_path), password=None)
    finally:
        os.umask(before)
    for path in (files, again):
        assert Path(path.private).stat().st_mode & 0o7777 == 0o600
        assert Path(path.public).stat().st_mode & 0o7777 == 0o644


def test_every_pair_is_another(tmp_path: Path) -> None:
    assert keys.generate("a", str(tmp_path), password=None) != keys.generate("b", str(tmp_path), password=None)


def test_an_encrypted_pair_has_the_form_of_cosign(tmp_path: Path) -> None:
    asked: list[int] = []

    def random(length: int) -> bytes:
        asked.append(length)
        return constant(length)

    files = keys.generate("release", str(tmp_path), password=PASSWORD, random=random)
    assert files.encrypted
    assert asked == [32, 24]
    block = pem.read((tmp_path / "release.key").read_bytes(), frozenset(cosign.LABELS), subject="x")
    assert block.label == "ENCRYPTED SIGSTORE PRIVATE KEY"
    document = json.loads(block.data)
    assert document["kdf"]["name"] == "scrypt"
    assert document["kdf"]["params"] == {"N": 65536, "r": 8, "p": 1}
    assert base64.b64decode(document["kdf"]["salt"]) == constant(32)
    assert document["cipher"] == {"name": "nacl/secretbox", "nonce": base64.b64encode(constant(24)).decode()}
    assert keys.load_private(files.private, password=lambda: PASSWORD).principal == files.principal
    assert code_of(tmp_path / "release.key", b"wrong").code == "SM2108"
    assert code_of(tmp_path / "release.key").code == "SM2109"


def test_the_older_label_of_cosign(tmp_path: Path) -> None:
    path = write(tmp_path / "k", pem.write("ENCRYPTED COSIGN PRIVATE KEY", box()))
    assert keys.load_private(str(path), password=lambda: PASSWORD).principal == made.pair().principal


@pytest.mark.parametrize("name", ["release.key", "release.pub"])
def test_nothing_is_overwritten_and_nothing_half_made(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(TrustError, match="SM2104"):
        keys.generate("release", str(tmp_path), password=None)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "precious"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "release.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TrustError, match="SM2104"):
        keys.generate("release", str(tmp_path), password=None)
    assert not (tmp_path / "elsewhere").exists()


def test_a_policy_folder_gets_no_private_key(tmp_path: Path) -> None:
    (tmp_path / "policy" / "keys").mkdir(parents=True)
    (tmp_path / "policy" / "policy.toml").touch()
    (tmp_path / "link").symlink_to(tmp_path / "policy" / "keys")
    for folder in ("policy", "policy/keys", "link", "policy/keys/../keys"):
        with pytest.raises(TrustError, match="SM2105"):
            keys.generate("release", str(tmp_path / folder), password=None)
    assert not list(tmp_path.rglob("*.key"))
    assert keys.generate("release", str(tmp_path), password=None).private


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "../a", "a b", "a\n", "a\0", "-a", "é", "a" * 65])
def test_names_that_are_no_file_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(TrustError, match="SM2110"):
        keys.generate(name, str(tmp_path), password=None)
    assert list(tmp_path.iterdir()) == []


def test_other_refusals_to_make_a_key(tmp_path: Path) -> None:
    for algorithm in ("rsa-1024", "ecdsa-p224", "", "ed25519ph"):
        with pytest.raises(TrustError, match="SM2110"):
            keys.generate("a", str(tmp_path), password=None, algorithm=algorithm)
    with pytest.raises(TrustError, match="SM2109"):
        keys.generate("a", str(tmp_path), password=b"")
    with pytest.raises(StorageError, match="SM7004"):
        keys.generate("a", str(tmp_path / "absent"), password=None)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="SM7001"):
        keys.generate("release", str(tmp_path), password=None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o777])
def test_a_key_that_others_can_reach_is_not_used(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "my key", made.pair().private_pem, mode)
    found = code_of(path)
    assert (found.code, found.got) == ("SM2106", f"mode {mode:04o}")
    assert found.help == (f"chmod 600 '{path}'",)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_of_its_owner_alone_is_used(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "k", made.pair().private_pem, mode)
    assert keys.load_private(str(path), password=None).principal == made.pair().principal


def test_the_forms_of_openssl(tmp_path: Path) -> None:
    plain = serialization.NoEncryption()
    curve = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    for algorithm in ("ecdsa-p256", "rsa-2048"):
        pair = made.pair(algorithm)
        old = pair.private.private_bytes(serialization.Encoding.PEM, SEC1, plain)
        for data in (old, pair.private_pem, b"\n" + old, old.replace(b"\n", b"\r\n"), curve + old):
            path = write(tmp_path / "k", data)
            assert keys.load_private(str(path), password=None).spki == pair.spki


def test_pkcs8_with_a_password(tmp_path: Path) -> None:
    pair = made.pair("ed25519")
    hidden = serialization.BestAvailableEncryption(PASSWORD)
    path = write(tmp_path / "k", pair.private.private_bytes(serialization.Encoding.PEM, PKCS8, hidden))
    assert keys.load_private(str(path), password=lambda: PASSWORD).principal == pair.principal
    assert code_of(path, b"wrong").code == "SM2108"
    assert code_of(path).code == "SM2109"


def test_a_password_is_asked_for_only_where_it_is_needed(tmp_path: Path) -> None:
    def never() -> bytes:
        raise AssertionError("asked for a password")

    path = write(tmp_path / "k", made.pair().private_pem)
    assert keys.load_private(str(path), password=never).principal == made.pair().principal


def test_files_that_are_no_private_key(tmp_path: Path) -> None:
    good = made.pair().private_pem
    old = made.pair().private.private_bytes(
        serialization.Encoding.PEM, SEC1, serialization.BestAvailableEncryption(PASSWORD)
    )
    for data in (
        b"",
        b"x",
        made.pair().public_pem,
        good + good,
        good + b"text",
        b"text" + good,
        good[:-40],
        good.replace(b"PRIVATE", b"PRIVATF"),
        good.replace(b"\nM", b"\nA", 1),
        good + b"\n" * (64 << 10),
        old,  # "Proc-Type: 4,ENCRYPTED"
        pem.write("OPENSSH PRIVATE KEY", b"x"),
        pem.write("ENCRYPTED SIGSTORE PRIVATE KEY", b"not json"),
        pem.write("EC PARAMETERS", b"x"),
    ):
        assert code_of(write(tmp_path / "k", data), PASSWORD).code == "SM2107"


def test_private_keys_that_are_not_accepted(tmp_path: Path) -> None:
    for algorithm in ("rsa-1024", "ecdsa-secp256k1", "ecdsa-p224"):
        assert code_of(write(tmp_path / "k", made.pair(algorithm).private_pem)).code == "SM2103"
    other = ed448.Ed448PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, PKCS8, serialization.NoEncryption()
    )
    assert code_of(write(tmp_path / "k", other)).code == "SM2103"


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert code_of(tmp_path / "pipe").code == "SM2107"
    assert code_of(tmp_path).code == "SM2107"
    with pytest.raises(StorageError, match="SM7004"):
        keys.load_private(str(tmp_path / "absent"), password=None)


@cache
def box() -> bytes:
    der = made.pair().private.private_bytes(serialization.Encoding.DER, PKCS8, serialization.NoEncryption())
    return cosign.encrypt(der, PASSWORD, constant)


def sealed(**change: Any) -> bytes:
    document = json.loads(box())
    for path, value in change.items():
        holder, _, last = path.rpartition("__")
        part = document
        for step in holder.split("__") if holder else ():
            part = part[step]
        part[last] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "change",
    [
        {"kdf__params__N": 1},
        {"kdf__params__N": 1 << 24},
        {"kdf__params__N": 65536.0},
        {"kdf__params__N": "65536"},
        {"kdf__params__r": 1 << 20},
        {"kdf__params__p": 16},
        {"kdf__params__p": True},
        {"kdf__params": []},
        {"kdf__params__N": [65536]},
        {"kdf__name": "pbkdf2"},
        {"kdf__salt": "!"},
        {"kdf__salt": None},
        {"kdf": None},
        {"cipher__name": "none"},
        {"cipher__nonce": "AAAA"},
        {"cipher": "nacl/secretbox"},
        {"ciphertext": "AAAA"},
        {"ciphertext": 5},
    ],
)
def test_an_encrypted_key_of_another_shape(change: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    data = sealed(**change)

    def never(*_: object, **__: object) -> bytes:
        raise AssertionError("memory was spent on it")

    monkeypatch.setattr("hashlib.scrypt", never)
    with pytest.raises(TrustError, match="SM2107"):
        cosign.decrypt(data, PASSWORD, subject="k")


def test_an_encrypted_key_with_a_duplicate_name() -> None:
    data = sealed()
    with pytest.raises(TrustError, match="SM2107"):
        cosign.decrypt(data[:-1] + b',"ciphertext":"AAAA"}', PASSWORD, subject="k")


def test_neither_key_nor_password_is_shown(tmp_path: Path) -> None:
    files = keys.generate("release", str(tmp_path), password=None)
    private = keys.load_private(files.private, password=None)
    assert repr(private) == "PrivateKey(public=PublicKey(kind='ecdsa-p256', exponent=0))"
    block = pem.read((tmp_path / "release.key").read_bytes(), frozenset({"PRIVATE KEY"}), subject="x")
    assert repr(block) == "Block(label='PRIVATE KEY')"
