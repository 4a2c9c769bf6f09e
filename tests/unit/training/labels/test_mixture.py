"""The teacher mixture: one for identical images, falling with damage, and features pooled over cells as over photos."""

import numpy as np
import pytest

from training.distort.codecs import jpeg_420
from training.distort.detail import gaussian_blur
from training.distort.noise import gaussian_noise
from training.labels.features import NAMES, pair_features
from training.labels.mixture import fit_mixture, load_mixture
from training.maths.agreement import agreement, logistic_fit
from training.metrics.ssimulacra2 import ssimulacra2_of_arrays


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    rows, columns = np.mgrid[:256, :256]
    waves = np.stack([np.sin(rows / 7 + k) + np.cos(columns / (5 + k)) for k in range(3)], axis=-1)
    texture = np.random.default_rng(0).normal(0, 15, (256, 256, 3))
    return np.clip(120 + 45 * waves + texture, 0, 255).astype(np.uint8)


def test_identical_images_have_no_features_and_quality_one(photo: np.ndarray) -> None:
    for features in pair_features(photo, photo, (None, 64, 128)):
        assert not features.any()
        assert (load_mixture().quality(features) == 1).all()


def test_features_of_cells_and_photo_have_their_shapes(photo: np.ndarray) -> None:
    distorted = jpeg_420(photo, 80, np.random.default_rng(0))
    whole, cells, wide = pair_features(photo, distorted, (None, 64, 128))
    assert (whole.shape, cells.shape, wide.shape) == ((1, 1, len(NAMES)), (4, 4, len(NAMES)), (2, 2, len(NAMES)))
    assert (cells >= 0).all()
    rms = NAMES.index("rms_y")
    assert np.sqrt((cells[..., rms] ** 2).mean()) == pytest.approx(whole[0, 0, rms], rel=1e-4)


def test_ssimulacra2_of_the_whole_photo_is_the_teachers(photo: np.ndarray) -> None:
    distorted = gaussian_blur(photo, 1.0, np.random.default_rng(0))
    features = pair_features(photo, distorted)[0][0, 0]
    assert 100 - features[NAMES.index("ssimulacra2")] == pytest.approx(
        ssimulacra2_of_arrays(photo, distorted)[0], abs=0.01
    )


@pytest.mark.parametrize("apply", [gaussian_noise, gaussian_blur])
def test_stronger_distortion_has_lower_quality(apply: object, photo: np.ndarray) -> None:
    assert callable(apply)
    qualities = []
    for strength in (0.8, 3.0, 9.0):
        features = pair_features(photo, apply(photo, strength, np.random.default_rng(0)))[0][0, 0]
        qualities.append(float(load_mixture().quality(features)))
    assert qualities == sorted(qualities, reverse=True)


def test_mixture_recovers_a_rule_and_reports_left_out_photos() -> None:
    rng = np.random.default_rng(0)
    features = rng.random((200, len(NAMES)))
    mos = 7.2 * np.exp(-features[:, 0] - 0.5 * features[:, 5])
    mixture = fit_mixture(features, mos, np.repeat(np.arange(20), 10))
    assert mixture.figures["srocc"] > 0.97
    assert mixture.quality(np.zeros(len(NAMES))) == 1


def test_agreement_sees_through_a_monotone_curve() -> None:
    truth = np.linspace(0, 1, 60)
    assert agreement(np.exp(2 * truth), truth)["srocc"] == 1
    assert agreement(np.exp(2 * truth), truth)["plcc"] > 0.99


def test_equal_predictions_are_mapped_to_the_mean_opinion():
    fitted = logistic_fit(np.array([96.0, 96.0]), np.array([70.0, 67.0]))
    np.testing.assert_allclose(fitted(np.array([96.0, 50.0])), 68.5)
