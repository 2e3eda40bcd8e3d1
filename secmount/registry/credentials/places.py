"""Where credentials are read and written: containers-auth.json(5), within promise 11.

As root nothing that an ordinary user controls is asked: neither HOME, XDG_*, DOCKER_CONFIG nor REGISTRY_AUTH_FILE.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from secmount.value import dataclass

ROOTS = "/run/containers/0/auth.json"


@dataclass(frozen=True, slots=True)
class AuthPlace:
    """A file that may hold credentials; `required`: somebody named it."""

    path: str
    required: bool = False
    legacy: bool = False


def reading(environment: Mapping[str, str], *, uid: int, authfile: str | None) -> tuple[AuthPlace, ...]:
    """Give the files in the order they are asked; a named one is the only one."""
    named = authfile or (environment.get("REGISTRY_AUTH_FILE") if uid != 0 else None)
    if named:
        return (AuthPlace(os.path.abspath(named), required=True),)
    if uid == 0:
        return (AuthPlace(ROOTS),)
    home = home_of(environment)
    docker = environment.get("DOCKER_CONFIG") or os.path.join(home, ".docker")
    return (
        AuthPlace(_runtime(environment) or f"/run/containers/{uid}/auth.json"),
        AuthPlace(os.path.join(config_home(environment), "containers", "auth.json")),
        AuthPlace(os.path.join(os.path.abspath(docker), "config.json")),
        AuthPlace(os.path.join(home, ".dockercfg"), legacy=True),
    )


def writing(environment: Mapping[str, str], *, uid: int, authfile: str | None) -> str:
    """Give the file that `login` writes and `logout` changes: the first of those read.

    Where the session has no XDG_RUNTIME_DIR a user cannot write there; it is then the one of the configuration.
    """
    first = reading(environment, uid=uid, authfile=authfile)[0]
    if first.required or uid == 0 or _runtime(environment):
        return first.path
    return os.path.join(config_home(environment), "containers", "auth.json")


def unasked(environment: Mapping[str, str], *, uid: int) -> tuple[str, ...]:
    """Give the files of the user behind `sudo` that are there and, as root, are not asked; for a hint, never read."""
    name = environment.get("SUDO_USER", "")
    if uid != 0 or name in ("", "root"):
        return ()
    import pwd

    try:
        user = pwd.getpwnam(name)
    except KeyError:
        return ()
    theirs = reading(
        {"HOME": user.pw_dir, "XDG_RUNTIME_DIR": f"/run/user/{user.pw_uid}"}, uid=user.pw_uid, authfile=None
    )
    return tuple(place.path for place in theirs if os.path.lexists(place.path))


def config_home(environment: Mapping[str, str]) -> str:
    """Give $XDG_CONFIG_HOME, or its default."""
    value = environment.get("XDG_CONFIG_HOME", "")
    return value if os.path.isabs(value) else os.path.join(home_of(environment), ".config")


def home_of(environment: Mapping[str, str]) -> str:
    """Give an ordinary user's home."""
    value = environment.get("HOME", "")
    return value if os.path.isabs(value) else os.path.expanduser(f"~{_login()}")


def _login() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""


def _runtime(environment: Mapping[str, str]) -> str | None:
    value = environment.get("XDG_RUNTIME_DIR", "")
    return os.path.join(value, "containers", "auth.json") if os.path.isabs(value) else None
