"""The completion scripts that are shipped: static, made from the commands by `python -m tests.support.completions`."""

from __future__ import annotations

import os.path

SHELLS = {"bash": "secmount.bash", "zsh": "_secmount", "fish": "secmount.fish"}
_FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "completions")


def read(shell: str) -> str:
    """Give the script for `shell`, one of SHELLS."""
    with open(os.path.join(_FOLDER, SHELLS[shell]), encoding="utf-8") as file:
        return file.read()
