"""A TUF repository on loopback that does as it is told: rolls back, freezes, rotates keys, signs with too few.

Made with python-tuf's metadata API: one Ed25519 key for each role, consistent snapshots, as Sigstore's are.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from securesystemslib.signer._crypto_signer import CryptoSigner
from tuf.api._payload import MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.metadata import Metadata

ROLES = ("root", "timestamp", "snapshot", "targets")


class Repository:
    """Everything it serves, by path; `publish` signs a new state with the keys of now."""

    def __init__(self, target: bytes, *, days: int = 7) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.agents: set[str] = set()
        self.keys = {role: CryptoSigner.generate_ed25519() for role in ROLES}
        self.days, self.version = days, 0
        self.root = Root(version=1, consistent_snapshot=True)
        for role in ROLES:
            self.root.add_key(self.keys[role].public_key, role)
        self.publish_root()
        self.publish(target)

    @property
    def first(self) -> bytes:
        """The root.json that trust begins with."""
        return self.files["/1.root.json"]

    def publish_root(self, *signers: CryptoSigner) -> None:
        """Publish the next root, signed by `signers` or the root key of now."""
        self.root.version = 1 + len([name for name in self.files if name.endswith(".root.json")])
        self.root.expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=365)
        whole = Metadata(self.root)
        for signer in signers or (self.keys["root"],):
            whole.sign(signer, append=True)
        self.files[f"/{self.root.version}.root.json"] = whole.to_bytes()

    def rotate(self, role: str, *, by_old: bool = True) -> None:
        """Exchange the key of `role`; a new root key has to be signed for by the old one, too."""
        old, new = self.keys[role], CryptoSigner.generate_ed25519()
        self.root.revoke_key(old.public_key.keyid, role)
        self.root.add_key(new.public_key, role)
        self.keys[role] = new
        if role == "root":
            self.publish_root(*((old, new) if by_old else (new,)))
        else:
            self.publish_root()

    def publish(
        self, target: bytes, *, version: int | None = None, days: int | None = None, name: str = "trusted_root.json"
    ) -> None:
        """Publish a state with one target."""
        self.version = version or self.version + 1
        ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=self.days if days is None else days)
        digest = hashlib.sha256(target).hexdigest()
        targets = Targets(version=self.version, expires=ends)
        targets.targets[name] = TargetFile(len(target), {"sha256": digest}, name)
        self.files[f"/targets/{digest}.{name}"] = target
        raw = self._signed(targets, "targets")
        self.files[f"/{self.version}.targets.json"] = raw
        snapshot = Snapshot(version=self.version, expires=ends, meta={"targets.json": MetaFile(self.version)})
        raw = self._signed(snapshot, "snapshot")
        self.files[f"/{self.version}.snapshot.json"] = raw
        timestamp = Timestamp(version=self.version, expires=ends, snapshot_meta=MetaFile(self.version))
        self.files["/timestamp.json"] = self._signed(timestamp, "timestamp")

    def _signed(self, part: Any, role: str) -> bytes:
        whole = Metadata(part)
        whole.sign(self.keys[role])
        return whole.to_bytes()

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve on loopback; give the address."""
        repository = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                repository.asked.append(self.path)
                repository.agents.add(self.headers["User-Agent"])
                body = repository.files.get(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
