"""The credentials that podman, skopeo, oras and Docker keep, in the order they ask. containers-auth.json(5).

In each file the helper named for the host comes first, then the entries, most specific first, then the helper that
stores everything. Where nothing is found the next file is asked, and at last nobody: the registry is asked anonymously.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from secmount.errors import RegistryError, StorageError
from secmount.local import files
from secmount.registry.credentials import document, places
from secmount.registry.credentials.document import AuthDocument
from secmount.registry.credentials.names import servers_of
from secmount.registry.credentials.places import AuthPlace
from secmount.registry.credentials.programs import Helpers
from secmount.registry.credentials.value import Credential
from secmount.value import dataclass

_ABSENT = frozenset({"SM7003", "SM7004"})  # a default file that is not there, or is in another user's folder


@dataclass(frozen=True, slots=True)
class Kept:
    """A credential and where it is kept: a file, or a helper named in it."""

    credential: Credential
    file: str
    helper: str | None = None


class CredentialFiles:
    """The files of one user (`asked`, in order). `helpers` None: no program runs (`--offline`).

    `unasked`: files that somebody might expect to be asked; where nothing is found a warning names them.
    """

    def __init__(
        self, asked: Iterable[AuthPlace], *, uid: int, helpers: Helpers | None, unasked: Iterable[str] = ()
    ) -> None:
        self._places, self._uid, self._helpers, self._unasked = tuple(asked), uid, helpers, tuple(unasked)
        self._documents: dict[str, AuthDocument | None] = {}
        self.warnings: list[str] = []

    def find(self, host: str, repository: str) -> Credential | None:
        """Give the credential for `host/repository`; see `Credentials.find`.

        Raise `RegistryError` SM4200–SM4206, `StorageError` SM70xx for a file that others control.
        """
        kept = self.kept(host, repository)
        return None if kept is None else kept.credential

    def kept(self, host: str, repository: str) -> Kept | None:
        """Give the credential and where it is kept."""
        for found in self.documents():
            helper = found.helper(host)
            if helper is not None and (credential := self._ask(helper, host)) is not None:
                return Kept(credential, found.file, helper)
            if (credential := found.entry(host, repository)) is not None:
                return Kept(credential, found.file)
            if found.store is not None and (credential := self._try(found, host)) is not None:
                return Kept(credential, found.file, found.store)
        self._hint()
        return None

    def documents(self) -> Iterator[AuthDocument]:
        """Read the files that are there, each once."""
        for place in self._places:
            if place.path not in self._documents:
                self._documents[place.path] = read(place, uid=self._uid)
            found = self._documents[place.path]
            if found is not None:
                yield found

    def _hint(self) -> None:
        for path in self._unasked:
            text = f"{path} is not asked as root, because its owner could change it; name a file of root's: --authfile"
            if text not in self.warnings:
                self.warnings.append(text)

    def _ask(self, helper: str, host: str) -> Credential | None:
        if self._helpers is None:
            return None
        for server in servers_of(host):
            credential = self._helpers.get(helper, server)
            if credential is not None:
                return credential
        return None

    def _try(self, found: AuthDocument, host: str) -> Credential | None:
        """Ask the helper that is for every host; one that is not there must not close public registries."""
        assert found.store is not None
        try:
            return self._ask(found.store, host)
        except RegistryError as err:
            if err.code != "SM4204":
                raise
            self.warnings.append(f"credsStore of {found.file} is not asked: {err.got}")
            return None


def of_user(
    environment: Mapping[str, str],
    *,
    uid: int,
    authfile: str | None = None,
    programs: Mapping[str, str] | None = None,
    offline: bool = False,
) -> CredentialFiles:
    """Give the credentials of the user `uid`; `programs`: `[registry] helpers`; `offline`: no helper runs."""
    found = places.reading(environment, uid=uid, authfile=authfile)
    helpers = None if offline else Helpers(programs or {}, environment, uid)
    return CredentialFiles(found, uid=uid, helpers=helpers, unasked=places.unasked(environment, uid=uid))


def read(place: AuthPlace, *, uid: int) -> AuthDocument | None:
    """Read one file; None if it is not there and nobody named it. Raise `RegistryError` SM4200, SM4201."""
    try:
        data = files.read_owned(place.path, uid=uid, what="credentials file", limit=document.FILE_LIMIT)
    except StorageError as err:
        if err.code in _ABSENT and not place.required:
            return None
        if err.code == "SM7004":
            raise RegistryError("SM4201", subject=place.path, got="no such file") from err
        if err.code == "SM7014":
            raise RegistryError("SM4200", subject=place.path, got=err.got, want=err.want) from err
        raise
    return document.parse(data, file=place.path, legacy=place.legacy)
