"""`completion`: the script that makes a shell complete secmount's commands. Plain calls are answered by `__main__`."""

from __future__ import annotations

from typing import Annotated

import typer

from secmount.cli.options import common
from secmount.cli.program import scripts
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings
from secmount.errors import InputError


def register(application: typer.Typer) -> None:
    """Add the commands of this module."""
    application.command()(completion)


@common("completion")
def completion(
    _: Settings, shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish", help="Whose completion.")]
) -> Outcome:
    """Print the script that completes commands, options and paths.

    source <(secmount completion bash)
    secmount completion zsh > ~/.zfunc/_secmount
    secmount completion fish > ~/.config/fish/completions/secmount.fish
    """
    if shell not in scripts.SHELLS:
        raise InputError("SM1010", subject=f"completion {shell}", got=shell, want=", ".join(scripts.SHELLS))
    text = scripts.read(shell)
    return Outcome("completion", (text.rstrip("\n"),), {"shell": shell, "script": text})
