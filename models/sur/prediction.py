"""Share of viewers who see no difference between a photo and a JPEG of it. Paper: Lin et al. 2020, SUR-FeatNet.

The siamese network predicts how far a distorted photo is from its reference (ln of the teacher's distance); an
observer profile turns that into a share of viewers. A curve over all qualities needs few of them.
"""

from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidParameterError
from models.preprocess import as_rgb
from models.sur.gev import GevParameters, percent_jnd, percent_sur, sur_curve
from models.sur.observers import JNDS, ObserverProfile, find_profile
from models.sur.reference import SurModels, profile_reference
from models.sur.reference_jpeg import encode_reference_jpeg, reference_jpeg_pixels
from models.sur.sampled_curve import SampledCurve, SurBand, SurInterval, interpolate_sizes, sample_curve
from models.threads import Meanwhile
from models.types import Progress, RgbImage
from models.viewing import DEFAULT_OBSERVER


@dataclass(frozen=True, slots=True)
class SurPrediction:
    """SUR curve of a photo under one observer profile.

    ``sur``: (100,), in [0, 1], never increasing, level n = 1..100 at index n - 1. ``percent_jnd``, ``percent_sur``:
    levels by definitions 2 and 4 of the paper at ``percent``. ``recommended_quality``: 101 - percent_sur;
    ``recommended_size_bytes``: the reference encode at it. ``predicted_bytes``: (100,), int, size of the reference
    encode at each level, exact at ``levels`` and the recommended one, log-linear between them. ``levels``,
    ``level_sur``: where the network was asked, and by its answers the share of viewers who have noticed nothing up to
    there; ``residual_rms``: of the fit through them.
    """

    sur: NDArray[np.float64]
    gev: GevParameters
    percent_jnd: int
    percent_sur: int
    recommended_quality: int
    recommended_size_bytes: int
    predicted_bytes: NDArray[np.int64]
    interval: SurInterval
    band: SurBand
    levels: tuple[int, ...]
    level_sur: tuple[float, ...]
    residual_rms: float
    observer: str
    pixels_per_degree: float
    jnd: int
    percent: float


def predict_sur_curve(
    image: RgbImage | ArrayLike,
    *,
    jnd: int = 1,
    percent: float = 75.0,
    observer: str | ObserverProfile = DEFAULT_OBSERVER,
    pixels_per_degree: float | None = None,
    models: SurModels | None = None,
    progress: Progress | None = None,
) -> SurPrediction:
    """Predict the SUR curve of a photo compressed by libjpeg-turbo, and the quality it recommends.

    Args: ``image``: sRGB photo; ``jnd``: 1..3; ``percent``: 0..100, for the p% JND and SUR; ``observer``: name or
    profile; ``pixels_per_degree``: of the viewer's eye, 20..120, None for the profile's own. A photo that JPEG hardly
    changes (flat, tiny) gets a curve near 1. Raises: InvalidParameterError, ModelArtefactError. Lin et al. 2020, 5.4.
    """
    if jnd not in JNDS:
        raise InvalidParameterError(f"jnd is 1, 2 or 3, not {jnd}")
    if not 0 <= percent <= 100:
        raise InvalidParameterError(f"percent lies in 0..100, not {percent}")
    profile = find_profile(observer) if isinstance(observer, str) else observer
    photo = image if isinstance(image, RgbImage) else RgbImage(as_rgb(image), as_rgb(image))
    reference = profile_reference(photo, profile, pixels_per_degree, models)
    sizes: dict[int, Future[int]] = {}
    with Meanwhile() as beside:

        def distance_at(level: int) -> float:
            sizes[level] = beside.begin(partial(_size, photo), level)
            return reference.log_distance(photo.to_srgb(reference_jpeg_pixels(photo.native_pixels, 101 - level)))

        sampled = sample_curve(distance_at, lambda d: profile.satisfied_share(d, jnd), progress or _ignore)
        curve = SampledCurve(sampled, profile, jnd)
        level = percent_sur(curve.gev, percent)
        sizes[level] = sizes.get(level) or beside.begin(partial(_size, photo), level)
        known = {each: size.result() for each, size in sizes.items()}
    return SurPrediction(
        sur=np.round(sur_curve(curve.gev), 6),
        gev=curve.gev,
        percent_jnd=percent_jnd(curve.gev, percent),
        percent_sur=level,
        recommended_quality=101 - level,
        recommended_size_bytes=known[level],
        predicted_bytes=interpolate_sizes(known),
        interval=curve.interval(percent),
        band=curve.band(),
        levels=curve.levels,
        level_sur=tuple(round(float(share), 6) for share in curve.shares),
        residual_rms=round(curve.residual_rms, 6),
        observer=profile.name,
        pixels_per_degree=profile.pixels_per_degree if pixels_per_degree is None else pixels_per_degree,
        jnd=jnd,
        percent=percent,
    )


def _size(photo: RgbImage, level: int) -> int:
    """Bytes of the reference encode."""
    return len(encode_reference_jpeg(photo.native_pixels, 101 - level))


def _ignore(_: float) -> None:
    return None
