"""Help: every command shows how it is used, by examples that are commands of this version."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from secmount.cli.main import _command
from tests.support.command import Desk
from tests.support.completions import tree
from tests.support.completions.tree import Command

LEAVES = [command for command in tree.every(tree.whole()) if not command.commands]
WIDTH = 110


def helped(path: tuple[str, ...]) -> str:
    command: Any = _command([])
    for word in path:
        command = command.commands[word]
    return str(command.help)


def examples(command: Command) -> list[str]:
    return [line for line in helped(command.path).splitlines() if re.match(r"(sudo |source <\()?secmount ", line)]


@pytest.mark.parametrize("command", LEAVES, ids=lambda command: "-".join(command.path))
def test_every_command_shows_one_to_three_examples_of_itself(command: Command) -> None:
    found = examples(command)
    assert 1 <= len(found) <= 3
    known = {name for option in command.options for name in option.names}
    for line in found:
        assert len(line) <= WIDTH
        if line == "secmount --version":
            continue
        words = shlex.split(line.removeprefix("sudo ").removeprefix("source <(").removesuffix(")").partition(" > ")[0])
        assert tuple(words[1 : 1 + len(command.path)]) == command.path
        assert {word for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize("command", LEAVES, ids=lambda command: "-".join(command.path))
def test_its_first_line_is_a_sentence_in_the_imperative(command: Command) -> None:
    first = " ".join(helped(command.path).split("\n\n")[0].split())
    assert first[0].isupper() and first.endswith(".") and not first.split()[0].endswith("s")


@pytest.mark.parametrize("command", LEAVES, ids=lambda command: "-".join(command.path))
def test_every_option_says_something(command: Command) -> None:
    for option in command.options:
        assert option.says, option.names


def test_examples_keep_their_lines(secmount: Desk) -> None:
    shown = secmount("policy", "init", "--help").out
    assert "  secmount policy init --from ghcr.io/acme/model:v1\n" in shown and "\b" not in shown


@pytest.mark.parametrize("words", [(), ("policy",), ("audit",)])
def test_a_group_alone_shows_its_commands(secmount: Desk, words: tuple[str, ...]) -> None:
    result = secmount(*words)
    assert result.exit == 2 and "Commands:\n" in result.err and "\\u{" not in result.err
