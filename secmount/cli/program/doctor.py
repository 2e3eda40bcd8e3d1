"""`doctor`: everything a mount needs, looked at, with what to do about it."""

from __future__ import annotations

import os
import sys

import typer

from secmount.cli.options import common
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings


def register(application: typer.Typer) -> None:
    """Add the commands of this module."""
    application.command()(doctor)


@common("doctor", network=True)
def doctor(settings: Settings) -> Outcome:
    """Look at everything a mount needs, and say what to do about what is missing. Exit 2 if something is broken.

    secmount doctor
    secmount doctor --offline
    sudo secmount doctor -o json
    """
    from secmount.app.site import site
    from secmount.app.ways import Ways
    from secmount.cli.program import health
    from secmount.cli.view.progress import Progress

    flags = {
        "config": settings.config,
        "policy": settings.policy,
        "store": settings.store,
        "authfile": settings.authfile,
        "ca-file": settings.ca_file,
    }
    ways = Ways(
        offline=settings.offline,
        authfile=settings.authfile,
        ca_file=settings.ca_file,
        plain_http=settings.plain_http,
        deadline_ms=settings.timeout,
    )
    with Progress.on(settings, sys.stderr, stage="examining"):
        return health.show(site(flags, os.environ, ways), settings)
