"""Maps and curves as files keep their values, their units and their bytes."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from models.map_summary import summarised
from models.rendering import (
    DMOS_PNG_SCALE,
    JND_PNG_SCALE,
    grey16_png,
    npz,
    overlay_png,
    rgb_png,
    spread_over_photo,
    sur_csv,
    sur_plot,
)
from models.sur.gev import GevParameters, sur_curve
from models.sur.prediction import SurPrediction
from models.sur.sampled_curve import SurBand, SurInterval
from models.types import PatchQualityMap

GEV = GevParameters(60.0, 10.0, -0.2)
PREDICTION = SurPrediction(
    sur=sur_curve(GEV),
    gev=GEV,
    percent_jnd=60,
    percent_sur=50,
    recommended_quality=51,
    recommended_size_bytes=1000,
    predicted_bytes=np.arange(5000, 0, -50),
    interval=SurInterval((55, 65), (45, 55), 0.8),
    band=SurBand(sur_curve(GEV) * 0.9, sur_curve(GEV), 0.95),
    levels=(1, 50, 100),
    level_sur=(1.0, 0.7, 0.0),
    residual_rms=0.01,
    observer="aic-3",
    pixels_per_degree=38.0,
    jnd=1,
    percent=75.0,
)


def opened(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def test_a_16_bit_png_gives_the_values_back() -> None:
    values = np.linspace(0, 40, 35, dtype=np.float32).reshape(5, 7)
    stored = opened(grey16_png(values, scale=JND_PNG_SCALE))
    assert stored.shape == (5, 7)
    assert np.abs(stored / JND_PNG_SCALE - values).max() <= 0.5 / JND_PNG_SCALE
    assert opened(grey16_png(np.full((1, 1), 1e9, np.float32), scale=DMOS_PNG_SCALE)).item() == 65535


def test_an_npz_gives_the_values_back() -> None:
    values = np.random.default_rng(0).random((3, 4), np.float32)
    with np.load(io.BytesIO(npz(values))) as archive:
        assert np.array_equal(archive["values"], values)


def test_files_are_the_same_each_time() -> None:
    values = np.random.default_rng(0).random((30, 40), np.float32)
    assert npz(values) == npz(values)
    for form in ("svg", "png"):
        assert sur_plot(PREDICTION, form) == sur_plot(PREDICTION, form)


def test_the_plot_reads_as_the_chart_of_the_page() -> None:
    plot = sur_plot(PREDICTION, "svg").decode()
    places = [float(re.findall(rf'x="([\d.]+)"[^>]*>{quality}<', plot)[0]) for quality in (20, 40, 60, 80, 100)]
    assert places == sorted(places), "quality rises to the right"
    assert f"{100 * PREDICTION.band.coverage:g} % band" in plot
    assert "interval" not in plot


def test_an_overlay_is_brighter_where_the_value_is_higher_and_keeps_to_its_fixed_range() -> None:
    pixels = np.full((2, 3, 3), 128, np.uint8)
    values = np.array([[0, 8, 16], [-5, 8, 99]], np.float32)
    drawn = opened(overlay_png(pixels, values, low=0, high=16)).astype(int).sum(axis=2)
    assert drawn[0, 0] < drawn[0, 1] < drawn[0, 2]
    assert np.array_equal(drawn[0], drawn[1])


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 3)])
def test_patch_values_lie_at_the_centres_of_their_patches(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(1).random(shape, np.float32)
    quality = PatchQualityMap(values, patch_size=65, stride=16)
    height, width = (65 + 16 * (length - 1) for length in shape)
    spread = spread_over_photo(quality, height, width)
    assert spread.shape == (height, width)
    assert np.allclose(spread[32 : height - 32 : 16, 32 : width - 32 : 16], values)
    assert spread.min() >= values.min() - 1e-6
    assert spread.max() <= values.max() + 1e-6


def test_a_png_keeps_its_pixels() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (5, 6, 3), np.uint8)
    assert np.array_equal(opened(rgb_png(pixels)), pixels)


def test_the_curve_as_a_table() -> None:
    lines = sur_csv(PREDICTION).decode().splitlines()
    assert lines[0] == "distortion_level,qf,sur,predicted_bytes"
    assert len(lines) == 101
    assert lines[1].startswith("1,100,")
    assert lines[100].startswith("100,1,")
    assert lines[100].endswith(",50")


def test_a_map_in_short_is_small_and_true() -> None:
    values = np.random.default_rng(3).random((70, 45), np.float32) * 12
    short = summarised(values)
    assert short.grid.shape == (32, 32)
    assert short.grid.mean() == pytest.approx(values.mean(), abs=0.1)
    assert short.percentiles[50] == pytest.approx(np.median(values), abs=1e-4)
    assert np.allclose(summarised(values[:2, :3]).grid, values[:2, :3])
