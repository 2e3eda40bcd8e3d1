"""A keyless signature: one verification beside sigstore-python's own, and whole `secmount verify` processes.

    python -m tests.bench.trust [--rounds 9] [--repeat 300]

The verification is everything from the bundle's bytes to a named principal, in a process that has imported all: our
own checks, then sigstore-python's, since both must accept. Its peer is sigstore-python alone, on the same bundle. No
two bundles of a hundred have the same certificate, so that only what authorities say is remembered as read.
"""

from __future__ import annotations

import argparse
import gc
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier, policy
from sigstore_models.trustroot.v1 import TrustedRoot as Document

from tests.bench.measure import Row, interleave, line
from tests.bench.place import ROOT, Place, make
from tests.support import keyless, keys
from tests.support.keyless import Keyless
from tests.support.layouts import BUNDLE, Layout
from tests.support.minisig import GITHUB, MiniSigstore
from tests.unit.trust import world

FORMS = {
    "dsse entry of Rekor v1, its promise": Keyless(statement=world.STATEMENT),
    "hashedrekord entry of Rekor v2, a time stamp": Keyless(statement=world.STATEMENT, rekor=2, stamps=1),
}
TARGET = 3.0  # ms
SEVERAL = 100  # bundles, each with a certificate of its own: more than are remembered as read


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.trust")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--repeat", type=int, default=300)
    options = parser.parse_args()
    gc.set_threshold(100_000)  # as secmount's own start sets it
    print("| one keyless verification, ms | target | median | fastest | sigstore-python alone (fastest) | of it |")
    for form, what in FORMS.items():
        print(verification(form, what, options.repeat))
    scratch = ROOT / ".bench"
    scratch.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        place = make(Path(name))
        rows = list(processes(place))
        interleave(rows, options.rounds, place.environment, place.folder)
        print("| what, whole process | target | median | range | processor | | n |")
        for row in rows:
            print(line(row))


def verification(form: str, what: Keyless, repeat: int) -> str:
    """Time both in turn."""
    several, signer = cycle([world.made(what) for _ in range(SEVERAL)]), world.signer()
    root = TrustedRoot(Document.from_json(world.plain_root().raw))
    verifier = Verifier(trusted_root=root)
    named = policy.AllOf([policy.OIDCIssuer(GITHUB)])

    def mine(raw: bytes) -> None:
        assert world.judged(raw, signer).signatures

    def theirs(raw: bytes) -> None:
        verifier.verify_dsse(Bundle.from_json(raw), named)

    pairs = [(milliseconds(mine, raw), milliseconds(theirs, raw)) for raw in islice(several, repeat)]
    ours, peers = ([pair[side] for pair in pairs[repeat // 10 :]] for side in (0, 1))
    median, peer = statistics.median(ours), statistics.median(peers)
    alone = f"{peer:.2f} ({min(peers):.2f}) | {median / peer:.2f} ×"
    return f"| {form} | ≤ {TARGET} | {median:.2f} | {min(ours):.2f} | {alone} |"


def milliseconds(step: Callable[[bytes], None], raw: bytes) -> float:
    """Time a step."""
    began = time.perf_counter()
    step(raw)
    return (time.perf_counter() - began) * 1000


def processes(place: Place) -> Iterator[Row]:
    """A keyless artifact in a layout, for the first time and again."""
    reference = artifact(place)
    way = ("--policy", str(place.folder / "keyless"))
    store, state = place.folder / "store-first", place.folder / "state"
    first = place.command("verify", reference, *way, "--store", str(store))
    place.run("verify", reference, *way)
    yield Row("python -c pass (the floor)", "ms", None, [str(place.folder / "venv/bin/python"), "-c", "pass"])
    yield Row("secmount verify, keyless, first", "ms", 900, first, after=lambda: shutil.rmtree(store))
    yield Row(
        "secmount verify, keyless, first: the policy's module is compiled, too",
        "ms",
        None,
        first,
        after=lambda: shutil.rmtree(store),
        before=lambda: shutil.rmtree(state / "modules"),
    )
    yield Row("secmount verify, keyless, again: remembered", "ms", 250, place.command("verify", reference, *way))


def artifact(place: Place) -> str:
    """Write a layout with a keyless signature, and a policy that trusts who made it; give its reference."""
    sigstore, layout = MiniSigstore(), Layout(place.folder / "layouts/keyless")
    row = layout.add_manifest([layout.add_file("weights", b"weights")])
    layout.tag(row, "v1")
    statement = json.dumps(keys.statement(row["digest"])).encode()
    layout.attach_referrer(row, keyless.bundle(sigstore, Keyless(statement=statement, rekor=2, stamps=1)), BUNDLE)
    layout.write_index()
    root, reference = place.folder / "root.json", f"oci:{place.folder}/layouts/keyless:v1"
    root.write_bytes(sigstore.trusted_root())
    words = ("--from", reference, "--trusted-root", str(root), "--yes")
    place.run("policy init", "--policy", str(place.folder / "keyless"), *words)
    return reference


if __name__ == "__main__":
    main()
