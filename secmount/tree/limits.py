"""How much an artifact may make of itself: the bounds of unpacking and flattening. Design 3.6; docs/formats/tree.md."""

from __future__ import annotations

from secmount.value import dataclass

# Not configurable, because the file systems and the kernel have them: 255 bytes a name, 4096 a path, 128 components
# (`oci.layer`).
TARGET_LIMIT = 4095  # bytes of a symlink's target; PATH_MAX with its NUL
EXTENDED_LIMIT = 1 << 20  # bytes of one pax or GNU long-name record; Go's archive/tar has the same bound
TRAILER_LIMIT = (
    16 << 20
)  # bytes of zeros after an archive's end; GNU tar pads to its blocking factor, 10 KiB by default
STEPS_LIMIT = 32_000_000  # components that symlinks of one tree may lead through, all together; a few seconds
MEMBERS_LIMIT = 2_000_000  # gzip members or zstd frames of a layer; lazy formats have one a file, empty ones cost time
RATIO_FREE = 256 << 20  # bytes that any compressed layer may unpack to, whatever the ratio


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one artifact; a rule's `max-unpacked-size` lowers `unpacked`."""

    entries: int = 1_000_000  # entries of all archives and files together, extension headers counted
    names: int = 256 << 20  # bytes of all their paths and link targets together
    unpacked: int = 1 << 40  # bytes of file content of all layers together, what later layers replace counted
    ratio: int = 200  # unpacked to packed, beyond RATIO_FREE; deflate alone can reach 1032
