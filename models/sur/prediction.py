"""Share of viewers who see no difference between a photo and a JPEG of it. Paper: Lin et al. 2020, SUR-FeatNet.

The siamese network predicts how far a distorted photo is from its reference (ln of the teacher's distance); an
observer profile turns that into a share of viewers. A curve over all qualities needs few of them: the levels are
chosen by bisection where the curve falls, and a GEV is fitted through the samples (section 5.4).
"""

import io
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from models.errors import ImageSizesDifferError, InvalidParameterError
from models.graphs import artefacts
from models.graphs.onnx_model import OnnxModel
from models.preprocess import as_rgb, to_nchw
from models.sur.gev import LEVELS, GevParameters, fit_gev, percent_jnd, percent_sur, still_satisfied, sur_curve
from models.sur.observers import (
    DEFAULT_OBSERVER,
    DEFAULT_PIXELS_PER_DEGREE,
    JNDS,
    ObserverProfile,
    find_profile,
    load_observer_table,
)
from models.sur.tiles import JUDGED_TILES, TilePlace, pool_tiles, tile_places
from models.threads import in_order
from models.types import Float32Array, Progress, Rgb8, RgbImage

PIXELS_PER_DEGREE_RANGE = (20.0, 120.0)

VIEWING_PLACES = (20.0, 60.0, 85.0, 120.0)
"""Pixels per degree, beside the default, at which the head says by how much ln distance differs."""

FIRST_LEVELS = (1, 100, 25, 50)
EVALUATIONS = 10
SMALLEST_DROP = 0.06
"""Bisection ends after this many encodes, or when the curve falls by less than this between neighbouring samples."""

INTERVAL_COVERAGE = 0.8
INTERVAL_DEVIATIONS = 1.2816
"""Standard normal quantile of 0.9: the interval holds the middle 80 %."""

BAND_COVERAGE = 0.95
BAND_DEVIATIONS = 1.96
"""Standard normal quantile of 0.975: the band holds the middle 95 %."""


@dataclass(frozen=True, slots=True)
class SurModels:
    """The two graphs: ``features`` of one tile, ``head`` over the features of a pair."""

    features: OnnxModel
    head: OnnxModel


@dataclass(frozen=True, slots=True)
class SurInterval:
    """Where the p% JND and p% SUR lie with probability ``coverage``, as (low, high) levels.

    Moves the predicted ln distance by 1.28 standard deviations of its error on photos the network never saw, both ways.
    Covers the network's error against its teacher, not the teacher's against people; under a profile that was fitted to
    an observer study and says by how much photos differ for its observers, it covers that.
    """

    percent_jnd: tuple[int, int]
    percent_sur: tuple[int, int]
    coverage: float


