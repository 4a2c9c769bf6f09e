"""The package ``limen`` in this process: what the API would give, and a plain word where packages are missing."""

import subprocess
import sys

import numpy as np
import pytest

import limen
from tests.assets.photos import encoded, jpeg, scene_png, textured

QUICK = """
import sys
import limen
assert not {"numpy", "pydantic", "httpx2"} & set(sys.modules), sorted(sys.modules)
limen.Client, limen.AsyncClient
assert not {"numpy", "scipy", "torch", "onnxruntime", "fastapi", "celery"} & set(sys.modules)
"""
BARE = """
import sys
sys.modules["numpy"] = None
import limen
try:
    limen.encode(b"")
except ImportError as error:
    assert "pip install 'limen[worker]'" in str(error), error
else:
    raise AssertionError
"""


def test_a_photo_is_made_smaller() -> None:
    photo = scene_png()
    made = limen.encode(photo, target_sur=0.75)
    assert made.data.startswith(b"\xff\xd8")
    assert len(made.data) == made.figures.size_bytes
    assert made.sur == pytest.approx(0.75, abs=0.02)
    assert limen.encode(photo, quality=60).quality == 60


def test_a_mask_protects() -> None:
    photo, mask = textured(64, 96), np.zeros((64, 96), np.uint8)
    mask[:, :48] = 255
    assert len(limen.encode(encoded(photo, "PNG"), quality=40, protect=encoded(mask, "PNG")).data) > len(
        limen.encode(encoded(photo, "PNG"), quality=40).data
    )


def test_a_map_has_its_values() -> None:
    made = limen.jnd_map(encoded(textured(40, 56), "PNG"))
    assert made.values.shape == (40, 56)
    assert made.values.dtype == np.float32
    assert float(made.values.mean()) == pytest.approx(made.figures.mean, abs=0.01)
    assert made.png.startswith(b"\x89PNG")


def test_a_curve_falls() -> None:
    curve = limen.sur_curve(jpeg(textured(64, 64)), percent=60)
    assert curve.sur == sorted(curve.sur, reverse=True)
    assert curve.percent == 60


def test_what_is_wrong_has_its_code() -> None:
    with pytest.raises(limen.LimenError) as raised:
        limen.encode(b"no image")
    assert raised.value.code == "image-type-unsupported"
    with pytest.raises(limen.LimenError, match=r"options: .*at most one") as raised:
        limen.encode(b"", quality=5, max_bytes=5)
    assert raised.value.code == "parameter-invalid"
    with pytest.raises(AttributeError, match="nothing"):
        limen.nothing  # noqa: B018


@pytest.mark.parametrize("program", [QUICK, BARE], ids=["import is quick", "packages are missing"])
def test_in_a_process_of_its_own(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
