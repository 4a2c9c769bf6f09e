"""FISH: what blur, flatness, size and place do to it."""

import numpy as np
import pytest
from scipy import ndimage

from models.errors import InvalidParameterError
from models.metrics import fish
from models.metrics.fish import HIGH_PASS, LOW_PASS, detail_bands, fish_index, fish_map, fish_sharpness
from tests.assets.photos import noise


@pytest.fixture(scope="module")
def texture() -> np.ndarray:
    return noise(128, 160)


def test_flat_image_has_no_sharpness() -> None:
    flat = np.full((64, 64, 3), 90, np.uint8)
    assert fish_sharpness(flat) == pytest.approx(0, abs=1e-9)
    assert np.abs(fish_map(flat)).max() < 1e-6


def test_blur_lowers_it(texture: np.ndarray) -> None:
    values = [fish_sharpness(texture)]
    values += [fish_sharpness(ndimage.gaussian_filter(texture, (sigma, sigma, 0))) for sigma in (0.7, 1.5, 3.0)]
    assert values == sorted(values, reverse=True)


def test_map_finds_the_blurred_half(texture: np.ndarray) -> None:
    mixed = texture.copy()
    mixed[:, 80:] = ndimage.gaussian_filter(texture, (2, 2, 0))[:, 80:]
    values = fish_map(mixed)
    columns = np.arange(values.shape[1]) * 8
    assert values[:, columns + 16 <= 72].min() > values[:, columns >= 88].max()


def test_map_has_a_value_per_window(texture: np.ndarray) -> None:
    assert fish_map(texture, window=64, stride=4).shape == ((128 - 64) // 4 + 1, (160 - 64) // 4 + 1)
    assert fish_map(texture).dtype == np.float32


def test_window_of_the_whole_image_is_the_overall_index(texture: np.ndarray) -> None:
    square = texture[:128, :128]
    assert fish_map(square, window=128, stride=128)[0, 0] == pytest.approx(fish_sharpness(square), rel=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (9, 3), (17, 31)])
def test_any_size_gives_finite_values(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert np.isfinite(fish_map(image)).all()
    assert np.isfinite(fish_sharpness(image))


@pytest.mark.parametrize("shape", [(255, 20), (256, 9), (257, 40), (300, 30), (520, 12)])
@pytest.mark.parametrize(("window", "stride"), [(16, 8), (64, 8), (64, 5), (8, 3)])
def test_strips_hide_nothing(shape: tuple[int, int], window: int, stride: int, monkeypatch: pytest.MonkeyPatch) -> None:
    image = noise(*shape)
    found = fish_map(image, window=window, stride=stride), fish_sharpness(image)
    monkeypatch.setattr(fish, "_ROWS", 8 * 1024)
    np.testing.assert_allclose(found[0], fish_map(image, window=window, stride=stride), rtol=1e-6)
    assert found[1] == pytest.approx(fish_sharpness(image), rel=1e-12)


def test_filters_are_those_of_scipy() -> None:
    plane = np.random.default_rng(3).normal(0, 10, (37, 50))
    low, high = (ndimage.correlate1d(plane, kernel, axis=1, mode="mirror") for kernel in (LOW_PASS, HIGH_PASS))
    across = low[:, ::2], high[:, 1::2]
    lh = ndimage.correlate1d(across[0], HIGH_PASS, axis=0, mode="mirror")[1::2]
    hl = ndimage.correlate1d(across[1], LOW_PASS, axis=0, mode="mirror")[::2]
    found = detail_bands(plane)[0]
    np.testing.assert_allclose(found.lh, lh**2, atol=1e-9)
    np.testing.assert_allclose(found.hl, hl**2, atol=1e-9)


def test_wavelet_keeps_the_energy_of_noise(texture: np.ndarray) -> None:
    plane = np.random.default_rng(2).normal(0, 10, (256, 256))
    for band in (detail_bands(plane)[0].lh, detail_bands(plane)[0].hh):
        assert band.mean() == pytest.approx(100, rel=0.35)


def test_index_is_the_rms_of_the_top_hundredth() -> None:
    values = np.zeros((20, 20), np.float32)
    values[0, :4] = (3, 3, 4, 4)
    assert fish_index(values) == pytest.approx(np.sqrt(12.5))


def test_wrong_window_is_refused(texture: np.ndarray) -> None:
    with pytest.raises(InvalidParameterError):
        fish_map(texture, window=12)
    with pytest.raises(InvalidParameterError):
        fish_map(texture, stride=0)
