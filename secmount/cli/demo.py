"""`demo`: the product itself on a small model, offline, in a temporary folder: what mounts, and what does not."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Annotated

import typer

from secmount.cli.options import common
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings


def register(application: typer.Typer) -> None:
    """Add the commands of this module."""
    application.command()(demo)


@common("demo")
def demo(
    settings: Settings,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the folder, to try things in it.")] = False,
) -> Outcome:
    """Pack, sign, verify and mount a small model, then see four attacks refused. Needs no network.

    secmount demo
    secmount demo --keep
    """
    from secmount.cli import walk

    folder = os.path.realpath(tempfile.mkdtemp(prefix="secmount-demo-"))
    try:
        steps = walk.run(folder, settings)
    finally:
        if not keep:
            shutil.rmtree(folder)
    lines = (f"\nall of it is in {folder}: cd there, export SECMOUNT_CONFIG={folder}/config.toml",) if keep else ()
    return Outcome("demo", lines, {"folder": folder if keep else None, "steps": steps})
