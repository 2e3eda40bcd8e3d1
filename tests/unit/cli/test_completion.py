"""The shipped completion scripts: they are of these commands, and real shells complete by them."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from secmount.cli.program import scripts
from tests.support.command import ROOT, Desk
from tests.support.completions import tree
from tests.support.completions.__main__ import FOLDER
from tests.support.completions.__main__ import scripts as made

BASH = shutil.which("bash") or ""
CALL = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _secmount; printf "%s\\n" "${COMPREPLY[@]}"'

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def bash(words: str, folder: Path) -> list[str]:
    """Complete the last of `words`, which bash would split at `:` and `=`."""
    split = [
        "secmount",
        *(part for word in words.split(" ") for part in re.split(r"([:=])", word) if part or word == ""),
    ]
    command = [BASH, "--norc", "--noprofile", "-c", CALL, "bash", str(FOLDER / "secmount.bash"), *split]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return sorted(done.stdout.split())


def test_the_scripts_are_those_of_the_commands() -> None:
    for name, text in made().items():
        assert (FOLDER / name).read_text("utf-8") == text, "run: python -m tests.support.completions"


def test_a_plain_call_imports_nothing_heavy() -> None:
    for shell, name in scripts.SHELLS.items():
        command = [sys.executable, "-X", "importtime", "-m", "secmount", "completion", shell]
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
        )
        assert done.stdout == (FOLDER / name).read_text("utf-8")
        assert "typer" not in done.stderr and "secmount.errors" not in done.stderr


def test_with_options_it_is_a_command_like_others(secmount: Desk) -> None:
    document = secmount.json("completion", "fish").document
    assert document["script"] == scripts.read("fish") and document["shell"] == "fish"
    assert secmount.json("completion", "tcsh").code == "SM1010"
    assert secmount("completion", "bash").out == scripts.read("bash")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("models/bert", "with space"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "release.key").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("ver", {"verify", "version"}),
        ("policy ", {"init", "check"}),
        ("policy in", {"init"}),
        ("audit verify --f", {"--full"}),
        ("mount --back", {"--backend"}),
        ("mount x y --backend ", {"erofs", "copy"}),
        ("mount --backend=e", {"erofs"}),
        ("ls -o ", {"text", "json"}),
        ("mount --backend copy oci:m", {"models"}),
        ("verify oci:", {"models", "with", "space"}),
        ("verify oc", {"oci:", "oci-archive:"}),
        ("mount oci:models/bert:v1 mod", {"models"}),
        ("mount oci:models/bert:v1 dir ", set()),
        ("sign oci:x --key rel", {"release.key"}),
        ("completion ", {"bash", "zsh", "fish"}),
        ("config check rel", {"release.key"}),
        ("nonsense ", set()),
        ("verify ghcr.io/acme/model:v", set()),
        ("verify --platform ", set()),
    ],
)
def test_bash_completes(folder: Path, words: str, wanted: set[str]) -> None:
    found = set(bash(words, folder))
    assert found >= wanted if words in {"policy ", "ver"} else found == wanted


def test_every_command_and_every_option_is_offered(tmp_path: Path) -> None:
    for command in tree.every(tree.whole()):
        names = {name for option in command.options for name in option.names}
        assert names <= set(bash(" ".join((*command.path, "-")), tmp_path))
        if command.commands:
            assert {one.path[-1] for one in command.commands} == set(bash(" ".join((*command.path, "")), tmp_path))


def at_a_terminal(argv: list[str], setup: str, keys: str, wanted: str, folder: Path) -> str:
    """Type `setup`, then `keys`, into a shell at a terminal; give what it shows until `wanted` is there, or in 20 s."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execve(argv[0], argv, {"PATH": os.environ["PATH"], "TERM": "xterm", "PS1": "> ", "HOME": str(folder)})
    shown, typed, end = "", False, time.monotonic() + 20
    os.write(terminal, f"{setup}; echo rea''dy\n".encode())
    try:
        while time.monotonic() < end and not (typed and wanted in shown):
            if select.select([terminal], [], [], 0.1)[0]:
                shown = ESCAPES.sub("", shown + os.read(terminal, 65536).decode("utf-8", "replace"))
            if not typed and "ready" in shown.replace("rea''dy", ""):
                typed, shown = True, ""
                os.write(terminal, keys.encode())
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)
    return shown


def test_bash_at_a_terminal(folder: Path) -> None:
    setup = f"bind 'set bell-style none'; source {FOLDER / 'secmount.bash'}"
    keys = "secmount sign oci:mod\tbe\t"
    assert "oci:models/bert/" in at_a_terminal([BASH, "--norc", "-i"], setup, keys, "oci:models/bert/", folder)


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_at_a_terminal(folder: Path) -> None:
    setup = f"autoload -U compinit; compinit -D -u; source {FOLDER / '_secmount'}"
    keys, wanted = "secmount mount --back\tc\t oci:mod\t", "oci:models/"
    shown = at_a_terminal([shutil.which("zsh") or "", "-f", "-i"], setup, keys, wanted, folder)
    assert "--backend=" in shown and "copy" in shown and wanted in shown


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("secmount veri", {"verify"}),
        ("secmount policy in", {"init"}),
        ("secmount mount --back", {"--backend"}),
        ("secmount ls -o ", {"text", "json"}),
        ("secmount sign oci:mod", {"oci:models/"}),
        ("secmount sign oci:x --key rel", {"release.key"}),
    ],
)
def test_fish_completes(folder: Path, words: str, wanted: set[str]) -> None:
    command = ["fish", "--no-config", "-c", f"source {FOLDER / 'secmount.fish'}; complete -C '{words}'"]
    env = {**os.environ, "HOME": str(folder)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
    assert {line.partition("\t")[0] for line in done.stdout.splitlines()} == wanted
