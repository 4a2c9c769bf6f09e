"""What others rely on before they adopt Limen: its licence, one version, pinned packages, the same commands in CI."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from importlib.metadata import distribution, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.main import create_app

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


def test_one_version_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """pyproject.toml names it; the installed package, the program, the API, README and the changelog follow."""
    now = PROJECT["version"]
    assert version("limen") == now, "the package is installed in another version; run make"
    command: list[str | Path] = [Path(sys.executable).parent / "limen", "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said == f"limen {now}\n"
    monkeypatch.setenv("LIMEN_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("LIMEN_BLOB_DIR", str(tmp_path))
    assert create_app().openapi()["info"]["version"] == now
    assert json.loads((ROOT / "tests" / "assets" / "openapi.json").read_text())["info"]["version"] == now
    newest = (ROOT / "README.md").read_text().split("\n## What changed\n", 1)[1].strip()
    assert newest.startswith(f"**{now}**")
    released = [title for title in changelog() if title != "[Unreleased]"]
    assert re.fullmatch(rf"\[{re.escape(now)}\] - \d{{4}}-\d\d-\d\d", released[0])


def changelog() -> list[str]:
    """Titles of the changelog's entries, from the newest on."""
    return re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_the_changelog_lists_each_release_once_newest_first() -> None:
    first, *released = changelog()
    assert first == "[Unreleased]"
    dates = [title.split(" - ")[1] for title in released]
    assert dates == sorted(dates, reverse=True)
    assert len({title.split(" - ")[0] for title in released}) == len(released)
    kinds = set(re.findall(r"^### (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def pins() -> dict[str, list[Requirement]]:
    """The lines of constraints.txt by package, each with its marker, if it has one."""
    found: dict[str, list[Requirement]] = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if not line.startswith("#"):
            pin = Requirement(line)
            found.setdefault(canonicalize_name(pin.name), []).append(pin)
    return found


def test_constraints_name_one_public_version_of_each_package() -> None:
    text = (ROOT / "constraints.txt").read_text()
    assert not re.search(r"://|^-|\+| @ |^/", text, re.MULTILINE)
    assert not re.search(r"^(nvidia|cuda|triton)", text, re.MULTILINE)
    assert "\ntorch==2.13.0\n" in text
    assert "\ntorchvision==0.28.0\n" in text
    for name, (pin, *more) in pins().items():
        assert not more, name
        assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), name


def test_constraints_meet_what_the_project_asks_for() -> None:
    asked = [*PROJECT["dependencies"], *(each for extra in PROJECT["optional-dependencies"].values() for each in extra)]
    for requirement in map(Requirement, asked):
        if requirement.name != "limen":
            (pin,) = pins()[canonicalize_name(requirement.name)]
            (pinned,) = pin.specifier
            assert requirement.specifier.contains(pinned.version), f"{requirement}: run make constraints"


def test_every_package_that_is_installed_for_limen_is_pinned() -> None:
    """Whatever its extras bring in, on this Python and system; CUDA's own parts come with PyTorch's CUDA build."""
    asked = [Requirement("limen[api,worker,training,dev]")]
    seen: set[str] = set()
    while asked:
        requirement = asked.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        name = canonicalize_name(requirement.name)
        assert name == "limen" or name in pins(), f"{requirement}: run make constraints"
        for line in distribution(name).requires or []:
            more = Requirement(line)
            extras = {"", *requirement.extras}
            wanted = more.marker is None or any(more.marker.evaluate({"extra": extra}) for extra in extras)
            if wanted and not more.name.startswith(("nvidia", "cuda", "triton")):
                asked.append(more)
    assert len(seen) > 100


def test_what_is_installed_is_installed_by_the_constraints() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "install --disable-pip-version-check --constraint constraints.txt\n" in makefile
    for line in makefile.splitlines():
        assert "--editable" not in line or line.startswith("\t$(PIP) ")
    for path in (ROOT / "docker").glob("*.Dockerfile"):
        assert "--constraint constraints.txt" in path.read_text()


def test_ci_runs_the_developers_own_commands() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    job = workflow["jobs"]["test"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands[1:] == ["make check", "make tests"]
    assert job["strategy"]["matrix"]["python"][0] == PROJECT["requires-python"].removeprefix(">=")
    assert all(re.fullmatch(r"[\w/-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step)
    assert (ROOT / ".ci" / "run").read_text().endswith("\nmake test\n")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_what_the_papers_name_is_there(name: str) -> None:
    """Links lead to files, make targets are in the Makefile."""
    text = (ROOT / name).read_text()
    links = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    assert [target for target in links if not (ROOT / target).is_file()] == []
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z]+)", text)) <= set(targets)


def test_all_tests_print_what_share_of_the_code_they_run_and_fail_below_the_floor() -> None:
    coverage = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]
    assert coverage["run"]["source"] == ["app", "workers", "models"]
    assert coverage["report"]["fail_under"] == 90
    recipe = (ROOT / "Makefile").read_text().split("\ntests:", 1)[1].split("\n\n", 1)[0]
    some, every = recipe.split("\nelse\n")
    assert "coverage" not in some
    assert every.endswith("\t$(BIN)/coverage report\nendif")
