"""Sign an artifact where it is: look at it, sign, add the signature to a layout or a repository.

What is signed is always a digest. A registry's tag is taken only where this store knows by itself what it means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from secmount.errors import ContentError, InputError
from secmount.oci import instant, manifest
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import Index, Manifest
from secmount.oci.reference import RegistryReference
from secmount.publish import legacy, sign
from secmount.publish.keys import PrivateKey
from secmount.publish.writer import Writer
from secmount.registry.source import Source
from secmount.trust import annotation
from secmount.value import dataclass

Format = Literal["bundle", "legacy"]
Known = Callable[[str, str], Digest | None]  # what this store pushed or holds at (name, tag)


@dataclass(frozen=True, slots=True)
class Subject:
    """What would be signed: its descriptor, and what it says about itself."""

    descriptor: Descriptor
    document: Manifest | Index


@dataclass(frozen=True, slots=True)
class Attached:
    """A signature where it was put: what it is about, who made it, the manifest that carries it."""

    subject: Digest
    principal: str
    referrer: Digest
    tag: str | None  # where a legacy signature is
    signed_at: str


def look(source: Source, tag: str | None, digest: Digest | None, *, shown: str) -> Subject:
    """Read what a reference names; nobody should sign bytes that are not what their descriptor says.

    Raise what the source raises, and `ContentError` SM5010–SM5013 for no manifest or index.
    """
    found = source.head(tag, digest)
    raw = source.manifest(found)
    if len(raw) != found.size or Digest.of(raw, found.digest.algorithm) != found.digest:
        raise ContentError("SM5001", subject=shown, got="other bytes", want=str(found.digest))
    document = manifest.parse(
        raw, expected=found.media_type, subject=f"{shown}, {found.digest}", algorithm=found.digest.algorithm
    )
    return Subject(found, document)


def choose(reference: RegistryReference, source: Source, known: Known, *, command: str) -> Subject:
    """Find what a reference to a registry names, for signing: by digest, or by a tag that this store knows.

    Raise `InputError` SM1037 (the tag is not known here) and SM1038 (it is at another digest now); `command` is what to
    write instead, with `{}` where the reference goes.
    """
    if reference.digest is not None:
        return look(source, None, reference.digest, shown=reference.text)
    assert reference.tag is not None
    found = look(source, reference.tag, None, shown=reference.text)
    digest, expected = found.descriptor.digest, known(reference.name, reference.tag)
    instead = (command.format(f"{reference.name}@{digest}"),)
    if expected is None:
        got = f"{digest} at the registry now"
        raise InputError("SM1037", subject=reference.text, got=got, want="a digest", help=instead)
    if expected != digest:
        raise InputError("SM1038", subject=reference.text, got=str(digest), want=str(expected), help=instead)
    return found


def check(annotations: Mapping[str, str]) -> None:
    """Raise `InputError` SM1019 for a reserved annotation."""
    reserved = [name for name in annotations if name.startswith(annotation.PREFIX)]
    if reserved:
        raise InputError("SM1019", got=", ".join(reserved), want="annotations of your own")


def attach(
    subject: Subject,
    key: PrivateKey,
    writer: Writer,
    *,
    repository: str,
    annotations: Mapping[str, str],
    format: Format,
    now_ms: int,
) -> Attached:
    """Sign for `repository`, and write the signature.

    Raise `InputError` SM1019 for a reserved annotation, what `sign.sign`, `legacy.attach` and the writer raise.
    """
    check(annotations)
    about = Descriptor(subject.descriptor.media_type, subject.descriptor.digest, subject.descriptor.size)
    tag: str | None = None
    if format == "legacy":
        tag = legacy.tag_of(about.digest)
        made = legacy.attach(about, key, writer, repository=repository, annotations=annotations, now_ms=now_ms)
    else:
        signed = sign.sign(about, key, repository=repository, annotations=annotations, now_ms=now_ms)
        for blob, data in signed.blobs:
            if not writer.has(blob):
                writer.put(blob, data)
        made = writer.add_document(signed.raw).digest
    return Attached(about.digest, key.principal, made, tag, instant.render(now_ms))
