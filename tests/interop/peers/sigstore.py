"""A private Sigstore on loopback: an OIDC issuer of our own, and the real Fulcio, Rekor and timestamp authority.

Anyone who reaches the issuer's port gets any identity, so everything listens on loopback only and ends with the test.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.interop.peers import certificates, oidc, rekor
from tests.interop.peers.rekor import Log
from tests.interop.peers.run import run, tool
from tests.interop.peers.servers import HOST, STAMPER, free_ports, server, timestamp_authority

IDENTITY = "builder@example.test"
PLACES = ("--allow-http-registry", "--allow-insecure-registry")
_SERVERS = ("fulcio", STAMPER, "ctlog")


@dataclass(frozen=True, slots=True)
class PrivateSigstore:
    """Where its files are, who issues identities, and where its servers were asked."""

    folder: Path
    issuer: str
    oidc_key: rsa.RSAPrivateKey
    fulcio: str
    stamper: str
    log: Log

    @property
    def trusted_root(self) -> Path:
        return self.folder / "trusted_root.json"

    def token(self, email: str = IDENTITY) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": "sigstore", "sub": email, "email": email, "email_verified": True}
        return oidc.token({**claims, "iat": now, "nbf": now, "exp": now + 600}, self.oidc_key)

    def cosign(self, verb: str, *words: str, email: str = IDENTITY, services: str = "signing_config.json") -> str:
        """Sign or attest in a registry, keyless: `sign` NAME@DIGEST, `attest` … NAME@DIGEST."""
        return self._cosign(verb, email, "--signing-config", services, *PLACES, *words)

    def cosign_older(self, verb: str, *words: str, logged: bool = True, stamped: bool = True) -> str:
        """The same in the form that cosign had before bundles."""
        form = ["--new-bundle-format=false", "--use-signing-config=false", "--fulcio-url", self.fulcio]
        form += ["--oidc-issuer", self.issuer]
        form += ["--rekor-url", self.log.url] if logged else ["--tlog-upload=false"]
        form += ["--timestamp-server-url", self.stamper] if stamped else []
        return self._cosign(verb, IDENTITY, *form, *PLACES, *words)

    def _cosign(self, verb: str, email: str, *words: str) -> str:
        token = self.folder / "identity.token"
        token.write_text(self.token(email))
        given = ["--identity-token", str(token), "--trusted-root", "trusted_root.json"]
        home = {"HOME": str(self.folder / "home")}
        return run("cosign", verb, "-y", *given, *words, cwd=self.folder, environment=home)

    def sign_in_python(self, digest: str, bundle: Path) -> None:
        """Sign the sha256 `digest` as cosign does, but with sigstore-python, and write its bundle."""
        trust = {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": json.loads(self.trusted_root.read_text()),
            "signingConfig": json.loads((self.folder / "signing_config.json").read_text()),
        }
        authority = str(self.folder / "issuer-ca.pem")
        environment = {**os.environ, "HOME": str(self.folder / "home"), "REQUESTS_CA_BUNDLE": authority}
        words = [json.dumps(trust), self.token(), digest.removeprefix("sha256:"), str(bundle)]
        command = [sys.executable, "-c", _SIGN, *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr


_SIGN = """
import sys
from pathlib import Path
from sigstore.dsse import StatementBuilder, Subject
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext

trust, token, digest, path = sys.argv[1:]
statement = StatementBuilder(
    subjects=[Subject(name="artifact", digest={"sha256": digest})],
    predicate_type="https://sigstore.dev/cosign/sign/v1",
    predicate={},
).build()
with SigningContext.from_trust_config(ClientTrustConfig.from_json(trust)).signer(IdentityToken(token)) as signer:
    Path(path).write_text(signer.sign_dsse(statement).to_json())
