"""Coverage-guided changes to signature material, with atheris: a value or a code, nothing else, within a second.

    python -m tests.soak.fuzz_signatures [-runs=N] [-max_total_time=SECONDS] [-seed=N] [CORPUS…]

The first byte says which parser; one sound document for each is the first corpus. Options are libFuzzer's.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

LIMITS = ["-timeout=1", "-rss_limit_mb=1024", "-max_len=16384"]
Read = Callable[[bytes], object]


def main(arguments: list[str]) -> None:
    """Fuzz; does not return."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["secmount.trust", "secmount.oci.exact"]):
        from secmount.errors import ContentError, TrustError
        from tests.soak.signatures import parsers

        reads = parsers()

    def one(data: bytes) -> None:
        read = reads[data[0] % len(reads)][0] if data else reads[0][0]
        try:
            read(data[1:])
        except (ContentError, TrustError) as err:
            if not err.code.startswith(("SM2", "SM5")):
                raise

    with tempfile.TemporaryDirectory() as folder:
        for number, (_, sound) in enumerate(reads):
            (Path(folder) / str(number)).write_bytes(bytes([number]) + sound)
        atheris.Setup([sys.argv[0], *LIMITS, *arguments, folder], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
