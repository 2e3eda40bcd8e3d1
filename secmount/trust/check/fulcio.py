"""What a Sigstore certificate says of its holder. Fulcio `docs/certificate-specification.md`, `docs/oid-info.md`.

Read after the chain was checked: before that it is anybody's word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType

from cryptography import x509

from secmount.errors import TrustError
from secmount.trust.check import der
from secmount.trust.check.certificate import Certificate
from secmount.trust.claims import CLAIMS, FULCIO
from secmount.value import dataclass

_ISSUER_TEXT, _ISSUER = f"{FULCIO}.1", f"{FULCIO}.8"
_OTHER_NAME = x509.ObjectIdentifier(f"{FULCIO}.7")  # a user name without a domain


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the certificate authority says the holder is, and everything else it says about the occasion."""

    issuer: str
    name: str  # the subject alternative name
    claims: Mapping[str, str] = field(hash=False)

    @property
    def principal(self) -> str:
        """One name for one signer: a workflow is the same one at every branch and tag, `@` in their names or not."""
        return f"{self.issuer} {self._place if self.name.startswith('https://') else self.name}"

    @property
    def _place(self) -> str:
        place, mark, _ = self.name.partition("@refs/")
        return place if mark else self.name.rpartition("@")[0] or self.name


def read(leaf: Certificate) -> Identity:
    """Read the identity in `leaf`; raise `TrustError` SM2024 for none, several, or two issuers."""
    found: dict[str, bytes] = {}
    for extension in leaf.extensions:
        if isinstance(extension.value, x509.UnrecognizedExtension):
            found[extension.oid.dotted_string] = extension.value.value
    try:
        issuer = _issuer(found)
        claims = {
            name: _claim(found[f"{FULCIO}.{arc}"], arc) for name, arc in CLAIMS.items() if f"{FULCIO}.{arc}" in found
        }
        return Identity(issuer, _name(leaf), MappingProxyType(claims))
    except ValueError as err:
        want = "one issuer and one subject alternative name, as Fulcio writes them"
        raise TrustError("SM2024", subject=leaf.subject or None, got=str(err), want=want) from err


def _issuer(found: Mapping[str, bytes]) -> str:
    """Give the issuer; the older extension is bare text, the newer one DER, and where both are there they agree."""
    said = {_text(found[_ISSUER])} if _ISSUER in found else set()
    if _ISSUER_TEXT in found:
        said.add(found[_ISSUER_TEXT].decode("utf-8"))
    if len(said) != 1:
        raise ValueError(" and ".join(map(repr, sorted(said))) or "no issuer")
    issuer = said.pop()
    if not issuer or not issuer.isprintable() or " " in issuer:
        raise ValueError(f"issuer {issuer!r}")
    return issuer


def _claim(value: bytes, arc: int) -> str:
    return value.decode("utf-8") if arc <= 6 else _text(value)


def _text(value: bytes) -> str:
    return der.read(value, der.UTF8).content.decode("utf-8")


def _name(leaf: Certificate) -> str:
    try:
        names = list(leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        names = []
    if len(names) != 1:
        raise ValueError(f"{len(names)} subject alternative names")
    match names[0]:
        case x509.RFC822Name() | x509.UniformResourceIdentifier() as name:
            text = name.value
        case x509.OtherName() as name if name.type_id == _OTHER_NAME:
            text = _text(name.value)
        case name:
            raise ValueError(f"a subject alternative name of kind {type(name).__name__}")
    if not text or not text.isprintable():
        raise ValueError(f"subject alternative name {text!r}")
    return text
