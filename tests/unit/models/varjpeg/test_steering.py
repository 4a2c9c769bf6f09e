"""Thresholds of blocks from a reduced map."""

import numpy as np
import pytest

from models.jpeg.dct import block_grid
from models.types import RgbImage
from models.varjpeg import steering
from models.varjpeg.photo import PreparedPhoto
from models.varjpeg.steering import coarse_thresholds, reduction_for
from models.varjpeg.visibility import block_means


def ever_noisier(height: int, width: int) -> RgbImage:
    random = np.random.default_rng(0)
    noise = random.normal(0, 1, (height // 4 + 1, width // 4 + 1)).repeat(4, 0).repeat(4, 1)[:height, :width, None]
    lit = 128 + noise * np.linspace(0, 40, width)[None, :, None]
    pixels = np.broadcast_to(lit.clip(0, 255), (height, width, 3)).astype(np.uint8)
    return RgbImage(pixels, pixels)


@pytest.mark.parametrize("reduction", [1, 2, 4])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (9, 300), (264, 261), (300, 400)])
def test_each_block_gets_a_threshold_that_an_encoder_takes(height: int, width: int, reduction: int) -> None:
    image = ever_noisier(height, width)
    thresholds = coarse_thresholds(image, reduction=reduction)
    assert thresholds.shape == block_grid(height, width)
    assert (thresholds > 0).all()
    assert PreparedPhoto(image, thresholds).encode(60).data.startswith(b"\xff\xd8")


@pytest.mark.parametrize("reduction", [2, 4])
def test_thresholds_keep_their_order_and_unit(reduction: int) -> None:
    whole, reduced = (np.log(coarse_thresholds(ever_noisier(320, 480), reduction=each)) for each in (1, reduction))
    assert np.corrcoef(whole.ravel(), reduced.ravel())[0, 1] > 0.8
    assert abs(float(reduced.mean() - whole.mean())) < 0.5


def test_large_photos_are_reduced_more() -> None:
    assert [reduction_for(pixels) for pixels in (10_000, 400_000, 5_000_000, 12_000_000)] == [1, 2, 2, 4]


def test_a_whole_map_is_its_mean_over_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    image = ever_noisier(64, 72)
    values = np.random.default_rng(1).uniform(1, 9, (64, 72)).astype(np.float32)

    class Map:
        def __init__(self) -> None:
            self.values = values

    monkeypatch.setattr(steering, "predict_jnd_map", lambda *_, **__: Map())
    np.testing.assert_allclose(coarse_thresholds(image, reduction=1), block_means(values, 64, 72), rtol=1e-6)
