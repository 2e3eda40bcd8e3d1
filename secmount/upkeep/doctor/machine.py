"""The kernel with its ways to mount, and the clock."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from secmount.config.value import Config
from secmount.errors import SecmountError
from secmount.mount import probe
from secmount.oci import instant
from secmount.pipeline.memory.clock import newest
from secmount.policy.credit.force import SKEW
from secmount.store.cas import STATE
from secmount.store.state import State
from secmount.upkeep.doctor.diagnosis import Diagnosis, failed, ok, warning
from secmount.upkeep.doctor.site import Site

MOUNT_API = (5, 2)  # the Linux that has fsopen, fsmount and move_mount
FILE_BACKED = (6, 12)  # the Linux that mounts EROFS from plain files (CONFIG_EROFS_FS_BACKED_BY_FILE)
EARLIEST = instant.parse("2026-11-01T00:00:00Z")  # no clock is right that shows a time before this program was written
LATEST = instant.parse("2100-01-01T00:00:00Z")
SCRATCH = "/var/tmp"  # noqa: S108  # for files without a name only: O_TMPFILE


def kernel(_: Site) -> Iterator[Diagnosis]:
    """Ask the kernel for what mounting needs."""
    release = os.uname().release
    found = tuple(int(part) for part in re.findall(r"[0-9]+", release)[:2])
    if found < MOUNT_API:
        yield failed(f"Linux {release} has no mount API: nothing can be mounted", "uname -r  (Linux 6.12 or later)")
    elif found < FILE_BACKED:
        said = f"Linux {release} mounts no EROFS image from a file (since 6.12); files can be copied: --backend copy"
        yield warning(said, "uname -r  (Linux 6.12 or later)")
    else:
        yield ok(f"Linux {release}")


def backends(site: Site) -> Iterator[Diagnosis]:
    """Try the EROFS backend as a mount would; copying works wherever files can be written."""
    state = site.config.state if site.config and os.path.isdir(site.config.state) else None
    chosen = site.config.backend if site.config else None
    reason = probe.reason(state=state, directories=tuple(filter(None, (state, SCRATCH))))
    if reason is None:
        yield ok("erofs: images are mounted from files, and a read that fails is an error")
    elif chosen == "erofs":
        yield failed(f"erofs, which the configuration names, cannot be used: {reason}", "secmount config show --origin")
    elif site.uid != 0 and "as root" in reason:
        yield warning("erofs: mounting needs root; without it files are copied: --backend copy", "sudo secmount doctor")
    else:
        yield warning(f"erofs cannot be used: {reason}", "secmount mount REF DIR --backend copy")
    yield ok("copy: files are copied, not mounted; the kernel enforces nothing then")


def clock(site: Site) -> Iterator[Diagnosis]:
    """Compare the clock with the calendar, and with the newest times that the log and the store remember."""
    now = site.clock()
    shown = instant.render(now)
    if not EARLIEST <= now < LATEST:
        yield failed(f"the clock says {shown}, which cannot be", "timedatectl status")
        return
    last, where = _newest(site)
    if last > now + SKEW:
        yield failed(f"the clock says {shown}, but {where} is of {instant.render(last)}", "timedatectl status")
    elif last > now:
        yield warning(f"the clock says {shown}, a little before {where}", "timedatectl status")
    else:
        behind = f", not before {where}" if where else ""
        yield ok(f"{shown}{behind}")


def _newest(site: Site) -> tuple[int, str]:
    """Give the newest remembered time, 0 where nothing is; what cannot be read is another check's to say."""
    found = [(0, "")]
    if site.config is not None:
        for where, ask in (("the log's last entry", _of_log), ("the store's last entry", _of_store)):
            try:
                ms = ask(site, site.config)
            except SecmountError:
                continue
            if ms is not None:
                found.append((ms, where))
    return max(found)


def _of_log(site: Site, config: Config) -> int | None:
    log = site.log(config)
    return None if log is None else log.newest_ms


def _of_store(site: Site, config: Config) -> int | None:
    state = State.if_any(os.path.join(config.store, STATE), uid=site.uid)
    if state is None:
        return None
    with state:
        times = [newest(state), *(row.since_ms for row in state.mounts.all())]
        return max((ms for ms in times if ms is not None), default=None)
