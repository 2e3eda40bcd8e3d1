"""Turn a configuration into the objects the pipeline works with. Nothing is opened or imported before it is needed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from secmount.app.ways import Ways
from secmount.audit.log import AuditLog
from secmount.audit.tlog.anchor import Witness
from secmount.config.snapshot import snapshot
from secmount.config.value import Config
from secmount.errors import InputError
from secmount.local.owned import make_directory
from secmount.oci.reference import Reference, RegistryReference
from secmount.pipeline.parts import Network, Parts
from secmount.policy import folder
from secmount.value import dataclass

if TYPE_CHECKING:
    from secmount.mount.backend import Backend
    from secmount.pipeline.mount import Build
    from secmount.policy.engine import Engine
    from secmount.policy.rules import Policy
    from secmount.registry.source import Source
    from secmount.store.cas import Store
    from secmount.store.pull import Held
    from secmount.tree.node import Tree
    from secmount.tree.options import Options
    from secmount.trust.root import TrustRoot

ENGINE = "wasm"
SCRATCH = "/var/tmp"  # noqa: S108  # for files without a name only: O_TMPFILE
PAGE_KIB = 64  # of WebAssembly's memory


@dataclass(frozen=True, slots=True)
class Application:
    """The objects of one command."""

    config: Config
    parts: Parts
    build: Callable[[Options], Build]  # how to flatten → what does it, within the configured limits
    uid: int
    warnings: Callable[[], tuple[str, ...]] = tuple  # what of the registries' configuration was not used


def now_ms() -> int:
    """Read the clock, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@contextmanager
def assemble(config: Config, ways: Ways | None = None) -> Iterator[Application]:
    """Put the objects of one command together, and close them after it; `ways`: how it may use the network."""
    ways, uid = ways or Ways(), os.geteuid()
    others = replace(ways, plain_http=False)  # credentials of a host that nobody named do not go without TLS
    with ExitStack() as stack:
        _be_quiet(ways, stack)
        log = audit_log(config, uid)
        stack.callback(log.close)

        @cache
        def store() -> Store:
            from secmount.store.cas import Store

            return stack.enter_context(Store(config.store, uid=uid))

        @cache
        def engine() -> Engine:
            from secmount.policy.wasm import WasmEngine

            return WasmEngine(
                module_directory=os.path.join(config.state, "modules"),
                uid=uid,
                deadline_ms=config.policy_deadline_ms,
                memory_pages=config.policy_memory_mib * 1024 // PAGE_KIB,
            )

        told: list[Callable[[], Sequence[str]]] = []
        parts = Parts(
            policy=cache(lambda: _policy(config, uid)),
            open_source=cache(lambda reference: _open_source(reference, config, ways, stack, told)),
            open_elsewhere=cache(lambda reference: _open_source(reference, config, others, stack, told)),
            default_root=cache(lambda: default_root(config, uid)),
            kept_source=cache(lambda: _kept_source(store(), stack)),
            network=Network(ways.offline, ways.pull, config.registry.stale_tags_ms),
            engine=engine,
            engine_name=ENGINE,
            store=store,
            log=log,
            backends=cache(lambda: _backends(config, store(), uid)),
            clock=now_ms,
            random=os.urandom,
            configuration=lambda: snapshot(config),
        )
        yield Application(
            config,
            parts,
            lambda form: lambda held, kept: _build(held, kept, config, form),
            uid,
            lambda: tuple(text for tell in told for text in tell()),
        )


def audit_log(config: Config, uid: int) -> AuditLog:
    """Give the log that the configuration describes; raise `InputError` SM1103 for a mask that cannot be."""
    settings = config.audit_log
    witnesses = [Witness("file", path) for path in settings.witness_files]
    witnesses += [Witness("command", path) for path in settings.witness_commands]
    try:
        return AuditLog(
            config.audit,
            clock=now_ms,
            uid=uid,
            random=os.urandom,
            state=config.state,
            key=settings.key,
            masks=settings.mask,
            witnesses=witnesses,
        )
    except ValueError as err:  # a mask that is no JSON pointer, or names what a record cannot do without
        raise InputError("SM1103", subject="audit-log.mask", got=str(err), want="JSON pointers into a record") from err


def _policy(config: Config, uid: int) -> Policy:
    if not os.path.lexists(config.policy):
        raise _no_policy(config, uid)
    return folder.load(config.policy, uid=uid, default_root=lambda: default_root(config, uid))


def _be_quiet(ways: Ways, stack: ExitStack) -> None:
    if ways.offline:
        from secmount.app.quiet import quiet

        stack.enter_context(quiet())


def default_root(config: Config, uid: int) -> TrustRoot:
    """Give the root of keyless signers that name none: the kept public-good one, or the one that ships with sigstore.

    Raise `TrustError` SM2201, SM2202, SM2206, `StorageError` SM7010 to SM7014.
    """
    from secmount.trust.roots import kept

    return kept.default(config.state, uid=uid)


def _no_policy(config: Config, uid: int) -> InputError:
    home, caller = os.environ.get("SUDO_USER"), ""
    if uid == 0 and home:
        caller = os.path.expanduser(f"~{home}/.config/secmount/policy")
    got = "no such folder"
    if caller and os.path.isdir(caller):
        got = f"no such folder; {caller} is there, but not used as root, because {home} could change it"
    return InputError("SM1105", subject=config.policy, got=got, want="a policy folder")


def _open_source(
    reference: Reference, config: Config, ways: Ways, stack: ExitStack, told: list[Callable[[], Sequence[str]]]
) -> Source:
    if isinstance(reference, RegistryReference):
        if ways.offline:  # whoever asks: nothing that could open a connection is made
            raise InputError("SM1039", subject=reference.text, got="--offline", want="what is held already")
        from secmount.app.wire import registry

        return stack.enter_context(closing(registry(reference.name, config, ways, told)))
    if reference.archive:
        from secmount.registry.archive import ArchiveSource

        return stack.enter_context(ArchiveSource(reference.path))
    from secmount.registry.layout import LayoutSource

    return stack.enter_context(LayoutSource(reference.path))


def _kept_source(store: Store, stack: ExitStack) -> Source:
    from secmount.registry.layout import LayoutSource

    return stack.enter_context(LayoutSource(store.root))


def _backends(config: Config, store: Store, uid: int) -> Mapping[str, Backend]:
    from secmount.mount.copy import CopyBackend
    from secmount.mount.erofs import ErofsBackend

    os.close(make_directory(config.state, uid=uid, what="state directory"))
    erofs = ErofsBackend(images=store, state=config.state, scratch=(config.state, SCRATCH))
    return {backend.name: backend for backend in (erofs, CopyBackend(records=os.path.join(config.state, "copies")))}


def _build(held: Held, store: Store, config: Config, form: Options) -> Tree:
    from secmount.tree.build import build

    return build(
        held,
        store,
        on_conflict=form.on_conflict,
        portable=form.portable,
        limits=config.limits,
        selection=form.selection,
    )
