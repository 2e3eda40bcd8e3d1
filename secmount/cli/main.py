"""The command line: picks the module of the verb, runs it, prints one outcome, gives the exit status.

`_VERBS` is the name table of design 2: only the module of the verb at hand is imported, so that `ls` never loads what
only `verify` needs. stdout is data, stderr everything else.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import typer
from typer.exceptions import TyperException

from secmount.cli.view import document, render
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings
from secmount.errors import InputError, SecmountError

_VERBS = {
    "resolve": "access",
    "verify": "access",
    "pull": "access",
    "mount": "access",
    "unmount": "access",
    "umount": "access",
    "ls": "held",
    "inspect": "held",
    "discover": "held",
    "check": "held",
    "push": "push",
    "sign": "keys",
    "key": "keys",
    "login": "login",
    "logout": "login",
    "policy": "policy",
    "trust": "trust",
    "audit": "audit",
    "demo": "demo",
    "completion": "program.completion",
    "config": "program.config",
    "doctor": "program.doctor",
    "explain": "program.about",
    "version": "program.about",
}
_SAME = {"umount": "unmount"}
_EXAMPLE = ("secmount ", "sudo secmount ", "source <(secmount ")  # how a paragraph of examples begins
_NO_COMMAND = "NoArgsIsHelpError"  # of the click that typer carries: its message is the help
_INTERRUPTED = 130


def run(argv: Sequence[str]) -> int:
    """Run one command; give its exit status. Nothing escapes but KeyboardInterrupt's 130."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a locale that lacks a letter must not end a command
    settings = _early(argv)
    try:
        answer = _command(argv)(args=list(argv), prog_name="secmount", standalone_mode=False)
        if not isinstance(answer, tuple):  # --help and the like answer with typer's own status, as does an interrupt
            return _interrupted(settings, argv) if answer == _INTERRUPTED else int(answer or 0)
        settings, outcome = answer
    except KeyboardInterrupt:
        return _interrupted(settings, argv)
    except SecmountError as err:
        outcome = Outcome(_verb(argv), error=err)
    except TyperException as err:
        if type(err).__name__ == _NO_COMMAND:
            print(err.format_message(), file=sys.stderr)
            return 2
        outcome = Outcome(_verb(argv), error=_misuse(err, argv))
    except Exception as err:  # noqa: BLE001  # the last door: a bug is reported with its code, never granted
        outcome = Outcome(_verb(argv), error=SecmountError("SM9001", got=f"{type(err).__name__}: {err}"))
        if settings.verbose or os.environ.get("SECMOUNT_TRACE"):
            import traceback

            traceback.print_exc(file=sys.stderr)
    try:
        return _show(settings, outcome)
    except KeyboardInterrupt:
        return _INTERRUPTED  # what there was to say was on its way
    except OSError as err:
        return unprinted(err, outcome.verb, color=settings.color)


def unprinted(err: OSError, verb: str, *, color: str = "auto") -> int:
    """Say that standard output took nothing (a full disk behind it); what is left in the buffer goes nowhere."""
    from secmount.local.fault import storage_error

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _show(Settings(color=color), Outcome(verb, error=storage_error(err, "standard output")))


def _command(argv: Sequence[str]) -> Any:
    words = [word for word in argv if not word.startswith("-")]
    first = words[0] if words else ""
    modules = [_VERBS[first]] if first in _VERBS else sorted(set(_VERBS.values()))
    application = typer.Typer(
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Mount signed OCI artifacts read-only, and only if the policy approves.",
        epilog="Start: secmount demo · secmount key generate release · secmount policy init --help",
    )
    application.callback()(_top)
    for name in modules:
        importlib.import_module(f"secmount.cli.{name}").register(application)
    if first in _VERBS:
        _narrow(application, words)
    command = typer.main.get_command(application)
    _keep_examples(command)
    return command


