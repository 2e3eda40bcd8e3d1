"""The real Notation: an authority of a company, leaves under it, and the commands that sign and judge in a registry."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.interop.peers import certificates
from tests.interop.peers.certificates import Signing
from tests.interop.peers.run import run, tool

_CURVES = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
KINDS = (*_CURVES, "rsa2048", "rsa3072")


def key(kind: str) -> Signing:
    """Make a private key of one of KINDS."""
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind])
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))


def _subject(common: str) -> x509.Name:
    """Give a name with what Notation's trust policies ask for: country, state and organisation."""
    where = ((NameOID.COUNTRY_NAME, "DE"), (NameOID.STATE_OR_PROVINCE_NAME, "Berlin"))
    begin = [x509.NameAttribute(oid, text) for oid, text in where]
    return x509.Name([*begin, *certificates.name("Acme", common)])


@dataclass(frozen=True, slots=True)
class Notation:
    """Notation's configuration in `folder`: an authority, an issuer under it, and one signing key of each of KINDS."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Notation:
        made = cls(folder)
        (folder / "notation").mkdir(parents=True)
        root, issuer = key("p384"), key("p256")
        (folder / "root.pem").write_bytes(
            certificates.issue(_subject("Acme CA"), root, _subject("Acme CA"), root, path_length=1)
        )
        (folder / "issuer.pem").write_bytes(
            certificates.issue(_subject("Acme signing"), issuer, _subject("Acme CA"), root, path_length=0)
        )
        (folder / "issuer.key").write_bytes(certificates.private(issuer))
        for kind in KINDS:
            made.add(kind, kind=kind)
        return made

    @property
    def root(self) -> Path:
        return self.folder / "root.pem"

    def add(self, name: str, *, kind: str = "p256", life: timedelta = 30 * certificates.DAY) -> None:
        """Give Notation a signing key `name`, with a certificate of CN=release."""
        private, use = key(kind), ExtendedKeyUsageOID.CODE_SIGNING
        issuer = certificates.read((self.folder / "issuer.key").read_bytes())
        leaf = certificates.issue(_subject("release"), private, _subject("Acme signing"), issuer, use=use, life=life)
        above = (self.folder / "issuer.pem").read_bytes() + self.root.read_bytes()
        (self.folder / f"{name}.crt").write_bytes(leaf + above)
        (self.folder / f"{name}.key").write_bytes(certificates.private(private))
        known = [one.stem for one in sorted(self.folder.glob("*.crt"))]
        rows = [
            {"name": one, "keyPath": f"{self.folder / one}.key", "certPath": f"{self.folder / one}.crt"}
            for one in known
        ]
        (self.folder / "notation/signingkeys.json").write_text(json.dumps({"keys": rows}))

    def sign(self, name: str, *words: str, by: str = "p256") -> None:
        """Sign `host/path@digest` in a registry."""
        run("notation", "sign", "--insecure-registry", "--key", by, *words, name, environment=self._environment)

    def trust(self, root: Path, subject: str, *stampers: Path) -> None:
        """Have Notation trust `subject` under `root`, and the stamps under `stampers` if there are any."""
        stores = {"ca": (root,), "tsa": stampers}
        for kind, anchors in stores.items():
            folder = self.folder / f"notation/truststore/x509/{kind}/corp"
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.iterdir():
                old.unlink()
            for number, anchor in enumerate(anchors):
                (folder / f"{number}.pem").write_bytes(anchor.read_bytes())
        rule = {
            "name": "corp",
            "registryScopes": ["*"],
            "signatureVerification": {"level": "strict"},
            "trustStores": [f"{kind}:corp" for kind, anchors in stores.items() if anchors],
            "trustedIdentities": [f"x509.subject: {subject}"],
        }
        (self.folder / "notation/trustpolicy.json").write_text(json.dumps({"version": "1.0", "trustPolicies": [rule]}))

    def accepts(self, name: str) -> bool:
        """Let Notation judge `host/path@digest` by what it trusts."""
        done = subprocess.run(
            [tool("notation"), "verify", "--insecure-registry", name],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.returncode == 0

    @property
    def _environment(self) -> dict[str, str]:
        return {"XDG_CONFIG_HOME": str(self.folder), "HOME": str(self.folder)}
