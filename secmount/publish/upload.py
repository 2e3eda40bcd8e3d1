"""Write a package: what is there already is not sent again, and the manifest comes last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from secmount.oci.descriptor import Descriptor
from secmount.publish.pack.package import Package
from secmount.publish.writer import Writer
from secmount.value import dataclass

Progress = Callable[[Descriptor, int], None]  # a blob, how many of its bytes are written


@dataclass(frozen=True, slots=True)
class Pushed:
    """What came of it: bytes sent, and bytes that were there before."""

    manifest: Descriptor
    sent: int
    present: int


def upload(package: Package, writer: Writer, *, tag: str | None, progress: Progress | None = None) -> Pushed:
    """Write everything; raise what the writer raises, and `InputError` SM1034 for a file that changed meanwhile."""
    sent = present = 0
    done: set[Descriptor] = set()
    for blob in package.blobs:
        same = Descriptor(blob.descriptor.media_type, blob.descriptor.digest, blob.descriptor.size)
        if same in done:
            continue
        done.add(same)
        if writer.has(blob.descriptor):
            present += blob.descriptor.size
            if progress is not None:
                progress(blob.descriptor, blob.descriptor.size)
        else:
            data = blob.data if progress is None else _Counted(blob.data, blob.descriptor, progress)
            writer.put(blob.descriptor, data)
            sent += blob.descriptor.size
    return Pushed(writer.add_document(package.raw, tag=tag), sent, present)


class _Counted(Iterable[bytes]):
    def __init__(self, data: bytes | Iterable[bytes], blob: Descriptor, progress: Progress) -> None:
        self._data, self._blob, self._progress = data, blob, progress

    def __iter__(self) -> Iterator[bytes]:
        done = 0
        for chunk in [self._data] if isinstance(self._data, bytes) else self._data:
            yield chunk
            done += len(chunk)
            self._progress(self._blob, done)
