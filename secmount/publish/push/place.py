"""A repository as oras addresses it, without oras's parser: what a user wrote was parsed once, by `oci.reference`."""

from __future__ import annotations

from oras.container import Container

from secmount.registry.hosts.value import Location


class Place(Container):  # type: ignore[misc]  # oras is untyped
    """URLs of one repository at one host; oras only joins parts that are already checked."""

    def __init__(self, location: Location) -> None:  # oras's own would parse a text
        self.registry = location.access.host
        self.namespace = None
        self.repository = location.repository
        self.tag = None
        self.digest = None

    def parse(self, name: str) -> None:
        """Refuse: oras takes `reg.io/../x` and `localhost/x` for something else than they are."""
        raise ValueError(f"not to be parsed by oras: {name!r}")
