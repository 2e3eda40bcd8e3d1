from __future__ import annotations

from dataclasses import dataclass

import pytest

from secmount.errors import MountError
from secmount.mount.backend import Backend, Mounted, Opener, Options
from secmount.mount.choose import choose
from secmount.mount.target import Target
from secmount.tree.node import Tree


@dataclass(frozen=True)
class Stub:
    name: str
    reason: str | None = None
    mounting: bool = True

    def probe(self) -> str | None:
        return self.reason

    def mount(self, tree: Tree, target: Target, options: Options, opener: Opener) -> Mounted:
        raise AssertionError

    def unmount(self, mounted: Mounted, *, lazy: bool) -> tuple[str, ...]:
        raise AssertionError


COPY = Stub("copy", mounting=False)


def backends(*given: Backend) -> dict[str, Backend]:
    return {backend.name: backend for backend in given}


def test_the_first_that_mounts_and_works_is_taken() -> None:
    assert choose(None, backends(Stub("erofs", "no root"), Stub("fuse"), COPY)).name == "fuse"


def test_a_copy_is_never_taken_unless_it_is_named() -> None:
    with pytest.raises(MountError) as caught:
        choose(None, backends(COPY, Stub("erofs", "no root"), Stub("fuse", "no fusermount3")))
    assert caught.value.code == "SM6001"
    assert caught.value.got == "erofs: no root; fuse: no fusermount3"
    assert caught.value.help == ("--backend copy (files are copied: not mounted, nothing enforced)",)
    assert choose("copy", backends(COPY)).name == "copy"


def test_a_named_backend_that_does_not_work_is_not_replaced() -> None:
    with pytest.raises(MountError) as caught:
        choose("erofs", backends(Stub("erofs", "no root"), Stub("fuse"), COPY))
    assert (caught.value.code, caught.value.subject, caught.value.got) == ("SM6003", "erofs", "no root")


def test_an_unknown_backend_is_a_usage_error_that_lists_the_known() -> None:
    with pytest.raises(MountError) as caught:
        choose("zfs", backends(Stub("erofs"), COPY))
    assert (caught.value.code, caught.value.want) == ("SM6002", "erofs, copy")
