"""From the common options to the application, and from what a user wrote to what the pipeline takes."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, cast

from secmount.app.assembly import Application, assemble
from secmount.app.ways import Ways
from secmount.cli.configured import configured
from secmount.cli.view.settings import Settings
from secmount.errors import InputError
from secmount.oci import reference
from secmount.oci.descriptor import Platform
from secmount.oci.reference import LayoutReference
from secmount.pipeline.admission import Wanted
from secmount.policy.input import Request


@contextmanager
def opened(settings: Settings, *, backend: str | None = None, pull: str = "missing") -> Iterator[Application]:
    """Open the application that the options and the configuration describe; learn what to warn of."""
    with assemble(configured(settings, backend=backend), ways(settings, pull=pull)) as application:
        try:
            yield application
        finally:
            settings.learned["warnings"] = (*application.parts.log.warnings, *application.warnings())


def ways(settings: Settings, *, pull: str = "missing") -> Ways:
    """Say how the network may be used."""
    if pull not in ("always", "missing", "never"):
        raise InputError("SM1010", subject="--pull", got=pull, want="always, missing or never")
    if settings.offline and pull == "always":
        raise InputError("SM1010", subject="--pull always", got="--offline, too", want="one of them")
    return Ways(
        offline=settings.offline,
        pull=cast("Literal['always', 'missing', 'never']", pull),
        authfile=settings.authfile,
        ca_file=settings.ca_file,
        plain_http=settings.plain_http,
        deadline_ms=settings.timeout,
    )


def request(verb: str) -> Request:
    """Say who asks: this user, at the command line."""
    uid = os.getuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    return Request(face="cli", use="cli", verb=verb, user=user)


def wanted(
    settings: Settings,
    verb: str,
    text: str,
    *,
    as_name: str | None = None,
    platform: str | None = None,
    exec: bool = False,
) -> Wanted:
    """Parse what the user names; raise `InputError` SM1001–SM1003, SM1013, SM1014."""
    parsed = named(settings, text)
    if as_name is not None:
        if not isinstance(parsed, LayoutReference):
            raise InputError("SM1013", subject=text, got=f"--as {as_name}", want="an oci: or oci-archive: reference")
        try:
            as_name = reference.registry_name(as_name)
        except InputError as err:
            raise InputError("SM1013", subject=f"--as {as_name}", got=err.got, want=err.want) from err
    return Wanted(parsed, request(verb), as_name, _platform(platform), exec)


def named(settings: Settings, text: str) -> reference.Reference:
    """Parse a reference; a short name is looked up among the aliases and nowhere else."""
    try:
        return reference.parse(text, cwd=os.getcwd())
    except InputError as err:
        if err.code != "SM1002":
            raise
        from secmount.app.naming import full_name

        whole = full_name(text, configured(settings))
        if whole is None:
            raise
        return reference.parse(whole, cwd=os.getcwd())


def _platform(text: str | None) -> Platform | None:
    if text is None:
        return None
    parts = text.split("/")
    if not 2 <= len(parts) <= 3 or not all(part.isascii() and part.isprintable() and part for part in parts):
        raise InputError("SM1014", got=text, want="OS/ARCHITECTURE[/VARIANT]")
    return Platform(*parts)
