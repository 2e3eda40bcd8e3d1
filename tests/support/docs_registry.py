"""The registry that documentation pages speak with: a real one, with a private authority's certificate and one user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.interop.peers.distribution import distribution
from tests.support.authority import localhost

HOST = "localhost:5000"  # as pages write it
USER, PASSWORD = "ada", "correct horse"
_HASH = "$2b$04$Z.Ytfpt0/l1MbLi6nVBYZeJ9b0vquqWHwzCwmQ1QSKM8Z7HHS3cHy"  # bcrypt of PASSWORD
FILES = {
    "config.json": b'{"architectures": ["Tiny"]}\n',
    "model.safetensors": bytes(range(256)) * 256,
    "preprocess.pkl": b"\x80\x04N.",
    "tokenizer/vocab.json": b"{}\n",
}


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Run it; give its host. `folder` gets bert/…, ca.pem, password.txt and a configuration that names them."""
    for name, data in FILES.items():
        path = folder / "bert" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    hidden = folder / ".registry"
    hidden.mkdir()
    (folder / "password.txt").write_text(PASSWORD + "\n")
    (hidden / "passwords").write_text(f"{USER}:{_HASH}\n")
    authority, certificate, key = localhost()
    (folder / "ca.pem").write_bytes(authority)
    (hidden / "server.pem").write_bytes(certificate)
    (hidden / "server.key").write_bytes(key)
    with (folder / "config.toml").open("a") as file:
        file.write(f'[registry]\nca-file = "{folder}/ca.pem"\nauthfile = "{folder}/auth.json"\n')
    tls = (hidden / "server.pem", hidden / "server.key")
    with distribution(hidden / "run", tls=tls, passwords=hidden / "passwords") as running:
        yield running.host
