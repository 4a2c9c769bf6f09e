"""The manifests fit Kubernetes' schemas, name settings that exist, and are put together by kustomize."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

FOLDER = Path(__file__).parents[3] / "docker" / "kubernetes"
FILES = sorted(path for path in FOLDER.rglob("*.yaml") if path.name != "kustomization.yaml")
VERSION = "1.31"
UNKNOWN = {"ScaledObject"}
"""KEDA's own, of which the package has no schema."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_manifest_fits_its_schema(path: Path) -> None:
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(path.read_text()))
    for document in documents:
        if document["kind"] not in UNKNOWN:
            kubernetes_validate.validate(document, VERSION, strict=True)


@pytest.mark.parametrize("name", ["base", "gpu", "keda"])
def test_each_variant_lists_what_is_there(name: str) -> None:
    listed = yaml.safe_load((FOLDER / name / "kustomization.yaml").read_text())["resources"]
    assert [entry for entry in listed if not (FOLDER / name / entry).exists()] == []
    here = {path.name for path in (FOLDER / name).glob("*.yaml")} - {"kustomization.yaml"}
    assert here <= set(listed)


@pytest.mark.parametrize("name", ["base", "gpu", "keda"])
def test_kustomize_puts_it_together(name: str) -> None:
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("needs the program kubectl")
    built = subprocess.run([program, "kustomize", FOLDER / name], capture_output=True, text=True, check=True).stdout
    for document in yaml.safe_load_all(built):
        if document["kind"] not in UNKNOWN:
            kubernetes_validate.validate(document, VERSION, strict=True)
