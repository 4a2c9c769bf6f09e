"""The web process stays light: what a fresh interpreter has loaded once the application stands."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from app.main import create_app
app = create_app()
app.openapi()
heavy = ("models", "training", "onnxruntime", "torch", "numba", "numpy", "scipy", "PIL", "matplotlib", "imagecodecs")
light = ("models", "models.errors", "models.image_files", "models.viewing", "models.varjpeg", "models.varjpeg.options",
    "models.varjpeg.choices")  # what requests are checked by: no library but pydantic
own = ("workers.run.tasks", "workers.run.loaded_models", "workers.run.embedded", "workers.run.running", "workers.cli")
print(*sorted(name for name in sys.modules if (name.split(".")[0] in heavy and name not in light
    and not name.startswith("models.image_files.")) or name in own))
"""


def test_the_web_process_loads_no_model_and_nothing_that_needs_one(tmp_path: Path) -> None:
    environment = {**os.environ, "LIMEN_REDIS_URL": "redis://127.0.0.1:1/0", "LIMEN_BLOB_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
