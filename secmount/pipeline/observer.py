"""What a face learns while the pipeline works: for progress, and for the document of a failure half way."""

from __future__ import annotations

from typing import Protocol

from secmount.oci.descriptor import Descriptor
from secmount.policy.decision import Decision
from secmount.registry.resolution import Resolution


class Observer(Protocol):
    """Called in the order of the way of the data; must not raise and decides nothing."""

    def resolved(self, resolution: Resolution) -> None:
        """Learn what the reference means."""

    def decided(self, decision: Decision) -> None:
        """Learn the decision, which is recorded."""

    def pulled(self, layer: Descriptor, done: int) -> None:
        """`done` bytes of `layer` are in the store."""


class Silent:
    """An observer that nobody looks at."""

    def resolved(self, resolution: Resolution) -> None:
        """Nothing."""

    def decided(self, decision: Decision) -> None:
        """Nothing."""

    def pulled(self, layer: Descriptor, done: int) -> None:
        """Nothing."""
