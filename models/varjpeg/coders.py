"""The two forms of VarJPEG as a search sees them: encodes at settings, and decodes what it made."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import ImageUndecodableError, InvalidParameterError
from models.image_files.read import read_header
from models.jpeg.coefficients import read_coefficients, turned_upright
from models.jpeg.dct import block_grid
from models.jpeg.pixels import decode_jpeg
from models.metadata.carried import Metadata, insert_segments, means_srgb
from models.patch_quality import predict_patch_quality_map
from models.sur.reference_jpeg import encode_reference_jpeg, sequential_reference_jpeg
from models.sur.tiles import Places
from models.types import Float32Array, Progress, Rgb8, RgbImage
from models.varjpeg.choices import ChromaSubsampling, MetadataPolicy, Steering
from models.varjpeg.container import PreparedContainer, decode_varjpeg
from models.varjpeg.lossless import InputForms, shows_as_decoded
from models.varjpeg.photo import Encoded, PreparedPhoto, Subsampling
from models.varjpeg.recompress import PreparedJpeg
from models.varjpeg.salience import salience_thresholds
from models.varjpeg.search.goals import Encode, EncodeTurbo, Setting
from models.varjpeg.steering import coarse_thresholds
from models.varjpeg.visibility import block_thresholds

_SALIENCE_STRIDE = 8


class Coder(Protocol):
    """One form for the search; what a form does not have is None. ``shown``: the photo as it is decoded, sRGB;
    ``forms``: the input, losslessly re-coded, where it may be the answer."""

    has_lambda: bool
    encode_coefficients: Encode | None
    forms: InputForms
    shown: Rgb8

    @property
    def encode_turbo(self) -> EncodeTurbo | None:
        """libjpeg-turbo's file at a QF."""

    @property
    def encode_full_chroma(self) -> Encode | None:
        """The form's own file without halving chroma."""

    @property
    def try_full_chroma(self) -> bool:
        """Whether whole chroma may be the smaller choice."""

    @property
    def excerpt(self) -> "Callable[[Places], JpegExcerpt] | None":
        """Some places of the photo as a small photo, where that tells of the whole in much less time."""

    def encode(self, setting: Setting) -> Encoded:
        """The form's own file at a setting."""

    def decode(self, data: bytes) -> Rgb8:
        """What a viewer sees of a file, sRGB."""


class JpegCoder:
    """``format=jpeg``: adaptive encodes, libjpeg-turbo's to beat, the input's coefficients, its lossless re-coding."""

    has_lambda = True

    def __init__(
        self,
        image: RgbImage,
        original: bytes | None,
        protect: NDArray[np.generic] | None,
        metadata: MetadataPolicy,
        subsampling: ChromaSubsampling,
        steering: Steering,
        progress: Progress | None,
    ) -> None:
        policy = Metadata(metadata)
        thresholds = block_thresholds(_thresholds(image, steering, progress), image.height, image.width)
        self._photo = PreparedPhoto(image, thresholds, metadata=policy, protect=protect)
        self._subsampling = Subsampling(subsampling)
        self._protects = protect is not None and bool(np.any(protect))
        self.shown = image.pixels
        prepared: PreparedJpeg | None = None
        if original is not None and self._photo.pixels is image.native_pixels and shows_as_decoded(original, image):
            prepared = _prepared_jpeg(original, thresholds, protect, self._photo)
        self._prepared = prepared
        self.encode_coefficients = None if prepared is None else _at_settings(prepared)
        self.forms = InputForms(original, image, policy, prepared)

    @property
    def encode_turbo(self) -> EncodeTurbo | None:
        return None if self._protects or self._subsampling is Subsampling.FULL else self._turbo

    @property
    def encode_full_chroma(self) -> Encode | None:
        return self._full_chroma if self._subsampling is Subsampling.AUTO and not self._photo.grey else None

    @property
    def try_full_chroma(self) -> bool:
        return self.encode_full_chroma is not None and self._photo.may_be_smaller_whole

    @property
    def excerpt(self) -> "Callable[[Places], JpegExcerpt] | None":
        if self._protects:
            return None
        return partial(JpegExcerpt, self._photo, self._subsampling, self._prepared)

    def encode(self, setting: Setting) -> Encoded:
        return self._photo.encode(setting.quality, self._subsampling, lambda_scale=setting.lambda_scale)

    def decode(self, data: bytes) -> Rgb8:
        return self._photo.to_srgb(decode_jpeg(data))

    def _full_chroma(self, setting: Setting) -> Encoded:
        return self._photo.encode(setting.quality, Subsampling.FULL, lambda_scale=setting.lambda_scale)

    def _turbo(self, quality: int) -> Encoded:
        image_data = sequential_reference_jpeg(self._photo.pixels, quality, optimise=True)
        data = insert_segments(image_data, self._photo.metadata)
        return Encoded(data, quality, Subsampling.HALF, lambda: min(self._in_our_scans(image_data), data, key=len))

    def _in_our_scans(self, image_data: bytes) -> bytes:
        coefficients = read_coefficients(image_data, max_pixels=self._photo.height * self._photo.width)
        return PreparedJpeg(coefficients, None, metadata=self._photo.metadata).lossless()


