"""Start of the program. `--version` and `completion` are answered before anything heavy is imported."""

from __future__ import annotations

import atexit
import gc
import os
import sys

_INTERRUPTED = 130  # as cli.main leaves, which may not be imported yet


def main() -> None:
    """Run secmount with the process's arguments and leave with design 3.1's exit status."""
    status = 0
    try:
        status = _run(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:  # while it was starting
        status = _INTERRUPTED
        print("interrupted", file=sys.stderr)
    except BrokenPipeError:
        pass  # the reader has seen enough, which changes nothing about how it went
    except OSError as err:
        from secmount.cli.main import unprinted

        status = unprinted(err, "version")
    _leave(status)


def _run(argv: list[str]) -> int:
    if argv in (["--version"], ["-V"]):
        from secmount import __version__

        print(f"secmount {__version__}")
        return 0
    if len(argv) == 2 and argv[0] == "completion" and not argv[1].startswith("-"):
        from secmount.cli.program import scripts

        if argv[1] in scripts.SHELLS:
            sys.stdout.write(scripts.read(argv[1]))
            return 0
    gc.set_threshold(100_000)  # a command lives for moments: going through what was imported took a tenth of them
    from secmount.cli.main import run

    return run(argv)


def _leave(status: int) -> None:
    """End the process without taking apart what was imported: that was a tenth of a short command's time.

    Whatever must outlast it is on disk, and closed, when `run` returns. What libraries wish to be called at the end is
    called. An output that cannot be flushed, or a thread that is waited for, gets the interpreter's own end.
    """
    threading = sys.modules.get("threading")
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()] if threading else []
    if any(not thread.daemon for thread in others):
        sys.exit(status)
    atexit._run_exitfuncs()  # noqa: SLF001  # its only name
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # what came after the flush in `main` was for standard error, and there is no other place to tell it
    os._exit(status)


if __name__ == "__main__":
    main()