@dataclass(frozen=True, slots=True)
class SurBand:
    """Between which shares the curve lies at each level with probability ``coverage``: ``low`` and ``high``, (100,).

    Made as ``SurInterval`` is, level by level: it covers the network's error against its teacher and no more.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    coverage: float


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


def load_sur_models(*, threads: int = 1, cuda: bool = False) -> SurModels:
    """The shipped graphs. Raises: ModelArtefactError."""
    return SurModels(
        artefacts.load_model("sur_features", threads=threads, cuda=cuda),
        artefacts.load_model("sur_head", threads=threads, cuda=cuda),
    )


class SurReference:
    """A photo as reference: its features are computed once, then any distorted version is compared with it.

    ``pixels_per_degree``: of the viewer's eye, 20..120; ``calibrated_at``: those at which the observers' thresholds
    were found. Of a photo with many tiles the first comparison looks at all, later ones at those damaged most.
    Raises: InvalidParameterError, ModelArtefactError.
    """

    def __init__(
        self,
        image: RgbImage | ArrayLike,
        models: SurModels | None = None,
        *,
        pixels_per_degree: float = DEFAULT_PIXELS_PER_DEGREE,
        calibrated_at: float = DEFAULT_PIXELS_PER_DEGREE,
    ) -> None:
        pixels = as_rgb(image)
        self._models = models or load_sur_models()
        self._viewing = viewing_weights(pixels_per_degree) - viewing_weights(calibrated_at)
        self._shape = pixels.shape
        self._places = tile_places(pixels)
        self._features = self._features_of(pixels)
        self._unseen = 0.0

    def log_distance(self, distorted: RgbImage | ArrayLike) -> float:
        """ln of the predicted teacher distance between the photo and ``distorted``, sRGB of the same size.

        Raises: ImageSizesDifferError, InvalidParameterError.
        """
        pixels = as_rgb(distorted)
        if pixels.shape != self._shape:
            raise ImageSizesDifferError(f"the reference is {self._shape[:2]} pixels, the other {pixels.shape[:2]}")
        found = self._models.head.run({"reference": self._features, "distorted": self._features_of(pixels)})
        distances = found["log_distance"] + found["viewing_shift"] @ self._viewing
        if len(distances) > JUDGED_TILES:
            return self._pooled_once(distances)
        return round(pool_tiles(distances) + self._unseen, 6)

    def sur(self, distorted: RgbImage | ArrayLike, profile: ObserverProfile, jnd: int = 1) -> float:
        """Share of viewers in [0, 1] predicted not to see a difference. Raises: as ``log_distance``."""
        return profile.satisfied_share(self.log_distance(distorted), jnd)

    def _pooled_once(self, distances: Float32Array) -> float:
        """Distance by all tiles; from now on by the worst of them, less what the others made it smaller."""
        worst = np.sort(np.argsort(distances)[-JUDGED_TILES:])
        self._places = [self._places[index] for index in worst]
        self._features = self._features[worst]
        self._unseen = pool_tiles(distances) - pool_tiles(distances[worst])
        return pool_tiles(distances)

    def _features_of(self, pixels: Rgb8) -> Float32Array:
        """float32 (tiles, F); tile by tile, so that memory does not grow with the photo."""

        def features(place: TilePlace) -> Float32Array:
            return self._models.features.run({"image": to_nchw(place.cut(pixels)[None])})["features"]

        return np.concatenate(list(in_order(features, self._places)))


def viewing_weights(pixels_per_degree: float) -> Float32Array:
    """float32 (4,): how much of the head's shift at each of ``VIEWING_PLACES`` applies there, linear in ln ppd.

    Raises: InvalidParameterError outside 20..120.
    """
    if not PIXELS_PER_DEGREE_RANGE[0] <= pixels_per_degree <= PIXELS_PER_DEGREE_RANGE[1]:
        low, high = PIXELS_PER_DEGREE_RANGE
        raise InvalidParameterError(f"pixels_per_degree lies in {low:g}..{high:g}, not {pixels_per_degree}")
    known = np.log(sorted((*VIEWING_PLACES, DEFAULT_PIXELS_PER_DEGREE)))
    of_places = [np.log(place) == known for place in VIEWING_PLACES]
    return np.array([np.interp(math.log(pixels_per_degree), known, one) for one in of_places], np.float32)


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
    changes (flat, tiny) keeps a curve near 1 and gets the lowest quality: nothing is visible.
    Raises: InvalidParameterError, ModelArtefactError. Reference: Lin et al. 2020, sections 2 and 5.4.
    """
    if jnd not in JNDS:
        raise InvalidParameterError(f"jnd is 1, 2 or 3, not {jnd}")
    if not 0 <= percent <= 100:
        raise InvalidParameterError(f"percent lies in 0..100, not {percent}")
    profile = find_profile(observer) if isinstance(observer, str) else observer
    photo = image if isinstance(image, RgbImage) else RgbImage(as_rgb(image), as_rgb(image))
    reference = profile_reference(photo, profile, pixels_per_degree, models)
    report = progress or _ignore
    sizes: dict[int, int] = {}

    def distance_at(level: int) -> float:
        data = encode_reference_jpeg(photo.native_pixels, 101 - level)
        sizes[level] = len(data)
        return reference.log_distance(photo.to_srgb(decode_jpeg(data)))

    distances = sample_curve(distance_at, lambda d: profile.satisfied_share(d, jnd), report)
    levels = sorted(distances)
    log_distances = np.array([distances[level] for level in levels])
    gev, sampled = _fit(levels, log_distances, profile, jnd)
    recommended = 101 - percent_sur(gev, percent)
    if 101 - recommended not in sizes:
        sizes[101 - recommended] = len(encode_reference_jpeg(photo.native_pixels, recommended))
    return SurPrediction(
        sur=np.round(sur_curve(gev), 6),
        gev=gev,
        percent_jnd=percent_jnd(gev, percent),
        percent_sur=101 - recommended,
        recommended_quality=recommended,
        recommended_size_bytes=sizes[101 - recommended],
        predicted_bytes=interpolate_sizes(sizes),
        interval=_interval(levels, log_distances, profile, jnd, percent),
        band=_band(gev, levels, log_distances, profile, jnd),
        levels=tuple(levels),
        level_sur=tuple(round(float(share), 6) for share in sampled),
        residual_rms=round(math.sqrt(float(np.mean((sampled - sur_curve(gev, levels)) ** 2))), 6),
        observer=profile.name,
        pixels_per_degree=profile.pixels_per_degree if pixels_per_degree is None else pixels_per_degree,
        jnd=jnd,
        percent=percent,
    )


