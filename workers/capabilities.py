"""What each capability makes of a request: fetch, decode, predict, describe. The queue and the command line both ask
``compute``, so that a photo gets the same answer from either. Each imports its own model: a command that asks for one
does not wait for the libraries of the others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, singledispatch
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.decode import decode_image
from models.image_files.read import SizeLimits
from models.map_summary import summarised
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
from models.sur.observers import ObserverProfile, find_profile
from models.types import Progress, RgbImage
from workers.contracts import (
    FullReferenceScoreRequest,
    FullReferenceScoreResult,
    ImageResult,
    JndMapRequest,
    JndMapResult,
    PatchQualityMapRequest,
    PatchQualityMapResult,
    PlainEncodingRequest,
    PlainEncodingResult,
    QualityScoreRequest,
    QualityScoreResult,
    Request,
    ResultBody,
    SurCurveRequest,
    SurCurveResult,
    VarJpegDecodeRequest,
    VarJpegRequest,
    VarJpegResult,
)
from workers.contracts.image import image_figures
from workers.contracts.plain_encoding import PLAIN_FILES
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
    """Figures, files with the main one first, and the weights that had a part in it."""

    result: ResultBody
    files: tuple[File, ...] = ()
    models: tuple[str, ...] = ()


def size_limits(settings: WorkerSettings) -> SizeLimits:
    """How large an image may be, by the settings that the web process has too."""
    return SizeLimits(settings.max_pixels, settings.max_side, settings.max_aspect)


@dataclass(frozen=True, slots=True)
class Inputs:
    """``fetch`` gives the bytes of a file by its content key; images beyond ``limits`` are refused; ``profiles``: a
    folder of observer profiles beside the shipped ones.
    """

    fetch: Callable[[str], bytes]
    limits: SizeLimits
    profiles: Path | None = None

    @classmethod
    def under(cls, settings: WorkerSettings, fetch: Callable[[str], bytes]) -> Self:
        """Inputs as the settings have it."""
        return cls(fetch, size_limits(settings), settings.profiles)

    def image(self, key: str) -> RgbImage:
        """The decoded image. Raises: LimenError; what ``fetch`` raises."""
        return decode_image(self.fetch(key), limits=self.limits)

    def mask(self, key: str | None) -> NDArray[np.bool_] | None:
        """(H, W), True where a mask image is lighter than middle grey."""
        return None if key is None else np.asarray(self.image(key).pixels.max(axis=2) >= 128)

    def observers(self, name: str) -> ObserverProfile:
        """The profile of that name. Raises: LimenError."""
        return find_profile(name, self.profiles)


@singledispatch
def compute(request: Request, inputs: Inputs, progress: Progress | None) -> Outcome:
    """What a request asks for. Raises: LimenError; what ``inputs.fetch`` raises."""
    raise TypeError(f"nothing is computed for {request.name()}")


@compute.register
def jnd_map(request: JndMapRequest, inputs: Inputs, progress: Progress | None) -> Outcome:
    """Visibility threshold of each pixel: 16-bit PNG, overlay, npz."""
    from models.jnd import predict_jnd_map

    image = inputs.image(request.image_key)
    jnd = predict_jnd_map(image, progress=progress)
    low, high = JND_OVERLAY_RANGE
    result = JndMapResult.of(image, summarised(jnd.values), png_scale=JND_PNG_SCALE, overlay_range=JND_OVERLAY_RANGE)
    files = (
        File("jnd-map.png", PNG, partial(grey16_png, jnd.values, scale=JND_PNG_SCALE)),
        File("overlay.png", PNG, partial(overlay_png, image.pixels, jnd.values, low=low, high=high)),
        File("jnd-map.npz", NPZ, partial(npz, jnd.values)),
    )
    return Outcome(result, files, ("fpsnet",))


@compute.register
def patch_quality_map(request: PatchQualityMapRequest, inputs: Inputs, progress: Progress | None) -> Outcome:
    """Local quality, no-reference in [0, 1] or DMOS 1..5 against a reference: 16-bit PNG, overlay, npz."""
    from models.patch_quality import predict_patch_dmos_map, predict_patch_quality_map

    image = inputs.image(request.image_key)
    models: tuple[str, ...]
    if request.reference_key is None:
        quality = predict_patch_quality_map(image, stride=request.stride, progress=progress)
        png_scale, low, high, models = NO_REFERENCE_PNG_SCALE, 0.0, 1.0, ("patchnet", "patchnet_map")
    else:
        reference = inputs.image(request.reference_key)
        quality = predict_patch_dmos_map(
            reference, image, patch_size=request.patch_size, stride=request.stride, progress=progress
        )
        png_scale, low, high, models = DMOS_PNG_SCALE, 1.0, 5.0, (f"dipqa_{request.patch_size}",)
    result = PatchQualityMapResult.of(
        image,
        quality,
        summarised(quality.values),
        scale="0..1" if request.reference_key is None else "dmos 1..5",
        png_scale=png_scale,
    )

    def overlay() -> bytes:
        spread = spread_over_photo(quality, image.height, image.width)
        return overlay_png(image.pixels, spread, low=low, high=high)

    files = (
        File("patch-quality-map.png", PNG, partial(grey16_png, quality.values, scale=png_scale)),
        File("overlay.png", PNG, overlay),
        File("patch-quality-map.npz", NPZ, partial(npz, quality.values)),
    )
    return Outcome(result, files, models)


@compute.register
def quality_score(request: QualityScoreRequest, inputs: Inputs, progress: Progress | None) -> Outcome:
    """Global quality without a reference."""
    from models.quality_score import predict_quality_score

    image = inputs.image(request.image_key)
    score = predict_quality_score(image, progress=progress)
    return Outcome(QualityScoreResult.of(image, score), models=("quality_score", "patchnet_map"))


@compute.register
def full_reference_score(request: FullReferenceScoreRequest, inputs: Inputs, progress: Progress | None) -> Outcome:
    """Closeness of a distorted image to its reference."""
    from models.full_reference import predict_full_reference_score
    from models.metrics.butteraugli import ButteraugliReference
    from models.metrics.ssimulacra2 import Ssimulacra2Reference

    reference, distorted = inputs.image(request.reference_key), inputs.image(request.distorted_key)
    score = predict_full_reference_score(reference, distorted, progress=progress)
    result = FullReferenceScoreResult.of(
        distorted,
        score,
        summarised(score.patch_scores),
        ssimulacra2=Ssimulacra2Reference(reference).score(distorted) if request.perceptual else None,
        butteraugli=ButteraugliReference(reference).norm(distorted) if request.perceptual else None,
    )
    return Outcome(result, models=("full_reference",))


@compute.register
def sur_curve(request: SurCurveRequest, inputs: Inputs, progress: Progress | None) -> Outcome:
    """Share of viewers who see no difference at each JPEG quality: plot and table."""
    from models.sur.prediction import predict_sur_curve

    image = inputs.image(request.image_key)
    prediction = predict_sur_curve(
        image,
        jnd=request.jnd,
        percent=request.percent,
        observer=inputs.observers(request.observer),
        pixels_per_degree=request.pixels_per_degree,
        progress=progress,
    )
    files = (
        File("sur-curve.svg", "image/svg+xml", partial(sur_plot, prediction, "svg")),
        File("sur-curve.png", PNG, partial(sur_plot, prediction, "png")),
        File("sur-curve.csv", "text/csv", partial(sur_csv, prediction)),
    )
    return Outcome(SurCurveResult.of(image, prediction), files, ("sur_features", "sur_head"))


@compute.register
def varjpeg(request: VarJpegRequest, inputs: Inputs, progress: Progress | None) -> Outcome:
    """The smallest file that a share of viewers cannot tell from the photo, or the best of a given size."""
    from models.varjpeg.optimise import optimise_photo

    original = inputs.fetch(request.image_key)
    optimised = optimise_photo(
        decode_image(original, limits=inputs.limits),
        request.options(),
        original=original,
        protect=inputs.mask(request.protect_key),
        profile=inputs.observers(request.observer),
        progress=progress,
    )
    name = "photo.jpg" if request.format == "jpeg" else "photo.vjpg"
    steering = request.steering if request.format == "jpeg" else "patchnet"
    shaping = {"jnd": ("fpsnet",), "patchnet": ("patchnet", "patchnet_map"), "none": ()}[steering]
    files = (File(name, optimised.media_type, lambda: optimised.data),)
    return Outcome(VarJpegResult.of(optimised), files, (*shaping, "sur_features", "sur_head"))


@compute.register
def varjpeg_decode(request: VarJpegDecodeRequest, inputs: Inputs, progress: Progress | None) -> Outcome:
    """A VarJPEG container as PNG."""
    from models.varjpeg.container import decode_varjpeg

    image = decode_varjpeg(inputs.fetch(request.image_key), max_pixels=inputs.limits.max_pixels)
    files = (File("decoded.png", PNG, partial(rgb_png, image.native_pixels, icc_profile=image.icc_profile)),)
    return Outcome(ImageResult(**image_figures(image)), files)


@compute.register
def plain_encoding(request: PlainEncodingRequest, inputs: Inputs, progress: Progress | None) -> Outcome:
    """What another encoder makes of the photo."""
    from models.varjpeg.plain_encoding import encode_plainly

    image = inputs.image(request.image_key)
    made = encode_plainly(image, request.codec, quality=request.quality, max_bytes=request.max_bytes, progress=progress)
    files = (File(*PLAIN_FILES[request.codec], lambda: made.data),)
    return Outcome(PlainEncodingResult.of(image, request.codec, made), files)
