"""Repeated denials: a requester who asks for the same refused thing for ever writes a bounded number of entries.

The first few identical denials stand in the log in full; those after them, within a window, are counted and become
one entry with `repeated` {count, first, last, decision_ids}. Beyond a budget of entries an hour per requester,
different denials are counted together too. What is being counted stands in a small file beside the log.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from secmount.audit.tlog.folder import Folder
from secmount.oci import canonical, instant

WINDOW: Final = 10 * 60_000  # ms that identical denials are counted together
FULL: Final = 3  # identical denials of a window that stand in the log in full
BUDGET: Final = 100  # entries of denials per requester in BUDGET_WINDOW
BUDGET_WINDOW: Final = 3_600_000  # ms
REQUESTERS: Final = 1_024  # with a budget of their own; those beyond it share one
TRACKED: Final = 256  # different denials counted at a time; more are counted per requester
IDS: Final = 32  # decision ids that a counted entry names
NAME: Final = "repeats.json"
_LIMIT = 16 << 20  # bytes of the file


class Repeats:
    """What is being counted; the caller holds the lock that goes with it."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._state: dict[str, Any] = {"counted": {}, "budgets": {}}

    def idle(self, now_ms: int) -> bool:
        """Say, by a look at the file's time only, whether nothing can be due."""
        try:
            info = os.stat(NAME, dir_fd=self._folder.dirfd, follow_symlinks=False)
        except FileNotFoundError:
            return True
        return now_ms - int(info.st_mtime * 1000) < WINDOW

    def load(self) -> None:
        """Read the file; a damaged one counts as empty: only counts are lost with it."""
        try:
            with open(
                NAME, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, dir_fd=self._folder.dirfd)
            ) as stream:
                state = json.loads(stream.read(_LIMIT))
        except (FileNotFoundError, ValueError):
            return
        if isinstance(state, dict) and all(isinstance(state.get(key), dict) for key in self._state):
            self._state = state

    def save(self) -> None:
        """Write the file, or remove it when nothing is counted; not flushed: counts grant nothing."""
        if not self._state["counted"] and not self._state["budgets"]:
            try:
                os.unlink(NAME, dir_fd=self._folder.dirfd)
            except FileNotFoundError:
                return
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(f".{NAME}", flags, 0o600, dir_fd=self._folder.dirfd)
        with open(handle, "wb") as stream:
            stream.write(canonical.encode(self._state))
        os.rename(f".{NAME}", NAME, src_dir_fd=self._folder.dirfd, dst_dir_fd=self._folder.dirfd)

    def due(self, now_ms: int) -> list[dict[str, Any]]:
        """Take out what has been counted for a whole window, as records to append."""
        counted, budgets = self._state["counted"], self._state["budgets"]
        old = [key for key, row in counted.items() if not 0 <= now_ms - row["first"] < WINDOW]
        found = [_summed(counted.pop(key), now_ms) for key in old]
        for key in [key for key, row in budgets.items() if not 0 <= now_ms - row["start"] < BUDGET_WINDOW]:
            del budgets[key]
        return [row for row in found if row is not None]

    def note(self, record: Mapping[str, Any], now_ms: int) -> bool:
        """Take a denial; say whether it is to stand in the log by itself. Otherwise it has been counted."""
        requester = _requester(record)
        if requester not in self._state["budgets"] and len(self._state["budgets"]) >= REQUESTERS:
            requester = "others"
        budget = self._state["budgets"].setdefault(requester, {"start": now_ms, "entries": 0})
        key = _fingerprint(record)
        row = self._state["counted"].get(key)
        room = budget["entries"] < BUDGET
        if row is None and room and len(self._state["counted"]) < TRACKED:
            row = self._state["counted"][key] = _fresh(record, now_ms)
        if row is None:
            key = f"over {requester}"
            row = self._state["counted"].setdefault(key, _fresh(_various(record), now_ms))
            row["logged"] = FULL
            row["record"]["deny"] = sorted({*(row["record"]["deny"] or ()), *(record["deny"] or ())})[:IDS]
        if row["logged"] < FULL and room:
            row["logged"] += 1
            budget["entries"] += 1
            return True
        row["count"] += 1
        row["first_counted"] = row["first_counted"] or now_ms
        row["last"] = now_ms
        if record["decision_id"]:
            row["ids"] = [*row["ids"], record["decision_id"]][-IDS:]
        return False

    def counting(self) -> list[dict[str, Any]]:
        """Give what is being counted now, as the records it would become."""
        found = (_summed(row, row["last"]) for row in self._state["counted"].values())
        return [row for row in found if row is not None]


def _fresh(record: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    return {
        "record": dict(record),
        "logged": 0,
        "count": 0,
        "first": now_ms,
        "first_counted": None,
        "last": now_ms,
        "ids": [],
    }


def _various(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give the record that stands for different denials of one requester."""
    emptied = dict.fromkeys(("subject", "reference", "input_sha256", "details", "error", "withheld", "signers"))
    return {**record, **emptied, "parts": {}}


def _summed(row: Mapping[str, Any], now_ms: int) -> dict[str, Any] | None:
    if not row["count"]:
        return None
    return {
        **row["record"],
        "time": instant.render(now_ms),
        "decision_id": None,
        "repeated": {
            "count": row["count"],
            "first": instant.render(row["first_counted"]),
            "last": instant.render(row["last"]),
            "decision_ids": row["ids"],
        },
    }


def _requester(record: Mapping[str, Any]) -> str:
    request = record["request"] or {}
    if not isinstance(request, Mapping):  # masked
        return _digest(request)
    return _digest([request.get(key) for key in ("face", "user", "namespace", "service_account")])


def _fingerprint(record: Mapping[str, Any]) -> str:
    request, error = record["request"], record["error"]
    if isinstance(request, Mapping):
        request = {key: value for key, value in request.items() if key != "pod"}
    if isinstance(error, Mapping):
        error = error.get("code")
    return _digest([record["subject"], record["reference"], request, record["deny"], record["policy_revision"], error])


def _digest(value: Any) -> str:
    return sha256(canonical.encode(value)).hexdigest()[:32]
