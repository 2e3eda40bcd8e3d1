"""What a signer says beside the digest: the signed subject's annotations under `io.secmount.`, and the others.

`io.secmount.repository` binds a signature to one repository, `io.secmount.signed-at` says when it was made. A name
under the prefix that we do not know is refused like an unknown critical header: it may be a restriction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Any

from secmount.errors import InputError, TrustError
from secmount.oci import instant, reference
from secmount.trust.evidence import SignatureTime
from secmount.value import dataclass

PREFIX = "io.secmount."
REPOSITORY = PREFIX + "repository"
SIGNED_AT = PREFIX + "signed-at"


@dataclass(frozen=True, slots=True)
class Said:
    """The facts in a subject's annotations; `annotations` are the other ones that are text."""

    bound_to: str | None
    time: SignatureTime
    annotations: Mapping[str, str] = field(hash=False)


def read(annotations: Mapping[str, Any]) -> Said:
    """Read a signed subject's annotations; raise `TrustError` SM2011 for one of ours that cannot be read."""
    unknown = [name for name in annotations if name.startswith(PREFIX) and name not in (REPOSITORY, SIGNED_AT)]
    if unknown:
        raise TrustError("SM2011", subject=unknown[0], got="an unknown name", want=f"{REPOSITORY} or {SIGNED_AT}")
    bound_to, signed_at = annotations.get(REPOSITORY), annotations.get(SIGNED_AT)
    if bound_to is not None:
        check_repository(bound_to)
    others = {name: text for name, text in annotations.items() if not name.startswith(PREFIX) and isinstance(text, str)}
    return Said(bound_to, _time(signed_at), MappingProxyType(others))


def check_repository(name: object) -> None:
    """Raise `TrustError` SM2011 unless `name` is normalised as rules match it: `ghcr.io/a/model`, `oci:/srv/model`."""
    try:
        if isinstance(name, str) and name == _normal(name):
            return
    except InputError:
        pass
    raise TrustError("SM2011", subject=REPOSITORY, got=repr(name), want="HOST/PATH or oci:/PATH, normalised")


def _normal(name: str) -> str:
    if name.startswith("oci:"):
        return reference.parse(name, cwd="/").name
    return reference.registry_name(name)


def _time(text: object) -> SignatureTime:
    if text is None:
        return SignatureTime()
    try:
        if not isinstance(text, str):
            raise ValueError(f"not text: {text!r}")  # noqa: TRY004, TRY301 - one handler for both
        return SignatureTime(not_before=instant.parse(text), not_before_source=SIGNED_AT)
    except ValueError as err:
        raise TrustError("SM2011", subject=SIGNED_AT, got=str(err), want="RFC 3339 with an offset") from err