"""


@contextmanager
def private_sigstore(folder: Path, *, older: bool = False) -> Iterator[PrivateSigstore]:
    """Run one in `folder`; at the end of the block its servers are gone, its files stay. `older`: with Rekor v1."""
    for name in (*_SERVERS, *(rekor.TRILLIAN if older else rekor.TILES)):
        tool(name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "home").mkdir(exist_ok=True)
    start = _keys(folder, older=older)
    with ExitStack() as stack:
        oidc_key = rsa.generate_private_key(65537, 2048)
        issuer = stack.enter_context(oidc.issuer(folder, oidc_key))
        ct, fulcio = _certifying(folder, issuer, stack)
        stamper = stack.enter_context(timestamp_authority(folder))
        log = stack.enter_context(rekor.older(folder) if older else rekor.newer(folder))
        made = PrivateSigstore(folder, issuer, oidc_key, fulcio, stamper, log)
        _configure(made, ct, start)
        # sigstore-python cannot read a bundle for log index 0, so a blob that nobody needs takes it.
        (folder / "first.txt").write_text("first")
        made._cosign(
            "sign-blob", IDENTITY, "--signing-config", "signing_config.json", "--bundle", "first.json", "first.txt"
        )
        yield made


def _certifying(folder: Path, issuer: str, stack: ExitStack) -> tuple[str, str]:
    """Run Fulcio and its certificate transparency log; give where both are."""
    ct_port, port, grpc_port = free_ports(3)
    ct_url, url = f"http://{HOST}:{ct_port}", f"http://{HOST}:{port}"
    config = f"oidc-issuers:\n  {issuer}:\n    issuer-url: {issuer}\n    client-id: sigstore\n    type: email\n"
    (folder / "fulcio.yaml").write_text(config)  # Fulcio reads JSON by other names
    ct = ["-listen", f"{HOST}:{ct_port}", "-storage", "ct", "-key", "ct.key", "-roots", "fulcio.pem"]
    stack.enter_context(server(folder, f"{ct_url}/checkpoint", "ctlog", *ct, "-origin", f"{HOST}/ct"))
    ca = ["--ca", "fileca", "--fileca-cert", "fulcio.pem", "--fileca-key", "fulcio.key", "--fileca-key-passwd="]
    fulcio = ["serve", "--host", HOST, "--port", str(port), "--grpc-host", HOST, "--grpc-port", str(grpc_port)]
    fulcio += ["--metrics-port", "0", "--legacy-unix-domain-socket", "fulcio.sock", "--config-path", "fulcio.yaml"]
    fulcio += [*ca, "--fileca-watch=false", "--ct-log-url", ct_url, "--ct-log-public-key-path", "ct.pub"]
    stack.enter_context(server(folder, f"{url}/healthz", "fulcio", *fulcio))
    return ct_url, url


def _configure(made: PrivateSigstore, ct: str, start: str) -> None:
    """Write the trusted root, a signing configuration, and one that names no timestamp authority."""
    root = ["--fulcio", f"url={made.fulcio},certificate-chain=fulcio.pem"]
    root += ["--ctfe", f"url={ct},public-key=ct.pub,start-time={start}"]
    root += ["--tsa", f"url={made.stamper},certificate-chain=tsa-chain.pem"]
    root += ["--rekor", f"url={made.log.url},public-key=rekor.pub,start-time={start},origin={made.log.origin}"]
    run("cosign", "trusted-root", "create", "--out", "trusted_root.json", *root, cwd=made.folder)
    since = f"start-time={start},operator=private"
    services = ["--fulcio", f"url={made.fulcio},api-version=1,{since}"]
    services += ["--oidc-provider", f"url={made.issuer},api-version=1,{since}"]
    services += ["--rekor", f"url={made.log.url},api-version={made.log.version},{since}", "--rekor-config", "ANY"]
    stamper = ["--tsa", f"url={made.stamper},api-version=1,{since}", "--tsa-config", "ANY"]
    for name, more in (("signing_config.json", stamper), ("unstamped.json", [])):
        run("cosign", "signing-config", "create", "--out", name, *services, *more, cwd=made.folder)


def _keys(folder: Path, *, older: bool) -> str:
    """Make the keys, and Fulcio's certificate; give the instant from which they hold."""
    fulcio, ct = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    log = ec.generate_private_key(ec.SECP256R1()) if older else ed25519.Ed25519PrivateKey.generate()
    own = certificates.name("private", "private fulcio")
    (folder / "fulcio.pem").write_bytes(certificates.issue(own, fulcio, own, fulcio, path_length=0))
    for name, key in (("fulcio", fulcio), ("ct", ct), ("rekor", log)):
        (folder / f"{name}.key").write_bytes(certificates.private(key))
        (folder / f"{name}.pub").write_bytes(certificates.public(key))
    return certificates.now().isoformat().replace("+00:00", "Z")
