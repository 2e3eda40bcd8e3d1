"""What CNCF ModelPack calls the files of a model. model-spec v0.0.7 `specs-go/v1`; modctl for the names of files.

A file is one `raw` layer, so that a rule can withhold it and a reader can fetch it alone. What a file is for is taken
from its name where nobody says it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase

from secmount.oci.digest import Digest

ARTIFACT_TYPE = "application/vnd.cncf.model.manifest.v1+json"
CONFIG_TYPE = "application/vnd.cncf.model.config.v1+json"
FILEPATH = "org.cncf.model.filepath"
KINDS = frozenset({"weight", "weight.config", "doc", "code", "dataset"})
_NAMES: tuple[tuple[str, tuple[str, ...]], ...] = (  # the first that fits, by the lower-case name
    ("doc", ("readme*", "license*", "notice*", "changelog*", "*.md", "*.rst", "*.pdf", "*.html")),
    ("code", ("*.py", "*.sh", "*.ipynb", "*.js", "*.ts", "*.c", "*.cc", "*.cpp", "*.h", "*.cu", "*.java", "*.go")),
    ("dataset", ("*.csv", "*.tsv", "*.parquet", "*.arrow")),
    (
        "weight.config",
        ("*.json", "*.jsonl", "*.yaml", "*.yml", "*.toml", "*.ini", "*.jinja", "*.txt", "*.model", "tokenizer*"),
    ),
)


def media_type(kind: str, form: str = "raw") -> str:
    """Give the type of a layer of `kind` (one of KINDS); `form` is raw, tar, tar+gzip or tar+zstd."""
    return f"application/vnd.cncf.model.{kind}.v1.{form}"


def kind_of(title: str) -> str:
    """Say what a file is for, by its name; what no row fits is a weight."""
    name = title.rpartition("/")[2].lower()
    return next((kind for kind, patterns in _NAMES if any(fnmatchcase(name, row) for row in patterns)), "weight")


def config(name: str, layers: Iterable[Digest]) -> bytes:
    """Write the least config that model-spec allows; `layers` are the digests of the layers, unpacked."""
    document = {
        "descriptor": {"name": name},
        "config": {},
        "modelfs": {"type": "layers", "diffIds": [str(digest) for digest in layers]},
    }
    return json.dumps(document, separators=(",", ":")).encode()
