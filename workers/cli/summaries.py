"""A result in one line for people, by capability."""

from collections.abc import Callable, Mapping
from typing import Any

Body = Mapping[str, Any]


def _jnd_map(body: Body) -> str:
    middle = body["percentiles"]
    return (
        f"{body['width']}x{body['height']}: threshold {middle['p50']:.1f} luma levels in the median, "
        f"{middle['p10']:.1f} to {middle['p90']:.1f} for the middle 80 %"
    )


def _patch_quality_map(body: Body) -> str:
    return f"mean {body['mean']:.3f} ({body['scale']}), worst patch {body['min']:.3f}"


def _quality_score(body: Body) -> str:
    return f"{body['mos']:.1f} of 100"


def _full_reference_score(body: Body) -> str:
    psnr = "identical" if body["psnr_db"] is None else f"{body['psnr_db']:.2f} dB"
    return f"{body['score']:.2f} (PSNR {psnr}, SSIM {body['ssim']:.4f})"


def _sur_curve(body: Body) -> str:
    low, high = sorted(101 - level for level in body["interval"]["percent_sur"])
    return (
        f"JPEG quality {body['recommended_quality']} ({low} to {high}) satisfies {body['percent']:g} % of viewers, "
        f"{body['recommended_size_bytes']} bytes (JND {body['jnd']}, observer {body['observer']})"
    )


def _varjpeg(body: Body) -> str:
    return (
        f"{body['size_bytes']} bytes instead of {body['input_size_bytes']}: {100 * body['sur']:.1f} % of viewers are "
        f"predicted to see no difference (JND {body['jnd']}, observer {body['observer']})"
    )


def _varjpeg_decode(body: Body) -> str:
    return f"{body['width']}x{body['height']}"


SUMMARY: Mapping[str, Callable[[Body], str]] = {
    "jnd-map": _jnd_map,
    "patch-quality-map": _patch_quality_map,
    "quality-score": _quality_score,
    "full-reference-score": _full_reference_score,
    "sur-curve": _sur_curve,
    "varjpeg": _varjpeg,
    "varjpeg-decode": _varjpeg_decode,
}
