"""What models found, as results: rounded once, complete, and in one line for people."""

import json

import numpy as np
import pytest

from models.full_reference import FullReferenceScore
from models.map_summary import summarised
from models.sur.gev import GevParameters, sur_curve
from models.sur.prediction import SurPrediction
from models.sur.sampled_curve import SurBand, SurInterval
from models.types import PatchQualityMap, RgbImage
from models.varjpeg.optimise import OptimisedPhoto
from models.varjpeg.search.goals import Encoder, Judgement, SearchResult, Trial
from workers.contracts import (
    FullReferenceScoreResult,
    JndMapResult,
    PatchQualityMapResult,
    SurCurveResult,
    VarJpegResult,
)

PIXELS = np.zeros((4, 6, 3), np.uint8)
IMAGE = RgbImage(PIXELS, PIXELS, warnings=("guessed",))
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


def test_a_curve() -> None:
    result = SurCurveResult.of(IMAGE, PREDICTION)
    assert (len(result.sur), len(result.predicted_bytes), result.predicted_bytes[0]) == (100, 100, 5000)
    assert (len(result.band.low), len(result.band.high), result.band.coverage) == (100, 100, 0.95)
    assert result.gev.model_dump() == {"location": 60.0, "scale": 10.0, "shape": -0.2}
    assert (result.percent_jnd, result.percent_sur, result.recommended_quality) == (60, 50, 51)
    assert result.summary().startswith("JPEG quality 51 (46 to 56) satisfies 75 % of viewers, 1000 bytes")
    assert result.remarks() == ["guessed"]


def test_maps() -> None:
    values = np.random.default_rng(3).random((70, 45), np.float32) * 12
    jnd = JndMapResult.of(IMAGE, summarised(values), png_scale=256, overlay_range=(0.0, 16.0))
    assert list(jnd.model_dump())[5:] == [
        "unit",
        "png_scale",
        "overlay_range",
        "percentiles",
        "min",
        "max",
        "mean",
        "grid",
    ]
    assert (jnd.grid.rows, jnd.grid.columns) == (32, 32)
    assert jnd.percentiles["p50"] == pytest.approx(np.median(values), abs=1e-4)
    assert jnd.summary().startswith("6x4: threshold ")
    quality = PatchQualityMap(values[:2, :3], 64, 16)
    short = PatchQualityMapResult.of(IMAGE, quality, summarised(quality.values), scale="0..1", png_scale=65535)
    assert np.allclose(short.grid.values, values[:2, :3], atol=0.006)


def test_the_psnr_of_identical_images_is_null() -> None:
    score = FullReferenceScore(100.0, np.full((2, 2), 100, np.float32), np.inf, 1.0, 1.0)
    result = FullReferenceScoreResult.of(IMAGE, score, summarised(score.patch_scores))
    assert result.psnr_db is None
    assert result.summary() == "100.00 (PSNR identical, SSIM 1.0000)"
    json.dumps(result.model_dump(mode="json"), allow_nan=False)


@pytest.mark.parametrize(
    ("quality", "text"), [(50, '"quality":50,'), (70.125, '"quality":70.125,'), (70.0, '"quality":70.0,')]
)
def test_a_smaller_file(quality: float, text: str) -> None:
    judgement = Judgement(1.0, sur=0.76543, metric=None)
    trial = Trial(Encoder.LIMEN, quality, 3, judgement)
    chosen = SearchResult(b"abc", Encoder.LIMEN, quality, "420", judgement, trials=(trial,))
    photo = OptimisedPhoto("jpeg", 6, 4, 10, "aic-3", 38.0, 1, "jnd", None, chosen, ("lost",))
    result = VarJpegResult.of(photo)
    assert (result.sur, result.saved_bytes, result.trials[0].sur) == (0.7654, 7, 0.7654)
    assert result.model_dump_json().count(text) == 2
    assert VarJpegResult.model_validate_json(result.model_dump_json()).model_dump_json() == result.model_dump_json()
    assert result.summary().startswith("3 bytes instead of 10: 76.5 % of viewers are predicted to see no difference")
