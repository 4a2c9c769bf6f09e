"""The batched teacher agrees with the published package."""

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="the training extra is not installed")

from ssimulacra2 import compute_ssimulacra2

from training.distortions import GENERATED
from training.networks import torchvision_models  # noqa: F401  piq imports torchvision, which needs this first
from training.quality_features import NAMES, pair_features
from training.teachers import srgb_to_tensor, ssimulacra2_of_arrays

import piq  # isort: skip


def textured(height, width, seed):
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    base = 128 + 60 * np.sin(columns / 9) * np.cos(rows / 13)
    return np.clip(base[..., None] + rng.normal(0, 12, (height, width, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("height", "width", "noise"), [(128, 160, 3), (128, 160, 25), (256, 256, 8), (97, 131, 10)])
def test_matches_the_package(tmp_path, height, width, noise):
    reference = textured(height, width, 1)
    distorted = np.clip(reference + np.random.default_rng(2).normal(0, noise, reference.shape), 0, 255).astype(np.uint8)
    Image.fromarray(reference).save(tmp_path / "reference.png")
    Image.fromarray(distorted).save(tmp_path / "distorted.png")
    published = compute_ssimulacra2(str(tmp_path / "reference.png"), str(tmp_path / "distorted.png"))
    assert ssimulacra2_of_arrays(reference, distorted)[0] == pytest.approx(published, abs=0.05)


def test_identical_images_score_one_hundred():
    image = textured(64, 64, 3)
    assert ssimulacra2_of_arrays(image, image)[0] == pytest.approx(100, abs=0.01)


@pytest.mark.parametrize("kind", GENERATED[::4], ids=lambda kind: kind.name)
def test_mdsi_and_gmsd_are_those_of_piq(kind):
    reference = textured(384, 384, 4)
    distorted = kind.apply(reference, (kind.weakest * kind.strongest) ** 0.5, np.random.default_rng(0))
    found = dict(zip(NAMES, pair_features(reference, distorted)[0][0, 0], strict=True))
    pair = srgb_to_tensor(reference), srgb_to_tensor(distorted)
    # piq resizes and pads a little differently: by 8 % of the value at most.
    assert found["mdsi_deviation"] == pytest.approx(float(piq.mdsi(*pair)), rel=0.1)
    assert found["gms_deviation"] == pytest.approx(float(piq.gmsd(*pair)), rel=0.1, abs=1e-3)
