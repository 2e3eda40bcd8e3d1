"""Kills a process at each of its system calls in turn, and runs several at once: `python -m tests.support.crash …`.

Every round is a fork of one process that has everything imported and no threads. The test reads what is printed.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import OCI_MANIFEST
from secmount.store.cas import Store

CALLS = ("open", "write", "fchmod", "fdatasync", "fsync", "rename", "unlink", "mkdir", "close")
DATA = bytes(range(256)) * 1024
WANTED = Descriptor("application/octet-stream", Digest.of(DATA), len(DATA))
DERIVED = b"derived" * 5000


def derived(file: BinaryIO) -> None:
    """Write what is derived here."""
    file.write(DERIVED)


def chunks() -> Iterator[bytes]:
    """Give DATA in small pieces."""
    for start in range(0, len(DATA), 1 << 16):
        yield DATA[start : start + (1 << 16)]


def work(root: str) -> None:
    """Make a store and everything that goes into one."""
    with Store(root, uid=os.getuid()) as store:
        store.put(WANTED, chunks())
        store.derive("unpacked", "key", derived).close()
        store.index.add([(Descriptor(OCI_MANIFEST, WANTED.digest, WANTED.size), "name")])


def dying(nth: int) -> Callable[[], int]:
    """Let this process be killed before its `nth` call; give a counter of the calls made."""
    made = 0

    def patched(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            nonlocal made
            made += 1
            if made == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **named)

        return call

    for name in CALLS:
        setattr(os, name, patched(getattr(os, name)))
    return lambda: made


def forked(task: Callable[[], object]) -> int:
    """Run `task` in a child; give the status it ended with."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    try:
        task()
    except BaseException as err:  # noqa: BLE001 - the child must end here, whatever happened
        sys.stdout.write(f"child: {err!r}\n")
        sys.stdout.flush()
        os._exit(1)
    os._exit(0)


def each(base: str) -> None:
    """Kill at the first call, the second … in a store of its own each; print `root status` for every one."""
    nth = 0
    while True:
        nth += 1
        root = os.path.join(base, str(nth))

        def task(root: str = root, nth: int = nth) -> None:
            dying(nth)
            work(root)

        status = forked(task)
        sys.stdout.write(f"{root} {status}\n")
        if status == 0:
            return


def often(root: str, rounds: str, seed: str) -> None:
    """Kill at random moments, again and again in one store."""
    source = random.Random(int(seed))
    for _ in range(int(rounds)):
        child = os.fork()
        if not child:
            while True:
                data = source.randbytes(1 << source.randrange(8, 21))
                with Store(root, uid=os.getuid()) as store:
                    store.put(Descriptor("a/b", Digest.of(data), len(data)), [data])
                    store.index.add([(Descriptor(OCI_MANIFEST, Digest.of(data), len(data)), data.hex()[:4])])
        time.sleep(source.uniform(0.0, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        source.random()


def together(root: str, count: str) -> None:
    """Let `count` processes take in one blob, make one object and list different names, all at once."""
    ready, go = os.pipe()
    children = []
    for number in range(int(count)):
        child = os.fork()
        if not child:
            os.close(go)
            os.read(ready, 1)  # end of file when the parent lets all go
            status = forked_body(root, number)
            os._exit(status)
        children.append(child)
    os.close(go)
    for child in children:
        sys.stdout.write(f"{root} {os.waitpid(child, 0)[1]}\n")


def forked_body(root: str, number: int) -> int:
    """One of the processes of `together`."""
    try:
        with Store(root, uid=os.getuid()) as store:
            store.put(WANTED, chunks())
            store.derive("unpacked", "key", derived).close()
            for turn in range(10):
                store.index.add([(Descriptor(OCI_MANIFEST, WANTED.digest, WANTED.size), f"{number}-{turn}")])
            with store.open(WANTED.digest) as blob:
                return 0 if blob.pread(blob.size, 0) == DATA else 3
    except BaseException as err:  # noqa: BLE001 - a child of a fork must not run its parent's code
        sys.stdout.write(f"child {number}: {err!r}\n")
        sys.stdout.flush()
        return 1


if __name__ == "__main__":
    tasks: dict[str, Callable[..., None]] = {"each": each, "often": often, "together": together}
    tasks[sys.argv[1]](*sys.argv[2:])
