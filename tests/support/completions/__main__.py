"""Write the scripts into the package."""

from __future__ import annotations

from pathlib import Path

from tests.support.completions import bash, fish, tree, zsh

FOLDER = Path(__file__).resolve().parents[3] / "secmount" / "cli" / "completions"


def scripts() -> dict[str, str]:
    """Give the scripts by their files' names."""
    root = tree.whole()
    return {
        "secmount.bash": bash.script(root),
        "_secmount": zsh.script(root),
        "secmount.fish": fish.script(root),
    }


if __name__ == "__main__":
    for name, text in scripts().items():
        (FOLDER / name).write_text(text, "utf-8")
