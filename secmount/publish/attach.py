"""Sign what a layout holds: resolve the reference in it, sign, add the bundle as a referrer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from secmount.errors import InputError
from secmount.oci import instant, manifest
from secmount.oci.digest import Digest
from secmount.oci.reference import LayoutReference
from secmount.publish import keys, sign
from secmount.publish.layout import LayoutWriter
from secmount.registry.layout import LayoutSource


@dataclass(frozen=True, slots=True)
class Attached:
    """A signature in a layout: what it is about, who made it, the referrer that carries it."""

    subject: Digest
    principal: str
    referrer: Digest
    signed_at: str


def sign_layout(
    reference: LayoutReference,
    *,
    name: str,
    key_file: str,
    password: Callable[[], bytes],
    annotations: Mapping[str, str],
    now_ms: int,
) -> Attached:
    """Sign the manifest or index that `reference` names, for the repository `name`.

    Raise `InputError` SM1018 for an archive (it is not written to), SM1019 for a reserved annotation, what the layout,
    the key file and the folder raise.
    """
    if reference.archive:
        raise InputError("SM1018", subject=reference.text, got="an archive", want="an oci: layout folder")
    reserved = [key for key in annotations if key.startswith("io.secmount.")]
    if reserved:
        raise InputError("SM1019", got=", ".join(reserved), want="annotations of your own")
    with LayoutSource(reference.path) as layout:
        subject = layout.head(reference.tag, reference.digest)
        raw = layout.manifest(subject)  # nobody should sign bytes that are not what their entry says
    manifest.parse(raw, expected=subject.media_type, subject=f"{reference.path}, {subject.digest}")
    private = keys.load_private(key_file, password=password)
    signed = sign.sign(subject, private, repository=name, annotations=annotations, now_ms=now_ms)
    with LayoutWriter(reference.path) as writer:
        for blob, data in signed.blobs:
            writer.put(blob, data)
        writer.add_document(signed.raw)
    return Attached(subject.digest, private.principal, signed.manifest.digest, instant.render(now_ms))
