"""The READMEs keep their word: commands run, tables are the code's, links lead somewhere, the first one is short."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from pydantic_settings import BaseSettings

from app.http.problem_types import PROBLEM_TYPES
from app.main import create_app
from app.settings import ApiSettings
from tests.assets.draw_sample import draw_sample
from workers.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
ROOMS = ("app", "workers", "models", "training", "docker", "tests")
PAPERS = sorted([*ROOT.glob("*.md"), *(path for room in ROOMS for path in (ROOT / room).rglob("*.md"))])
README, APP, WORKERS, MODELS, TRAINING, TESTS, CODEC = (
    (ROOT / folder / "README.md").read_text()
    for folder in (".", "app", "workers", "models", "training", "tests", "models/varjpeg")
)
PROGRAMS = Path(sys.executable).parent


def section(paper: str, heading: str) -> str:
    """What stands under a heading, up to the next of its rank or above."""
    rank, title = heading.split(" ", 1)
    after = re.split(rf"^{rank} {re.escape(title)}\n", paper, maxsplit=1, flags=re.MULTILINE)
    assert len(after) == 2, f"no heading {heading}"
    return re.split(rf"^#{{1,{len(rank)}}} ", after[1], maxsplit=1, flags=re.MULTILINE)[0]


def blocks(language: str, text: str) -> list[str]:
    """All blocks of a language in a text."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def settings_rows() -> list[str]:
    """The table of settings as it has to be shown: the shared ones, the web process's, the worker's."""
    shared = {name for name in ApiSettings.model_fields if name in WorkerSettings.model_fields}
    return [
        *(settings_row(ApiSettings, name, "both") for name in ApiSettings.model_fields if name in shared),
        *(settings_row(ApiSettings, name, "web") for name in ApiSettings.model_fields if name not in shared),
        *(settings_row(WorkerSettings, name, "worker") for name in WorkerSettings.model_fields if name not in shared),
    ]


def settings_row(settings: type[BaseSettings], name: str, reader: str) -> str:
    """Name, default, reader and meaning of one setting."""
    field = settings.model_fields[name]
    default = "" if field.default in (None, ()) else f"`{field.default}`"
    return f"| `LIMEN_{name.upper()}` | {default} | {reader} | {field.description} |"


def test_the_first_readme_is_short() -> None:
    assert len(README.splitlines()) <= 150


def test_the_codecs_readme_is_narrow() -> None:
    assert [line for line in CODEC.splitlines() if len(line) > 100] == []


def test_the_settings_table_is_the_code() -> None:
    table = WORKERS.split("<!-- settings", 1)[1].split("<!-- end of settings -->", 1)[0]
    shown = [line for line in table.splitlines() if line.startswith("| `LIMEN_")]
    assert shown == settings_rows(), "workers/README.md should show:\n" + "\n".join(settings_rows())


def test_the_table_of_problems_is_the_code() -> None:
    table = APP.split("<!-- problems", 1)[1].split("<!-- end of problems -->", 1)[0]
    shown = [line for line in table.splitlines() if line.startswith("| `")]
    rows = [
        f"| `{code}` | {problem.status} | {problem.title}. {problem.meaning} |"
        for code, problem in sorted(PROBLEM_TYPES.items(), key=lambda item: (item[1].status, item[0]))
    ]
    assert shown == rows, "app/README.md should show:\n" + "\n".join(rows)


def test_every_endpoint_is_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIMEN_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("LIMEN_BLOB_DIR", str(tmp_path))
    table = section(APP, "## Endpoints").replace("{id}", "{job_id}")
    for path in create_app().openapi()["paths"]:
        assert path in table or path.removeprefix("/v1/jobs/{job_id}") in table, path


