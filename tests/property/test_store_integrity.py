"""Whatever is done to a store from outside and inside, it gives out no byte under a digest that it does not have."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from secmount.errors import ContentError, StorageError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.store.cas import Store
from tests.support.memory import MEMORY

CONTENTS = tuple(bytes([number]) * size for number, size in enumerate((0, 1, 7, 300, 5000)))
EXAMPLES = settings().max_examples // 2  # each has up to 12 steps
WHICH = st.integers(0, len(CONTENTS) - 1)


def describing(number: int) -> Descriptor:
    data = CONTENTS[number]
    return Descriptor("a/b", Digest.of(data), len(data))


class StoreMachine(RuleBasedStateMachine):
    """`sure` are the contents that were taken in and not touched since: those must never be lost."""

    @initialize()
    def make(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="secmount-store-", dir=MEMORY)
        self.store = Store(os.path.join(self.folder, "store"), uid=os.getuid())
        self.sure: set[int] = set()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.folder)

    def path(self, number: int) -> Path:
        return Path(self.store.root, "blobs", "sha256", describing(number).digest.hex)

    @rule(wanted=WHICH, given=WHICH, cut=st.integers(0, 9))
    def put(self, wanted: int, given: int, cut: int) -> None:
        data = CONTENTS[given][: max(0, len(CONTENTS[given]) - cut)]
        try:
            self.store.put(describing(wanted), [data[:3], data[3:]])
        except ContentError:
            assert data != CONTENTS[wanted]
            assert wanted not in self.sure
        else:
            self.sure.add(wanted)

    @rule(number=WHICH, data=st.binary(max_size=20), mode=st.sampled_from([0o400, 0o600, 0o666]))
    def plant(self, number: int, data: bytes, mode: int) -> None:
        self.path(number).unlink(missing_ok=True)
        self.path(number).write_bytes(data)
        self.path(number).chmod(mode)
        self.sure.discard(number)

    @rule(number=WHICH, other=WHICH, how=st.sampled_from(["link", "hard", "fifo", "gone"]))
    def replace(self, number: int, other: int, how: str) -> None:
        path = self.path(number)
        if how != "gone" and number == other:
            return
        path.unlink(missing_ok=True)
        self.sure.discard(number)
        if how == "link":
            path.symlink_to(self.path(other))
        elif how == "fifo":
            os.mkfifo(path)
        elif how == "hard" and self.path(other).is_file() and not self.path(other).is_symlink():
            path.hardlink_to(self.path(other))

    @rule(number=WHICH, at=st.integers(0, 4999), byte=st.integers(0, 255))
    def overwrite(self, number: int, at: int, byte: int) -> None:
        path = self.path(number)
        if path.is_file() and not path.is_symlink():
            time.sleep(0.012)  # before Linux 6.13 a change within one tick has the same ctime
            path.chmod(0o600)
            with path.open("r+b") as file:
                file.seek(at)
                file.write(bytes([byte]))
            self.sure -= {one for one in self.sure if self.path(one).samefile(path)}

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = Store(self.store.root, uid=os.getuid())

    @rule(number=WHICH)
    def derive(self, number: int) -> None:
        def write(file: Any) -> None:
            file.write(CONTENTS[number])

        with self.store.derive("test", str(number), write) as blob:
            assert blob.pread(9999, 0) == CONTENTS[number]

    @rule(number=WHICH)
    def remove_derived(self, number: int) -> None:
        Path(self.store.root, "derived", "sha256", describing(number).digest.hex).unlink(missing_ok=True)

    @rule(number=WHICH)
    def ask(self, number: int) -> None:
        held = self.store.has(describing(number))
        assert held or number not in self.sure
        if not held:
            self.sure.discard(number)

    @invariant()
    def gives_only_true_bytes(self) -> None:
        if not hasattr(self, "store"):
            return
        for number, content in enumerate(CONTENTS):
            try:
                with self.store.open(describing(number).digest) as blob:
                    assert blob.pread(9999, 0) == content
                    assert blob.size == len(content)
            except (ContentError, StorageError) as err:
                assert err.code in ("SM5001", "SM7030", "SM7031")
                assert number not in self.sure


TestStore: Any = StoreMachine.TestCase
TestStore.settings = settings(max_examples=EXAMPLES, stateful_step_count=12)
