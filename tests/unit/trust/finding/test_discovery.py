"""Where signatures are looked for and in which order; a model's signature among its files."""

from __future__ import annotations

import pytest

from secmount.errors import ContentError, RegistryError
from secmount.oci.digest import Digest
from secmount.oci.manifest import OCI_INDEX
from secmount.trust import referrers
from secmount.trust.gather import gather
from tests.support import keys, layouts, legacy, modelsig, notary, shelf
from tests.support.layouts import OCI_EMPTY, OCI_MANIFEST, Json, describe
from tests.support.shelf import Shelf
from tests.unit.trust.attacks.formats.build import SUBJECT, looked_at, referring
from tests.unit.trust.attacks.formats.legacy import GOOD
from tests.unit.trust.attacks.formats.models import FILES
from tests.unit.trust.bench import MODEL, RELEASE, STRANGER, signed, signers

DIGESTS = {name: Digest.of(data) for name, data in FILES.items()}
BUNDLE = modelsig.sign(FILES, RELEASE)


def test_a_model_signature_says_what_the_files_are() -> None:
    (found,) = looked_at(referring(lambda: keys.refer(shelf.row_of(MODEL), BUNDLE)), signers()).signatures
    assert found.files == DIGESTS
    assert (found.bound_to, found.time.not_before, str(found.subject)) == (None, None, SUBJECT)


@pytest.mark.parametrize("kind", ["application/octet-stream", layouts.BUNDLE, "application/vnd.oci.image.layer.v1.tar"])
def test_model_sig_among_the_files_belongs_to_them(kind: str) -> None:
    source = Shelf()
    row = describe(BUNDLE, kind, annotations={"org.opencontainers.image.title": "model.sig"})
    source.put(BUNDLE)
    carrying = shelf.artifact("carrying", [row])
    found = gather(shelf.resolved(carrying), source, signers())
    (one,) = found.signatures
    assert one.files == {**DIGESTS, "model.sig": Digest.of(BUNDLE)}
    assert one.subject == carrying.digest
    assert [(part.descriptor.digest, part.raw) for part in found.kept] == [(Digest.of(BUNDLE), BUNDLE)]


@pytest.mark.parametrize("title", ["Model.sig", "sub/model.sig", "model.sig ", None])
def test_another_file_is_not_read(title: str | None) -> None:
    notes = None if title is None else {"org.opencontainers.image.title": title}
    carrying = shelf.artifact("carrying", [describe(BUNDLE, "application/octet-stream", annotations=notes)])
    source = Shelf()
    assert gather(shelf.resolved(carrying), source, signers()).considered == ()
    assert source.asked == []


def test_a_large_model_sig_is_not_asked_for() -> None:
    row: Json = describe(
        BUNDLE, "application/octet-stream", annotations={"org.opencontainers.image.title": "model.sig"}
    )
    source = Shelf()
    found = gather(shelf.resolved(shelf.artifact("x", [{**row, "size": (1 << 20) + 1}])), source, signers())
    assert [one.code for one in found.considered] == ["SM5011"]
    assert source.asked == []


def test_a_referrer_may_be_a_file_called_model_sig() -> None:
    def edit(document: Json) -> None:
        document["layers"][0]["annotations"] = {"org.opencontainers.image.title": "model.sig"}

    def make() -> keys.Signed:
        kind = "application/octet-stream"
        return keys.refer(shelf.row_of(MODEL), BUNDLE, layer_type=kind, artifact_type=kind, edit_manifest=edit)

    (found,) = looked_at(referring(make), signers()).signatures
    assert found.files == DIGESTS


def test_an_artifact_about_ours_that_brings_a_model_of_its_own_is_no_signature() -> None:
    def edit(document: Json) -> None:
        row = document["layers"][0]
        document["layers"] = [{**row, "annotations": {"org.opencontainers.image.title": "model.sig"}}, row]

    def make() -> keys.Signed:
        kind = "application/octet-stream"
        return keys.refer(shelf.row_of(MODEL), BUNDLE, layer_type=kind, artifact_type=kind, edit_manifest=edit)

    assert looked_at(referring(make), signers()).considered == ()


