"""An issuer of identities on loopback: whoever has its key is whoever they say."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.interop.peers.servers import HOST
from tests.support.authority import localhost


@contextmanager
def issuer(folder: Path, key: rsa.RSAPrivateKey) -> Iterator[str]:
    """Run one whose tokens `key` signs; give its name. Its authority's certificate is `issuer-ca.pem`."""
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


def token(claims: Mapping[str, object], key: rsa.RSAPrivateKey) -> str:
    """Sign a JWT."""
    head = {"alg": "RS256", "typ": "JWT", "kid": "1"}
    signed = ".".join(_url64(json.dumps(part).encode()) for part in (head, claims))
    return f"{signed}.{_url64(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _number(value: int) -> str:
    return _url64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
