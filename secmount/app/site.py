"""What `doctor` looks at, put together: each part is made when the check that needs it asks."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING

from secmount.app.assembly import PAGE_KIB, now_ms
from secmount.app.naming import hosts
from secmount.app.ways import Ways
from secmount.audit.reserve import Reserve
from secmount.audit.tlog.anchor import Anchors
from secmount.config import file
from secmount.config.value import Config
from secmount.errors import SecmountError, StorageError
from secmount.oci import instant
from secmount.registry.credentials import places
from secmount.registry.credentials.files import read
from secmount.registry.credentials.names import host_of
from secmount.registry.credentials.programs import Helpers
from secmount.registry.credentials.value import Anonymous
from secmount.review.reader import Reader, open_log
from secmount.review.verify import glance, verify
from secmount.upkeep.doctor.site import Helper, Logins, LogState, Reached, Site

if TYPE_CHECKING:
    from secmount.policy.engine import Engine
    from secmount.trust.root import TrustRoot

WHOLE = 50_000  # entries of a log that is read whole, in about a second
REACH_MS = 10_000  # for one registry, everything included
ANSWER_LIMIT = 64 << 10  # bytes; a registry answers `{}` or nothing


def site(flags: Mapping[str, str | None], environment: Mapping[str, str], ways: Ways) -> Site:
    """Put a site together for this user; a configuration that cannot be read is a part of it."""
    uid = os.geteuid()
    config, fault = None, None
    try:
        config = file.load(flags, environment, uid=uid)
    except SecmountError as err:
        fault = err
    return Site(
        config_file=file.place(flags, environment, uid)[0],
        config=config,
        fault=fault,
        uid=uid,
        offline=ways.offline,
        clock=now_ms,
        log=cache(lambda config: _log(config, uid)),
        engine=lambda config: _engine(config, uid),
        root=lambda config: _root(config, uid),
        reach=lambda config, host: _reach(config, ways, host),
        logins=cache(lambda config: _logins(config, uid)),
    )


def _log(config: Config, uid: int) -> LogState | None:
    state = config.state if os.path.isdir(config.state) else None
    if not os.path.lexists(config.audit):
        _never(config.audit, state, uid)
        return None
    with open_log(config.audit, uid=uid, state=state) as reader:
        if reader.size > WHOLE:
            problems, anchored = glance(reader)
        else:
            found = verify(reader)
            problems, anchored = found.problems, found.anchored
        return LogState(
            size=reader.size,
            newest_ms=_newest(reader),
            problems=tuple((problem.code, problem.subject, problem.got) for problem in problems),
            anchored=bool(anchored),
            waiting=len(Reserve(reader.folder).waiting()),
            whole=reader.size <= WHOLE,
        )


def _never(path: str, state: str | None, uid: int) -> None:
    """Raise `StorageError` SM7107 where a log is remembered and its folder is not there."""
    known = Anchors(path, state=state, uid=uid).remembered()
    if known is not None:
        want = f"{known.size} entries of {known.origin}, as remembered outside the log"
        raise StorageError("SM7107", subject=path, got="no log", want=want)


def _newest(reader: Reader) -> int | None:
    if not reader.size:
        return None
    try:
        return instant.parse(str(reader.entry(reader.size - 1).record["time"]))
    except (SecmountError, ValueError, KeyError):
        return None  # a broken entry is among the problems


def _engine(config: Config, uid: int) -> Engine:
    from secmount.policy.wasm import WasmEngine

    return WasmEngine(
        module_directory=os.path.join(config.state, "modules") if os.path.isdir(config.state) else None,
        uid=uid,
        deadline_ms=config.policy_deadline_ms,
        memory_pages=config.policy_memory_mib * 1024 // PAGE_KIB,
    )


def _root(config: Config, uid: int) -> TrustRoot:
    from secmount.trust.roots import kept

    return kept.default(config.state, uid=uid)


def _reach(config: Config, ways: Ways, host: str) -> Reached:
    """Ask `host` for its `/v2/` anonymously, once: a name, a connection, TLS, and an answer are what is looked for."""
    from secmount.registry.http.client import Client, Effects
    from secmount.registry.http.settings import HttpSettings
    from secmount.registry.http.wire.transport import Deadline

    place = hosts(config, ways).locate(f"{host}/doctor/doctor")[-1]
    settings = HttpSettings(timeout_ms=min(config.registry.timeout_ms, REACH_MS), deadline_ms=REACH_MS, attempts=1)
    effects = Effects(now_ms, time.sleep, os.urandom)
    client = Client(place, Anonymous(), settings, effects=effects, deadline=Deadline(settings, subject=host))
    try:
        began = time.monotonic()
        answer, _ = client.document("/v2/", {}, limit=ANSWER_LIMIT, passed=frozenset({401}))
        took = round((time.monotonic() - began) * 1000)
    finally:
        client.close()
    scheme = (answer.header("WWW-Authenticate") or "").partition(" ")[0]
    return Reached(took, scheme or None, _date(answer.header("Date")))


def _date(text: str | None) -> int | None:
    """Read an HTTP date (RFC 9110 section 5.6.7); None for anything else."""
    try:
        return None if text is None else round(parsedate_to_datetime(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _logins(config: Config, uid: int) -> Logins:
    """Read every file that may name credentials; no helper is run."""
    files: list[str] = []
    hosts: set[str] = set()
    helpers: dict[str, Helper] = {}
    faults: list[SecmountError] = []
    programs = Helpers(config.registry.helpers, os.environ, uid)
    for place in places.reading(os.environ, uid=uid, authfile=config.registry.authfile):
        try:
            found = read(place, uid=uid)
        except SecmountError as err:
            faults.append(err)
            continue
        if found is not None:
            files.append(found.file)
            hosts.update(host_of(key).partition("/")[0] for key in (*found.auths, *found.helpers))
            named = filter(None, (*found.helpers.values(), found.store))
            helpers.update({name: _helper(name, programs, found.file) for name in named if name not in helpers})
    for name in config.registry.helpers:
        helpers.setdefault(name, _helper(name, programs, "the configuration"))
    return Logins(tuple(sorted(hosts)), tuple(helpers.values()), tuple(files), tuple(faults))


def _helper(name: str, programs: Helpers, named_by: str) -> Helper:
    try:
        return Helper(name, programs.program(name), named_by)
    except SecmountError as err:
        return Helper(name, err, named_by)
