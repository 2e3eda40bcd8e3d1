"""Which files say where names lead, for whom, and how a host there is reached."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from secmount.errors import RegistryError, StorageError
from secmount.registry.hosts.files import full_name_of, is_loopback

from .conftest import USER, System

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to somebody else")


def conf(location: str, *, prefix: str = "ghcr.io", more: str = "") -> str:
    return f'[[registry]]\nprefix = "{prefix}"\nlocation = "{location}"\n{more}\n'


def test_without_files_a_name_leads_to_its_host(system: System) -> None:
    (found,) = system.locate("ghcr.io/acme/x")
    access = found.access
    assert (access.host, access.scheme, access.verify, access.credential_key) == ("ghcr.io", "https", True, "ghcr.io")
    assert (access.credentials, access.or_http, found.repository, found.mirror) == (True, False, "acme/x", False)


def test_docker_hub_is_elsewhere_on_the_wire(system: System) -> None:
    (found,) = system.locate("docker.io/library/x")
    assert (found.access.host, found.access.credential_key) == ("registry-1.docker.io", "docker.io")


def test_a_users_file_replaces_the_systems_with_its_drop_ins(system: System) -> None:
    system.system(conf("system.example"))
    system.write("etc/containers/registries.conf.d/a.conf", conf("dropin.example", prefix="quay.io"))
    assert system.names("ghcr.io/x") == ["system.example/x"] and system.names("quay.io/x") == ["dropin.example/x"]
    system.own("")
    assert system.names("ghcr.io/x") == ["ghcr.io/x"] and system.names("quay.io/x") == ["quay.io/x"]


def test_drop_ins_come_in_the_order_of_their_names_and_end_in_conf(system: System) -> None:
    system.system(conf("main.example"))
    for name, location in (("20.conf", "twenty"), ("10.conf", "ten"), ("99.conf.bak", "backup"), ("99", "none")):
        system.write(f"etc/containers/registries.conf.d/{name}", conf(f"{location}.example"))
    assert system.names("ghcr.io/x") == ["twenty.example/x"]
    system.write("home/config/containers/registries.conf.d/00.conf", conf("own.example"))
    assert system.names("ghcr.io/x") == ["own.example/x"]


@pytest.mark.parametrize("name", ["CONTAINERS_REGISTRIES_CONF", "REGISTRIES_CONFIG_PATH"])
def test_the_environment_names_the_main_file_of_a_user_not_of_root(system: System, name: str) -> None:
    system.own(conf("own.example"))
    system.environment[name] = str(system.write("other.conf", conf("named.example")))
    assert system.names("ghcr.io/x") == ["named.example/x"]
    if os.geteuid() == 0:
        (found,) = system.hosts(uid=0).locate("ghcr.io/x")
        assert found.access.host == "ghcr.io"
    system.environment[name] = str(system.folder / "none.conf")
    with pytest.raises(RegistryError, match="SM4221"):
        system.locate("ghcr.io/x")


@needs_root
def test_as_root_only_roots_files_are_read(system: System) -> None:
    system.system(conf("system.example"))
    system.own(conf("mallory.example"))
    system.write("home/config/containers/registries.conf.d/a.conf", conf("mallory.example"))
    (found,) = system.hosts(uid=0).locate("ghcr.io/x")
    assert found.access.host == "system.example"


@needs_root
@pytest.mark.parametrize("name", ["registries.conf", "registries.conf.d/a.conf"])
@pytest.mark.parametrize("uid", [0, USER])
def test_a_file_of_another_user_is_not_believed(system: System, name: str, uid: int) -> None:
    os.chown(system.write(f"etc/containers/{name}", conf("mallory.example")), 4242, 4242)
    with pytest.raises(StorageError, match="SM7010"):
        system.hosts(uid=uid).locate("ghcr.io/x")


@pytest.mark.parametrize("name", ["registries.conf", "registries.conf.d"])
def test_what_others_can_write_is_not_believed(system: System, name: str) -> None:
    system.write("etc/containers/registries.conf.d/a.conf", conf("mallory.example"))
    system.system("")
    (system.folder / "etc/containers" / name).chmod(0o777)
    with pytest.raises(StorageError, match="SM7011"):
        system.locate("ghcr.io/x")


def test_an_empty_folder_that_others_can_write_to_is_not_believed(system: System) -> None:
    """What is not there may have been taken away."""
    folder = system.folder / "etc/containers/registries.conf.d"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    with pytest.raises(StorageError, match="SM7011"):
        system.locate("ghcr.io/x")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_at_once(system: System, make: Callable[[Path], None]) -> None:
    path = system.system("")
    path.unlink()
    make(path)
    with pytest.raises(RegistryError, match="SM4221"):
        system.locate("ghcr.io/x")


def test_a_huge_file_is_not_read(system: System) -> None:
    os.truncate(system.system(""), 1 << 40)
    with pytest.raises(RegistryError, match="SM4221"):
        system.locate("ghcr.io/x")


def test_too_many_drop_ins_are_refused(system: System) -> None:
    for number in range(257):
        system.write(f"etc/containers/registries.conf.d/{number}.conf", "")
    with pytest.raises(RegistryError, match="SM4221"):
        system.locate("ghcr.io/x")


def test_what_is_blocked_has_its_own_code(system: System) -> None:
    path = system.system('[[registry]]\nlocation = "ghcr.io/acme"\nblocked = true\n')
    with pytest.raises(RegistryError, match="SM4220") as caught:
        system.locate("ghcr.io/acme/x")
    assert caught.value.place is not None and (caught.value.place.file, caught.value.place.line) == (str(path), 1)
    assert system.names("ghcr.io/other") == ["ghcr.io/other"]


@pytest.mark.parametrize("mark", [":v1", "@sha256:" + "0" * 64, ":v1@sha256:" + "0" * 64])
def test_an_entry_for_a_tag_is_refused_where_it_may_matter(system: System, mark: str) -> None:
    system.system(f'[[registry]]\nprefix = "ghcr.io/acme/x{mark}"\nlocation = "ghcr.io/acme/x"\nblocked = true\n')
    with pytest.raises(RegistryError, match="SM4221"):
        system.locate("ghcr.io/acme/x")
    assert system.names("ghcr.io/acme/x/y") == ["ghcr.io/acme/x/y"]


def test_mirrors_come_first_and_the_primary_last(system: System) -> None:
    more = '[[registry.mirror]]\nlocation = "m.example/hub"\n[[registry.mirror]]\nlocation = "n.example:5000"\n'
    system.system(conf("docker.io", prefix="docker.io", more=more))
    assert system.names("docker.io/library/x") == [
        "m.example/hub/library/x",
        "n.example:5000/library/x",
        "registry-1.docker.io/library/x",
    ]
    found = system.locate("docker.io/library/x")
    assert [each.mirror for each in found] == [True, True, False]
    assert [each.access.credential_key for each in found] == ["m.example", "n.example:5000", "docker.io"]


def test_the_credentials_of_a_rewritten_name_are_those_of_where_it_leads(system: System) -> None:
    system.system(conf("mirror.example/team", prefix="ghcr.io/acme"))
    (found,) = system.locate("ghcr.io/acme/x")
    assert (found.access.credential_key, found.repository) == ("mirror.example", "team/x")


@pytest.mark.parametrize(
    ("host", "credentials"),
    [("reg.example", False), ("reg.example:5000", False), ("localhost:5000", True), ("127.0.0.1:5000", True)],
)
def test_an_insecure_host_gets_no_credentials_unless_it_is_this_machine(
    system: System, host: str, credentials: bool
) -> None:
    system.system(f'[[registry]]\nlocation = "{host}"\ninsecure = true\n')
    (found,) = system.locate(f"{host}/x")
    access = found.access
    assert (access.scheme, access.verify, access.or_http, access.credentials) == ("https", False, True, credentials)


def test_insecure_is_for_its_host_alone(system: System) -> None:
    more = 'insecure = true\n[[registry.mirror]]\nlocation = "m.example"\n'
    system.system(conf("ghcr.io", more=more))
    mirror, primary = system.locate("ghcr.io/x")
    assert (mirror.access.verify, mirror.access.credentials, mirror.access.or_http) == (True, True, False)
    assert (primary.access.verify, primary.access.credentials) == (False, False)
    assert all(each.access.verify for each in system.locate("ghcr.io:5000/x"))


def test_an_insecure_mirror_does_not_make_the_primary_so(system: System) -> None:
    system.system(conf("ghcr.io", more='[[registry.mirror]]\nlocation = "m.example"\ninsecure = true\n'))
    mirror, primary = system.locate("ghcr.io/x")
    assert (mirror.access.verify, primary.access.verify) == (False, True)


def test_plain_http_is_for_the_named_registry_not_for_its_mirrors(system: System) -> None:
    system.system(conf("ghcr.io", more='[[registry.mirror]]\nlocation = "m.example"\n'))
    mirror, primary = system.hosts(plain_http=True).locate("ghcr.io/x")
    assert (mirror.access.scheme, primary.access.scheme) == ("https", "http")
    assert primary.access.credentials and primary.access.verify and not primary.access.or_http


def test_a_host_itself_is_reached_whatever_names_lead_elsewhere(system: System) -> None:
    lab = conf("m.example/lab", prefix="lab.io", more="insecure = true")
    system.system(conf("m.example/hub", prefix="ghcr.io") + lab)
    assert system.hosts().access("ghcr.io").host == "ghcr.io"
    assert system.hosts().access("m.example").verify, "one of two says so"
    system.system(lab)
    found = system.hosts().access("m.example")
    assert not found.verify and not found.credentials and found.credential_key == "m.example"
    assert system.hosts().access("m.example:5000").verify
    assert system.hosts(plain_http=True).access("m.example").scheme == "http"


@pytest.mark.parametrize(("location", "blocked"), [("ghcr.io", True), ("ghcr.io/acme", False)])
def test_a_host_is_blocked_where_all_of_it_is(system: System, location: str, blocked: bool) -> None:
    system.system(f'[[registry]]\nlocation = "{location}"\nblocked = true\n')
    if blocked:
        with pytest.raises(RegistryError, match="SM4220"):
            system.hosts().access("ghcr.io")
    else:
        assert system.hosts().access("ghcr.io").host == "ghcr.io"


def test_warnings_are_those_of_the_files(system: System) -> None:
    path = system.system("x = 1\n")
    assert system.hosts().warnings == (f"{path}:1: x: not known, and not used",)


ALIASES = {
    "bert": "ghcr.io/acme/bert",
    "team/gpt": "quay.io/team/gpt",
    "oci": "evil.example/x",
    "localhost": "evil.example/y",
    "localhost/bert": "evil.example/z",
    "ghcr.io/bert": "evil.example/z",
}
D = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("bert", "ghcr.io/acme/bert"),
        ("bert:v1", "ghcr.io/acme/bert:v1"),
        (f"bert@{D}", f"ghcr.io/acme/bert@{D}"),
        (f"bert:v1@{D}", f"ghcr.io/acme/bert:v1@{D}"),
        ("docker://bert:v1", "ghcr.io/acme/bert:v1"),
        ("team/gpt", "quay.io/team/gpt"),
        ("gpt", None),
        ("bert/x", None),
        ("oci:/srv/x:v1", None),
        ("oci:x", None),
        ("oci-archive:x", None),
        ("localhost:5000/bert", None),
        ("localhost/bert", None),
        ("ghcr.io/bert", None),
        ("Bert", None),
        ("", None),
        ("bert:", None),
        ("bert@", None),
        ("bert\n", None),
    ],
)
def test_short_names(text: str, full: str | None) -> None:
    assert full_name_of(text, ALIASES) == full


def test_the_first_table_that_has_a_short_name_is_taken() -> None:
    assert full_name_of("bert", {"x": "a.io/x"}, {"bert": "b.io/y"}, ALIASES) == "b.io/y"


@pytest.mark.parametrize(
    ("host", "is_it"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("a.localhost:80", True),
        ("127.8.9.1:5000", True),
        ("[::1]", True),
        ("[::1]:5000", True),
        ("localhost.evil.example", False),
        ("evillocalhost", False),
        ("127.0.0.1.evil.example", False),
        ("10.0.0.1:5000", False),
        ("[fe80::1]:5000", False),
        ("ghcr.io", False),
    ],
)
def test_what_this_machine_is_called(host: str, is_it: bool) -> None:
    assert is_loopback(host) is is_it
