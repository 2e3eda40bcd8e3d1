"""`config show`, `config check`, `config schema`: what holds, whence, and whether the file is right."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any

import typer

from secmount.cli.configured import configured
from secmount.cli.options import common, named
from secmount.cli.view import findings, render
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings
from secmount.config import description, file


def register(application: typer.Typer) -> None:
    """Add the commands of this module."""
    config = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Show and check config.toml.")
    config.command("show")(show)
    config.command("check")(check)
    config.command("schema")(schema)
    application.add_typer(config, name="config")


@common("config-show")
def show(
    settings: Settings,
    origin: Annotated[bool, typer.Option("--origin", help="Say after each value where it comes from.")] = False,
) -> Outcome:
    """Show every value that holds, as config.toml would say it.

    secmount config show --origin
    secmount config show > config.toml
    """
    rows = description.values(configured(settings))
    path, required = file.place({"config": settings.config}, os.environ, os.geteuid())
    there = required or os.path.lexists(path)
    fields = {
        "file": path if there else None,
        "values": [{"key": row.name, "value": row.value, "origin": row.origin, "locked": row.locked} for row in rows],
    }
    head = f"# {render.escape(path)}" + ("" if there else " is not there: every value is the default")
    return Outcome("config-show", (head, *_lines(rows, origin=origin)), fields)


def _lines(rows: tuple[description.Value, ...], *, origin: bool) -> list[str]:
    table, lines = "", []
    for row in rows:
        inside, _, name = row.name.rpartition(".")
        if isinstance(row.value, dict) and not inside:
            inside, pairs = row.name, {_key(key): value for key, value in row.value.items()}
        else:
            pairs = {name: row.value}
        if inside != table:
            table = inside
            lines += ["", f"[{table}]"]
        for key, value in pairs.items():
            said = f"# {key} is not set" if value is None else f"{key} = {_toml(value)}"
            source = f"{row.origin}{', locked' if row.locked else ''}"
            lines.append(f"{said}  # {render.escape(source)}" if origin else said)
    return lines


def _key(text: str) -> str:
    return text if text.replace("-", "").replace("_", "").isalnum() and text.isascii() else json.dumps(text)


def _toml(value: Any) -> str:
    """Write a value; JSON's texts, numbers and lists are TOML's, and its escapes keep terminals out of it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_toml(item)}" for key, item in value.items()) + " }" if value else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value).replace("\x7f", "\\u007f")


@common("config-check")
def check(
    settings: Settings,
    path: Annotated[str | None, typer.Argument(metavar="[FILE]", help="Another file than the one that holds.")] = None,
) -> Outcome:
    """Find everything that is wrong in config.toml, and paths in it that are not there. Exit 2 if there is an error.

    secmount config check
    secmount config check new.toml
    """
    from secmount.upkeep import configuration

    flags = {"config": settings.config if path is None else os.path.abspath(named("FILE", path))}
    where, required = file.place(flags, os.environ, os.geteuid())
    if not required and not os.path.lexists(where):
        said = f"{render.escape(where)} is not there: every value is the default"
        return Outcome("config-check", (said, findings.summary(())), {"file": None, "findings": []})
    found = tuple(configuration.check(where, os.environ, uid=os.geteuid()))
    rows = [findings.row(finding) for finding in found]
    lines = (*map(findings.line, rows), findings.summary(rows))
    broken = any(row["severity"] == "error" for row in rows)
    return Outcome("config-check", lines, {"file": where, "findings": rows}, exit=2 if broken else 0)


@common("config-schema")
def schema(_: Settings) -> Outcome:
    """Print the JSON Schema of config.toml, for editors and for checks elsewhere.

    secmount config schema > config.schema.json
    """
    document = description.schema()
    return Outcome("config-schema", tuple(json.dumps(document, indent=1).split("\n")), {"document": document})
