"""A small model as files, and what of it a mount must show under a policy that withholds pickles."""

from __future__ import annotations

from pathlib import Path

ARTIFACT_TYPE = "application/vnd.acme.model"
FILES = {
    "config.json": b'{"architectures": ["Tiny"]}\n',
    "weights.bin": bytes(range(256)) * 64,
    "extra.pkl": b"\x80\x04N.",
    "tokenizer/vocab.txt": b"a\nb\nc\n",
    "tokenizer/cache.pkl": b"\x80\x04N.",
}
LAYERS = [
    "config.json:application/json",
    "weights.bin:application/octet-stream",
    "extra.pkl:application/octet-stream",
    "tokenizer/",
]
WITHHELD = {"extra.pkl", "tokenizer/cache.pkl"}
SEEN = {name: data for name, data in FILES.items() if name not in WITHHELD}


def write(folder: Path) -> Path:
    """Write the files below `folder`."""
    for name, data in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def read(folder: Path) -> dict[str, bytes]:
    """Read every file below `folder`."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
