"""The import contracts of pyproject.toml say what the design says, and cover every library that is declared."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CONTRACTS: dict[str, dict[str, Any]] = {row["id"]: row for row in PROJECT["tool"]["importlinter"]["contracts"]}
MODULES: dict[str, list[str]] = PROJECT["tool"]["deptry"]["package_module_name_map"]
REQUIREMENTS = [Requirement(text) for text in PROJECT["project"]["dependencies"]]

# Design section 2: the doors, by the module that is imported.
DOORS = {
    "backports": {"secmount.tree"},
    "cryptography": {
        "secmount.trust.check",
        "secmount.trust.formats",
        "secmount.trust.sigstore.version",
        "secmount.publish",
        "secmount.audit",
    },
    "ctypes": {"secmount.mount.linux"},
    "msgspec": {"secmount.oci", "secmount.config"},
    "opapywasm": {"secmount.policy.wasm"},
    "oras": {"secmount.publish.push"},
    "requests": {"secmount.publish.push"},
    "rfc3161_client": {"secmount.trust.check"},
    "rich": {"secmount.cli"},
    "sigstore": {"secmount.trust.sigstore"},
    "sigstore_models": {"secmount.trust.sigstore"},
    "socket": {"secmount.audit.tlog.anchor", "secmount.registry.http.wire.sockets", "secmount.app.quiet"},
    "sqlite3": {"secmount.store", "secmount.review.index"},
    "ssl": {
        "secmount.registry.http.wire.faults",
        "secmount.registry.http.wire.tls",
        "secmount.registry.http.wire.transport",
    },
    "subprocess": {"secmount.audit.tlog.anchor", "secmount.cli.walk", "secmount.registry.credentials.programs"},
    "tuf": {"secmount.trust.sigstore"},
    "typer": {"secmount.cli"},
    "urllib": {
        "secmount.registry.http.listing",
        "secmount.registry.http.tokens",
        "secmount.registry.http.wire.proxies",
        "secmount.registry.http.wire.url",
    },
    "urllib3": {"secmount.registry.http"},
    "wasmtime": {"secmount.policy.wasm"},
}


def doors() -> Iterator[tuple[str, str]]:
    """Give every (importer, library) that some contract lets through."""
    for contract in CONTRACTS.values():
        for line in contract.get("ignore_imports", []):
            importer, library = line.split(" -> ")
            yield importer, library


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda row: row.name)
def test_every_runtime_library_has_its_door(requirement: Requirement) -> None:
    for module in MODULES.get(requirement.name, [requirement.name.replace("-", "_")]):
        assert module in DOORS, f"{requirement.name} is declared, but no door is named for {module}"
        closing = [
            row for row in CONTRACTS.values() if module in row.get("forbidden_modules", []) and row["id"] != "pure"
        ]
        assert closing, f"no contract keeps {module} out of the rest"
        assert all(row["source_modules"] == ["secmount"] for row in closing)


@pytest.mark.parametrize("library", sorted(DOORS))
def test_only_the_named_doors_are_open(library: str) -> None:
    found = {re.sub(r"\.\*+$", "", importer) for importer, name in doors() if name == library}
    assert found == DOORS[library]


def test_nothing_but_doors_is_let_through() -> None:
    assert {library for _, library in doors()} <= set(DOORS) | {"compression"}
    for contract in CONTRACTS.values():
        if contract["id"] in {"layers", "acyclic", "stages-write-no-audit", "pure"}:
            assert "ignore_imports" not in contract, f"{contract['id']} has exceptions"


def test_layers_are_those_of_the_design() -> None:
    contract = CONTRACTS["layers"]
    assert contract["exhaustive"] is True
    assert contract["containers"] == ["secmount"]
    order = [re.sub(r"[()]", "", line) for line in contract["layers"]]
    assert order == [
        "__main__",
        "cli | webhook | csi",
        "service",
        "app",
        "publish | transfer | review | upkeep | authoring | kubernetes",
        "pipeline | config",
        "mount",
        "tree",
        "store",
        "policy",
        "trust",
        "registry",
        "audit",
        "local",
        "oci",
        "errors",
        "value",
    ]


def test_a_layer_that_exists_is_not_optional() -> None:
    packages = {path.parent.name for path in (ROOT / "secmount").glob("*/__init__.py")}
    optional = set(re.findall(r"\((\w+)\)", " ".join(CONTRACTS["layers"]["layers"])))
    assert not optional & packages, "take the parentheses away"


def test_every_requirement_is_bounded_on_both_sides_and_reasoned() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    block = text[text.index("dependencies = [") : text.index("[project.scripts]")].splitlines()
    for number, line in enumerate(block):
        if line.strip().startswith('"'):
            assert block[number - 1].strip().startswith("#"), f"no reason above {line.strip()}"
    for requirement in REQUIREMENTS:
        operators = {clause.operator for clause in requirement.specifier}
        assert operators == {">=", "<"}, requirement


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-build.lock", "requirements-dev.lock"])
def test_locks_are_pinned_by_hash_and_name_no_index(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash=)", text, re.MULTILINE), "an option of pip"
    entries = re.split(r"\n(?=[a-z0-9])", text[re.search(r"^[a-z0-9]", text, re.MULTILINE).start() :])  # type: ignore[union-attr]
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==\S+", entry), entry[:60]
        assert "--hash=sha256:" in entry, entry[:60]


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("requirements.lock", PROJECT["project"]["dependencies"]),
        ("requirements-build.lock", PROJECT["dependency-groups"]["build"]),
        ("requirements-dev.lock", PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]),
    ],
)
def test_locks_hold_what_is_declared(lock: str, wanted: list[str]) -> None:
    pins = dict(re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", (ROOT / lock).read_text("utf-8"), re.MULTILINE))
    for text in wanted:
        requirement = Requirement(text)
        assert requirement.name in pins, f"make locks: {requirement.name} is missing"
        assert requirement.specifier.contains(pins[requirement.name]), f"make locks: {text}"
