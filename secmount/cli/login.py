"""`login` and `logout`."""

from __future__ import annotations

import getpass
import sys
import warnings
from typing import TYPE_CHECKING, Annotated

import typer

from secmount.cli.configured import configured
from secmount.cli.context import ways
from secmount.cli.options import common
from secmount.cli.view import render
from secmount.cli.view.outcome import Outcome
from secmount.cli.view.settings import Settings
from secmount.errors import InputError
from secmount.oci import reference

if TYPE_CHECKING:
    from secmount.app.accounts import Account
    from secmount.registry.credentials.value import Basic

SECRET_LIMIT = 64 << 10  # bytes of a password on standard input; tokens of cloud registries have 2 to 12 KiB
Host = Annotated[str, typer.Argument(metavar="HOST", help="HOST[:PORT], or HOST[:PORT]/NAMESPACE for that part alone.")]


def register(application: typer.Typer) -> None:
    """Add the commands of this module."""
    application.command()(login)
    application.command()(logout)


@common("login", network=True)
def login(
    settings: Settings,
    host: Host,
    username: Annotated[
        str | None, typer.Option("-u", "--username", metavar="NAME", help="Asked for if missing.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password, or token, from standard input.")
    ] = False,
    get_login: Annotated[bool, typer.Option("--get-login", help="Only say who is logged in.")] = False,
) -> Outcome:
    """Check credentials at a registry and keep them where podman, skopeo and oras look for them, too.

    secmount login ghcr.io -u ann --password-stdin < token
    secmount login docker.io
    secmount login ghcr.io --get-login
    """
    from secmount.app import accounts

    key = _key(host)
    config, way = configured(settings), ways(settings)
    if get_login:
        found = accounts.who(key, config, way)
        return Outcome("login", (render.escape(found.username or "<token>"),), {"login": _shown(found)})
    if settings.offline:
        raise InputError("SM1010", subject="login", got="--offline", want="a connection: the registry is asked")
    done = accounts.login(key, _credential(username, password_stdin=password_stdin), config, way)
    place = f"by docker-credential-{done.helper}" if done.helper else f"in {done.file}"
    lines = (f"logged in  {render.escape(key)} as {render.escape(done.username)}", f"stored     {render.escape(place)}")
    notes = (
        [] if done.helper else [f"stored unencrypted in {done.file}, readable by its owner; credHelpers there avoid it"]
    )
    if not done.checked:
        notes.append(f"{key} did not ask for credentials, so these were not checked")
    return Outcome("login", () if settings.quiet else lines, {"login": _shown(done)}, warnings=tuple(notes))


@common("logout", network=True)
def logout(
    settings: Settings,
    host: Annotated[str | None, typer.Argument(metavar="[HOST]", help="As for login.")] = None,
    all: Annotated[bool, typer.Option("--all", help="Forget every registry.")] = False,
) -> Outcome:
    """Forget the credentials of a registry.

    secmount logout ghcr.io
    secmount logout --all
    """
    from secmount.app import accounts

    if (host is None) != all:
        raise InputError("SM1010", subject="logout", got=host or "nothing", want="a HOST, or --all instead")
    key = None if host is None else _key(host)
    gone = accounts.logout(key, configured(settings), ways(settings))
    fields = {"registries": list(gone.keys), "file": gone.file, "helper": gone.helper, "left": gone.left}
    lines = tuple(f"logged out  {render.escape(each)}" for each in gone.keys) or ("nothing was kept",)
    notes = [] if gone.left is None else [f"{key} is still known to {gone.left}"]
    notes += [] if gone.note is None else [f"other credentials files were not looked at: {gone.note}"]
    return Outcome("logout", () if settings.quiet else lines, {"logout": fields}, warnings=tuple(notes))


def _shown(account: Account) -> dict[str, object]:
    return {
        "registry": account.key,
        "username": account.username,
        "file": account.file,
        "helper": account.helper,
        "checked": account.checked,
    }


def _key(text: str) -> str:
    """Give what credentials are kept under; the host is spelled as in references."""
    try:
        plain = text.removeprefix("https://").removesuffix("/")
        return reference.registry_name(f"{plain}/x/y").removesuffix("/x/y")
    except InputError as err:
        raise InputError("SM1010", subject=text, got=ascii(text), want="HOST[:PORT] or HOST[:PORT]/NAMESPACE") from err


def _credential(username: str | None, *, password_stdin: bool) -> Basic:
    from secmount.registry.credentials.document import basic

    if username is None:
        username = _asked_username(password_stdin=password_stdin)
    password = _read_password() if password_stdin else _asked_password()
    try:
        found = basic(username, password)
    except ValueError as err:
        raise InputError("SM1010", subject="login", got=str(err), want="a name and a password") from None
    if found is None:
        raise InputError("SM1010", subject="login", got="neither name nor password", want="both")
    return found


def _read_password() -> str:
    data = sys.stdin.buffer.read(SECRET_LIMIT + 1)
    if len(data) > SECRET_LIMIT:
        raise InputError("SM1010", subject="--password-stdin", got=f"more than {SECRET_LIMIT} bytes", want="a password")
    try:
        return data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise InputError("SM1010", subject="--password-stdin", got="no UTF-8", want="a password") from None


def _asked_username(*, password_stdin: bool) -> str:
    if password_stdin or not sys.stdin.isatty():
        raise InputError("SM1010", subject="login", got="no name", want="-u NAME --password-stdin")
    sys.stderr.write("name: ")
    sys.stderr.flush()
    return sys.stdin.readline().rstrip("\n")


def _asked_password() -> str:
    """Ask at the terminal, which does not show what is typed; where it cannot help showing it, nothing is asked."""
    if not sys.stdin.isatty():
        raise InputError("SM1010", subject="login", got="no terminal to ask at", want="--password-stdin")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass("password: ", stream=sys.stderr)
    except (getpass.GetPassWarning, EOFError) as err:
        raise InputError("SM1010", subject="login", got="a terminal that shows it", want="--password-stdin") from err
