"""The batched teacher agrees with the published package."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.assets.photos import textured

pytest.importorskip("torch", reason="the training extra is not installed")

from ssimulacra2 import compute_ssimulacra2

from training.distort.distortions import GENERATED
from training.distort.strength import Distortion
from training.labels.features import NAMES, pair_features
from training.metrics.ssimulacra2 import Edges, srgb_to_tensor, ssimulacra2_of_arrays
from training.run import torchvision_models  # noqa: F401  piq imports torchvision, which needs this first

import piq  # isort: skip


@pytest.mark.parametrize(("height", "width", "noise"), [(128, 160, 3), (128, 160, 25), (256, 256, 8), (97, 131, 10)])
def test_matches_the_package(tmp_path: Path, height: int, width: int, noise: int) -> None:
    reference = textured(height, width, 1)
    distorted = np.clip(reference + np.random.default_rng(2).normal(0, noise, reference.shape), 0, 255).astype(np.uint8)
    Image.fromarray(reference).save(tmp_path / "reference.png")
    Image.fromarray(distorted).save(tmp_path / "distorted.png")
    published = compute_ssimulacra2(str(tmp_path / "reference.png"), str(tmp_path / "distorted.png"))
    assert ssimulacra2_of_arrays(reference, distorted)[0] == pytest.approx(published, abs=0.05)


def test_identical_images_score_one_hundred() -> None:
    image = textured(64, 64, 3)
    assert ssimulacra2_of_arrays(image, image)[0] == pytest.approx(100, abs=0.01)


@pytest.mark.parametrize("kind", GENERATED[::4], ids=lambda kind: kind.name)
def test_mdsi_and_gmsd_are_those_of_piq(kind: Distortion) -> None:
    reference = textured(384, 384, 4)
    distorted = kind.apply(reference, (kind.weakest * kind.strongest) ** 0.5, np.random.default_rng(0))
    found = dict(zip(NAMES, pair_features(reference, distorted)[0][0, 0], strict=True))
    pair = srgb_to_tensor(reference), srgb_to_tensor(distorted)
    # piq resizes and pads a little differently: by 8 % of the value at most.
    assert found["mdsi_deviation"] == pytest.approx(float(piq.mdsi(*pair)), rel=0.1)
    assert found["gms_deviation"] == pytest.approx(float(piq.gmsd(*pair)), rel=0.1, abs=1e-3)


def test_reference_hides_noise_at_the_edges_that_the_package_sees() -> None:
    image = np.full((128, 160, 3), 120, np.uint8)
    noisy = image.copy()
    noisy[:3] += np.random.default_rng(0).integers(0, 12, (3, 160, 1), dtype=np.uint8)
    reference, package = (ssimulacra2_of_arrays(image, noisy, edges=edges)[0] for edges in ("reference", "package"))
    assert reference > package + 5


@pytest.mark.parametrize("edges", ["reference", "package"])
def test_edges_matter_little_away_from_them(edges: Edges) -> None:
    image = textured(160, 160, 5)
    noisy = image.copy()
    noisy[40:-40, 40:-40] += np.random.default_rng(1).integers(0, 8, (80, 80, 1), dtype=np.uint8)
    scores = [ssimulacra2_of_arrays(image, noisy, edges=name)[0] for name in (edges, "reference")]
    assert scores[0] == pytest.approx(scores[1], abs=1.5)
