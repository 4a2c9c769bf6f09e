"""What JPEG encoders make of a photo: the pairs that SUR-FeatNet learns from.

The service asks the network about the bytes of its own encoder, which chooses coefficients block by block. So beside
libjpeg-turbo there are jpegli, foreign quantization tables and coefficients thresholded, kept or jittered by a field
that changes over the photo: whatever shrinks a file must raise the predicted distance as it raises the teacher's.
"""

import io

import numpy as np
import pyjpegli
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from models.colour import double, halve, rgb_to_ycbcr, ycbcr_to_rgb
from models.jpeg.dct import zigzag
from models.jpeg.pixels import decode_jpeg
from models.types import Float32Array, Rgb8
from models.varjpeg.photo import PreparedPhoto
from models.varjpeg.tables import standard_table
from training.maths.block_dct import block_dct, inverse_block_dct

QUALITY_STRATA = ((8, 35), (36, 60), (61, 76), (77, 88), (89, 98))
"""One quality factor from each: dense where people near the threshold change their mind (QF 60..95)."""

VARIANT_KINDS = {
    "libjpeg-turbo 4:2:0": slice(0, 5),
    "libjpeg-turbo 4:4:4": slice(5, 7),
    "jpegli": slice(7, 9),
    "odd tables": slice(9, 10),
    "adaptive": slice(10, 11),
    "varjpeg": slice(11, 16),
}
"""Where each encoder's versions stand in what ``variants`` returns."""

LUMA_TABLE, CHROMA_TABLE = (
    standard_table(50, chroma=chroma)[np.argsort(zigzag())].reshape(8, 8).astype(np.int64) for chroma in (False, True)
)
"""T.81 tables K.1 and K.2, which quality 50 leaves as they are."""


def variants(photo: Rgb8, rng: np.random.Generator) -> tuple[list[Rgb8], list[str]]:
    """Decoded versions of a crop, uint8 (H, W, 3) with H and W multiples of 16, and what made each."""
    made: list[tuple[str, Rgb8]] = []
    for low, high in QUALITY_STRATA:
        quality = int(rng.integers(low, high + 1))
        made.append((f"turbo-420 {quality}", turbo(photo, quality, subsampling=2)))
    for _ in range(2):
        quality = _draw_quality(rng)
        made.append((f"turbo-444 {quality}", turbo(photo, quality, subsampling=0)))
    for _ in range(2):
        quality = _draw_quality(rng)
        made.append((f"jpegli {quality}", jpegli(photo, quality)))
    quality = _draw_quality(rng)
    made.append((f"tables {quality}", with_odd_tables(photo, quality, rng)))
    quality = _draw_quality(rng)
    made.append((f"adaptive {quality}", adaptively_quantised(photo, quality, rng)))
    for _ in range(5):
        quality = _draw_quality(rng)
        made.append((f"varjpeg {quality}", varjpeg(photo, quality, rng)))
    return [pixels for _, pixels in made], [name for name, _ in made]


def turbo(photo: Rgb8, quality: int, *, subsampling: int, tables: list[list[int]] | None = None) -> Rgb8:
    """Through libjpeg-turbo; ``subsampling`` as Pillow counts it: 0 is 4:4:4, 2 is 4:2:0."""
    buffer = io.BytesIO()
    if tables is None:
        Image.fromarray(photo).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    else:
        Image.fromarray(photo).save(buffer, "JPEG", qtables=tables, subsampling=subsampling)
    return decode_jpeg(buffer.getvalue())


def jpegli(photo: Rgb8, quality: int) -> Rgb8:
    """Through jpegli, 4:2:0, adaptive quantization on."""
    height, width = photo.shape[:2]
    return decode_jpeg(pyjpegli.encode(np.ascontiguousarray(photo).tobytes(), width, height, quality=quality))


