"""What ProtoJSON lets a producer leave out is written out as its default, and nothing else is touched."""

from __future__ import annotations

import copy
from typing import Any

from secmount.trust.sigstore import normal
from tests.support.minisig import ROOT_TYPE
from tests.unit.trust import world
from tests.unit.trust.world import judged, made, root_of, sigstore

START = {"start": "1970-01-01T00:00:00Z"}
NOBODY = {"organization": "", "commonName": ""}


def test_a_root_of_empty_fields() -> None:
    lists = ("tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities")
    assert normal.root({"mediaType": "0.2", "tlogs": None}) == {"mediaType": ROOT_TYPE} | {name: [] for name in lists}
    sparse = {
        "certificateAuthorities": [{"uri": None}, {"subject": {"commonName": "x"}, "validFor": {"end": "y"}}],
        "timestampAuthorities": [{"subject": {"organization": "x"}, "validFor": {"start": "y"}}],
        "tlogs": [{"publicKey": {}}, {"publicKey": {"validFor": {"end": "y"}}, "baseUrl": "x"}],
        "ctlogs": [{"publicKey": {"rawBytes": "AA==", "validFor": {"start": "y"}}}],
    }
    assert normal.root(sparse) == {
        "mediaType": ROOT_TYPE,
        "certificateAuthorities": [
            {"subject": NOBODY, "validFor": START},
            {"subject": {"organization": "", "commonName": "x"}, "validFor": {"end": "y"} | START},
        ],
        "timestampAuthorities": [{"subject": {"organization": "x", "commonName": ""}, "validFor": {"start": "y"}}],
        "tlogs": [
            {"baseUrl": "", "publicKey": {"validFor": START}},
            {"baseUrl": "x", "publicKey": {"validFor": {"end": "y"} | START}},
        ],
        "ctlogs": [{"baseUrl": "", "publicKey": {"rawBytes": "AA==", "validFor": {"start": "y"}}}],
    }


def test_a_bundle_of_zeros_and_of_numbers() -> None:
    assert normal.bundle({"verificationMaterial": {"x": 1}}) == {"verificationMaterial": {"x": 1, "tlogEntries": []}}
    rows: list[Any] = [{"inclusionProof": {}}, {"logIndex": 7, "integratedTime": 8, "inclusionProof": None}]
    rows.append({"logIndex": "1", "inclusionProof": {"logIndex": 2, "treeSize": 3, "hashes": ["x", None]}})
    assert normal.bundle({"verificationMaterial": {"tlogEntries": rows}}) == {
        "verificationMaterial": {
            "tlogEntries": [
                {
                    "logIndex": "0",
                    "integratedTime": "0",
                    "inclusionProof": {"logIndex": "0", "treeSize": "0", "hashes": []},
                },
                {"logIndex": "7", "integratedTime": "8"},
                {
                    "logIndex": "1",
                    "integratedTime": "0",
                    "inclusionProof": {"logIndex": "2", "treeSize": "3", "hashes": ["x", None]},
                },
            ]
        }
    }


def test_what_it_is_given_stays_as_it_is() -> None:
    given = {"mediaType": "0.2", "tlogs": [{"publicKey": {}}]}
    before = copy.deepcopy(given)
    normal.root(given)
    assert given == before


def test_a_sparse_root_is_one_for_both_programs() -> None:
    def sparse(root: Any) -> None:
        for row in (*root["certificateAuthorities"], *root["timestampAuthorities"]):
            del row["subject"], row["validFor"], row["uri"]
        for row in (*root["tlogs"], *root["ctlogs"]):
            del row["publicKey"]["validFor"]

    signer = world.signer(root=root_of(sigstore(), sparse))
    assert judged(made(stamps=1), signer).signatures
    assert judged(
        made(), world.signer(root=root_of(sigstore(), lambda root: root.pop("timestampAuthorities")))
    ).signatures
