"""Results as small JSON objects, the same over REST and on the command line; every number is rounded here, once."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.rendering import JND_OVERLAY_RANGE, JND_PNG_SCALE
from models.types import Float32Array, JndMap, PatchQualityMap, RgbImage

if TYPE_CHECKING:
    from models.full_reference import FullReferenceScore
    from models.quality_score import QualityScore
    from models.sur.prediction import SurPrediction

PERCENTILES = (1, 10, 50, 90, 99)
GRID_SIDE = 32
DIGITS = 4


def jnd_map_report(jnd: JndMap) -> dict[str, Any]:
    """Thresholds in 8-bit luma levels: percentiles, and means over a small grid."""
    return {
        "unit": "8-bit luma levels",
        "png_scale": JND_PNG_SCALE,
        "overlay_range": list(JND_OVERLAY_RANGE),
        **summary(jnd.values),
    }


def patch_quality_report(quality: PatchQualityMap, *, scale: str, png_scale: int) -> dict[str, Any]:
    """Local quality, higher is better: percentiles, and means over a small grid. ``scale`` names the range."""
    return {
        "scale": scale,
        "higher_is_better": True,
        "patch_size": quality.patch_size,
        "stride": quality.stride,
        "png_scale": png_scale,
        **summary(quality.values),
    }


def quality_score_report(score: "QualityScore") -> dict[str, Any]:
    """MOS 0..100, higher is better, and the plain means beside it."""
    return {
        "mos": _rounded(score.mos),
        "scale": "mos 0..100",
        "higher_is_better": True,
        "patchnet_mean": _rounded(score.patchnet_mean),
        "fish_mean": _rounded(score.fish_mean),
        "fish": _rounded(score.fish),
    }


def full_reference_report(score: "FullReferenceScore") -> dict[str, Any]:
    """The score and the classical metrics beside it; ``psnr_db`` is null for identical images."""
    return {
        "score": _rounded(score.score),
        "higher_is_better": True,
        "psnr_db": _rounded(score.psnr_db),
        "ssim": _rounded(score.ssim),
        "ms_ssim": _rounded(score.ms_ssim),
        "patch_scores": summary(score.patch_scores),
    }


def sur_curve_report(prediction: "SurPrediction") -> dict[str, Any]:
    """The curve, its GEV on the QF axis, and what it recommends."""
    return {
        "sur": [_rounded(value, 6) for value in prediction.sur],
        "gev": {
            "location": _rounded(prediction.gev.location),
            "scale": _rounded(prediction.gev.scale),
            "shape": _rounded(prediction.gev.shape),
        },
        "jnd": prediction.jnd,
        "percent": prediction.percent,
        "observer": prediction.observer,
        "pixels_per_degree": prediction.pixels_per_degree,
        "percent_jnd": prediction.percent_jnd,
        "percent_sur": prediction.percent_sur,
        "recommended_quality": prediction.recommended_quality,
        "recommended_size_bytes": prediction.recommended_size_bytes,
        "predicted_bytes": prediction.predicted_bytes.tolist(),
        "interval": {
            "percent_jnd": list(prediction.interval.percent_jnd),
            "percent_sur": list(prediction.interval.percent_sur),
            "coverage": prediction.interval.coverage,
        },
        "band": {
            "low": [_rounded(value, 6) for value in prediction.band.low],
            "high": [_rounded(value, 6) for value in prediction.band.high],
            "coverage": prediction.band.coverage,
        },
        "levels": list(prediction.levels),
        "level_sur": [_rounded(value, 6) for value in prediction.level_sur],
        "residual_rms": _rounded(prediction.residual_rms, 6),
    }


def image_report(image: RgbImage) -> dict[str, Any]:
    """What was read, as displayed; ``warnings`` say what was lost or assumed."""
    return {
        "height": image.height,
        "width": image.width,
        "source_format": image.source_format,
        "bit_depth": image.bit_depth,
        "warnings": list(image.warnings),
    }


def summary(values: Float32Array) -> dict[str, Any]:
    """Percentiles, ends and mean of a map (H, W) or list (N,), and for a map its means over at most 32x32 areas."""
    percentiles = np.percentile(values, PERCENTILES)
    numbers: dict[str, Any] = {
        "percentiles": {f"p{p}": _rounded(value) for p, value in zip(PERCENTILES, percentiles, strict=True)},
        "min": _rounded(values.min()),
        "max": _rounded(values.max()),
        "mean": _rounded(values.mean(dtype=np.float64)),
    }
    return numbers | ({"grid": _grid(values)} if values.ndim == 2 else {})


def _grid(values: Float32Array) -> Mapping[str, Any]:
    means = values.astype(np.float64)
    for axis in (0, 1):
        length = means.shape[axis]
        edges = np.arange(min(length, GRID_SIDE)) * length // min(length, GRID_SIDE)
        counts = np.diff(np.append(edges, length))
        sums = np.add.reduceat(means, edges, axis=axis)
        means = sums / (counts[:, None] if axis == 0 else counts)
    return {"rows": means.shape[0], "columns": means.shape[1], "values": _rounded_list(means)}


def _rounded_list(values: NDArray[np.float64]) -> list[list[float]]:
    return [[round(float(value), 2) for value in row] for row in values]


def _rounded(value: float | np.floating[Any], digits: int = DIGITS) -> float | None:
    """JSON has no infinity: None stands for it."""
    return round(float(value), digits) if np.isfinite(value) else None
