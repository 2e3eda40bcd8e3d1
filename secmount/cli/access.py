"""`resolve`, `verify`, `pull`, `mount`, `unmount`."""

import sys
from dataclasses import replace
from typing import Annotated

import typer

from secmount.app.assembly import now_ms
from secmount.cli import context, flattening
from secmount.cli.options import common, named
from secmount.cli.view import results
from secmount.cli.view.learning import Learning
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.progress import Progress
from secmount.cli.view.settings import Settings

Ref = Annotated[
    str, typer.Argument(metavar="REF", help="HOST/NAME[:TAG][@DIGEST], oci:PATH[:TAG|@DIGEST] or oci-archive:….")
]
Dir = Annotated[str, typer.Argument(metavar="DIR", help="An empty folder, or one to be made in an existing folder.")]
AsName = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="The repository a layout was copied from; recorded as asserted."),
]
OnPlatform = Annotated[
    str | None, typer.Option("--platform", metavar="OS/ARCH", help="Which entry of an index; default: this machine.")
]
Pull = Annotated[
    str,
    typer.Option(
        "--pull",
        metavar="always|missing|never",
        help="Ask the registry anew; only for what is not held; never. A tag is asked for unless never.",
    ),
]


def register(application: typer.Typer) -> None:
    """Add the commands of this module."""
    application.command()(resolve)
    application.command()(verify)
    application.command()(pull)
    application.command()(mount)
    application.command()(unmount)
    application.command("umount", hidden=True)(unmount)


@common("resolve", network=True)
def resolve(settings: Settings, ref: Ref, platform: OnPlatform = None, fresh: Pull = "missing") -> Outcome:
    """Show which digest a reference means. It needs a rule, as no registry is asked without one; nothing is verified.

    secmount resolve ghcr.io/acme/model:v1
    secmount resolve ghcr.io/acme/model:v1 -q --platform linux/arm64
    """
    from secmount.pipeline.origin import meaning

    wanted = context.wanted(settings, "resolve", ref, platform=platform)
    with context.opened(settings, pull=fresh) as application, Progress.on(settings, sys.stderr):
        return results.resolved(
            meaning(application.parts, wanted.reference, wanted.platform), settings, now_ms=now_ms()
        )


@common("verify", network=True)
def verify(
    settings: Settings, ref: Ref, as_name: AsName = None, platform: OnPlatform = None, fresh: Pull = "missing"
) -> Outcome:
    """Show, and record, the decision that mount would take. Nothing is pulled or mounted.

    secmount verify ghcr.io/acme/model:v1
    secmount verify oci:/srv/models/bert:v1
    secmount verify ghcr.io/acme/model:v1 --offline -o json
    """
    from secmount.pipeline.admit import admit

    wanted = context.wanted(settings, "verify", ref, as_name=as_name, platform=platform)
    with context.opened(settings, pull=fresh) as application, Progress.on(settings, sys.stderr) as progress:
        admission = admit(application.parts, wanted, Learning(settings, progress))
        return results.admission("verify", admission, settings, now_ms=now_ms())


@common("pull", network=True)
def pull(
    settings: Settings, ref: Ref, as_name: AsName = None, platform: OnPlatform = None, fresh: Pull = "missing"
) -> Outcome:
    """Put an artifact into the store, if the policy approves, so that it can be mounted without its registry.

    secmount pull ghcr.io/acme/model:v1
    secmount pull ghcr.io/acme/model:v1 --pull always --timeout 10m
    """
    from secmount.pipeline.fetch import Pulled
    from secmount.pipeline.fetch import pull as fetch

    wanted = context.wanted(settings, "pull", ref, as_name=as_name, platform=platform)
    with context.opened(settings, pull=fresh) as application, Progress.on(settings, sys.stderr) as progress:
        result = fetch(application.parts, wanted, Learning(settings, progress))
        if isinstance(result, Pulled):
            return results.pulled(result, settings)
        return results.admission("pull", result, settings, now_ms=now_ms())


@common("mount", network=True)
def mount(
    settings: Settings,
    ref: Ref,
    directory: Dir,
    as_name: AsName = None,
    platform: OnPlatform = None,
    fresh: Pull = "missing",
    backend: Annotated[
        str | None, typer.Option("--backend", metavar="erofs|copy", help="copy: files are copied, not mounted.")
    ] = None,
    exec: Annotated[bool, typer.Option("--exec", help="Allow running files, where the rule says exec = true.")] = False,
    subpath: flattening.Subpath = None,
    include: flattening.Include = None,
    exclude: flattening.Exclude = None,
    portable: flattening.Portable = False,
    on_conflict: flattening.OnConflict = "last-wins",
    uid: Annotated[int, typer.Option("--uid", min=0, max=2**32 - 2, help="Whose the files are; default root.")] = 0,
    gid: Annotated[int, typer.Option("--gid", min=0, max=2**32 - 2, help="Whose group the files are.")] = 0,
) -> Outcome:
    """Mount an artifact read-only at a folder, if the policy approves.

    secmount mount ghcr.io/acme/model:v1 /mnt/model
    secmount mount oci:/srv/models/bert:v1 /mnt/bert
    secmount mount ghcr.io/acme/model:v1 ./model --backend copy --exclude '**/*.bin'
    """
    from secmount.pipeline.mount import Placed
    from secmount.pipeline.mount import mount as place

    directory = named("DIR", directory)
    wanted = context.wanted(settings, "mount", ref, as_name=as_name, platform=platform, exec=exec)
    wanted = replace(wanted, uid=uid, gid=gid)
    form = flattening.options(
        subpath=subpath, include=include, exclude=exclude, portable=portable, on_conflict=on_conflict
    )
    with (
        context.opened(settings, backend=backend, pull=fresh) as application,
        Progress.on(settings, sys.stderr) as progress,
    ):
        observer, chosen = Learning(settings, progress), application.config.backend
        build = application.build(form) if progress is None else progress.around(application.build(form))
        result = place(application.parts, wanted, directory, backend=chosen, build=build, observer=observer)
        if isinstance(result, Placed):
            return results.placed(result, settings)
        return results.admission("mount", result, settings, now_ms=now_ms())


@common("unmount")
def unmount(
    settings: Settings,
    directory: Annotated[str, typer.Argument(metavar="DIR", help="Where it is mounted.")],
    lazy: Annotated[bool, typer.Option("--lazy", help="Detach now, even if files are open.")] = False,
) -> Outcome:
    """Take a mount, or a copy, away.

    secmount unmount /mnt/bert
    secmount unmount /mnt/bert --lazy
    """
    from secmount.pipeline.unmount import unmount as take_away

    with context.opened(settings) as application:
        removed = take_away(application.parts, named("DIR", directory), context.request("unmount"), lazy=lazy)
    return results.removed(removed)
