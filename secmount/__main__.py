"""Start of the program. `--version` is answered before anything heavy is imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Run secmount with the process's arguments and leave with design 3.1's exit status."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from secmount import __version__

        print(f"secmount {__version__}")
        return
    from secmount.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
