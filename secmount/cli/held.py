"""`ls`, `inspect`, `discover`, `check`: what is held, mounted and attached. Only `check` and `inspect --tree` write."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from secmount.cli.configured import configured
from secmount.cli.options import common
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings


def register(application: typer.Typer) -> None:
    """Add the commands of this module."""
    application.command()(ls)
    application.command()(inspect)
    application.command()(discover)
    application.command()(check)


@common("ls")
def ls(settings: Settings) -> Outcome:
    """List the artifacts that are held and the mounts that are known.

    secmount ls
    secmount ls -o json
    """
    from secmount.app.holding import held_store
    from secmount.cli.view import listing

    with held_store(configured(settings)) as store:
        return listing.overview(store)


@common("inspect", network=True)
def inspect(
    settings: Settings,
    what: Annotated[str, typer.Argument(metavar="DIR|REF", help="Where something is mounted, or a reference.")],
    as_name: Annotated[str | None, typer.Option("--as", metavar="NAME", help="As for verify.")] = None,
    platform: Annotated[str | None, typer.Option("--platform", metavar="OS/ARCH", help="As for verify.")] = None,
    tree: Annotated[bool, typer.Option("--tree", help="Pull what is approved and show every path; recorded.")] = False,
) -> Outcome:
    """Show a mount, or what a reference holds and what the policy would withhold.

    Nothing is recorded, but with --tree, which pulls like mount does.

    secmount inspect /mnt/bert
    secmount inspect ghcr.io/acme/model:v1
    secmount inspect oci:/srv/models/bert:v1 --tree
    """
    from secmount.cli import context
    from secmount.cli.view import inspection

    with context.opened(settings) as application:
        if what.startswith((".", "/")) or os.path.isdir(what):
            return inspection.of_mount(application, what)
        wanted = context.wanted(settings, "inspect", what, as_name=as_name, platform=platform)
        if tree:
            return inspection.of_tree(application, wanted, settings)
        return inspection.of_reference(application, wanted, settings)


@common("discover", network=True)
def discover(
    settings: Settings,
    ref: Annotated[str, typer.Argument(metavar="REF", help="HOST/NAME[:TAG][@DIGEST], oci:PATH[:TAG|@DIGEST] ….")],
    platform: Annotated[str | None, typer.Option("--platform", metavar="OS/ARCH", help="As for verify.")] = None,
) -> Outcome:
    """Show everything attached to an artifact, and which of it was signed by a signer of the policy.

    secmount discover ghcr.io/acme/model:v1
    secmount discover oci:/srv/models/bert:v1 -o json
    """
    from secmount.cli import context
    from secmount.cli.view import attachments
    from secmount.cli.view.progress import Progress

    wanted = context.wanted(settings, "discover", ref, platform=platform)
    with context.opened(settings) as application, Progress.on(settings, sys.stderr, stage="discovering"):
        return attachments.of_reference(application, wanted, settings)


@common("check")
def check(
    settings: Settings,
    directory: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="One mount; without it all, and the store.")
    ] = None,
) -> Outcome:
    """Read everything behind a mount again: the bytes are still what was approved.

    secmount check
    secmount check /mnt/bert
    """
    from secmount.cli import context
    from secmount.cli.view import checking

    with context.opened(settings) as application:
        return checking.check(application, directory, context.request("check"))
