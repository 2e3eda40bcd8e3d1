"""Attacks on certificates, on what was signed, and on who must have signed it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from secmount.trust.root import TrustRoot
from secmount.trust.signer import KeylessSigner
from tests.support import keys, minisig
from tests.support.keyless import Keyless
from tests.support.layouts import Json, encode
from tests.support.minisig import WORKFLOW, MiniSigstore, authority, b64, der, p256, sha
from tests.unit.trust import world
from tests.unit.trust.attacks.build import (
    Attack,
    bundle,
    certified,
    edited,
    elsewhere,
)
from tests.unit.trust.bench import MODEL, OTHER
from tests.unit.trust.world import made, sigstore

_CODE = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")


def _other_certificate(whole: Json) -> None:
    whole["verificationMaterial"]["certificate"] = {"rawBytes": b64(der(sigstore().certificate(p256())))}


def _nameless_issuer(whole: Json) -> None:
    """Spoil the issuer's name; whoever can put a bundle beside an artifact can do that, with no key of anybody's."""
    raw = der(sigstore().certificate(p256()))
    spoilt = raw.replace(b"mini intermediate", b"mini\xffintermediate", 1)
    whole["verificationMaterial"]["certificate"] = {"rawBytes": b64(spoilt)}


def _other_payload(whole: Json) -> None:
    whole["dsseEnvelope"]["payload"] = b64(encode(keys.statement(str(OTHER.digest))))


def _no_authority(one: MiniSigstore) -> None:
    one.intermediate = authority("mini intermediate", under=one.root, ca=False)  # its key usage says that it may


def _no_issuing(one: MiniSigstore) -> None:
    one.intermediate = authority("mini intermediate", under=one.root, length=0, issue=False)


def _other_use(one: MiniSigstore) -> None:
    one.intermediate = authority("mini intermediate", under=one.root, length=0, use=ExtendedKeyUsageOID.SERVER_AUTH)


def _constrained(one: MiniSigstore) -> None:
    names = x509.NameConstraints([x509.UniformResourceIdentifier("github.com")], None)
    one.intermediate = authority("mini intermediate", under=one.root, length=0, more=[(names, True)])


def _too_deep(one: MiniSigstore) -> None:
    one.root = authority("mini root", length=0)
    middle = authority("mini middle", under=one.root)
    one.intermediate = authority("mini intermediate", under=middle, length=0)
    one.trusted_root = _longer(one, middle)  # type: ignore[method-assign]


def _longer(one: MiniSigstore, middle: minisig.Issuer) -> Callable[..., bytes]:
    plain = one.trusted_root

    def trusted_root(edit: minisig.Edit | None = None) -> bytes:
        def both(root: Json) -> None:
            root["certificateAuthorities"][0]["certChain"]["certificates"].insert(
                1, {"rawBytes": b64(der(middle.certificate))}
            )
            if edit:
                edit(root)

        return plain(both)

    return trusted_root


def _signed_by(**more: Any) -> Callable[[TrustRoot], KeylessSigner]:
    return lambda root: world.signer(root=root, **more)


def _provenance() -> bytes:
    return encode(keys.statement(str(MODEL.digest), predicate_type="https://slsa.dev/provenance/v1"))


CERTIFICATES: tuple[Attack, ...] = (
    Attack("root-other", "signed with another Sigstore", "SM2021", lambda: (made(by=sigstore(1)), None)),
    Attack("leaf-use", "certificate for another use", "SM2023", certified(uses=[ExtendedKeyUsageOID.CLIENT_AUTH])),
    Attack("leaf-no-use", "certificate without a use", "SM2023", certified(uses=[])),
    Attack("leaf-no-sign", "certificate that may not sign", "SM2023", certified(sign=False)),
    Attack("leaf-authority", "an authority's certificate as signer", "SM2023", certified(ca=True)),
    Attack("leaf-critical", "critical extension without a meaning", "SM2023", certified(more=[(_CODE, True)])),
    Attack("leaf-issuer", "certificate whose issuer's name cannot be read", "SM2020", edited(_nameless_issuer)),
    Attack("issuer-no-ca", "issued by a certificate that is no authority", "SM2023", elsewhere(_no_authority)),
    Attack("issuer-no-issue", "issued by an authority that may not issue", "SM2023", elsewhere(_no_issuing)),
    Attack("issuer-use", "issued by an authority for another use", "SM2023", elsewhere(_other_use), open=True),
    Attack("issuer-names", "authority with constraints on names", "SM2023", elsewhere(_constrained)),
    Attack("issuer-depth", "more authorities than the root allows", "SM2023", elsewhere(_too_deep), open=True),
    Attack("no-sct", "certificate that no transparency log saw", "SM2025", certified(scts=0)),
    Attack("two-scts", "two certificate timestamps", "SM2025", certified(scts=2)),
    Attack("sct-forged", "certificate timestamp by another key", "SM2025", certified(ct_key=p256())),
    Attack(
        "sct-unknown", "certificate timestamp of an unknown log", "SM2025", certified(ct_id=sha(b"other")), open=True
    ),
    Attack("no-name", "certificate without a subject alternative name", "SM2024", certified(san=())),
    Attack(
        "two-names",
        "certificate with two subject alternative names, the second one wanted",
        "SM2024",
        certified(san=(x509.RFC822Name("eve@mini.test"), x509.UniformResourceIdentifier(WORKFLOW))),
        open=True,
    ),
    Attack("no-issuer", "certificate without an issuer", "SM2024", certified(issuer=None, issuer_text=None), open=True),
    Attack(
        "two-issuers",
        "the two issuer extensions disagree",
        "SM2024",
        certified(issuer_text="https://eve.test"),
        open=True,
    ),
    Attack(
        "certificate-swapped", "another certificate of the same Sigstore put in", "SM2005", edited(_other_certificate)
    ),
)

MEANINGS: tuple[Attack, ...] = (
    Attack("payload-changed", "payload changed after signing", "SM2005", edited(_other_payload)),
    Attack(
        "signature-changed",
        "signature exchanged",
        "SM2005",
        edited(lambda whole: whole["dsseEnvelope"]["signatures"][0].update(sig=b64(b"other"))),
    ),
    Attack(
        "other-artifact",
        "signature of another artifact",
        "SM2007",
        lambda: (made(Keyless(statement=encode(keys.statement(str(OTHER.digest))))), None),
        open=True,
    ),
    Attack(
        "attestation",
        "attestation passed off as a signature (CVE-2022-35929, CVE-2022-35930)",
        "SM2008",
        lambda: (made(Keyless(statement=_provenance())), None),
        open=True,
    ),
    Attack("payload-type", "payload of another type", "SM2009", bundle(payload_type="text/plain"), open=True),
    Attack(
        "payload-malformed",
        "signed payload that is no statement (CVE-2026-39395)",
        "SM2010",
        lambda: (made(Keyless(statement=b"{}")), None),
        open=True,
    ),
    Attack(
        "bare-signature",
        "bare signature where the signer takes statements only",
        "SM2012",
        lambda: (made(Keyless(artifact=MODEL.raw)), None),
        open=True,
    ),
)

IDENTITIES: tuple[Attack, ...] = (
    Attack(
        "issuer-other",
        "right identity, vouched for by another issuer",
        "SM2032",
        certified(issuer="https://eve.test"),
        open=True,
    ),
    Attack(
        "identity-other",
        "another workflow",
        "SM2033",
        certified(san=WORKFLOW.replace("release", "pull-request")),
        open=True,
    ),
    Attack(
        "identity-prefix",
        "identity that only begins like the wanted one",
        "SM2033",
        certified(san="https://github.com/acme/app/.github/workflows/release.yml"),
        open=True,
    ),
    Attack(
        "identity-inside",
        "identity that contains the wanted one (unanchored patterns)",
        "SM2033",
        certified(san="https://eve.test/" + WORKFLOW),
        open=True,
    ),
    Attack(
        "identity-mail", "mail address instead of a workflow", "SM2033", certified(san="release@acme.test"), open=True
    ),
    Attack(
        "claim-other",
        "right workflow, called by another repository",
        "SM2034",
        certified(claims=[(12, "https://github.com/eve/app")]),
        open=True,
    ),
    Attack(
        "claim-missing",
        "certificate without the wanted claim (CVE-2025-29778)",
        "SM2034",
        certified(claims=[]),
        open=True,
    ),
    Attack(
        "signature-never-logged",
        "signature by a stolen identity that is kept out of the log which its owner watches, with a stamp for a time",
        "SM2041",
        bundle(rekor=0, stamps=1),
        signer=_signed_by(logged=True),
    ),
    Attack("signer-revoked", "revoked identity", "SM2014", bundle(), open=True, signer=_signed_by(revoked=True)),
    Attack(
        "signer-revoked-since",
        "identity revoked before the signature",
        "SM2015",
        bundle(),
        open=True,
        signer=_signed_by(revoked_since=world.NOW_MS),
    ),
    Attack(
        "signer-ended",
        "identity not valid any more when it signed (GHSA-wqqc-jjcq-vfxm)",
        "SM2015",
        bundle(),
        open=True,
        signer=_signed_by(valid_until=world.NOW_MS),
    ),
    Attack(
        "signer-not-yet",
        "identity not valid yet when it signed",
        "SM2015",
        bundle(),
        open=True,
        signer=_signed_by(valid_from=world.NOW_MS + 60_000),
    ),
)
