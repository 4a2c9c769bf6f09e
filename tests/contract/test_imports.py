"""Who may import whom: the contracts in pyproject.toml hold, and so does what they mean at run time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")

MODEL_LIBRARIES = ("onnxruntime", "numba", "torch", "scipy", "imagecodecs")

LIGHT_MODELS = {
    *("models", "models.errors", "models.viewing"),
    *("models.varjpeg", "models.varjpeg.choices", "models.varjpeg.options"),
}
"""By what requests are checked: the standard library and pydantic."""


def loaded_after(code: str) -> set[str]:
    """Top-level and dotted names of all modules loaded once ``code`` has run in a new interpreter."""
    script = f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def test_import_contracts_hold() -> None:
    run = subprocess.run([LINTER, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("module", ["app.main", "workers.run.tasks", "workers.run.embedded", "workers.cli.program"])
def test_serving_loads_no_torch(module: str) -> None:
    assert not {"torch", "training"} & loaded_after(f"import {module}")


def test_the_web_process_loads_no_model_code() -> None:
    loaded = loaded_after("import app.main, workers.run.signatures, workers.jobs.record, workers.jobs.redis")
    assert not {"workers.run.tasks", "workers.run.loaded_models", "numpy", "PIL", *MODEL_LIBRARIES} & loaded
    own = {name for name in loaded if name.split(".")[0] == "models" and not name.startswith("models.image_files")}
    assert own <= LIGHT_MODELS


def test_headers_are_read_with_the_standard_library_alone() -> None:
    before, after = loaded_after("pass"), loaded_after("import models.image_files.read")
    assert {name.split(".")[0] for name in after - before} <= {"models", *sys.stdlib_module_names}


def test_a_worker_that_has_loaded_its_tasks_has_no_web_framework() -> None:
    assert not {"fastapi", "app", "torch"} & loaded_after("import workers.run.tasks")


def test_the_command_line_loads_nothing_heavy_before_a_verb_runs() -> None:
    loaded = loaded_after("import workers.cli.program")
    assert not {"celery", "fastapi", "uvicorn", "numpy", "PIL", *MODEL_LIBRARIES} & loaded
    own = {name for name in loaded if name.split(".")[0] == "models" and not name.startswith("models.image_files")}
    assert own <= LIGHT_MODELS


def test_inference_knows_no_web_and_no_queue() -> None:
    modules = sorted(path.stem for path in (ROOT / "models").glob("*.py") if path.stem != "__init__")
    loaded = loaded_after("\n".join(f"import models.{name}" for name in modules))
    assert not {"app", "workers", "training", "celery", "redis", "fastapi", "torch"} & loaded


def test_onnxruntime_is_told_to_report_to_nobody(tmp_path: Path) -> None:
    code = "import os, models.graphs.onnx_model; assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment | {"TMPDIR": str(tmp_path)}, check=True)
    assert list(tmp_path.iterdir()) == []