def profile_reference(
    image: RgbImage | ArrayLike,
    profile: ObserverProfile,
    pixels_per_degree: float | None = None,
    models: SurModels | None = None,
) -> SurReference:
    """A photo as the observers of a profile see it, at their own pixels per degree or others. Raises: as it does."""
    seen = profile.pixels_per_degree if pixels_per_degree is None else pixels_per_degree
    return SurReference(image, models, pixels_per_degree=seen, calibrated_at=profile.pixels_per_degree)


def encode_reference_jpeg(native_pixels: Rgb8, qf: int) -> bytes:
    """The encode that defines the QF axis: libjpeg-turbo, 4:2:0, optimised Huffman tables, progressive.

    Args: ``native_pixels``: uint8 (H, W, 3); ``qf``: 1..100. Raises: InvalidParameterError.
    """
    if not 1 <= qf <= 100:
        raise InvalidParameterError(f"a quality factor lies in 1..100, not {qf}")
    buffer = io.BytesIO()
    Image.fromarray(native_pixels).save(
        buffer, "JPEG", quality=qf, subsampling="4:2:0", optimize=True, progressive=True
    )
    return buffer.getvalue()


def decode_jpeg(data: bytes) -> Rgb8:
    """Pixels of a JPEG of our own making, uint8 (H, W, 3), as libjpeg-turbo decodes it."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def sample_curve(
    distance_at: Callable[[int], float], share_of: Callable[[float], float], report: Progress
) -> dict[int, float]:
    """ln distance at few levels: a coarse bracket, then the middle of the widest fall of the share, again and again."""
    distances: dict[int, float] = {}
    for level in FIRST_LEVELS:
        distances[level] = distance_at(level)
        report(len(distances) / EVALUATIONS)
    while len(distances) < EVALUATIONS:
        middle = next_level({level: share_of(distance) for level, distance in distances.items()})
        if middle is None:
            break
        distances[middle] = distance_at(middle)
        report(len(distances) / EVALUATIONS)
    report(1.0)
    return distances


def interpolate_sizes(sizes: dict[int, int]) -> NDArray[np.int64]:
    """Bytes at every level, (100,): those in ``sizes`` as they are, between them linear in their logarithm."""
    levels = sorted(sizes)
    logarithms = np.interp(LEVELS, levels, np.log([sizes[level] for level in levels]))
    return np.asarray(np.rint(np.exp(logarithms)), dtype=np.int64)


def next_level(shares: dict[int, float]) -> int | None:
    """Middle of the neighbouring levels between which the share falls most; None where no fall is worth an encode."""
    levels = sorted(shares)
    gaps = [(shares[a] - shares[b], a, b) for a, b in itertools.pairwise(levels) if b - a > 1]
    drop, low, high = max(gaps, default=(0.0, 0, 0))
    return (low + high) // 2 if drop > SMALLEST_DROP else None


def _ignore(_: float) -> None:
    return None


def _fit(
    levels: list[int], log_distances: NDArray[np.float64], profile: ObserverProfile, jnd: int
) -> tuple[GevParameters, NDArray[np.float64]]:
    """GEV through the shares at ``levels``, rounded to 1e-4 so that machines agree; and the shares."""
    shares = still_satisfied(levels, [profile.satisfied_share(float(distance), jnd) for distance in log_distances])
    gev = fit_gev(levels, shares)
    return GevParameters(round(gev.location, 4), round(gev.scale, 4), round(gev.shape, 4)), shares


def _interval(
    levels: list[int], log_distances: NDArray[np.float64], profile: ObserverProfile, jnd: int, percent: float
) -> SurInterval:
    worse, better = _shifted(levels, log_distances, profile, jnd, INTERVAL_DEVIATIONS)
    return SurInterval(
        (percent_jnd(worse, percent), percent_jnd(better, percent)),
        (percent_sur(worse, percent), percent_sur(better, percent)),
        INTERVAL_COVERAGE,
    )


def _band(
    gev: GevParameters, levels: list[int], log_distances: NDArray[np.float64], profile: ObserverProfile, jnd: int
) -> SurBand:
    worse, better = _shifted(levels, log_distances, profile, jnd, BAND_DEVIATIONS)
    shares = np.round([sur_curve(each) for each in (worse, gev, better)], 6)
    return SurBand(shares.min(axis=0), shares.max(axis=0), BAND_COVERAGE)


def _shifted(
    levels: list[int], log_distances: NDArray[np.float64], profile: ObserverProfile, jnd: int, deviations: float
) -> tuple[GevParameters, GevParameters]:
    """The curve if the photo's distances were that many standard deviations longer, and shorter."""
    error = profile.log_distance_error
    shift = deviations * (load_observer_table().log_distance_error if error is None else error)
    longer, shorter = (_fit(levels, log_distances + sign * shift, profile, jnd)[0] for sign in (1, -1))
    return longer, shorter
