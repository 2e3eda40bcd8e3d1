"""The sections of config.toml: registries, aliases, ranges, and the line of what is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmount.config.file import load
from secmount.config.table import milliseconds
from secmount.config.value import Config, RegistrySettings
from secmount.errors import InputError

UID = os.geteuid()


def read(tmp_path: Path, text: str, **flags: str) -> Config:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return load({"config": str(path), **{key.replace("_", "-"): value for key, value in flags.items()}}, {}, uid=UID)


def refused(tmp_path: Path, text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    return caught.value


def test_every_key_of_registry_is_taken(tmp_path: Path) -> None:
    text = """[registry]
authfile = "/etc/secmount/auth.json"
ca-file = "/etc/ssl/corp//corp.pem"
helpers = { ecr-login = "/usr/bin/docker-credential-ecr-login" }
realms = { "registry.example:5000" = ["gitlab.example"] }
timeout = "5s"
deadline = "3m"
attempts = 2
private-addresses = false
stale-tags = "24h"
"""
    assert read(tmp_path, text).registry == RegistrySettings(
        authfile="/etc/secmount/auth.json",
        ca_file="/etc/ssl/corp/corp.pem",
        helpers={"ecr-login": "/usr/bin/docker-credential-ecr-login"},
        realms={"registry.example:5000": frozenset({"gitlab.example"})},
        timeout_ms=5_000,
        deadline_ms=180_000,
        attempts=2,
        private_addresses=False,
        stale_tags_ms=86_400_000,
    )


def test_without_the_section_there_are_defaults_and_stale_tags_are_off(tmp_path: Path) -> None:
    config = read(tmp_path, "")
    assert config.registry == RegistrySettings() and config.registry.stale_tags_ms is None
    assert not config.aliases


def test_flags_go_before_the_file_and_the_origin_says_so(tmp_path: Path) -> None:
    config = read(tmp_path, '[registry]\nauthfile = "/a"\nca-file = "/c"\n', authfile="/b")
    assert (config.registry.authfile, config.registry.ca_file) == ("/b", "/c")
    assert config.origin["registry.authfile"] == "flag"
    assert config.origin["registry.ca-file"] == str(tmp_path / "config.toml")


def test_aliases_are_normalised(tmp_path: Path) -> None:
    config = read(tmp_path, '[aliases]\nbert = "GHCR.io:443/acme/bert"\n"team/gpt" = "docker.io/gpt"\n')
    assert config.aliases == {"bert": "ghcr.io/acme/bert", "team/gpt": "docker.io/library/gpt"}


@pytest.mark.parametrize(
    ("text", "line", "got", "want"),
    [
        ('store = "/x"\n\n[registry]\n\ntimeuot = "5s"\n', 5, "registry.timeuot", "timeout"),
        ('[registry]\nattempts = 1\ntimeout = "5 s"\n', 3, "registry.timeout = '5 s'", '"10m"'),
        ('[registry]\ntimeout = "11m"\n', 2, "11m", '"10m"'),
        ('[registry]\ntimeout = "99ms"\n', 2, "99ms", '"100ms"'),
        ("[registry]\ntimeout = 30\n", 2, "30", "duration"),
        ("[registry]\nattempts = 0\n", 2, "attempts = 0", "from 1 to 20"),
        ("[registry]\nattempts = 21\n", 2, "attempts = 21", "from 1 to 20"),
        ('[registry]\nprivate-addresses = "no"\n', 2, "'no'", "true or false"),
        ('[registry]\nauthfile = "auth.json"\n', 2, "auth.json", "absolute"),
        ('[registry]\nhelpers = { "../x" = "/x" }\n', 2, "registry.helpers.../x", "letters"),
        ('[registry]\n[registry.helpers]\npass = "docker-credential-pass"\n', 3, "pass", "absolute"),
        ('[registry]\nrealms = { "a.io" = ["https://b.io"] }\n', 2, "a.io", "HOST"),
        ('[registry]\nrealms = { "a.io" = ["b.io:80"] }\n', 2, "a.io", "HOST"),
        ('[registry]\nrealms = { "A.io" = ["b.io"] }\n', 2, "A.io", "HOST"),
        ('[registry]\nrealms = { "a.io" = "b.io" }\n', 2, "a.io", "list"),
        ('registry = "x"\n', 1, "registry", "table"),
        ('[registry]\nstale-tags = "0s"\n', 2, "0s", "duration"),
        ('[aliases]\na = "ghcr.io/a"\nb = "ghcr.io/b:v1"\n', 3, "aliases.b", "without tag"),
        ('[aliases]\nb = "acme/b"\n', 2, "aliases.b", "full name"),
        ('[aliases]\n"ghcr.io/b" = "evil.example/b"\n', 2, "aliases.ghcr.io/b", "short name"),
        ('[aliases]\n"localhost/b" = "evil.example/b"\n', 2, "aliases.localhost/b", "short name"),
        ('[aliases]\n"b:v1" = "ghcr.io/b"\n', 2, "aliases.b:v1", "short name"),
        ("[limits]\nentries = 5\nratio = 2000000000\n", 3, "limits.ratio", "from 1 to"),
        ("[policy-engine]\nmemory-mib = 5000\n", 2, "memory-mib", "from 1 to 4096"),
        ('# a comment\n\nstore = """\nrelative"""\npolicy = "/x"\n', 3, "store", "absolute"),
        ('[audit-log]\nmask = [\n  "/a",\n  3,\n]\n', 2, "audit-log.mask", "texts"),
        ('store = "/s"\nlocked = [\n"store", "registry"]\n', 2, "locked", "policy"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, line: int, got: str, want: str) -> None:
    error = refused(tmp_path, text)
    assert error.code == "SM1103" and error.place is not None
    assert (error.place.file, error.place.line) == (str(tmp_path / "config.toml"), line)
    assert got in str(error.got) and want in str(error.want)


def test_where_it_stops_being_toml_is_named_with_its_line(tmp_path: Path) -> None:
    error = refused(tmp_path, 'store = "/x"\npolicy = /y\n')
    assert error.code == "SM1102" and error.place is not None and error.place.line == 2


@given(st.integers(1, 999_999_999), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_durations_are_their_number_times_their_unit(number: int, unit: str) -> None:
    factor = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}[unit]
    assert milliseconds(f"{number}{unit}") == number * factor


@given(st.text(max_size=12))
def test_no_text_but_a_number_and_a_unit_is_a_duration(text: str) -> None:
    found = milliseconds(text)
    digits = text.rstrip("mshd")
    assert (found is None) or (digits.isascii() and digits.isdigit() and not digits.startswith("0"))
