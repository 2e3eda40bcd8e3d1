"""The options that every command takes after its verb."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import typer

from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings
from secmount.errors import InputError, SecmountError

_MOUNT_WORDS = frozenset(
    {"ro", "rw", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "bind", "loop", "defaults", "noatime", "remount"}
)


_COMMON: tuple[tuple[str, Any, Any], ...] = (
    ("config", Annotated[str | None, typer.Option("--config", metavar="FILE", help="Configuration file.")], None),
    ("policy", Annotated[str | None, typer.Option("--policy", metavar="DIR", help="Policy folder.")], None),
    (
        "store",
        Annotated[str | None, typer.Option("--store", metavar="DIR", help="Store folder; the log moves with it.")],
        None,
    ),
    ("output", Annotated[str | None, typer.Option("-o", "--output", metavar="text|json", help="What to print.")], None),
    ("quiet", Annotated[bool, typer.Option("-q", "--quiet", help="Print only the result.")], False),
    ("verbose", Annotated[int, typer.Option("-v", "--verbose", count=True, help="Say more.")], 0),
    ("color", Annotated[str, typer.Option("--color", metavar="auto|always|never", help="Colour.")], "auto"),
)

_NETWORK: tuple[tuple[str, Any, Any], ...] = (
    (
        "offline",
        Annotated[bool, typer.Option("--offline", help="No connection; decide from what is kept.")],
        False,
    ),
    (
        "authfile",
        Annotated[str | None, typer.Option("--authfile", metavar="FILE", help="Credentials, as podman writes them.")],
        None,
    ),
    (
        "ca_file",
        Annotated[str | None, typer.Option("--ca-file", metavar="FILE", help="More certificate authorities, PEM.")],
        None,
    ),
    (
        "plain_http",
        Annotated[bool, typer.Option("--plain-http", help="HTTP without TLS to the registry.")],
        False,
    ),
    (
        "timeout",
        Annotated[str | None, typer.Option("--timeout", metavar="3m", help="For the whole of the network's part.")],
        None,
    ),
)


def common(
    verb: str, *, network: bool = False
) -> Callable[[Callable[..., Outcome]], Callable[..., tuple[Settings, Outcome]]]:
    """Give a command, whose first parameter is a `Settings`, the common options instead of it.

    `network`: also those of commands that may speak with a registry.
    """
    options = (*_COMMON, *(_NETWORK if network else ()))

    def wrap(function: Callable[..., Outcome]) -> Callable[..., tuple[Settings, Outcome]]:
        @functools.wraps(function)
        def command(**given: Any) -> tuple[Settings, Outcome]:
            settings = _settings(**{name: given.pop(name) for name, _, _ in options})
            try:
                outcome = function(settings, **given)
            except SecmountError as err:
                known = settings.learned
                outcome = Outcome(verb, artifact=known.get("artifact"), decision=known.get("decision"), error=err)
            return settings, replace(outcome, warnings=(*outcome.warnings, *settings.learned.get("warnings", ())))

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        own = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        shared = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, annotation=a, default=d) for n, a, d in options]
        command.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
        command.__annotations__ = {}
        del command.__wrapped__
        return command

    return wrap


def _settings(config: str | None, policy: str | None, store: str | None, output: str | None, **rest: Any) -> Settings:
    explicit, output = output is not None, output or "text"
    if output not in ("text", "json"):
        words = output.replace("=", ",").split(",")
        if any(word in _MOUNT_WORDS for word in words):
            raise InputError("SM1011", subject=f"-o {output}", got=output, want="-o text or -o json")
        raise InputError("SM1010", subject=f"-o {output}", got=output, want="text or json")
    if rest["color"] not in ("auto", "always", "never"):
        raise InputError("SM1010", subject="--color", got=rest["color"], want="auto, always or never")
    for name, flag in (("authfile", "--authfile"), ("ca_file", "--ca-file")):
        if rest.get(name) is not None:
            rest[name] = _absolute(flag, rest[name])
    if rest.get("timeout") is not None:
        rest["timeout"] = _milliseconds(rest["timeout"])
    folders = (_absolute("--config", config), _absolute("--policy", policy), _absolute("--store", store))
    return Settings(*folders, output, explicit=explicit, **rest)


_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


def _milliseconds(text: str) -> int:
    number, unit = text.rstrip("mhs"), text[len(text.rstrip("mhs")) :]
    if not (number.isascii() and number.isdigit() and len(number) < 10 and int(number)) or unit not in _UNITS:
        raise InputError("SM1010", subject=f"--timeout {text}", got=text, want="a duration, such as 90s or 3m")
    return int(number) * _UNITS[unit]


def pairs(words: list[str]) -> dict[str, str]:
    """Read the values of `--annotation`; raise `InputError` SM1010."""
    found = dict(word.partition("=")[::2] for word in words if "=" in word and not word.startswith("="))
    if len(found) != len(words):
        raise InputError("SM1010", subject="--annotation", got=", ".join(words), want="KEY=VALUE, each key once")
    return found


def named(what: str, path: str) -> str:
    """Give `path`, unless it is empty: that would mean the working directory, which nobody meant."""
    if not path:
        raise InputError("SM1010", subject=what, got="an empty text", want="a path")
    return path


def _absolute(what: str, path: str | None) -> str | None:
    return None if path is None else os.path.abspath(named(what, path))