def test_signatures_elsewhere_are_found_before_those_beside_the_artifact() -> None:
    source, elsewhere = Shelf(), Shelf()
    elsewhere.attach(signed(), to=SUBJECT)
    legacy.attach(elsewhere, SUBJECT, legacy.layer(GOOD, RELEASE))
    source.attach(signed(STRANGER), to=SUBJECT)
    found = gather(shelf.resolved(MODEL), source, signers(), elsewhere=elsewhere)
    assert [one.code for one in found.considered] == [None, None, "SM2004"]
    assert {one.format for one in found.signatures} == {"sigstore-bundle", "cosign-legacy"}


def test_a_repository_of_signatures_that_cannot_be_asked_stops_everything() -> None:
    elsewhere = Shelf(faults={SUBJECT: RegistryError("SM4001", subject="ghcr.io")})
    with pytest.raises(RegistryError, match="SM4001"):
        gather(shelf.resolved(MODEL), Shelf(), signers(), elsewhere=elsewhere)


def test_what_looks_like_a_signature_is_read_first() -> None:
    source = Shelf()
    for number in range(20):
        report = keys.refer(shelf.row_of(MODEL), b"%d" % number, layer_type="text/plain", artifact_type="text/plain")
        source.attach(report, to=SUBJECT)
    source.attach(signed(), to=SUBJECT)
    found = gather(shelf.resolved(MODEL), source, signers())
    assert len(found.signatures) == 1
    assert source.asked[0] == signed_manifest(source)


def signed_manifest(source: Shelf) -> str:
    return str(source.lists[SUBJECT][-1]["digest"])


@pytest.mark.parametrize(
    "hint",
    [
        {"artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json"},
        {"artifactType": "application/vnd.cncf.notary.signature"},
        {"artifactType": "application/vnd.dev.cosign.artifact.sig.v1+json"},
        {"artifactType": "application/vnd.in-toto+json"},
        {"annotations": {"dev.sigstore.bundle.content": "dsse-envelope"}},
        {"annotations": {"io.cncf.notary.x509chain.thumbprint#S256": "[]"}},
    ],
)
def test_what_a_signature_looks_like(hint: Json) -> None:
    from secmount.oci import descriptor

    plain = descriptor.from_json(describe(b"plain", OCI_EMPTY), subject="x")
    likely = descriptor.from_json(describe(b"likely", OCI_EMPTY, **hint), subject="x")
    assert referrers.ordered([plain, likely, plain]) == [likely, plain]


def test_a_registry_that_calls_everything_empty_is_read_all_the_same() -> None:
    one = signed()
    source = Shelf()
    source.attach(one, to=SUBJECT)
    source.lists[SUBJECT] = [{**one.row, "artifactType": OCI_EMPTY}]
    assert gather(shelf.resolved(MODEL), source, signers()).signatures


def test_the_tag_of_another_digest_is_not_asked_for() -> None:
    source = Shelf()
    legacy.attach(source, "sha256:" + "0" * 64, legacy.layer(GOOD, RELEASE))
    assert gather(shelf.resolved(MODEL), source, signers()).considered == ()


def test_an_index_at_a_tag_is_no_material() -> None:
    source = Shelf()
    legacy.attach(source, SUBJECT, legacy.layer(GOOD, RELEASE))
    index = shelf.index_of(MODEL)
    source.tags[SUBJECT.replace(":", "-") + ".sig"] = source.put(index.raw, index.media_type)
    assert gather(shelf.resolved(MODEL), source, signers()).considered == ()


def test_a_manifest_at_a_tag_that_cannot_be_read() -> None:
    source = Shelf()
    row = legacy.attach(source, SUBJECT, legacy.layer(GOOD, RELEASE))
    source.blobs[row["digest"]] = b"{}"
    found = gather(shelf.resolved(MODEL), source, signers())
    assert [one.code for one in found.considered] == ["SM5002"]
    source.faults[SUBJECT.replace(":", "-") + ".sig"] = ContentError("SM5011", subject="tag")
    assert [one.code for one in gather(shelf.resolved(MODEL), source, signers()).considered] == ["SM5011"]


