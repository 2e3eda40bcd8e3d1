"""certs.d and named CA files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from secmount.errors import RegistryError, StorageError

from .conftest import USER, System

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def put(system: System, *names: str, folder: str = "etc/containers/certs.d/reg.example:5000") -> Path:
    for name in names:
        system.write(f"{folder}/{name}", PEM)
    return system.folder / folder


def access(system: System, host: str = "reg.example:5000", uid: int = USER) -> tuple[object, object]:
    (found,) = system.hosts(uid=uid).locate(f"{host}/x")
    return found.access.ca_files, found.access.client_certificate


def test_authorities_and_the_client_certificate_of_a_host(system: System) -> None:
    folder = put(system, "b.crt", "a.crt", "client.cert", "client.key", "README")
    pair = (f"{folder}/client.cert", f"{folder}/client.key")
    assert access(system) == ((f"{folder}/a.crt", f"{folder}/b.crt"), pair)
    assert access(system, "reg.example") == ((), None) and access(system, "x.reg.example:5000") == ((), None)


def test_the_first_folder_that_has_the_host_is_the_only_one(system: System) -> None:
    docker = put(system, "d.crt", folder="etc/docker/certs.d/reg.example:5000")
    assert access(system) == ((f"{docker}/d.crt",), None)
    containers = put(system, "c.crt")
    assert access(system) == ((f"{containers}/c.crt",), None)
    own = put(system, "o.crt", folder="home/config/containers/certs.d/reg.example:5000")
    assert access(system) == ((f"{own}/o.crt",), None)
    if os.geteuid() == 0:
        assert access(system, uid=0) == ((f"{containers}/c.crt",), None)


@pytest.mark.parametrize("name", ["docker.io", "registry-1.docker.io"])
def test_docker_hub_by_both_its_names(system: System, name: str) -> None:
    folder = put(system, "a.crt", folder=f"etc/containers/certs.d/{name}")
    assert access(system, "docker.io") == ((f"{folder}/a.crt",), None)


@pytest.mark.parametrize(
    "names",
    [
        ("client.cert",),
        ("client.key",),
        ("a.cert", "b.key"),
        ("a.cert", "a.key", "b.cert", "b.key"),
        ("a.cert", "a.key", "b.key"),
    ],
)
def test_what_cannot_be_meant_is_refused(system: System, names: tuple[str, ...]) -> None:
    put(system, *names)
    with pytest.raises(RegistryError, match="SM4224"):
        access(system)


def test_an_address_has_a_folder_too(system: System) -> None:
    folder = put(system, "a.crt", folder="etc/containers/certs.d/[::1]:5000")
    assert access(system, "[::1]:5000") == ((f"{folder}/a.crt",), None)


@pytest.mark.parametrize("name", ["", "a.crt", "client.key"])
def test_what_others_can_write_is_not_believed(system: System, name: str) -> None:
    folder = put(system, "a.crt", "client.cert", "client.key")
    (folder / name).chmod(0o777)
    with pytest.raises(StorageError, match="SM7011"):
        access(system)


def test_an_empty_folder_that_others_can_write_to_is_not_believed(system: System) -> None:
    folder = put(system, "README")
    folder.chmod(0o777)
    with pytest.raises(StorageError, match="SM7011"):
        access(system)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to somebody else")
@pytest.mark.parametrize("uid", [0, USER])
def test_what_another_user_owns_is_not_believed(system: System, uid: int) -> None:
    os.chown(put(system, "a.crt") / "a.crt", 4242, 4242)
    with pytest.raises(StorageError, match="SM7010"):
        access(system, uid=uid)


def test_a_named_file_is_believed_beside_those_of_the_host(system: System) -> None:
    folder = put(system, "a.crt")
    named = str(system.write("corp.pem", PEM))
    (found,) = system.hosts(ca_files=(named,)).locate("reg.example:5000/x")
    assert found.access.ca_files == (f"{folder}/a.crt", named)


@pytest.mark.parametrize("text", [None, "", "no certificate", "-----BEGIN PRIVATE KEY-----\n"])
def test_a_named_file_that_is_none_is_refused(system: System, text: str | None) -> None:
    named = system.folder / "corp.pem"
    if text is not None:
        named.write_text(text)
    with pytest.raises(RegistryError, match="SM4225"):
        system.hosts(ca_files=(str(named),))


def test_a_named_file_that_others_can_write_is_not_believed(system: System) -> None:
    named = system.write("corp.pem", PEM)
    named.chmod(0o666)
    with pytest.raises(StorageError, match="SM7011"):
        system.hosts(ca_files=(str(named),))
