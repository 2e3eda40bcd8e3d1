"""Coverage-guided changes to archives, with atheris: a tree or a code of the tree, nothing else, within a second.

    python -m tests.soak.fuzz_archives [-runs=N] [-max_total_time=SECONDS] [-seed=N] [CORPUS…]

Options are libFuzzer's. The seeds of tests/support/mutation.py are the first corpus. atheris has wheels for some
Pythons and machines only; elsewhere this is skipped.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

LIMITS = ["-timeout=1", "-rss_limit_mb=512", "-max_len=16384"]


def main(arguments: list[str]) -> None:
    """Fuzz; does not return."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["secmount.tree", "secmount.oci"]):
        from secmount.errors import ContentError
        from tests.support.mutation import STREAMS, judge, rehead

    def one(data: bytes) -> None:
        image, repair, data = bool(data[:1] > b"\x7f"), bool(data[1:2] > b"\x7f"), data[2:]
        try:
            judge(rehead(data) if repair else data, image=image)
        except ContentError as err:
            if not err.code.startswith("SM51"):
                raise

    with tempfile.TemporaryDirectory() as folder:
        for number, (data, _) in enumerate(STREAMS):
            (Path(folder) / str(number)).write_bytes(b"\xff\xff" + data)
            (Path(folder) / f"{number}-plain").write_bytes(b"\x00\x00" + data)
        atheris.Setup([sys.argv[0], *LIMITS, *arguments, folder], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
