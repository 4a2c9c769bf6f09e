"""The teacher mixture: one for identical images, falling with damage, and features pooled over cells as over photos."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from models.types import Rgb8
from tests.assets.datasets import drawn_photo, noisy, save, write_table
from tests.assets.photos import textured
from training.cli import cli
from training.distort.codecs import jpeg_420
from training.distort.detail import gaussian_blur
from training.distort.noise import gaussian_noise
from training.labels.features import NAMES, pair_features
from training.labels.mixture import COLUMNS, MIXTURE_FILE, fit_mixture, load_mixture
from training.maths.agreement import agreement, logistic_fit
from training.metrics.ssimulacra2 import ssimulacra2_of_arrays


@pytest.fixture(scope="module")
def photo() -> Rgb8:
    return textured(256, 256)


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


def test_equal_predictions_are_mapped_to_the_mean_opinion() -> None:
    fitted = logistic_fit(np.array([96.0, 96.0]), np.array([70.0, 67.0]))
    np.testing.assert_allclose(fitted(np.array([96.0, 50.0])), 68.5)


def test_the_command_writes_a_mixture_in_the_format_of_the_one_that_labels_come_from(tmp_path: Path) -> None:
    """Look-alikes of TID2013's pairs: noise that people like the less the stronger it is. Pairs made once are kept."""
    data, work, output = tmp_path / "data", tmp_path / "work", tmp_path / "mixture.json"
    levels, mos = (1, 2, 4, 8), (6.5, 5.5, 4.0, 2.5)
    rows = [[f"{photo}", "1", level, value] for photo in (1, 2) for level, value in zip(levels, mos, strict=True)]
    write_table(data / "tables" / "tid2013_mos.csv", ["kodak_photo", "distortion", "level", "mos"], rows)
    (work / "tid2013").mkdir(parents=True)
    for number in (1, 2):
        reference = drawn_photo(number, 384, 512)
        save(data / "kodak" / f"{number:02d}.png", reference)
        np.savez(
            work / "tid2013" / f"{number:02d}.npz",
            distorted=np.stack([noisy(reference, level) for level in levels]),
            info=np.array([(1, level) for level in range(1, 5)]),
            mos=np.array(mos),
        )
    arguments = ["mixture", "--data", str(data), "--work", str(work), "--output", str(output)]
    answer = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    written, shipped = (json.loads(path.read_text()) for path in (output, MIXTURE_FILE))
    assert json.loads(answer.stdout[answer.stdout.index("{") :]) == written
    assert list(written) == list(shipped)
    assert list(written["figures"]) == list(shipped["figures"])
    assert set(written["weights"]) <= set(COLUMNS)
    assert written["figures"]["pairs"] == 8
    assert written["figures"]["srocc"] > 0.9
    assert load_mixture(output).quality(np.zeros(len(NAMES))) == 1
