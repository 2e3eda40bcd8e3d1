"""Docker's credential helpers: `docker-credential-NAME get|store|erase`, a program that answers on its output.

Run by absolute path from the configuration, or, for ordinary users, found in PATH; never by root from anywhere else.
It gets the server on its input and an environment of few variables, has a deadline and a bounded output, and what it
says is neither shown nor logged: it holds secrets.
"""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import time
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from secmount.errors import ContentError, RegistryError, StorageError
from secmount.local import files, owned
from secmount.oci import exact
from secmount.registry.credentials.document import basic, plain_token, same_host
from secmount.registry.credentials.value import Basic, Credential, IdentityToken
from secmount.value import dataclass

if TYPE_CHECKING:
    import subprocess

DEADLINE = 30.0  # seconds; a helper may ask its user something
OUTPUT_LIMIT = 256 << 10  # bytes; tokens of cloud registries have 2 to 12 KiB
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_NOT_FOUND = b"credentials not found in native keychain"  # docker-credential-helpers, credentials/error.go
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_PASSED = frozenset(
    {
        *("HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"),
        *("XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY"),  # secretservice
        *("GNUPGHOME", "GPG_TTY", "PASSWORD_STORE_DIR"),  # pass
        *("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG"),
        *("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    }
)
_PASSED_PREFIXES = ("AWS_", "AZURE_")


@dataclass(frozen=True, slots=True)
class Helpers:
    """`programs`: absolute paths by name, from the configuration. `environment`: the caller's; root's is not asked."""

    programs: Mapping[str, str]
    environment: Mapping[str, str] = field(repr=False)
    uid: int
    deadline: float = DEADLINE

    def get(self, name: str, server: str) -> Credential | None:
        """Ask for what is kept for `server`; None: nothing is.

        Raise `RegistryError` SM4203 (its name), SM4204 (there is no such program, or it is not believed), SM4205 (it
        failed or gave no answer that can be used), SM4206 (an answer for another server).
        """
        status, output = self._run(name, "get", server.encode())
        if status:
            if output.strip() == _NOT_FOUND:
                return None
            raise _failed(name, f"exit status {status}")
        try:
            answer = exact.read(output, limit=OUTPUT_LIMIT, subject=name)
        except ContentError:
            raise _failed(name, "something else than its JSON answer") from None
        return _answer(name, server, answer)

    def store(self, name: str, server: str, credential: Basic) -> None:
        """Have the helper keep a name and password; errors as for `get`."""
        row = {"ServerURL": server, "Username": credential.username, "Secret": credential.password}
        status, _ = self._run(name, "store", json.dumps(row).encode())
        if status:
            raise _failed(name, f"exit status {status}")

    def erase(self, name: str, server: str) -> bool:
        """Have the helper forget `server`; False: it knew nothing. Errors as for `get`."""
        status, output = self._run(name, "erase", server.encode())
        if status and output.strip() != _NOT_FOUND:
            raise _failed(name, f"exit status {status}")
        return not status

    def program(self, name: str) -> str:
        """Find the helper's program; raise `RegistryError` SM4203, SM4204."""
        if not _NAME.fullmatch(name):
            raise RegistryError("SM4203", subject="credential helper", got=ascii(name), want="letters, digits, _ . -")
        path = self.programs.get(name)
        if path is None and self.uid == 0:
            want = f'[registry] helpers = {{ {name} = "/usr/bin/docker-credential-{name}" }} in config.toml'
            raise RegistryError("SM4204", subject=name, got="no path in the configuration", want=want)
        path = path or self._in_path(f"docker-credential-{name}")
        if path is None:
            raise RegistryError("SM4204", subject=name, got=f"no docker-credential-{name} in PATH")
        try:
            owned.check_owned(path, uid=self.uid, what="credential helper")
        except StorageError as err:
            raise RegistryError("SM4204", subject=err.subject or path, got=err.got, want=err.want) from err
        return path

    def _in_path(self, program: str) -> str | None:
        for folder in self.environment.get("PATH", "").split(os.pathsep):
            path = os.path.join(folder, program)
            if os.path.isabs(folder) and os.access(path, os.X_OK) and stat.S_ISREG(os.stat(path).st_mode):
                return path
        return None

    def _run(self, name: str, action: str, data: bytes) -> tuple[int, bytes]:
        import subprocess

        path = self.program(name)
        given = os.memfd_create("server", os.MFD_CLOEXEC)
        try:
            files.write_all(given, data)
            os.lseek(given, 0, os.SEEK_SET)
            process = subprocess.Popen(
                [path, action],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._variables(),
                cwd="/",
                start_new_session=True,  # so that it ends with everything it started
            )
        except OSError as err:
            raise RegistryError("SM4204", subject=path, got=err.strerror or str(err)) from err
        finally:
            os.close(given)
        with process:
            try:
                output = _listen(process, time.monotonic() + self.deadline, name)
            finally:
                if process.returncode is None:  # not waited for, so the group is still its own
                    os.killpg(process.pid, signal.SIGKILL)
            return process.wait(), output

    def _variables(self) -> dict[str, str]:
        if self.uid == 0:
            return {"PATH": _PATH, "HOME": "/root", "LANG": "C.UTF-8"}
        own = self.environment
        passed = {key: value for key, value in own.items() if key in _PASSED or key.startswith(_PASSED_PREFIXES)}
        return {"PATH": own.get("PATH", _PATH), **passed}


def _listen(process: subprocess.Popen[bytes], deadline: float, name: str) -> bytes:
    """Read to the end of the output and of the process, within the bounds."""
    import select

    assert process.stdout is not None
    output, handle = b"", process.stdout.fileno()
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise _failed(name, "no answer in time")
        chunk = os.read(handle, 1 << 16)
        output += chunk
        if len(output) > OUTPUT_LIMIT:
            raise _failed(name, f"more than {OUTPUT_LIMIT} bytes")
        if not chunk:
            break
    while process.poll() is None:
        if time.monotonic() >= deadline:
            raise _failed(name, "no end in time")
        time.sleep(0.005)
    return output


def _answer(name: str, server: str, answer: Any) -> Credential | None:
    fields = answer if isinstance(answer, dict) else {}
    texts = {key: fields.get(key, "") for key in ("ServerURL", "Username", "Secret")}
    if not isinstance(answer, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise _failed(name, "something else than its JSON answer")
    given = texts["ServerURL"]
    if given and not same_host(given, server_host(server)):
        raise RegistryError("SM4206", subject=name, got=ascii(given), want=server)
    try:
        if texts["Username"] == "<token>":
            return IdentityToken(plain_token(texts["Secret"]))
        return basic(texts["Username"], texts["Secret"])
    except ValueError as err:
        raise _failed(name, str(err)) from None


def server_host(server: str) -> str:
    """Give the host of what a helper is asked for."""
    return server.partition("://")[2].partition("/")[0] or server


def _failed(name: str, got: str) -> RegistryError:
    return RegistryError("SM4205", subject=f"docker-credential-{name}", got=got, want="ServerURL, Username, Secret")
