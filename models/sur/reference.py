"""A photo as reference, with which any distorted version of it is compared. Paper: Lin et al. 2020, SUR-FeatNet.

The siamese network predicts how far a distorted photo is from its reference: ln of the teacher's distance.
"""

import copy
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import ImageSizesDifferError, InvalidParameterError
from models.graphs import artefacts
from models.graphs.onnx_model import CUDA, OnnxModel, cuda_available
from models.preprocess import as_rgb
from models.sur.observers import DEFAULT_PIXELS_PER_DEGREE, ObserverProfile
from models.sur.tiles import (
    TILE,
    Places,
    TilePlace,
    pool_tiles,
    tile_places,
    tiles_one_under_the_other,
)
from models.threads import in_order
from models.types import Float32Array, Rgb8, RgbImage

PIXELS_PER_DEGREE_RANGE = (20.0, 120.0)

VIEWING_PLACES = (20.0, 60.0, 85.0, 120.0)
"""Pixels per degree, beside the default, at which the head says by how much ln distance differs."""


@dataclass(frozen=True, slots=True)
class SurModels:
    """The two graphs: ``features`` of one tile's ``opponents``, ``head`` over the features of a pair."""

    features: OnnxModel
    head: OnnxModel


def load_sur_models(*, threads: int = 1, cuda: bool = False) -> SurModels:
    """The shipped ones, the features by compiled loops unless they are on CUDA. Raises: ModelArtefactError."""
    from models.sur.tile_features import shipped_tile_features  # brings the compiler

    head = artefacts.load_model("sur_head", threads=threads, cuda=cuda)
    if cuda_available():
        features = artefacts.load_model("sur_features", threads=threads, cuda=cuda)
        if features.provider == CUDA:
            return SurModels(features, head)
    return SurModels(shipped_tile_features(), head)


class SurReference:
    """A photo as reference: its features are computed once, then any distorted version is compared with it.

    ``pixels_per_degree``: of the viewer's eye, 20..120; ``calibrated_at``: those at which the observers' thresholds
    were found. Each comparison looks at all tiles of ``tile_places``.
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
        self._features = self._features_of(pixels, self._places)
        self._by_damage: NDArray[np.intp] | None = None

    def log_distance(self, distorted: RgbImage | ArrayLike) -> float:
        """ln of the predicted teacher distance between the photo and ``distorted``, sRGB of the same size.

        Raises: ImageSizesDifferError, InvalidParameterError.
        """
        pixels = as_rgb(distorted)
        if pixels.shape != self._shape:
            raise ImageSizesDifferError(f"the reference is {self._shape[:2]} pixels, the other {pixels.shape[:2]}")
        features = self._features_of(pixels, self._places)
        found = self._models.head.run({"reference": self._features, "distorted": features})
        distances = found["log_distance"] + found["viewing_shift"] @ self._viewing
        if self._by_damage is None:
            self._by_damage = np.argsort(distances)
        return pool_tiles(distances)

    def excerpt(self, tiles: int) -> "tuple[Places, SurReference] | None":
        """So many tiles, those damaged most in the first comparison, and a reference for a photo of them, one under the
        other. None before that comparison, or where a tile is not whole."""
        if self._by_damage is None:
            return None
        worst = np.sort(self._by_damage[-tiles:])
        places = [self._places[index].in_photo for index in worst]
        whole = tuple(place for place in places if place is not None)
        if len(whole) < len(places):
            return None
        other = copy.copy(self)
        other._places, other._shape = tiles_one_under_the_other(len(whole)), (TILE * len(whole), TILE, 3)
        other._features = self._features[worst]
        return whole, other

    def sur(self, distorted: RgbImage | ArrayLike, profile: ObserverProfile, jnd: int = 1) -> float:
        """Share of viewers in [0, 1] predicted not to see a difference. Raises: as ``log_distance``."""
        return profile.satisfied_share(self.log_distance(distorted), jnd)

    def _features_of(self, pixels: Rgb8, places: list[TilePlace]) -> Float32Array:
        """float32 (tiles, F); tile by tile, so that memory does not grow with the photo."""
        from models.sur.opponents import opponents  # brings the compiler

        def features(place: TilePlace) -> Float32Array:
            return self._models.features.run({"opponents": opponents(place.cut(pixels))[None]})["features"]

        return np.concatenate(list(in_order(features, places)))


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


def profile_reference(
    image: RgbImage | ArrayLike,
    profile: ObserverProfile,
    pixels_per_degree: float | None = None,
    models: SurModels | None = None,
) -> SurReference:
    """A photo as the observers of a profile see it, at their own pixels per degree or others. Raises: as it does."""
    seen = profile.pixels_per_degree if pixels_per_degree is None else pixels_per_degree
    return SurReference(image, models, pixels_per_degree=seen, calibrated_at=profile.pixels_per_degree)
