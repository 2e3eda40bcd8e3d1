"""An observer of the pipeline for the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secmount.cli.view import document
from secmount.cli.view.progress import Progress
from secmount.cli.view.settings import Settings

if TYPE_CHECKING:
    from secmount.oci.descriptor import Descriptor
    from secmount.policy.decision import Decision
    from secmount.registry.resolution import Resolution


class Learning:
    """An observer that keeps what a failure's document must still show, and feeds the progress."""

    def __init__(self, settings: Settings, progress: Progress | None = None) -> None:
        self._settings, self._progress = settings, progress
        self._layers: tuple[Descriptor, ...] = ()

    def resolved(self, resolution: Resolution) -> None:
        """Keep the artifact."""
        self._settings.learned["artifact"] = document.artifact(resolution)
        self._layers = resolution.manifest.layers
        if self._progress is not None:
            self._progress.enter("verifying")

    def decided(self, decision: Decision) -> None:
        """Keep the decision."""
        self._settings.learned["decision"] = document.decision(decision)
        if self._progress is not None and decision.verdict == "allowed":
            self._progress.expect([self._layers[position] for position in decision.approved])

    def pulled(self, layer: Descriptor, done: int) -> None:
        """Show progress."""
        if self._progress is not None:
            self._progress.show(layer, done)
