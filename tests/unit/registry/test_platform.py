from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from secmount.errors import InputError, RegistryError
from secmount.oci import descriptor
from secmount.oci.descriptor import Descriptor, Platform
from secmount.registry import platform
from tests.support.layouts import OCI_MANIFEST, describe

UNKNOWN = {"os": "unknown", "architecture": "unknown"}


def entry(text: str | None, *, mark: str = "", **annotations: str) -> Descriptor:
    row = describe((f"{text}{mark}").encode(), OCI_MANIFEST, annotations=annotations or None)
    if text is not None:
        row["platform"] = dict(zip(("os", "architecture", "variant"), text.split("/"), strict=False))
    return descriptor.from_json(row, subject="x")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("linux/amd64", Platform("linux", "amd64")),
        ("Linux/ARM64/V8", Platform("linux", "arm64", "v8")),
        ("linux/x86_64", Platform("linux", "amd64")),
        ("linux/aarch64", Platform("linux", "arm64")),
        ("linux/386", Platform("linux", "386")),
    ],
)
def test_parse(text: str, found: Platform) -> None:
    assert platform.parse(text) == found


@pytest.mark.parametrize(
    "text", ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux/amd64\n", "linux /amd64", "l\u0131nux/x"]
)
def test_malformed(text: str) -> None:
    with pytest.raises(InputError) as caught:
        platform.parse(text)
    assert caught.value.code == "SM1014"


@pytest.mark.parametrize(
    ("machine", "found"),
    [
        ("x86_64", "linux/amd64"),
        ("aarch64", "linux/arm64"),
        ("armv7l", "linux/arm/v7"),
        ("i686", "linux/386"),
        ("s390x", "linux/s390x"),
        ("sw_64", "linux/sw_64"),
    ],
)
def test_host(monkeypatch: pytest.MonkeyPatch, machine: str, found: str) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=machine))
    assert str(platform.host()) == found


# what the index has, what is wanted, and what is chosen
CHOICES = [
    (["linux/amd64", "linux/arm64"], "linux/arm64", "linux/arm64"),
    (["linux/amd64", "linux/arm64/v8"], "linux/arm64", "linux/arm64/v8"),
    (["linux/amd64", "linux/arm64"], "linux/arm64/v8", "linux/arm64"),
    (["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"], "linux/arm/v7", "linux/arm/v7"),
    (["linux/arm/v5", "linux/arm/v6"], "linux/arm/v7", "linux/arm/v6"),
    (["linux/arm/v5", "linux/arm/v7"], "linux/arm", "linux/arm/v7"),
    (["linux/arm/v7"], "linux/arm/v6", None),
    (["linux/amd64", "linux/amd64/v3"], "linux/amd64", "linux/amd64"),
    (["linux/amd64/v3", "linux/amd64/v2"], "linux/amd64", None),
    (["linux/amd64/v3", "linux/amd64/v2"], "linux/amd64/v4", "linux/amd64/v3"),
    (["linux/amd64", "linux/amd64/v4"], "linux/amd64/v2", "linux/amd64"),
    (["Linux/x86_64"], "linux/amd64", "Linux/x86_64"),
    (["linux/riscv64/rva22", "linux/riscv64"], "linux/riscv64", "linux/riscv64"),
    (["linux/riscv64/rva22", "linux/riscv64"], "linux/riscv64/rva22", "linux/riscv64/rva22"),
    (["windows/amd64", "darwin/amd64"], "linux/amd64", None),
    (["unknown/unknown", "linux/amd64"], "linux/amd64", "linux/amd64"),
    ([None], "linux/amd64", None),
    ([None, "linux/amd64"], "linux/amd64", "linux/amd64"),
    ([], "linux/amd64", None),
]


@pytest.mark.parametrize(("there", "wanted", "chosen"), CHOICES)
def test_choose(there: list[str | None], wanted: str, chosen: str | None) -> None:
    entries = [entry(text) for text in there]
    if chosen is not None:
        assert str(platform.choose(entries, platform.parse(wanted), shown="x").platform) == chosen
        return
    with pytest.raises(RegistryError) as caught:
        platform.choose(entries, platform.parse(wanted), shown="x")
    assert (caught.value.code, caught.value.want) == ("SM4020", wanted)


def test_what_is_there_is_listed() -> None:
    with pytest.raises(RegistryError) as caught:
        platform.choose([entry("linux/s390x"), entry(None)], platform.parse("linux/amd64"), shown="x")
    assert caught.value.got == "linux/s390x, no platform"


def test_attestations_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="x86_64"))
    marked = entry(None, mark="2", **{"vnd.docker.reference.type": "attestation-manifest"})
    only = entry(None)
    assert platform.choose([entry("unknown/unknown"), marked, only], None, shown="x") is only
    with pytest.raises(RegistryError, match="SM4020"):
        platform.choose([entry("unknown/unknown"), marked], None, shown="x")


def test_one_without_a_platform_and_nothing_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="x86_64"))
    assert platform.choose([entry(None)], None, shown="x").platform is None
    assert str(platform.choose([entry("linux/amd64"), entry(None)], None, shown="x").platform) == "linux/amd64"
    with pytest.raises(RegistryError, match="SM4020"):
        platform.choose([entry("linux/arm64"), entry(None)], None, shown="x")
    with pytest.raises(RegistryError, match="SM4020"):
        platform.choose([entry("linux/arm64")], None, shown="x")


@pytest.mark.parametrize("text", [None, "linux/amd64"])
def test_several_that_fit_equally_are_not_guessed(monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="x86_64"))
    rows = [entry(text), entry(text, mark="q4")]
    with pytest.raises(RegistryError) as caught:
        platform.choose(rows, None, shown="x")
    assert caught.value.code == "SM4021"
    assert caught.value.want is not None
    assert all(str(row.digest) in caught.value.want for row in rows)
    assert platform.choose([rows[0], rows[0]], None, shown="x") is rows[0]
