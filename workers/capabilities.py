"""What each capability makes of a request: fetch, decode, predict, describe. The queue and the command line both ask
here, so that a photo gets the same answer from either. Each imports its own model: a command that asks for one does not
wait for the libraries of the others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.decode import decode_image
from models.image_files.read import SizeLimits
from models.rendering import (
    DMOS_PNG_SCALE,
    JND_OVERLAY_RANGE,
    JND_PNG_SCALE,
    NO_REFERENCE_PNG_SCALE,
    grey16_png,
    npz,
    overlay_png,
    rgb_png,
    spread_over_photo,
    sur_csv,
    sur_plot,
)
from models.reports import (
    full_reference_report,
    image_report,
    jnd_map_report,
    patch_quality_report,
    quality_score_report,
    sur_curve_report,
)
from models.types import PatchQualityMap, Progress, RgbImage
from workers.contracts import (
    FullReferenceScoreRequest,
    JndMapRequest,
    PatchQualityMapRequest,
    QualityScoreRequest,
    SurCurveRequest,
    VarJpegDecodeRequest,
    VarJpegRequest,
)
from workers.settings import WorkerSettings

PNG, NPZ = "image/png", "application/x-npz"


@dataclass(frozen=True, slots=True)
class File:
    """One file of a result; ``render`` makes its bytes, for whoever wants this file."""

    name: str
    media_type: str
    render: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Figures as JSON members, files with the main one first, and the weights that had a part in it."""

    body: dict[str, Any]
    files: tuple[File, ...] = ()
    models: tuple[str, ...] = ()


def size_limits(settings: WorkerSettings) -> SizeLimits:
    """How large an image may be, by the settings that the web process has too."""
    return SizeLimits(settings.max_pixels, settings.max_side, settings.max_aspect)


@dataclass(frozen=True, slots=True)
class Inputs:
    """``fetch`` gives the bytes of a file by its content key; images beyond ``limits`` are refused."""

    fetch: Callable[[str], bytes]
    limits: SizeLimits

    def image(self, key: str) -> RgbImage:
        """The decoded image. Raises: LimenError; what ``fetch`` raises."""
        return decode_image(self.fetch(key), limits=self.limits)

    def mask(self, key: str | None) -> NDArray[np.bool_] | None:
        """(H, W), True where a mask image is lighter than middle grey."""
        return None if key is None else np.asarray(self.image(key).pixels.max(axis=2) >= 128)


def jnd_map(request: JndMapRequest, inputs: Inputs, progress: Progress | None) -> Outcome:
    """Visibility threshold of each pixel: 16-bit PNG, overlay, npz."""
    from models.jnd import predict_jnd_map

    image = inputs.image(request.image_key)
    jnd = predict_jnd_map(image, progress=progress)
    low, high = JND_OVERLAY_RANGE
    files = (
        File("jnd-map.png", PNG, partial(grey16_png, jnd.values, scale=JND_PNG_SCALE)),
        File("overlay.png", PNG, partial(overlay_png, image.pixels, jnd.values, low=low, high=high)),
        File("jnd-map.npz", NPZ, partial(npz, jnd.values)),
    )
    return Outcome(image_report(image) | jnd_map_report(jnd), files, ("fpsnet",))


def patch_quality_map(request: PatchQualityMapRequest, inputs: Inputs, progress: Progress | None) -> Outcome:
    """Local quality, no-reference in [0, 1] or DMOS 1..5 against a reference: 16-bit PNG, overlay, npz."""
    from models.patch_quality import predict_patch_dmos_map, predict_patch_quality_map

    image = inputs.image(request.image_key)
    quality: PatchQualityMap
    models: tuple[str, ...]
    if request.reference_key is None:
        quality = predict_patch_quality_map(image, stride=request.stride, progress=progress)
        scale, png_scale, low, high, models = "0..1", NO_REFERENCE_PNG_SCALE, 0.0, 1.0, ("patchnet", "patchnet_map")
    else:
        quality = predict_patch_dmos_map(
            inputs.image(request.reference_key),
            image,
            patch_size=request.patch_size,
            stride=request.stride,
            progress=progress,
        )
        scale, png_scale, low, high, models = "dmos 1..5", DMOS_PNG_SCALE, 1.0, 5.0, (f"dipqa_{request.patch_size}",)

    def overlay() -> bytes:
        spread = spread_over_photo(quality, image.height, image.width)
        return overlay_png(image.pixels, spread, low=low, high=high)

    files = (
        File("patch-quality-map.png", PNG, partial(grey16_png, quality.values, scale=png_scale)),
        File("overlay.png", PNG, overlay),
        File("patch-quality-map.npz", NPZ, partial(npz, quality.values)),
    )
    return Outcome(image_report(image) | patch_quality_report(quality, scale=scale, png_scale=png_scale), files, models)


