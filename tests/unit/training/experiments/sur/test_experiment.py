"""SUR-FeatNet's features, the versions it learns from, and the calibration of its observers."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.metrics.classical import psnr_db
from models.sur.gev import percent_jnd
from models.sur.observers import ObserverProfile
from training.distort.jpeg_variants import VARIANT_KINDS, variants
from training.experiments.sur.curves import (
    CURVE_LEVELS,
    calibrate,
    curve_gev,
    mcl_jci_population,
    teacher_log_distance,
)
from training.labels.threshold_teacher import LEAST
from training.networks.sur_featnet import Standardise, SurFeatNet, SurFeatures, SurHead


def grainy_ramp(seed: int = 0, side: int = 256) -> np.ndarray:
    rng = np.random.default_rng(seed)
    smooth = np.add.outer(np.linspace(0, 120, side), np.linspace(0, 80, side))[..., None]
    return np.clip(smooth + rng.normal(20, 10, (side, side, 3)), 0, 255).astype(np.uint8)


def tile(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).movedim(-1, 0)[None].float() / 255


def test_shapes_and_that_a_tile_does_not_depend_on_its_batch() -> None:
    network = SurFeatNet().eval()
    tiles = torch.cat([tile(grainy_ramp(seed)) for seed in range(3)])
    with torch.inference_mode():
        features = network.features(tiles)
        assert features.shape == (3, SurHead.sketched + SurHead.pooled)
        torch.testing.assert_close(network.features(tiles[1:2]), features[1:2], rtol=1e-4, atol=1e-4)
        assert network(tiles[:2], tiles[1:].unsqueeze(1)).shape == (2, 1)


def test_sketches_measure_the_error() -> None:
    """Sixteen times the energy of the error: four times the difference of the sketches."""
    body, clean = SurFeatures().eval(), grainy_ramp().astype(np.float64)
    noise = np.random.default_rng(1).normal(0, 1, clean.shape)
    with torch.inference_mode():
        start = body(tile(clean.astype(np.float32)))[:, : SurHead.sketched]
        distances = [
            float((body(tile((clean + scale * noise).astype(np.float32)))[:, : SurHead.sketched] - start).norm())
            for scale in (0.5, 2.0)
        ]
    assert distances[1] / distances[0] == pytest.approx(4, rel=0.15)


def test_a_pair_is_standardised_the_same_whatever_its_batch() -> None:
    """In training too; the running statistics follow the batches."""
    layer = Standardise(2, affine=False, momentum=0.5).train()
    values = torch.tensor([[3.0, -1.0], [5.0, 1.0]], requires_grad=True)
    found = layer(values)
    assert layer.running_mean is not None
    assert layer.running_var is not None
    torch.testing.assert_close(layer.running_mean, torch.tensor([2.0, 0.0]))
    torch.testing.assert_close(found, (values - layer.running_mean) / (layer.running_var + layer.eps).sqrt())
    found[0].sum().backward()
    assert values.grad is not None
    assert values.grad[1].eq(0).all()


def test_versions_are_in_their_places_and_rise_with_quality() -> None:
    reference = grainy_ramp(side=64)
    made, names = variants(reference, np.random.default_rng(0))
    assert [part.stop for part in VARIANT_KINDS.values()][-1] == len(made) == len(names)
    assert all(version.shape == reference.shape for version in made)
    assert all(name.startswith("varjpeg") for name in names[VARIANT_KINDS["varjpeg"]])
    errors = [psnr_db(reference, version) for version in made[VARIANT_KINDS["libjpeg-turbo 4:2:0"]]]
    assert errors == sorted(errors)


def test_teacher_of_equal_and_of_worse() -> None:
    reference = grainy_ramp(side=64)
    noise = np.random.default_rng(2).normal(0, 1, reference.shape)
    distances = [
        teacher_log_distance(reference, np.clip(reference + scale * noise, 0, 255).astype(np.uint8))
        for scale in (0, 8, 30)
    ]
    assert distances[0] == pytest.approx(LEAST, abs=0.01)
    assert distances == sorted(distances)


def test_the_viewing_shift_falls_with_distance() -> None:
    head = SurHead().eval()
    with torch.inference_mode():
        _, shift = head(*torch.rand(2, 3, SurHead.sketched + SurHead.pooled).unbind(0))
    assert shift.shape == (3, 4)
    assert (shift[:, 0] > 0).all()
    assert (shift[:, 1:].diff(dim=1) < 0).all()
    assert (shift[:, 1] < 0).all()


def test_calibration_meets_the_population(tmp_path: Path) -> None:
    table = tmp_path / "gev.csv"
    table.write_text("image,jnd,location_qf,scale_qf,shape_xi\n1,1,20,6,0.1\n2,1,24,7,0\n3,2,10,3,0\n")
    level, scale = mcl_jci_population(table, 1)
    assert scale == pytest.approx(6.5)
    curves = np.stack([0.05 * np.array(CURVE_LEVELS) + offset for offset in (-0.2, 0.0, 0.2)])
    threshold = calibrate(curves, level, scale)
    profile = ObserverProfile("test", "", (threshold, threshold, threshold))
    gevs = [curve_gev(curve, profile, 1) for curve in curves]
    assert np.mean([percent_jnd(gev, 50) for gev in gevs]) == pytest.approx(level, abs=1)
    assert np.mean([gev.scale for gev in gevs]) == pytest.approx(scale, abs=0.3)


def test_equal_tiles_leave_every_gradient_finite() -> None:
    network = SurFeatNet()
    tiles = torch.rand(2, 3, 256, 256)
    network(tiles, tiles[:, None]).sum().backward()
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    assert gradients
    assert all(bool(torch.isfinite(gradient).all()) for gradient in gradients)