class JpegExcerpt:
    """Places of a photo, encoded as ``JpegCoder`` encodes the whole."""

    def __init__(
        self, whole: PreparedPhoto, subsampling: Subsampling, prepared: PreparedJpeg | None, places: Places
    ) -> None:
        self._whole, self._subsampling, self._photo = whole, subsampling, whole.excerpt(places)
        self.encode_coefficients = None if prepared is None else _at_settings(prepared.excerpt(places))

    def encode(self, setting: Setting) -> Encoded:
        """As the whole would be, its subsampling too."""
        subsampling = self._whole.resolved(self._subsampling, setting.quality)
        return self._photo.encode(setting.quality, subsampling, lambda_scale=setting.lambda_scale)

    def encode_full_chroma(self, setting: Setting) -> Encoded:
        """Without halving chroma."""
        return self._photo.encode(setting.quality, Subsampling.FULL, lambda_scale=setting.lambda_scale)

    def encode_turbo(self, setting: Setting) -> Encoded:
        """By libjpeg-turbo at the nearest QF."""
        data = encode_reference_jpeg(self._photo.pixels, round(setting.quality))
        return Encoded(data, round(setting.quality), Subsampling.HALF)

    def decode(self, data: bytes) -> Rgb8:
        """What a viewer sees of these places, one under the other, sRGB."""
        return self._photo.to_srgb(decode_jpeg(data))


class ContainerCoder:
    """``format=varjpeg``: the thesis' encoder with Patchnet's map as salience; a JPEG is none and is not given back."""

    has_lambda = False
    encode_turbo: EncodeTurbo | None = None
    encode_full_chroma: Encode | None = None
    try_full_chroma = False
    encode_coefficients: Encode | None = None
    excerpt: Callable[[Places], JpegExcerpt] | None = None

    def __init__(
        self,
        image: RgbImage,
        protect: NDArray[np.generic] | None,
        metadata: MetadataPolicy,
        subsampling: ChromaSubsampling,
        progress: Progress | None,
    ) -> None:
        if protect is not None:
            raise InvalidParameterError("a mask to protect goes with format=jpeg; the container has its own salience")
        self.shown = image.pixels
        self.forms = InputForms(None, image, Metadata(metadata), None)
        keeps_profile = metadata != "strip" and not means_srgb(image)
        kept = image if keeps_profile else RgbImage(image.pixels, image.pixels)
        self._subsampling = Subsampling.FULL if subsampling == "444" else Subsampling.HALF
        salience = predict_patch_quality_map(image, stride=_SALIENCE_STRIDE, progress=progress)
        self._photo = PreparedContainer(kept, salience, full_chroma=self._subsampling is Subsampling.FULL)

    def encode(self, setting: Setting) -> Encoded:
        return Encoded(self._photo.encode(setting.quality), setting.quality, self._subsampling)

    def decode(self, data: bytes) -> Rgb8:
        return decode_varjpeg(data).pixels


def _thresholds(image: RgbImage, steering: Steering, progress: Progress | None) -> Float32Array:
    """Visibility thresholds float32, of pixels or of blocks, luma levels, for the encoder."""
    if steering == "jnd":
        return coarse_thresholds(image, progress)
    if steering == "patchnet":
        quality = predict_patch_quality_map(image, stride=_SALIENCE_STRIDE, progress=progress)
        return salience_thresholds(quality, image.height, image.width)
    return np.ones(block_grid(image.height, image.width), np.float32)


def _at_settings(prepared: PreparedJpeg) -> Encode:
    return lambda setting: prepared.encode(setting.quality, lambda_scale=setting.lambda_scale)


def _is_upright(original: bytes) -> bool:
    return read_header(original).orientation not in range(2, 9)


def _prepared_jpeg(
    original: bytes, thresholds: Float32Array, protect: NDArray[np.generic] | None, photo: PreparedPhoto
) -> PreparedJpeg | None:
    """The input's coefficients, None where they are of a kind that is not coded again."""
    try:
        coefficients = read_coefficients(original)
        if not _is_upright(original):
            coefficients = turned_upright(coefficients, read_header(original).orientation)
        return PreparedJpeg(coefficients, thresholds, protect=protect, metadata=photo.metadata)
    except ImageUndecodableError:
        return None
