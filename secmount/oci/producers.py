"""Producers whose layers are not named by an annotation, as rows of data: adding a producer is adding a row.

Media types and names are the producers' own (docker/model-runner `pkg/distribution`, ollama `manifest`, Helm
`pkg/registry`, kitops `pkg/lib/constants`). What is not listed here goes by the general rule of `oci.layer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class FixedName:
    """The name that `producer` gives to a layer of one media type; "" where the layer's descriptor has it as `name`.

    Where several layers of one artifact have the type: `sharded` numbers all of them (`model-00001-of-00002.gguf`),
    otherwise the second is `name-2`.
    """

    producer: str
    name: str
    sharded: bool = False


def _rows(producer: str, prefix: str, names: Mapping[str, str], sharded: frozenset[str]) -> dict[str, FixedName]:
    return {prefix + key: FixedName(producer, name, key in sharded) for key, name in names.items()}


FIXED_NAMES: Mapping[str, FixedName] = MappingProxyType(
    {
        # docker/model-runner `pkg/distribution/internal/bundle/unpack.go`
        **_rows(
            "Docker Model Runner",
            "application/vnd.docker.ai.",
            {
                "gguf.v3": "model.gguf",
                "safetensors": "model.safetensors",
                "dduf": "model.dduf",
                "mmproj": "model.mmproj",
                "chat.template.jinja": "template.jinja",
                "license": "LICENSE",
            },
            frozenset({"gguf.v3", "safetensors"}),
        ),
        **_rows(
            "Docker Model Runner",
            "application/vnd.cncf.model.weight.v1.",
            {"gguf": "model.gguf", "safetensors": "model.safetensors"},
            frozenset({"gguf", "safetensors"}),
        ),
        # ollama `server/images.go`, `manifest/layer.go`; the names are ours but for json and tensor
        **_rows(
            "Ollama",
            "application/vnd.ollama.image.",
            {
                "model": "model.gguf",
                "adapter": "adapter.gguf",
                "projector": "projector.gguf",
                "draft": "draft.gguf",
                "embed": "embed.bin",
                "template": "template",
                "prompt": "prompt",
                "system": "system",
                "params": "params.json",
                "messages": "messages.json",
                "license": "license",
                "json": "",
                "tensor": "",
            },
            frozenset({"model"}),
        ),
        # Helm `pkg/registry/constants.go`; Helm itself calls it after the chart's archive, which is unpacked here
        "application/vnd.cncf.helm.chart.provenance.v1.prov": FixedName("Helm", "chart.prov"),
    }
)

# Prefixes of media types whose single files may be compressed for transport (`….raw+gzip`) and are meant uncompressed.
# Elsewhere a compressed file that is no archive is the file itself.
COMPRESSED_FILES: tuple[str, ...] = ("application/vnd.kitops.modelkit.",)
