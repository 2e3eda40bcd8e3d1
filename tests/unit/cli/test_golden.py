"""What commands print, as files beside this one; `GOLDEN=write` writes them anew, to be read in the diff.

What differs from run to run and from machine to machine is written as a fixed placeholder.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from secmount.cli.program import health
from secmount.cli.view.progress import Lines, Progress
from secmount.cli.view.render import TITLE
from secmount.errors import RegistryError
from secmount.mount import probe
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.upkeep.doctor import examine
from secmount.upkeep.doctor.diagnosis import failed, of_error, ok, warning
from tests.support.command import Desk, Result
from tests.support.layouts import TITLE as FILE
from tests.support.layouts import Layout

GOLDEN = Path(__file__).parent / "golden"
_STEADY = (
    (re.compile(r"sha256:[0-9a-f]{64}"), "sha256:…"),
    (re.compile(r"sha256:[0-9a-f]{12}\b"), "sha256:… "),
    (re.compile(r"20\d\d-\d\d-\d\dT[\d:.]+Z"), "2026-11-24T06:00:00.000Z"),
    (re.compile(r"[\d.]+ [KMGT]?i?B/s"), "9.9 MiB/s"),
    (re.compile(r"in \d+ ms"), "in 9 ms"),
    (re.compile(r"\d{3} B  ✔ signed"), "867 B  ✔ signed"),  # the folder's name is in the signed bytes
)


def steady(text: str, folder: Path) -> str:
    text = text.replace(str(folder), "/srv")
    for pattern, fixed in _STEADY:
        text = pattern.sub(fixed, text)
    return text


def same(name: str, text: str) -> None:
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
    assert file.read_text("utf-8") == text


def discover_a_tree(secmount: Desk) -> Result:
    secmount.ready()
    layout = Layout(Path("models/tree"))
    row = layout.add_manifest([layout.add_file("weights", b"weights")])
    layout.tag(row, "v1")
    sbom = layout.attach_referrer(row, b"{}", "application/spdx+json", annotations={FILE: "sbom.json"})
    layout.attach_referrer(sbom, b"{}", "application/vnd.acme.note")
    layout.attach_referrer(row, b"{", "application/vnd.dev.sigstore.bundle.v0.3+json")
    layout.write_index()
    assert secmount("sign", "oci:models/tree:v1", "--key", "release.key").exit == 0
    return secmount("discover", "oci:models/tree:v1")


def init_from(secmount: Desk) -> Result:
    assert secmount.ready()("key", "generate", "other").exit == 0
    keys = ("--key", "release.pub", "--key", "other.pub")
    return secmount("policy", "init", "--from", "oci:models/bert:v1", *keys, "--policy", "new", "--yes")


def check_a_config(secmount: Desk) -> Result:
    Path("new.toml").write_text('sotre = "/a"\n[registry]\ntimeout = "1y"\nauthfile = "relative"\n')
    return secmount("config", "check", "new.toml")


COMMANDS: dict[str, Callable[[Desk], Result]] = {
    "discover": discover_a_tree,
    "policy-init-from": init_from,
    "config-check": check_a_config,
    "explain": lambda secmount: secmount("explain", "SM5001"),
    "explain-near": lambda secmount: secmount("explain", "SM9999"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_command_prints(secmount: Desk, name: str) -> None:
    result = COMMANDS[name](secmount)
    text = f"exit {result.exit}\n--- stdout\n{result.out}--- stderr\n{result.err}"
    same(name, steady(text, secmount.folder))


def test_what_doctor_prints(secmount: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    unreachable = RegistryError("SM4101", subject="registry.example", got="connection refused")
    rows = (
        ("configuration", (ok("/etc/secmount/config.toml is valid"),)),
        ("backends", (warning(f"erofs cannot be used: {probe.ZEROS}", "secmount mount REF DIR --backend copy"),)),
        ("policy", (failed("the policy has \x1b[31m no rule", "secmount policy check", "secmount explain SM9001"),)),
        ("registries", (of_error(unreachable), ok("ghcr.io answers in 12 ms, wants Bearer"))),
    )
    monkeypatch.setattr(examine, "CHECKS", tuple((area, lambda _, found=found: iter(found)) for area, found in rows))
    monkeypatch.setattr(health, "examine", lambda site: examine.examine(site, examine.CHECKS))
    result = secmount("doctor")
    same("doctor", steady(f"exit {result.exit}\n{result.out}", secmount.folder))


def test_what_a_pull_writes_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("secmount.cli.view.progress.QUIET_S", 0.0)
    progress = Progress(Lines(sys.stderr))
    layers = [
        Descriptor("application/octet-stream", Digest.of(name.encode()), size, {TITLE: name} if name else {})
        for name, size in (("config.json", 400), ("model-00001-of-00002.safetensors", 3 << 30), ("", 5 << 20))
    ]
    progress._expected = layers
    for layer in layers:
        progress.show(layer, layer.size // 2)
    for layer in layers:
        progress.show(layer, layer.size)
    progress.close()
    same("pull-lines", steady(capsys.readouterr().err, tmp_path))
