"""A command imports what it needs: help at once, pictures without a compiler, a map without plots."""

import subprocess
import sys

import pytest

SCIPY = {"scipy.ndimage", "scipy.optimize", "scipy.special"}
"""Its parts that take a third of a second each."""
HEAVY = ("numpy", "pydantic", *sorted(SCIPY), "numba", "matplotlib", "onnxruntime", "celery", "fastapi", "PIL")


def imported_by(code: str) -> set[str]:
    program = f"{code}\nimport sys\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_help_waits_for_no_library() -> None:
    code = "import workers.cli.program\ntry: workers.cli.program.app(['--help'])\nexcept SystemExit: pass"
    assert imported_by(code) == set()


@pytest.mark.parametrize(
    ("capability", "unneeded"),
    [
        ("rendering", SCIPY | {"numba", "matplotlib"}),
        ("jnd", SCIPY | {"matplotlib"}),
        ("sur.prediction", SCIPY | {"matplotlib"}),
        ("varjpeg.optimise", SCIPY | {"matplotlib"}),
        ("full_reference", SCIPY | {"matplotlib"}),
    ],
)
def test_a_model_waits_for_no_library_of_another(capability: str, unneeded: set[str]) -> None:
    code = f"import workers.capabilities, models.{capability}"
    assert not imported_by(code) & unneeded
