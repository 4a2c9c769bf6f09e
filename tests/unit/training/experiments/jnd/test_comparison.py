"""Maps compared photo by photo: wins, intervals, units; and the formula of Wu 2017."""

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="the training extra is not installed")

from training.experiments.jnd.comparison import MAPS, OURS, WITH_UNITS, PhotoFigures, compare_maps
from training.experiments.jnd.wu2017 import canny, edge_protection, luminance_adaptation, pattern_complexity, wu2017_jnd

KEYS = (
    "ssim", "ms_ssim", "ssimulacra2", "ssimulacra2_package", "butteraugli_3norm", "butteraugli_max", "amplitude_max",
)  # fmt: skip


def figures_of(name: str, ours: float, rivals: float) -> PhotoFigures:
    noise = {100.0: {key: dict.fromkeys(KEYS, ours if key == OURS else rivals) for key in MAPS}}
    return PhotoFigures(name, noise, dict.fromkeys(WITH_UNITS, ours), ours)


def test_wins_know_which_way_is_better() -> None:
    figures = compare_maps([figures_of("a", 2.0, 1.0), figures_of("b", 3.0, 1.0), figures_of("c", 1.0, 2.0)])
    against = figures["mse_100"]["fpsnet_against"]["deviation_1"]
    assert against["ssimulacra2"]["wins"] == 2
    assert against["butteraugli_3norm"]["wins"] == 1
    assert against["wins_on_both_judges"] == 0
    assert figures["mse_100"]["fpsnet_largest_amplitude"] == 3


def test_interval_is_students() -> None:
    figures = compare_maps([figures_of("a", 2.0, 1.0), figures_of("b", 3.0, 1.0), figures_of("c", 1.0, 2.0)])
    mean, low, high = figures["mse_100"]["fpsnet_against"]["deviation_1"]["ssim"]["difference"]
    assert mean == pytest.approx(2 / 3, rel=1e-3)
    assert (high - low) / 2 == pytest.approx(4.303 * np.std([1, 2, -1], ddof=1) / 3**0.5, rel=1e-3)


def test_variation_is_relative() -> None:
    units = compare_maps([figures_of("a", 1.0, 1.0), figures_of("b", 3.0, 1.0)])["at_own_level"][OURS]
    assert units == {"butteraugli_3norm_mean": 2.0, "butteraugli_3norm_variation": 0.5}


def luma_half_textured(height: int = 64, width: int = 96) -> NDArray[np.float64]:
    luma = np.full((height, width), 130.0)
    luma[:, width // 2 :] += np.random.default_rng(0).normal(0, 20, (height, width // 2))
    return luma


def test_texture_has_higher_thresholds() -> None:
    jnd = wu2017_jnd(luma_half_textured())
    assert np.isfinite(jnd).all()
    assert (jnd > 0).all()
    assert np.median(jnd[8:-8, 60:-8]) > 2 * np.median(jnd[8:-8, 8:40])


def test_thresholds_rise_towards_black_and_white() -> None:
    black, middle, white = (luminance_adaptation(np.full((16, 16), level))[8, 8] for level in (0.0, 127.0, 255.0))
    assert middle == pytest.approx(0.7 * 3, rel=0.01)
    assert white == pytest.approx(0.7 * 6, rel=0.01)
    assert black > white


def test_an_edge_is_simple_and_texture_complex() -> None:
    step = np.full((32, 32), 60.0)
    step[:, 16:] = 180
    assert pattern_complexity(step)[16, 16] < 3
    assert pattern_complexity(luma_half_textured())[20:-20, 60:-10].mean() > 5


def test_edges_are_thin_and_protected() -> None:
    step = np.full((48, 48), 60.0)
    step[:, 24:] = 180
    edges = canny(step, 0.2, 0.5)
    assert (edges[8:-8].sum(1) == 1).all()
    protection = edge_protection(step)
    assert protection[24, 24] < 0.01
    assert protection[24, 8] == pytest.approx(1)


def test_a_weak_edge_counts_where_it_meets_a_strong_one() -> None:
    step = np.full((60, 48), 60.0)
    step[:, 24:] = np.linspace(160, 100, 60)[:, None]
    assert canny(step, 0.2, 0.8)[50].any()
    assert not canny(step, 0.6, 0.8)[50].any()