def quality_score(request: QualityScoreRequest, inputs: Inputs, progress: Progress | None) -> Outcome:
    """Global quality without a reference."""
    from models.quality_score import predict_quality_score

    image = inputs.image(request.image_key)
    score = predict_quality_score(image, progress=progress)
    return Outcome(image_report(image) | quality_score_report(score), models=("quality_score", "patchnet_map"))


def full_reference_score(request: FullReferenceScoreRequest, inputs: Inputs, progress: Progress | None) -> Outcome:
    """Closeness of a distorted image to its reference."""
    from models.full_reference import predict_full_reference_score

    reference, distorted = inputs.image(request.reference_key), inputs.image(request.distorted_key)
    score = predict_full_reference_score(reference, distorted, progress=progress)
    return Outcome(image_report(distorted) | full_reference_report(score), models=("full_reference",))


def sur_curve(request: SurCurveRequest, inputs: Inputs, progress: Progress | None) -> Outcome:
    """Share of viewers who see no difference at each JPEG quality: plot and table."""
    from models.sur.prediction import predict_sur_curve

    image = inputs.image(request.image_key)
    prediction = predict_sur_curve(
        image,
        jnd=request.jnd,
        percent=request.percent,
        observer=request.observer,
        pixels_per_degree=request.pixels_per_degree,
        progress=progress,
    )
    files = (
        File("sur-curve.svg", "image/svg+xml", partial(sur_plot, prediction, "svg")),
        File("sur-curve.png", PNG, partial(sur_plot, prediction, "png")),
        File("sur-curve.csv", "text/csv", partial(sur_csv, prediction)),
    )
    return Outcome(image_report(image) | sur_curve_report(prediction), files, ("sur_features", "sur_head"))


def varjpeg(request: VarJpegRequest, inputs: Inputs, progress: Progress | None) -> Outcome:
    """The smallest file that a share of viewers cannot tell from the photo, or the best of a given size."""
    from models.varjpeg.optimise import optimise_photo

    original = inputs.fetch(request.image_key)
    optimised = optimise_photo(
        decode_image(original, limits=inputs.limits),
        request.options(),
        original=original,
        protect=inputs.mask(request.protect_key),
        progress=progress,
    )
    name = "photo.jpg" if request.format == "jpeg" else "photo.vjpg"
    steering = request.steering if request.format == "jpeg" else "patchnet"
    shaping = {"jnd": ("fpsnet",), "patchnet": ("patchnet", "patchnet_map"), "none": ()}[steering]
    files = (File(name, optimised.media_type, lambda: optimised.data),)
    return Outcome(optimised.body(), files, (*shaping, "sur_features", "sur_head"))


def varjpeg_decode(request: VarJpegDecodeRequest, inputs: Inputs, progress: Progress | None) -> Outcome:
    """A VarJPEG container as PNG."""
    from models.varjpeg.container import decode_varjpeg

    image = decode_varjpeg(inputs.fetch(request.image_key), max_pixels=inputs.limits.max_pixels)
    files = (File("decoded.png", PNG, partial(rgb_png, image.native_pixels, icc_profile=image.icc_profile)),)
    return Outcome(image_report(image), files)


COMPUTE: dict[str, Callable[[Any, Inputs, Progress | None], Outcome]] = {
    "jnd-map": jnd_map,
    "patch-quality-map": patch_quality_map,
    "quality-score": quality_score,
    "full-reference-score": full_reference_score,
    "sur-curve": sur_curve,
    "varjpeg": varjpeg,
    "varjpeg-decode": varjpeg_decode,
}
"""What is done for a request, by its ``capability``."""
