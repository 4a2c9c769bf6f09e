"""What others rely on before they adopt Limen: its licence, one version, pinned packages, the same commands in CI."""

import json
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this checkout, built with the setuptools that is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    build = "from setuptools.build_meta import build_wheel; build_wheel('..')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True, timeout=60)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_licence_is_the_whole_text_of_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "9. Accepting Warranty or Additional Liability." in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert len(text) > 11_000


def test_a_wheel_holds_its_licence(wheel: zipfile.ZipFile) -> None:
    folder = f"limen-{PROJECT['version']}.dist-info"
    assert wheel.read(f"{folder}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    metadata = message_from_bytes(wheel.read(f"{folder}/METADATA"))
    assert metadata["License-Expression"] == "Apache-2.0"


def test_each_card_says_whether_a_company_may_use_the_weights() -> None:
    """Apache-2.0 only where all photos allow it; the manifest says the same as the card, and a worker passes it on."""
    models = json.loads((ROOT / "models" / "weights" / "manifest.json").read_text())["models"]
    assert models
    for name, entry in models.items():
        first = (ROOT / "models" / "cards" / entry["card"]).read_text().split("\n\n")[1]
        free = entry["licence"].startswith("weights: Apache-2.0, any use; ")
        assert free != entry["licence"].startswith("weights: research and teaching only, no commercial use; "), name
        assert free != ("research" in entry["licence"].split(";", 1)[1]), name
        assert ("**A company may use these weights**, under Apache-2.0" in first) == free, name
        assert ("**A company may not use these weights in its business**" in first) == (not free), name
