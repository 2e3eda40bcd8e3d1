"""A chart that Helm pushed is mounted as what `helm pull --untar` extracts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.flattened import folder, ours
from tests.interop.peers.run import registry, run

pytestmark = pytest.mark.peer


@pytest.fixture
def host() -> Iterator[str]:
    with registry() as found:
        yield found


def test_a_chart_is_mounted_as_helm_extracts_it(host: str, tmp_path: Path) -> None:
    chart = tmp_path / "app"
    (chart / "templates/tests").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: app\nversion: 0.1.0\n")
    (chart / "values.yaml").write_text("replicas: 1\n")
    (chart / "templates/a.yaml").write_text("kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n")
    (chart / "templates/tests/t.yaml").write_text("kind: Pod\napiVersion: v1\nmetadata: {name: t}\n")
    home = {
        "HELM_CACHE_HOME": str(tmp_path / "c"),
        "HELM_CONFIG_HOME": str(tmp_path / "f"),
        "HELM_DATA_HOME": str(tmp_path / "d"),
    }
    run("helm", "package", str(chart), "-d", str(tmp_path), environment=home)
    run("helm", "push", "--plain-http", str(tmp_path / "app-0.1.0.tgz"), f"oci://{host}/charts", environment=home)
    pulled = ["--plain-http", "--untar", "-d", str(tmp_path / "pulled")]
    run("helm", "pull", f"oci://{host}/charts/app", "--version", "0.1.0", *pulled, environment=home)
    layout = tmp_path / "layout"
    run("oras", "copy", "--from-plain-http", f"{host}/charts/app:0.1.0", "--to-oci-layout", f"{layout}:v1")
    wanted = folder(tmp_path / "pulled")
    assert "app/templates/tests/t.yaml" in wanted
    assert ours(layout, "v1", tmp_path / "store") == wanted