def varjpeg(photo: Rgb8, quality: int, rng: np.random.Generator) -> Rgb8:
    """Through Limen's own encoder, whose searches must not fool the network.

    Every other time with a JND map, as far from even as the service's, and with another price of a bit.
    """
    jnd, lambda_scale = None, 1.0
    if rng.random() < 0.5:
        field = _smooth_field(photo.shape[0] // 8, photo.shape[1] // 8, rng)
        jnd = np.kron(np.exp(rng.uniform(0.5, 2.0) * field), np.ones((8, 8))).astype(np.float32)
    if rng.random() < 0.5:
        lambda_scale = float(np.exp(rng.uniform(-0.6, 0.6)))
    subsampling = str(rng.choice(["auto", "auto", "420", "444"]))
    return decode_jpeg(PreparedPhoto(photo, jnd).encode(quality, subsampling, lambda_scale=lambda_scale).data)


def with_odd_tables(photo: Rgb8, quality: int, rng: np.random.Generator) -> Rgb8:
    """libjpeg-turbo with tables between flat and steeper than T.81's."""
    slope = rng.uniform(-0.2, 1.3)
    noise = np.exp(rng.normal(0, 0.15, (8, 8)))
    tables = [scaled_table(_tilted(base, slope) * noise, quality) for base in (LUMA_TABLE, CHROMA_TABLE)]
    flat = [[int(step) for step in table.ravel()] for table in tables]
    return turbo(photo, quality, subsampling=int(rng.choice([0, 2])), tables=flat)


def adaptively_quantised(photo: Rgb8, quality: int, rng: np.random.Generator) -> Rgb8:
    """Coefficients under one set of tables, rounded, or zeroed below a threshold that varies in space."""
    slope, subsample = rng.uniform(0.3, 1.1), bool(rng.random() < 0.7)
    strength, zeroing = rng.uniform(0.0, 1.0), rng.uniform(0.5, 1.6)
    rebuilt = []
    for channel, plane in enumerate(rgb_to_ycbcr(photo)):
        table = scaled_table(_tilted(CHROMA_TABLE if channel else LUMA_TABLE, slope), quality)
        halved = subsample and channel > 0
        centred = halve(plane) if halved else plane - (0 if channel else 128)
        lossy = _quantise(centred, table, strength=strength, zeroing=zeroing, rng=rng)
        rebuilt.append(double(lossy, *plane.shape) if halved else lossy + (0 if channel else 128))
    return ycbcr_to_rgb(np.stack(rebuilt))


def scaled_table(table: NDArray[np.floating | np.integer], quality: int) -> NDArray[np.float64]:
    """libjpeg's scaling of a quantization table to a quality factor, steps 1..255."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    return np.clip(np.floor((table * scale + 50) / 100), 1, 255)


def _tilted(table: NDArray[np.int64], slope: float) -> NDArray[np.float64]:
    """The table with its steepness raised to ``slope``, its mean step kept."""
    bent = table.astype(np.float64) ** slope
    return np.asarray(bent * table.mean() / bent.mean())


def _quantise(
    plane: Float32Array, table: NDArray[np.float64], *, strength: float, zeroing: float, rng: np.random.Generator
) -> Float32Array:
    scaled = block_dct(plane.astype(np.float64)[..., None])[:, :, 0] / table
    field = _smooth_field(scaled.shape[0], scaled.shape[1], rng)[..., None, None]
    # Dead zone from 0.5 (plain rounding) up: what thresholding and trellis quantization do to small coefficients.
    dead_zone = 0.5 + strength * zeroing * field * np.clip(np.add.outer(range(8), range(8)) / 6, 0, 1)
    kept = np.where(np.abs(scaled) < dead_zone, 0, np.round(scaled))
    kept[..., 0, 0] = np.round(scaled[..., 0, 0])
    pixels = inverse_block_dct((kept * table)[:, :, None])[..., 0]
    return np.asarray(np.clip(pixels, -128, 127), np.float32)


def _smooth_field(rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(rows, columns) in [0, 1]: constant, smooth or ragged over the blocks."""
    kind = rng.integers(3)
    if kind == 0:
        return np.ones((rows, columns))
    sigma = rng.uniform(1, 8) if kind == 1 else 0.3
    field = gaussian_filter(rng.normal(size=(rows, columns)), sigma)
    return np.asarray((np.argsort(np.argsort(field, axis=None)) / max(1, field.size - 1)).reshape(rows, columns))


def _draw_quality(rng: np.random.Generator) -> int:
    """5..98: one in four below 40, else log-uniform in what is left to 100: as many in 90..95 as in 80..90."""
    if rng.random() < 0.25:
        return int(rng.integers(5, 40))
    return 100 - round(float(np.exp(rng.uniform(np.log(2), np.log(60)))))
