"""Start of the program. `--version` and `completion` are answered before anything heavy is imported."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run secmount with the process's arguments and leave with design 3.1's exit status."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from secmount import __version__

        print(f"secmount {__version__}")
        return
    if len(sys.argv) == 3 and sys.argv[1] == "completion" and not sys.argv[2].startswith("-"):
        from secmount.cli.program import scripts

        if sys.argv[2] in scripts.SHELLS:
            sys.stdout.write(scripts.read(sys.argv[2]))
            return
    gc.set_threshold(100_000)  # a command lives for moments: going through what was imported took a tenth of them
    from secmount.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
