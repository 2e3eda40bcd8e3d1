"""`secmount policy init --from REF`: who signed an artifact, found before there is a policy.

What certificates say is read only to know whom to ask about: each identity found becomes a signer that is to match
exactly, and whether its signature holds is judged by the same code as every decision, under the root given. A key is
never taken from the material. The result proves who signed, not that anybody should be trusted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from secmount.authoring.init import New, NewKey, NewKeyless, name
from secmount.errors import InputError, SecmountError
from secmount.oci.manifest import Index, Manifest
from secmount.policy import glob, publickey
from secmount.policy.glob import REF_MARK
from secmount.registry.resolution import Resolution
from secmount.registry.source import Source
from secmount.trust import discovery
from secmount.trust.check import certificate, fulcio
from secmount.trust.check.fulcio import Identity
from secmount.trust.claim import CertificateChain
from secmount.trust.claims import SOURCE_REPOSITORY
from secmount.trust.evidence import SIGNATURES_LIMIT, Evidence, Signature
from secmount.trust.gather import gather
from secmount.trust.material import Material
from secmount.trust.root import TrustRoot
from secmount.trust.signer import KeylessSigner, KeySigner, Signer
from secmount.value import dataclass

_TAGS = "tags/"


@dataclass(frozen=True, slots=True)
class Witness:
    """Somebody whose signature about the artifact holds; `new` is how a policy would name them."""

    new: New
    signature: Signature


@dataclass(frozen=True, slots=True)
class Account:
    """Who signed `resolution`, which of the keys given did not, and all that was looked at."""

    resolution: Resolution
    witnesses: tuple[Witness, ...]
    silent: tuple[str, ...]  # names of keys given under which nothing holds
    evidence: Evidence


def witnesses(
    resolution: Resolution,
    source: Source,
    keys: Sequence[NewKey],
    root: TrustRoot,
    *,
    now_ms: int,
    own_root: bool = False,
) -> Account:
    """Find out who signed what `resolution` found at `source`.

    `keys` are tried each, and identities in certificates under `root`; `own_root`: it is not the default one, and is
    written into the policy.
    """
    candidates: dict[str, tuple[New, Signer]] = {}
    for new in keys:
        public = publickey.read(new.pem)
        free = _free(new.name, candidates)
        candidates[free] = (NewKey(free, new.pem), KeySigner(free, 0, public.spki, public.principal))
    for identity in _identities(resolution, source):
        free = _free(_called(identity), candidates)
        found = _keyless(free, identity, root, own_root=own_root)
        if found is not None:
            candidates[free] = found
    signers = {name: signer for name, (_, signer) in candidates.items()}
    evidence = gather(resolution, source, signers, now_ms=now_ms, root=root)
    signed = {name: one for one in reversed(evidence.signatures) for name in one.signers}
    return Account(
        resolution,
        tuple(Witness(new, signed[name]) for name, (new, _) in candidates.items() if name in signed),
        tuple(name for name, (new, _) in candidates.items() if name not in signed and isinstance(new, NewKey)),
        evidence,
    )


def require(account: Account, *, subject: str) -> None:
    """Raise `InputError` SM1052 if nobody's signature holds, SM1053 if there is none at all."""
    if account.witnesses:
        return
    if not account.evidence.considered:
        raise InputError("SM1053", subject=subject, got="no signature", want="one")
    reasons = dict.fromkeys(f"{row.code} {row.got or ''}".strip() for row in account.evidence.considered)
    raise InputError(
        "SM1052", subject=subject, got="; ".join(list(reasons)[:4]), want="a signature that can be checked"
    )


def _identities(resolution: Resolution, source: Source) -> Iterator[Identity]:
    """Read the identities that certificates claim, each once; what cannot be read is said by the evidence later."""
    seen: set[tuple[str, str, str | None]] = set()
    for about in (resolution.manifest, resolution.index):
        for leaf in () if about is None else _leaves(source, about):
            try:
                identity = fulcio.read(certificate.read(leaf))
            except SecmountError:
                continue
            key = (identity.issuer, _pattern(identity.name), identity.claims.get(SOURCE_REPOSITORY))
            if key not in seen:
                seen.add(key)
                yield identity


def _leaves(source: Source, about: Manifest | Index) -> Iterator[bytes]:
    count = 0

    def enough() -> bool:
        return count >= SIGNATURES_LIMIT

    own = discovery.find_own(source, about, enough) if isinstance(about, Manifest) else ()
    for found in chain(discovery.find(source, about, enough), own):
        count += 1
        if not isinstance(found, Material):
            continue
        try:
            by = found.claim().by
        except SecmountError:
            continue
        if isinstance(by, CertificateChain):
            yield by.certificates[0]


def _keyless(
    free: str, identity: Identity, root: TrustRoot, *, own_root: bool
) -> tuple[NewKeyless, KeylessSigner] | None:
    text = _pattern(identity.name)
    caller = identity.claims.get(SOURCE_REPOSITORY)
    claims: Mapping[str, str] = {} if caller is None else {SOURCE_REPOSITORY: caller}
    if any("*" in said for said in (identity.name, *claims.values())):
        return None  # it would be a pattern, and whoever got such a certificate would have chosen for whom
    try:
        pattern = glob.identity(text)
    except ValueError:
        return None  # no pattern can name it
    new = NewKeyless(free, identity.issuer, text, claims, root.raw if own_root else None)
    return new, KeylessSigner(free, 0, identity.issuer, pattern, root, claims)


def _pattern(name: str) -> str:
    """Write the pattern for an identity: itself, but of a workflow that ran for a tag, every tag."""
    before, mark, ref = name.rpartition(REF_MARK)
    return f"{before}{mark}{_TAGS}**" if mark and ref.startswith(_TAGS) else name


def _called(identity: Identity) -> str:
    """Give a short name: the calling repository's, or what stands before an address's @."""
    where = identity.claims.get(SOURCE_REPOSITORY) or identity.name.partition(REF_MARK)[0]
    if where.startswith("https://"):
        return name("-".join(where.removeprefix("https://").split("/")[1:3]) or where.removeprefix("https://"))
    return name(where.partition("@")[0])


def _free(wanted: str, taken: Mapping[str, object]) -> str:
    number, found = 2, wanted
    while found in taken:
        number, found = number + 1, f"{wanted[:60]}-{number}"
    return found
