"""A private Sigstore on loopback: an OIDC issuer of our own, and the real Fulcio, Rekor v2 and timestamp authority.

Anyone who reaches the issuer's port gets any identity, so everything listens on loopback only and ends with the test.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.interop.peers.run import run, tool
from tests.support.authority import localhost

IDENTITY = "builder@example.test"
HOST = "127.0.0.1"
_SERVERS = ("fulcio", "timestamp-server", "posix", "ctlog")
_PEM = serialization.Encoding.PEM
_Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class PrivateSigstore:
    """Where its files are, and who issues identities."""

    folder: Path
    issuer: str
    oidc_key: rsa.RSAPrivateKey

    @property
    def trusted_root(self) -> Path:
        return self.folder / "trusted_root.json"

    def token(self, email: str = IDENTITY) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": "sigstore", "sub": email, "email": email, "email_verified": True}
        return _jwt({**claims, "iat": now, "nbf": now, "exp": now + 600}, self.oidc_key)

    def cosign(self, verb: str, *words: str, email: str = IDENTITY) -> str:
        """Sign or attest in a registry, keyless: `sign` NAME@DIGEST, `attest` … NAME@DIGEST."""
        token = self.folder / "identity.token"
        token.write_text(self.token(email))
        configuration = ["--signing-config", "signing_config.json", "--trusted-root", "trusted_root.json"]
        places = ["--allow-http-registry", "--allow-insecure-registry"]
        home = {"HOME": str(self.folder / "home")}
        return run(
            "cosign",
            *(verb, "-y", "--identity-token", str(token)),
            *(*configuration, *places, *words),
            cwd=self.folder,
            environment=home,
        )

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
def private_sigstore(folder: Path) -> Iterator[PrivateSigstore]:
    """Run one in `folder`; at the end of the block its servers are gone, its files stay."""
    for name in _SERVERS:
        tool(name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "home").mkdir(exist_ok=True)
    start = _keys(folder)
    with ExitStack() as stack:
        oidc_key = rsa.generate_private_key(65537, 2048)
        issuer = stack.enter_context(_issuer(folder, oidc_key))
        made = PrivateSigstore(folder, issuer, oidc_key)
        urls = _servers(folder, issuer, stack)
        _configuration(folder, issuer, urls, start)
        # sigstore-python cannot read a bundle for log index 0, so a blob that nobody needs takes it.
        (folder / "first.txt").write_text("first")
        token = folder / "identity.token"
        token.write_text(made.token())
        words = [
            "--signing-config",
            "signing_config.json",
            "--trusted-root",
            "trusted_root.json",
            "--bundle",
            "first.json",
        ]
        home = {"HOME": str(folder / "home")}
        run(
            "cosign",
            "sign-blob",
            "-y",
            "--identity-token",
            str(token),
            *words,
            "first.txt",
            cwd=folder,
            environment=home,
        )
        yield made


def _servers(folder: Path, issuer: str, stack: ExitStack) -> dict[str, str]:
    ports = _free_ports(7)
    urls = dict(zip(("ct", "fulcio", "tsa", "rekor"), (f"http://{HOST}:{port}" for port in ports), strict=False))
    config = f"oidc-issuers:\n  {issuer}:\n    issuer-url: {issuer}\n    client-id: sigstore\n    type: email\n"
    (folder / "fulcio.yaml").write_text(config)  # Fulcio reads JSON by other names
    listen = f"{HOST}:{ports[0]}"
    ct = ["-listen", listen, "-storage", "ct", "-key", "ct.key", "-roots", "fulcio.pem", "-origin", f"{HOST}/ct"]
    stack.enter_context(_server(folder, f"{urls['ct']}/checkpoint", "ctlog", *ct))
    ca = ["--ca", "fileca", "--fileca-cert", "fulcio.pem", "--fileca-key", "fulcio.key", "--fileca-key-passwd="]
    fulcio = ["serve", "--host", HOST, "--port", str(ports[1]), "--grpc-host", HOST, "--grpc-port", str(ports[4])]
    fulcio += ["--metrics-port", "0", "--legacy-unix-domain-socket", "fulcio.sock", "--config-path", "fulcio.yaml"]
    fulcio += [*ca, "--fileca-watch=false", "--ct-log-url", urls["ct"], "--ct-log-public-key-path", "ct.pub"]
    stack.enter_context(_server(folder, f"{urls['fulcio']}/healthz", "fulcio", *fulcio))
    tsa = ["serve", "--host", HOST, "--port", str(ports[2]), "--timestamp-signer", "file"]
    tsa += [
        "--file-signer-key-path",
        "tsa.key",
        "--certificate-chain-path",
        "tsa-chain.pem",
        "--disable-ntp-monitoring",
    ]
    stack.enter_context(_server(folder, f"{urls['tsa']}/ping", "timestamp-server", *tsa))
    rekor = ["serve", "--hostname", HOST, "--storage-dir", "rekor", "--signer-filepath", "rekor.key"]
    rekor += [
        "--http-address",
        HOST,
        "--http-port",
        str(ports[3]),
        "--grpc-address",
        HOST,
        "--grpc-port",
        str(ports[5]),
    ]
    rekor += ["--http-metrics-port", str(ports[6]), "--checkpoint-interval", "1s", "--batch-max-age", "100ms"]
    stack.enter_context(_server(folder, f"{urls['rekor']}/healthz", "posix", *rekor))
    return urls


def _configuration(folder: Path, issuer: str, urls: dict[str, str], start: str) -> None:
    root = ["--fulcio", f"url={urls['fulcio']},certificate-chain=fulcio.pem"]
    root += ["--ctfe", f"url={urls['ct']},public-key=ct.pub,start-time={start}"]
    root += ["--tsa", f"url={urls['tsa']}/api/v1/timestamp,certificate-chain=tsa-chain.pem"]
    root += ["--rekor", f"url={urls['rekor']},public-key=rekor.pub,start-time={start},origin={HOST}"]
    run("cosign", "trusted-root", "create", "--out", "trusted_root.json", *root, cwd=folder)
    since = f"start-time={start},operator=private"
    services = ["--fulcio", f"url={urls['fulcio']},api-version=1,{since}"]
    services += ["--oidc-provider", f"url={issuer},api-version=1,{since}"]
    services += ["--tsa", f"url={urls['tsa']}/api/v1/timestamp,api-version=1,{since}", "--tsa-config", "ANY"]
    services += ["--rekor", f"url={urls['rekor']},api-version=2,{since}", "--rekor-config", "ANY"]
    run("cosign", "signing-config", "create", "--out", "signing_config.json", *services, cwd=folder)


@contextmanager
def _server(folder: Path, url: str, name: str, *words: str) -> Iterator[None]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [tool(name), *words],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder / "home"),
                "SSL_CERT_FILE": str(folder / "issuer-ca.pem"),
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        for _ in range(300):
            assert process.poll() is None, (folder / f"{name}.log").read_text()[-2000:]
            if _answers(url):
                break
            time.sleep(0.1)
        else:
            raise AssertionError(f"{name} does not answer at {url}")
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@contextmanager
def _issuer(folder: Path, key: rsa.RSAPrivateKey) -> Iterator[str]:
    authority, certificate, own = localhost()
    (folder / "issuer-ca.pem").write_bytes(authority)
    (folder / "issuer.pem").write_bytes(certificate + own)
    numbers = key.public_key().public_numbers()
    jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": _number(numbers.n), "e": _number(numbers.e)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            base = f"https://localhost:{server.server_port}"
            documents = {
                "/keys": {"keys": [jwk]},
                "/.well-known/openid-configuration": {
                    "issuer": base,
                    "jwks_uri": f"{base}/keys",
                    "authorization_endpoint": f"{base}/auth",
                    "token_endpoint": f"{base}/token",
                    "response_types_supported": ["id_token"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                },
            }
            body = json.dumps(documents.get(self.path, {})).encode()
            self.send_response(200 if self.path in documents else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "issuer.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"https://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _keys(folder: Path) -> str:
    """Make the keys and certificates; give the instant from which they hold."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    fulcio, ct, tsa_root, tsa = (ec.generate_private_key(ec.SECP256R1()) for _ in range(4))
    rekor = ed25519.Ed25519PrivateKey.generate()
    ca = _certificate("private fulcio", fulcio, "private fulcio", fulcio, now, path_length=0)
    root = _certificate("private tsa root", tsa_root, "private tsa root", tsa_root, now, path_length=None)
    leaf = _certificate("private tsa", tsa, "private tsa root", tsa_root, now, stamping=True)
    (folder / "fulcio.pem").write_bytes(ca)
    (folder / "tsa-chain.pem").write_bytes(leaf + root)
    for name, key in (("fulcio", fulcio), ("ct", ct), ("tsa", tsa), ("rekor", rekor)):
        form = serialization.PrivateFormat.PKCS8
        (folder / f"{name}.key").write_bytes(key.private_bytes(_PEM, form, serialization.NoEncryption()))
        public = key.public_key().public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        (folder / f"{name}.pub").write_bytes(public)
    return now.isoformat().replace("+00:00", "Z")


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: dt.datetime,
    *,
    path_length: int | None = None,
    stamping: bool = False,
) -> bytes:
    day = dt.timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day / 24)
        .not_valid_after(now + 3650 * day)
        .add_extension(x509.BasicConstraints(not stamping, path_length), critical=True)
        .add_extension(_usage(signs_certificates=not stamping), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if stamping:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return made.sign(issuer_key, hashes.SHA256()).public_bytes(_PEM)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    names = ((NameOID.ORGANIZATION_NAME, "private"), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in names])


def _jwt(claims: dict[str, object], key: rsa.RSAPrivateKey) -> str:
    head = {"alg": "RS256", "typ": "JWT", "kid": "1"}
    signed = ".".join(_url64(json.dumps(part).encode()) for part in (head, claims))
    return f"{signed}.{_url64(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _number(value: int) -> str:
    return _url64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]
