"""Choice of levels, pooling over tiles and the curve they give, with graphs that are simple arithmetic."""

import io
import math
from collections.abc import Mapping

import numpy as np
import pytest
from PIL import Image

from models.errors import ImageSizesDifferError, InvalidParameterError
from models.sur import sampled_curve
from models.sur.gev import GevParameters, percent_sur
from models.sur.observers import ObserverProfile, ObserverTable, Threshold
from models.sur.prediction import predict_sur_curve
from models.sur.reference import SurModels, SurReference, viewing_weights
from models.sur.reference_jpeg import encode_reference_jpeg
from models.sur.sampled_curve import EVALUATIONS, interpolate_sizes, next_level, sample_curve
from models.sur.tiles import TILE
from models.types import Float32Array
from models.varjpeg.search.excerpt import cut

THRESHOLD = Threshold(math.log(6), 0.3)
PROFILE = ObserverProfile("test", "root mean square error", (THRESHOLD, THRESHOLD, THRESHOLD))


class PixelFeatures:
    """Stands for ``sur_features``: lightness of the tile's pixels, 0..255."""

    name, version, provider = "sur_features", "test", "numpy"

    def __init__(self) -> None:
        self.tiles = 0

    def run(self, inputs: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
        """Flatten."""
        assert inputs["opponents"].shape == (1, 3, TILE, TILE)
        self.tiles += 1
        return {"features": inputs["opponents"][:, 0].reshape(1, -1) * 255}


class RootMeanSquare:
    """Stands for ``sur_head``: ln of the root mean square difference."""

    name, version, provider = "sur_head", "test", "numpy"

    def run(self, inputs: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
        """Mean over the features."""
        square = ((inputs["reference"] - inputs["distorted"]) ** 2).mean(axis=1)
        shift = np.tile(np.array([1, -1, -2, -3], np.float32), (len(square), 1))
        return {"log_distance": (np.log(square + 1e-6) / 2).astype(np.float32), "viewing_shift": shift}


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> SurModels:
    monkeypatch.setattr(sampled_curve, "load_observer_table", lambda: ObserverTable({"test": PROFILE}, 0.05))
    return SurModels(PixelFeatures(), RootMeanSquare())


def grainy_ramp(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    smooth = np.add.outer(np.linspace(0, 150, height), np.linspace(0, 80, width))[..., None]
    grain = rng.normal(0, 12, (height, width, 1))
    return np.clip(smooth + grain, 0, 255).astype(np.uint8).repeat(3, axis=2)


def test_curve_is_valid_and_repeatable(graphs: SurModels) -> None:
    image, seen = grainy_ramp(300, 400), list[float]()
    first = predict_sur_curve(image, observer=PROFILE, models=graphs, progress=seen.append)
    again = predict_sur_curve(image, observer=PROFILE, models=graphs)
    assert first.sur.tolist() == again.sur.tolist()
    assert (first.gev, first.levels, first.interval) == (again.gev, again.levels, again.interval)
    assert first.sur.shape == (100,)
    assert (np.diff(first.sur) <= 0).all()
    assert first.sur[0] > 0.98
    assert first.sur[-1] < 0.05
    assert len(first.levels) <= EVALUATIONS
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_recommendation_follows_the_definitions(graphs: SurModels) -> None:
    image = grainy_ramp(256, 256)
    for percent in (10.0, 75.0, 95.0):
        found = predict_sur_curve(image, percent=percent, observer=PROFILE, models=graphs)
        assert found.percent_sur == percent_sur(found.gev, percent) == 101 - found.recommended_quality
        assert found.recommended_size_bytes == len(encode_reference_jpeg(image, found.recommended_quality))
        assert found.interval.percent_sur[0] <= found.percent_sur <= found.interval.percent_sur[1]
        assert found.interval.percent_jnd[0] <= found.percent_jnd <= found.interval.percent_jnd[1]


def test_sizes_are_those_of_the_encodes_made_and_log_linear_between(graphs: SurModels) -> None:
    image = grainy_ramp(256, 256)
    found = predict_sur_curve(image, observer=PROFILE, models=graphs)
    assert found.predicted_bytes.shape == (100,)
    for level in (*found.levels, found.percent_sur):
        assert found.predicted_bytes[level - 1] == len(encode_reference_jpeg(image, 101 - level))
    sizes = interpolate_sizes({1: 40_000, 51: 10_000, 100: 2_500})
    assert (sizes[0], sizes[25], sizes[50], sizes[99]) == (40_000, 20_000, 10_000, 2_500)


def test_the_band_holds_the_curve_and_widens_with_the_error(graphs: SurModels, monkeypatch: pytest.MonkeyPatch) -> None:
    curve = predict_sur_curve(grainy_ramp(300, 400), observer=PROFILE, models=graphs)
    assert (curve.band.low <= curve.sur).all()
    assert (curve.sur <= curve.band.high).all()
    monkeypatch.setattr(sampled_curve, "load_observer_table", lambda: ObserverTable({"test": PROFILE}, 0.2))
    wider = predict_sur_curve(grainy_ramp(300, 400), observer=PROFILE, models=graphs).band
    assert (wider.high - wider.low).sum() > 2 * (curve.band.high - curve.band.low).sum() > 0


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (64, 64), (33, 1000)])
def test_small_and_odd_sizes(graphs: SurModels, shape: tuple[int, int]) -> None:
    found = predict_sur_curve(grainy_ramp(*shape), observer=PROFILE, models=graphs)
    assert np.isfinite(found.sur).all()
    assert 1 <= found.recommended_quality <= 100


def test_flat_grey_photo_needs_no_quality(graphs: SurModels) -> None:
    found = predict_sur_curve(np.full((40, 40), 128, np.uint8), observer=PROFILE, models=graphs)
    assert found.sur.min() > 0.99
    assert found.recommended_quality == 1


def test_reference_features_are_computed_once() -> None:
    features = PixelFeatures()
    reference = SurReference(grainy_ramp(256, 512), SurModels(features, RootMeanSquare()))
    assert features.tiles == 2
    for _ in range(3):
        reference.log_distance(grainy_ramp(256, 512))
    assert features.tiles == 8


def test_equal_images_satisfy_everybody_and_float_equals_bytes() -> None:
    image = grainy_ramp(100, 100)
    reference = SurReference(image, SurModels(PixelFeatures(), RootMeanSquare()))
    assert reference.sur(image, PROFILE) == pytest.approx(1)
    assert reference.sur(image.astype(np.float64) / 255, PROFILE) == pytest.approx(1)


def test_sizes_must_match() -> None:
    reference = SurReference(grainy_ramp(100, 100), SurModels(PixelFeatures(), RootMeanSquare()))
    with pytest.raises(ImageSizesDifferError):
        reference.log_distance(grainy_ramp(100, 101))


@pytest.mark.parametrize(("jnd", "percent"), [(0, 75.0), (4, 75.0), (1, -1.0), (1, 100.1)])
def test_bad_parameters(jnd: int, percent: float) -> None:
    with pytest.raises(InvalidParameterError):
        predict_sur_curve(grainy_ramp(8, 8), jnd=jnd, percent=percent)


def test_stopping_from_progress(graphs: SurModels) -> None:
    def stop(_: float) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        predict_sur_curve(grainy_ramp(64, 64), observer=PROFILE, models=graphs, progress=stop)


@pytest.mark.parametrize("edge", [20.0, 60.0, 75.0, 93.0])
def test_levels_gather_where_the_curve_falls(edge: float) -> None:
    def share(distance: float) -> float:
        return 1 / (1 + math.exp((distance - edge) / 3))

    levels = sorted(sample_curve(float, share, lambda _: None))
    assert {1, 100} <= set(levels)
    assert sum(abs(level - edge) < 15 for level in levels) >= 4


def test_no_encode_is_spent_on_a_flat_curve() -> None:
    assert next_level({1: 1.0, 50: 1.0, 100: 0.97}) is None
    assert next_level({1: 1.0, 50: 0.2, 51: 0.0}) == 25


def test_farther_away_less_is_seen() -> None:
    image, models = grainy_ramp(256, 256), SurModels(PixelFeatures(), RootMeanSquare())
    distances = [
        SurReference(image, models, pixels_per_degree=seen).log_distance(grainy_ramp(256, 256) // 2)
        for seen in (20, 30, 38, 55, 93, 120)
    ]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] - distances[2] == pytest.approx(1)
    assert distances[2] - distances[5] == pytest.approx(3)
    moved = SurReference(image, models, pixels_per_degree=120, calibrated_at=120).log_distance(
        grainy_ramp(256, 256) // 2
    )
    assert moved == distances[2]
    for outside in (19.9, 121, math.nan):
        with pytest.raises(InvalidParameterError):
            viewing_weights(outside)


def test_each_comparison_looks_at_all_tiles_and_an_excerpt_at_those_damaged_most() -> None:
    features = PixelFeatures()
    image = grainy_ramp(1536, 1536)
    worse = image.copy()
    worse[512:1024, 256:512] //= 2
    reference = SurReference(image, SurModels(features, RootMeanSquare()))
    for times in (1, 2):
        assert reference.log_distance(worse) == pytest.approx(reference.log_distance(worse), abs=1e-9)
        assert features.tiles == 36 + 2 * times * 36
    found = reference.excerpt(2)
    assert found is not None
    places, excerpt = found
    assert places == ((512, 256), (768, 256))
    seen = features.tiles
    assert excerpt.log_distance(cut(worse, places)) > reference.log_distance(worse)
    assert features.tiles == seen + 2 + 36


def test_the_encode_that_defines_the_axis() -> None:
    image = grainy_ramp(64, 48)
    data = encode_reference_jpeg(image, 50)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.size == (48, 64)
        assert opened.info["progressive"]
        assert opened.layer[0][1:3] == (2, 2)  # type: ignore[attr-defined]
    for quality in (0, 101):
        with pytest.raises(InvalidParameterError):
            encode_reference_jpeg(image, quality)


def test_gev_is_rounded_the_same_on_every_machine(graphs: SurModels) -> None:
    gev = predict_sur_curve(grainy_ramp(256, 256), observer=PROFILE, models=graphs).gev
    assert gev == GevParameters(round(gev.location, 4), round(gev.scale, 4), round(gev.shape, 4))
