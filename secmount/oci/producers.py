"""Producers whose layers are not named by an annotation, as rows of data: adding a producer is adding a row.

Media types and names are the producers' own (docker/model-runner `pkg/distribution`, ollama `manifest`, Helm
`pkg/registry`, kitops `pkg/lib/constants`). What is not listed here goes by the general rule of `oci.layer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class FixedName:
    """The name that `producer` gives to a layer of one media type.

    Where several layers of one artifact have the type: `sharded` numbers all of them (`model-00001-of-00002.gguf`),
    otherwise the second is `name-2`.
    """

    producer: str
    name: str
    sharded: bool = False


_MODEL_RUNNER = "Docker Model Runner"
_OLLAMA = "Ollama"

FIXED_NAMES: Mapping[str, FixedName] = MappingProxyType(
    {
        "application/vnd.docker.ai.gguf.v3": FixedName(_MODEL_RUNNER, "model.gguf", sharded=True),
        "application/vnd.docker.ai.safetensors": FixedName(_MODEL_RUNNER, "model.safetensors", sharded=True),
        "application/vnd.docker.ai.dduf": FixedName(_MODEL_RUNNER, "model.dduf"),
        "application/vnd.docker.ai.mmproj": FixedName(_MODEL_RUNNER, "model.mmproj"),
        "application/vnd.docker.ai.chat.template.jinja": FixedName(_MODEL_RUNNER, "template.jinja"),
        "application/vnd.docker.ai.license": FixedName(_MODEL_RUNNER, "LICENSE"),
        "application/vnd.ollama.image.model": FixedName(_OLLAMA, "model.gguf", sharded=True),
        "application/vnd.ollama.image.adapter": FixedName(_OLLAMA, "adapter.gguf"),
        "application/vnd.ollama.image.projector": FixedName(_OLLAMA, "projector.gguf"),
        "application/vnd.ollama.image.draft": FixedName(_OLLAMA, "draft.gguf"),
        "application/vnd.ollama.image.embed": FixedName(_OLLAMA, "embed"),
        "application/vnd.ollama.image.template": FixedName(_OLLAMA, "template"),
        "application/vnd.ollama.image.prompt": FixedName(_OLLAMA, "prompt"),
        "application/vnd.ollama.image.system": FixedName(_OLLAMA, "system"),
        "application/vnd.ollama.image.params": FixedName(_OLLAMA, "params.json"),
        "application/vnd.ollama.image.messages": FixedName(_OLLAMA, "messages.json"),
        "application/vnd.ollama.image.license": FixedName(_OLLAMA, "license"),
        "application/vnd.cncf.helm.chart.provenance.v1.prov": FixedName("Helm", "chart.prov"),
    }
)

# Prefixes of media types whose single files may be compressed for transport (`….raw+gzip`) and are meant uncompressed.
# Elsewhere a compressed file that is no archive is the file itself.
COMPRESSED_FILES: tuple[str, ...] = ("application/vnd.kitops.modelkit.",)
