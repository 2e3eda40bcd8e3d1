"""From an approval to content in the store: keep what it was decided from, pull what was approved."""

from __future__ import annotations

from secmount.errors import SecmountError
from secmount.oci.reference import RegistryReference
from secmount.pipeline import records
from secmount.pipeline.admission import Admission, Wanted
from secmount.pipeline.admit import admit
from secmount.pipeline.observer import Observer
from secmount.pipeline.origin import held_under
from secmount.pipeline.parts import Parts
from secmount.policy.decision import Approved
from secmount.store.keep import keep
from secmount.store.pull import Held
from secmount.store.pull import pull as pull_layers
from secmount.value import dataclass

WORKERS = 4  # layers of a registry fetched at once: hashing and writing one leaves the connection of another idle


@dataclass(frozen=True, slots=True)
class Pulled:
    """An artifact whose approved layers are in the store."""

    admission: Admission
    held: Held


def pull(parts: Parts, wanted: Wanted, observer: Observer) -> Pulled | Admission:
    """Decide, and put what was approved into the store; or give back the admission that denies it.

    Raise what `admit` raises, `ContentError` SM5xxx, `RegistryError` SM4xxx, `StorageError` SM7xxx; the failure is
    in the log, too.
    """
    admission = admit(parts, wanted, observer)
    approved = admission.outcome
    if not isinstance(approved, Approved):
        return admission
    try:
        held = fetch(parts, admission, approved, observer)
    except SecmountError as err:
        err.decision_id = admission.decision.id
        parts.log.append_essential(records.pulled(parts, wanted, admission, None, err))
        raise
    parts.log.append(records.pulled(parts, wanted, admission, held, None))
    return Pulled(admission, held)


def fetch(parts: Parts, admission: Admission, approved: Approved, observer: Observer) -> Held:
    """Keep the evidence, remember what the tag meant, and pull the approved layers."""
    store, resolution, origin = parts.store(), admission.resolution, admission.origin
    keep(store, resolution, admission.evidence)
    reference = resolution.reference
    remote = isinstance(reference, RegistryReference)
    if remote:
        top, now = resolution.manifest if resolution.index is None else resolution.index, parts.clock()
        store.state.tags.put(resolution.name, held_under(top.digest), top.digest, now)
        if reference.tag is not None and reference.digest is None and origin.resolved_ms is None:
            store.state.tags.put(resolution.name, reference.tag, top.digest, now)
    workers = WORKERS if remote else 1
    return pull_layers(approved, origin.source, store, progress=observer.pulled, workers=workers)
