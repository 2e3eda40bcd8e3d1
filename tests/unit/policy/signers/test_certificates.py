"""Reading signers by certificate: anchors, subject, and a word on revocation."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from secmount.policy import folder
from secmount.policy.signers import certificates
from secmount.policy.toml import Finding
from secmount.trust.signer import X509Signer
from tests.support import facts
from tests.support.facts import ANCHORS, CERTIFICATE, CORP, CRL, sha256
from tests.support.policies import write

UID = os.getuid()
OTHER = ANCHORS.replace(b"AAAA", b"AAAB", 1)


def only(root: Path, toml: str, **files: bytes) -> Finding:
    """Give the one error of a policy with the tables `toml`."""
    reading = folder.read(write(root, f"version = 1\n{toml}", **(facts.FILES | files)), uid=UID)
    [finding] = [row for row in reading.findings if row.severity == "error"]
    return finding


def corp(root: Path, toml: str, **files: bytes) -> X509Signer:
    signer = folder.load(write(root, f"version = 1\n{toml}", **(facts.FILES | files)), uid=UID).signers["corp"]
    assert isinstance(signer, X509Signer)
    return signer


def test_a_signer_is_what_its_table_says(tmp_path: Path) -> None:
    signer = corp(tmp_path / "p", CORP)
    assert (signer.anchors, signer.root) == ((CERTIFICATE,), sha256(ANCHORS))
    assert (dict(signer.subject), signer.crl, signer.stamp_anchors) == ({"CN": "release", "O": "Acme"}, None, ())


def test_a_revocation_list_and_time_stamps(tmp_path: Path) -> None:
    toml = CORP.replace('"none"', '"crl:corp.crl"') + 'timestamp-authority = "tsa.pem"\n'
    signer = corp(tmp_path / "p", toml, **{"tsa.pem": ANCHORS + b"a comment\n" + OTHER})
    assert signer.crl == CRL
    assert len(signer.stamp_anchors) == 2
    assert corp(tmp_path / "q", CORP.replace('"none"', '"crl:der"'), der=CERTIFICATE).crl == CERTIFICATE


@pytest.mark.parametrize("gone", ["x509", "subject", "revocation"])
def test_all_three_must_be_said(tmp_path: Path, gone: str) -> None:
    toml = "\n".join(line for line in CORP.splitlines() if not line.startswith(gone))
    assert only(tmp_path / "p", toml).code == "SM1205"


@pytest.mark.parametrize(
    ("subject", "code", "at"),
    [
        ("{}", "SM1203", "subject"),
        ('{ cn = "release" }', "SM1202", "subject.cn"),
        ('{ DC = "release" }', "SM1202", "subject.DC"),
        ('{ CN = "" }', "SM1203", "subject.CN"),
        ('{ CN = "rel*" }', "SM1206", "subject.CN"),
        ('{ CN = ["release"] }', "SM1203", "subject.CN"),
    ],
)
def test_subjects_are_known_attributes_and_exact(tmp_path: Path, subject: str, code: str, at: str) -> None:
    finding = only(tmp_path / "p", CORP.replace('{ CN = "release", O = "Acme" }', subject))
    assert (finding.code, finding.subject) == (code, f"signers.corp.{at}")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("", "SM1203"),
        ("crl:", "SM1203"),
        ("ocsp", "SM1203"),
        ("NONE", "SM1203"),
        ("crl:gone.crl", "SM1213"),
        ("crl:corp.pem", "SM1231"),
        ("crl:policy.toml", "SM1231"),
    ],
)
def test_revocation_is_none_or_a_list(tmp_path: Path, said: str, code: str) -> None:
    finding = only(tmp_path / "p", CORP.replace('"none"', f'"{said}"'))
    assert (finding.code, finding.subject) == (code, "signers.corp.revocation")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no certificate"),
        (CERTIFICATE, "no certificate"),
        (CRL, "no certificate"),
        (ANCHORS + CRL, "a block that is no certificate"),
        (ANCHORS + ANCHORS, "a certificate twice"),
        (ANCHORS.replace(b"MIGA", b"MIG="), "broken base64"),
        (ANCHORS.replace(b"MIGA", b"MAGA"), "not one DER sequence"),
        (ANCHORS.replace(b"MIGA", b"MIGB"), "not one DER sequence"),
    ],
)
def test_anchors_are_certificates_and_nothing_else(tmp_path: Path, data: bytes, said: str) -> None:
    finding = only(tmp_path / "p", CORP, **{"corp.pem": data})
    assert (finding.code, finding.subject) == ("SM1231", "signers.corp.x509")
    assert said in str(finding.got)


def test_there_is_a_limit_to_anchors() -> None:
    def block(number: int) -> bytes:
        body = base64.encodebytes(CERTIFICATE[:-1] + bytes((number,)))
        return b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"

    most = certificates.ANCHORS_LIMIT
    assert len(certificates.pem(b"".join(map(block, range(most))))) == most
    with pytest.raises(ValueError, match="65 certificates"):
        certificates.pem(b"".join(map(block, range(most + 1))))


def test_one_subject_under_one_root_has_one_name(tmp_path: Path) -> None:
    again = CORP.replace("[signers.corp]", "[signers.again]")
    turned = again.replace('CN = "release", O = "Acme"', 'O = "Acme", CN = "release"')
    for number, toml in enumerate((again, turned)):
        finding = only(tmp_path / str(number), CORP + toml)
        assert (finding.code, finding.subject) == ("SM1210", "signers.again.subject")