def _keep_examples(command: Any) -> None:
    r"""Mark paragraphs of examples so that help leaves their lines as they are (click: a line of `\b` before them)."""
    for inner in getattr(command, "commands", {}).values():
        _keep_examples(inner)
    paragraphs = (command.help or "").split("\n\n")
    marked = [f"\b\n{text}" if text.startswith(_EXAMPLE) else text for text in paragraphs]
    command.help = "\n\n".join(marked)


def _narrow(application: typer.Typer, words: list[str]) -> None:
    """Leave only the command that the words name: making those beside it takes longer than listing what is mounted."""
    for word in words[:2]:
        for command in application.registered_commands:
            if (command.name or getattr(command.callback, "__name__", "")) == word:
                application.registered_commands, application.registered_groups = [command], []
                return
        groups = [group for group in application.registered_groups if group.name == word]
        if not groups or groups[0].typer_instance is None:
            return
        application.registered_commands, application.registered_groups = [], groups
        application = groups[0].typer_instance


def _top() -> None:
    """Mount signed OCI artifacts read-only, and only if the policy approves."""


def _early(argv: Sequence[str]) -> Settings:
    """Read -o and -v where the command line as a whole could not be parsed."""
    words = list(argv)
    output = "json" if "-ojson" in words or "--output=json" in words else "text"
    for flag in ("-o", "--output"):
        if flag in words and words[words.index(flag) + 1 : words.index(flag) + 2] == ["json"]:
            output = "json"
    return Settings(output=output, verbose=sum(word in ("-v", "--verbose") for word in words))


def _verb(argv: Sequence[str]) -> str:
    """Name the verb by the command line alone, as documents name it; `usage` where there is no such verb."""
    words = [_SAME.get(word, word) for word in argv if not word.startswith("-")]
    for verb in ("-".join(words[:2]), *words[:1]):
        if verb in document.VERBS:
            return verb
    return "usage"


def _misuse(err: TyperException, argv: Sequence[str]) -> InputError:
    verb = _verb(argv)
    words = ["secmount", *([] if verb == "usage" else verb.split("-", 1) if verb not in _VERBS else [verb])]
    more = () if verb == "usage" else (f"{' '.join(words)} --help",)
    return InputError("SM1010", subject=" ".join(words), got=err.format_message(), help=more)


def _interrupted(settings: Settings, argv: Sequence[str]) -> int:
    if settings.output == "json":
        shown = document.whole(Outcome(_verb(argv)), _INTERRUPTED)
        with suppress(OSError):  # nobody there to read it, or no room: it was interrupted all the same
            print(json.dumps(shown), flush=True)
    print("interrupted; an unfinished mount is settled by the next command", file=sys.stderr)
    return _INTERRUPTED


def _show(settings: Settings, outcome: Outcome) -> int:
    """Print the outcome; give its exit status, which a reader that goes away early does not change."""
    status = _status(outcome)
    try:
        if outcome.lines is not None:
            outcome = _stream(outcome, outcome.lines)
            status = _status(outcome)
        if settings.output == "json" and (outcome.lines is None or outcome.error is not None):
            print(json.dumps(document.whole(outcome, status), ensure_ascii=True))
        elif outcome.text:
            print("\n".join(outcome.text))
        sys.stdout.flush()
        if settings.output != "json":
            _to_stderr(settings, outcome)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def _status(outcome: Outcome) -> int:
    if outcome.error is None:
        return outcome.exit
    from secmount.errors import catalog

    return catalog.exit_status(outcome.error)


def _stream(outcome: Outcome, lines: Iterable[str]) -> Outcome:
    """Print lines as they come; what stops them is the outcome's error."""
    try:
        for line in lines:
            print(line, flush=sys.stdout.isatty())
    except SecmountError as err:
        return replace(outcome, error=err)
    return outcome


def _to_stderr(settings: Settings, outcome: Outcome) -> None:
    style = render.Style(colour=render.coloured(settings.color, sys.stderr, os.environ))
    for warning in outcome.warnings:
        print(f"{style('warn', 'warning')}: {render.escape(warning)}", file=sys.stderr)
    if outcome.error is not None:
        print("\n".join(render.error(outcome.error, style, decision=outcome.decision)), file=sys.stderr)