@pytest.mark.parametrize("times", [2, 20])
@pytest.mark.parametrize("kind", [layouts.BUNDLE, notary.JWS, notary.COSE])
def test_two_signatures_in_one_referrer_are_none_whatever_it_calls_itself(kind: str, times: int) -> None:
    def edit(document: Json) -> None:
        document["layers"] *= times

    def make() -> keys.Signed:
        return keys.refer(
            shelf.row_of(MODEL), b"{}", layer_type=kind, artifact_type="application/x", edit_manifest=edit
        )

    assert [one.code for one in looked_at(referring(make), signers()).considered] == ["SM2002"]


def test_what_is_at_a_tag_is_not_fetched_for_a_reader_who_has_enough() -> None:
    source = Shelf()
    for number in range(32):
        source.attach(signed(STRANGER, annotations={"n": str(number)}), to=SUBJECT)
    found = gather(shelf.resolved(MODEL), source, signers())
    assert (len(found.considered), found.truncated, len(source.asked)) == (32, False, 64)
    legacy.attach(source, SUBJECT, legacy.layer(GOOD, RELEASE))
    again = gather(shelf.resolved(MODEL), source, signers())
    assert (again.considered, again.truncated, len(source.asked)) == (found.considered, True, 128)


def test_a_tag_whose_manifest_is_of_another_type_or_none_is_said_to_be_broken() -> None:
    tag = SUBJECT.replace(":", "-") + ".sig"
    source = Shelf()
    row = legacy.attach(source, SUBJECT, legacy.layer(GOOD, RELEASE))
    for raw, kind in ((source.blobs[row["digest"]], OCI_INDEX), (b"[]", OCI_MANIFEST)):
        source.tags[tag] = source.put(raw, kind)
        (one,) = gather(shelf.resolved(MODEL), source, signers()).considered
        assert (one.outcome, str(one.material)) == ("invalid", source.tags[tag]["digest"])


def test_a_referrer_of_another_type_than_listed_or_none_is_said_to_be_broken() -> None:
    source, one = Shelf(), signed()
    for raw, kind in ((one.manifest, OCI_INDEX), (b"[]", OCI_MANIFEST)):
        source.lists[SUBJECT] = [source.put(raw, kind)]
        (found,) = gather(shelf.resolved(MODEL), source, signers()).considered
        assert (found.outcome, str(found.material)) == ("invalid", source.lists[SUBJECT][0]["digest"])


def test_one_of_several_at_a_tag_that_is_gone_hides_no_other() -> None:
    source = Shelf()
    gone, good = legacy.layer(b"{}", RELEASE), legacy.layer(GOOD, RELEASE)
    legacy.attach(source, SUBJECT, gone, good)
    del source.blobs[str(Digest.of(b"{}"))]
    found = gather(shelf.resolved(MODEL), source, signers())
    assert [(one.code, one.format) for one in found.considered] == [
        ("SM4014", "cosign-legacy"),
        (None, "cosign-legacy"),
    ]


@pytest.mark.parametrize(("more", "code"), [(0, "SM5010"), (1, "SM5011")])
def test_the_largest_that_is_read(more: int, code: str) -> None:
    source, raw = Shelf(), b" " * ((1 << 20) + more)
    source.lists[SUBJECT] = [source.put(raw, OCI_MANIFEST)]
    source.attach(keys.refer(shelf.row_of(MODEL), raw), to=SUBJECT)
    found = gather(shelf.resolved(MODEL), source, signers())
    assert [one.code for one in found.considered] == [code, code]


@pytest.mark.parametrize("kind", [layouts.BUNDLE, "application/vnd.cncf.notary.signature"])
def test_what_calls_itself_a_signature_and_has_none_is_broken(kind: str) -> None:
    def make() -> keys.Signed:
        return keys.refer(shelf.row_of(MODEL), b"{}", layer_type="text/plain", artifact_type=kind)

    assert [one.code for one in looked_at(referring(make), signers()).considered] == ["SM2002"]
