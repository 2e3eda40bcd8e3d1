"""Attacks on Notary Project signatures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from secmount.trust.signer import Signer
from tests.support import notary, shelf
from tests.support.keys import Signed
from tests.support.layouts import Json, describe, encode
from tests.support.minisig import NOW, b64
from tests.support.notary import EXPIRY, SCHEME, STAMP, TIME
from tests.unit.trust import corporate, world
from tests.unit.trust.attacks.formats.build import FormatAttack, Make, company, put, referring, remove
from tests.unit.trust.bench import MODEL, OTHER, RELEASE
from tests.unit.trust.corporate import issuing, key, leaf, root

TARGET = describe(MODEL.raw, MODEL.media_type)


def signed(
    target: Json = TARGET, *, layer_type: str = notary.JWS, edit_manifest: Any = None, **more: Any
) -> Callable[[], Signed]:
    """Make a signature by the company's leaf, but for `more`."""

    def make() -> Signed:
        given = dict(more)
        pair = given.pop("pair", None) or key()
        own = given.pop("leaf", None) or leaf(pair.private)
        chain = given.pop("chain", None) or (own, issuing().certificate, root().certificate)
        data = notary.envelope(target, pair, chain, **given)
        return notary.attach(shelf.row_of(MODEL), data, layer_type=layer_type, edit_manifest=edit_manifest)

    return make


def made(*target: Json, **more: Any) -> Make:
    return referring(signed(*target, **more))


def token(*, foreign: bool = False, other: bool = False) -> Callable[[bytes], bytes]:
    """Stamp a signature, and give the bare token, as the specification wants."""

    def stamp(signature: bytes) -> bytes:
        response = (world.sigstore(1) if foreign else world.sigstore()).stamp(b"another" if other else signature)
        return bare(response)

    return stamp


def bare(response: bytes) -> bytes:
    """Take the token out of a response whose status is five bytes."""
    start = 2 + (response[1] & 0x7F if response[1] & 0x80 else 0)
    return response[start + 5 :]


def nobody() -> Mapping[str, Signer]:
    return {"corp": corporate.stamping(subject={"CN": "release", "O": "Other"})}


def revoking() -> Mapping[str, Signer]:
    lists = corporate.revoking(_REVOKED.serial_number) + corporate.revoking(by=root())
    return {"corp": corporate.stamping(crl=lists)}


def unlisted() -> Mapping[str, Signer]:
    return {"corp": corporate.stamping(crl=corporate.revoking(by=root()))}