def anchors(paper: Path) -> set[str]:
    """What a link may name after #: each heading, as GitHub spells it."""
    prose = re.sub(r"```.*?```", "", paper.read_text(), flags=re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_pictures_lead_somewhere(paper: Path) -> None:
    lost = []
    for link in re.findall(r"\]\(\s*([^)\s]+)\s*\)", paper.read_text()):
        if "://" not in link:
            file, _, anchor = link.partition("#")
            target = paper.parent / file if file else paper
            if not target.exists() or (anchor and anchor not in anchors(target)):
                lost.append(link)
    assert lost == []


def test_every_readme_is_reached_from_the_first() -> None:
    reached = {ROOT / target for target in re.findall(r"\]\(([^)#]+)", README) if target.endswith(".md")}
    assert {path for path in PAPERS if path.name == "README.md"} - {ROOT / "README.md"} <= reached


def test_every_model_card_is_linked() -> None:
    cards = {f"cards/{path.name}" for path in (ROOT / "models" / "cards").glob("*.md")}
    assert cards <= set(re.findall(r"\]\(([^)#]+)\)", MODELS))


def test_figures_of_the_models_are_those_of_their_cards() -> None:
    table = section(MODELS, "## The models, and how good they are")
    rows = [row.split("|") for row in table.splitlines() if "](cards/" in row]
    assert rows
    for _, _, links, _, figures, _, _ in rows:
        cards = "".join((ROOT / "models" / target).read_text() for target in re.findall(r"\]\(([^)]+)\)", links))
        assert [figure for figure in re.findall(r"\d+\.\d+", figures) if figure not in cards] == []


def test_figures_of_the_first_readme_are_those_of_the_manuals() -> None:
    figures = re.findall(r"\b\d+\.\d+\b", section(README, "## How much machine it takes"))
    manuals = section(CODEC, "## What a request costs") + section(MODELS, "## What a default file looks like")
    assert figures
    assert [figure for figure in figures if not re.search(rf"\b{figure}\b", manuals)] == []


def test_every_fault_has_its_test() -> None:
    named = re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", section(TESTS, "## Faults"))
    assert len(named) > 30
    for path, name in named:
        assert not name or f"def {name}(" in (ROOT / "tests" / path).read_text(), (path, name)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([\w./$()-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for paper in PAPERS:
        code = "\n".join([*blocks("sh", paper.read_text()), *re.findall(r"`(make [^`]+)`", paper.read_text())])
        assert set(re.findall(r"^make ([a-z][\w-]*)\b", code, re.MULTILINE)) <= targets, paper


def test_benchmarks_and_experiments_are_listed() -> None:
    benchmarks = ROOT / "tests" / "benchmarks"
    table = section(TESTS, "## Benchmarks")
    listed = {name.replace(".", "/") for name in re.findall(r"^\| `([a-z_.]+)", table, re.MULTILINE)}
    programs = [path for path in benchmarks.rglob("*.py") if "__main__" in path.read_text()]
    assert listed == {str(path.relative_to(benchmarks).with_suffix("")) for path in programs}
    experiments = set(re.findall(r"^\| `(\w+)` \|", section(TRAINING, "## Experiments"), re.MULTILINE))
    assert experiments == {path.stem for path in (ROOT / "training" / "configs").glob("*.yaml")}


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_that_are_run_exist(paper: Path) -> None:
    """``python -m NAME`` in a command names a module of this checkout."""
    for name in re.findall(r"python -m ([a-z_]\w*(?:\.\w+)+)", paper.read_text().replace("\n", " ")):
        if name != "tests.benchmarks.NAME":
            assert (ROOT / name.replace(".", "/")).with_suffix(".py").is_file(), name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the sample lies where README says, to write into."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "app").symlink_to(ROOT / "app")
    (folder / "photos").mkdir()
    for name, corner in (("door.png", 100), ("sky.png", 300)):
        Image.fromarray(draw_sample()[corner : corner + 128, corner : corner + 160]).save(folder / "photos" / name)
    return folder


def run(arguments: list[str], folder: Path) -> None:
    """Run a command line in ``folder`` with the code of this checkout."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{shlex.join(arguments)}\n{done.stdout}\n{done.stderr}"


def run_limen(block: str, folder: Path) -> int:
    """Run each call of ``limen`` in a block; how many there were."""
    lines = [shlex.split(line, comments=True) for line in block.splitlines() if line.startswith("limen ")]
    for program, *arguments in lines:
        run([str(PROGRAMS / program), *arguments], folder)
    return len(lines)


@pytest.mark.slow
def test_the_commands_on_files_run(folder: Path) -> None:
    first, *_ = blocks("sh", section(WORKERS, "## Command line"))
    assert run_limen(first, folder) >= 10


@pytest.mark.slow
def test_the_recipes_run(folder: Path) -> None:
    upload, on_files = blocks("sh", section(README, "## Three recipes"))
    assert run_limen(on_files, folder) == 1
    (folder / "photo.png").write_bytes((folder / "photos" / "sky.png").read_bytes())
    nobody_there = upload.replace("localhost:8000", "127.0.0.1:9")
    subprocess.run(["bash", "-c", nobody_there], cwd=folder, check=True, timeout=60, stderr=subprocess.DEVNULL)
    assert (folder / "small.jpg").read_bytes() == (folder / "photo.png").read_bytes()


@pytest.mark.slow
def test_the_recipes_for_folders_run(folder: Path) -> None:
    bucket, check = blocks("sh", section(WORKERS, "### Recipes"))
    assert run_limen(bucket, folder) == 1
    first, second = check.splitlines()
    environment = os.environ | {"PATH": f"{PROGRAMS}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    subprocess.run(["bash", "-c", first], cwd=folder, env=environment, check=True, timeout=120)
    done = subprocess.run(
        ["bash", "-c", second], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1, done.stderr  # the drawn photos are PNG: most of their bytes can go
    assert re.fullmatch(r"\d+% of \d+ bytes can go\n", done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize(("paper", "heading"), [(README, "## Three recipes"), (MODELS, "## In Python")])
def test_the_python_examples_run(paper: str, heading: str, folder: Path) -> None:
    (example,) = blocks("python", section(paper, heading))
    ast.parse(example)
    run([sys.executable, "-c", example], folder)


def test_what_a_curl_line_keeps_is_never_a_problem_or_a_job() -> None:
    """A line that writes a picture fails on errors, and takes nothing but pictures where it would get a job."""
    for text in (README, APP):
        lines = [line for line in text.splitlines() if line.startswith(("curl ", "kind=$(curl ")) and " -o " in line]
        assert lines
        for line in lines:
            assert re.search(r"curl -f", line), line
            assert re.search(r"-H 'Accept: (image|application/zip)", line), line


def test_the_five_files_exist() -> None:
    assert len(five_files()) == 5
    assert [name for name in five_files() if not (ROOT / name).is_file()] == []


def five_files() -> list[str]:
    """The files that README says to read first, in its order."""
    return re.findall(r"^\d\. `([^`]+)`", README, re.MULTILINE)


@pytest.mark.slow
def test_a_request_goes_through_the_five_files_in_their_order(folder: Path, tmp_path: Path) -> None:
    """Four files have functions that run; in the other stands what the message is made of."""
    photos = [folder / "photos" / name for name in ("door.png", "sky.png")]
    parts = (sys.executable, ROOT / "tests" / "assets" / "traced_request.py", tmp_path, *photos)
    there = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [str(part) for part in parts], env=there, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    traced = json.loads(done.stdout)
    submission, contract, *others = (str(ROOT / name) for name in five_files())
    assert contract == traced["message"]
    assert [path for path in traced["called"] if path in (submission, *others)] == [submission, *others]