_REVOKED = leaf()
NOTARY = tuple(
    FormatAttack(name, text, code, make, by)
    for name, text, code, make, by in (
        (
            "notary-copied",
            "an envelope about another artifact",
            "SM2007",
            made(describe(OTHER.raw, OTHER.media_type)),
            company,
        ),
        ("notary-size", "a target of another size", "SM2007", made({**TARGET, "size": TARGET["size"] + 1}), company),
        (
            "notary-type",
            "a target of another media type",
            "SM2007",
            made({**TARGET, "mediaType": "application/x"}),
            company,
        ),
        (
            "notary-payload",
            "the payload of another signature",
            "SM2005",
            made(edit=put("payload", to=notary.b64url(b"{}"))),
            company,
        ),
        (
            "notary-header",
            "a protected header of another signature",
            "SM2005",
            made(
                edit=put(
                    "protected", to=notary.b64url(encode(notary.header("ES256", signed_at="2026-11-25T00:00:00Z")))
                )
            ),
            company,
        ),
        (
            "notary-crit",
            "a plugin that must verify, too",
            "SM2061",
            made(edit_header=lambda head: head["crit"].append("io.cncf.notary.verificationPlugin")),
            company,
        ),
        (
            "notary-plugin-loose",
            "a plugin that must verify, too, and is not marked as critical",
            "SM2061",
            made(edit_header=put("io.cncf.notary.verificationPlugin", to="com.example.plugin")),
            company,
        ),
        ("notary-crit-none", "a header without crit", "SM2060", made(edit_header=remove("crit")), company),
        ("notary-crit-empty", "a scheme that is not critical", "SM2060", made(edit_header=put("crit", to=[])), company),
        (
            "notary-crit-twice",
            "a critical header named twice",
            "SM2060",
            made(edit_header=put("crit", to=[SCHEME, SCHEME])),
            company,
        ),
        (
            "notary-expiry-loose",
            "an expiry that is not critical",
            "SM2060",
            made(expiry="2030-01-01T00:00:00Z", edit_header=put("crit", to=[SCHEME])),
            company,
        ),
        (
            "notary-expiry-absent",
            "a critical expiry that is not there",
            "SM2060",
            made(edit_header=put("crit", to=[SCHEME, EXPIRY])),
            company,
        ),
        (
            "notary-expired",
            "a signature after its signed expiry",
            "SM2039",
            made(expiry="2026-01-01T00:00:00Z"),
            company,
        ),
        (
            "notary-authority",
            "a scheme in which somebody else says the time",
            "SM2062",
            made(edit_header=put(SCHEME, to="notary.x509.signingAuthority")),
            company,
        ),
        ("notary-scheme", "a scheme of another kind", "SM2060", made(edit_header=put(SCHEME, to=1)), company),
        ("notary-time", "no signing time", "SM2060", made(edit_header=remove(TIME)), company),
        (
            "notary-content-type",
            "another content type",
            "SM2060",
            made(edit_header=put("cty", to="application/json")),
            company,
        ),
        ("notary-none", "the algorithm none", "SM2060", made(edit_header=put("alg", to="none")), company),
        (
            "notary-hmac",
            "a symmetric algorithm over the public key",
            "SM2060",
            made(edit_header=put("alg", to="HS256")),
            company,
        ),
        (
            "notary-algorithm",
            "an algorithm that is not the key's",
            "SM2040",
            made(edit_header=put("alg", to="ES384")),
            company,
        ),
        (
            "notary-weak-hash",
            "a weaker hash than the key's own",
            "SM2040",
            made(pair=key("p384"), name="ES256"),
            company,
        ),
        (
            "notary-der",
            "an ECDSA signature in DER",
            "SM2005",
            made(
                edit=lambda whole: whole.update(
                    signature=notary.b64url(key().sign(f"{whole['protected']}.{whole['payload']}".encode()))
                )
            ),
            company,
        ),
        (
            "notary-key",
            "a signature by another key than the certificate's",
            "SM2005",
            made(pair=key("p521"), leaf=leaf(), name="ES512", edit_header=put("alg", to="ES256")),
            company,
        ),
        ("notary-chain-none", "no certificates", "SM2060", made(edit=put("header", "x5c", to=[])), company),
        (
            "notary-chain-long",
            "endless certificates",
            "SM2013",
            made(edit=lambda whole: put("header", "x5c", to=whole["header"]["x5c"] * 4)(whole)),
            company,
        ),
        (
            "notary-chain-foreign",
            "the certificate of another authority",
            "SM2021",
            made(chain=[leaf(key().private, alone=True)]),
            company,
        ),
        ("notary-subject", "a certificate of somebody else below the same authority", "SM2035", made(), nobody),
        (
            "notary-ended",
            "a certificate that ended, without a stamp",
            "SM2022",
            made(leaf=leaf(end=NOW - timedelta(days=1))),
            company,
        ),
        ("notary-stamp-other", "the stamp of another signature", "SM2029", made(stamp=token(other=True)), company),
        (
            "notary-stamp-foreign",
            "the stamp of an unknown authority",
            "SM2030",
            made(stamp=token(foreign=True)),
            company,
        ),
        (
            "notary-stamp-garbage",
            "a stamp that is none",
            "SM2029",
            made(edit=put("header", STAMP, to=b64(b"no token"))),
            company,
        ),
        ("notary-revoked", "a certificate on the revocation list", "SM2037", made(leaf=_REVOKED), revoking),
        ("notary-list-missing", "no revocation list of the issuer", "SM2038", made(leaf=_REVOKED), unlisted),
        ("notary-cose", "a COSE envelope", "SM2063", made(layer_type=notary.COSE), company),
        (
            "notary-extra",
            "a field beside the four of an envelope",
            "SM2060",
            made(edit=put("signatures", to=[])),
            company,
        ),
        (
            "notary-twice",
            "an envelope in which a key stands twice",
            "SM2060",
            referring(lambda: _twice(signed()())),
            company,
        ),
        (
            "notary-header-twice",
            "a protected header in which a key stands twice",
            "SM2060",
            made(edit=lambda whole: whole.update(protected=notary.b64url(b'{"alg":"ES256","alg":"ES256"}'))),
            company,
        ),
        (
            "notary-padding",
            "base64url with padding",
            "SM2060",
            made(edit=lambda whole: whole.update(signature=whole["signature"] + "==")),
            company,
        ),
        (
            "notary-target-more",
            "a target with a field that is not known",
            "SM2064",
            made(edit_payload=put("targetArtifact", "platform", to={})),
            company,
        ),
        (
            "notary-payload-more",
            "a payload with something beside the target",
            "SM2064",
            made(edit_payload=put("alsoApproved", to=[])),
            company,
        ),
        ("notary-payload-not-json", "a signed target that is not JSON", "SM2064", made(payload=b"approved"), company),
        (
            "notary-restriction",
            "an unknown restriction of secmount's in the annotations",
            "SM2011",
            made(annotations={"io.secmount.only-in": "eu"}),
            company,
        ),
        (
            "notary-two-layers",
            "two envelopes in one referrer",
            "SM2002",
            made(edit_manifest=lambda document: document["layers"].append(document["layers"][0])),
            company,
        ),
        (
            "notary-to-key",
            "a certificate's signature where a key is wanted",
            "SM2006",
            made(),
            lambda: {"release": _keyed()},
        ),
        (
            "notary-self-made",
            "a certificate that holds the policy's key",
            "SM2006",
            made(pair=RELEASE, chain=[leaf(RELEASE.private, alone=True)]),
            lambda: {"release": _keyed()},
        ),
    )
)


def _keyed() -> Signer:
    from tests.unit.trust.bench import signer

    return signer(RELEASE)


def _twice(one: Signed) -> Signed:
    data = one.bundle.replace(b'{"payload":', b'{"payload":"","payload":', 1)
    return notary.attach(shelf.row_of(MODEL), data)
