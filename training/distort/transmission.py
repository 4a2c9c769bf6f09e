"""Photos that arrive damaged: bits of a JPEG or JPEG 2000 file turned over on the way, and photos of which only some
samples arrive.

TID2013's kinds 12, 13 and 24 by description (Ponomarenko et al. 2015, table 2); which bits its authors turned, how
often their files could resynchronise and how they reconstructed is not published. Each kind is a pure function as in
``training.distort.strength``.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from models.types import Rgb8
from training.distort.pixels import Floats, round_to_bytes
from training.maths.block_dct import block_dct, inverse_block_dct

# What is sent is nearly as good as the photo, so that the errors make the difference.
JPEG_QUALITY, JPEG2000_RATIO = 95, 8
# A decoder finds its way again after so many units of 16x16 pixels.
RESTART_UNITS = 8
START_OF_SCAN, START_OF_DATA = b"\xff\xda", b"\xff\x93"
ESCAPE = 0xFF
# Reconstruction of what did not arrive: thresholds of DCT coefficients from strong to weak, in levels.
STRONGEST_THRESHOLD, WEAKEST_THRESHOLD, ROUNDS = 80.0, 4.0, 12


def jpeg_transmission_errors(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """JPEG (4:2:0) of which ``strength`` bytes, rounded, have one wrong bit each; markers stay whole."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(
        buffer, "JPEG", quality=JPEG_QUALITY, subsampling=2, restart_marker_blocks=RESTART_UNITS
    )
    file = np.frombuffer(buffer.getvalue(), np.uint8)
    header = file.tobytes().index(START_OF_SCAN)
    first = header + 2 + int.from_bytes(file[header + 2 : header + 4].tobytes(), "big")
    return _decoded(_with_errors(file, first, strength, rng, marker=ESCAPE), pixels)


def jpeg2000_transmission_errors(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """JPEG 2000 (one tile) of which ``strength`` bytes, rounded, have one wrong bit each, past the first packet."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(
        buffer, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[JPEG2000_RATIO]
    )
    file = np.frombuffer(buffer.getvalue(), np.uint8)
    start = file.tobytes().index(START_OF_DATA) + 2
    return _decoded(_with_errors(file, start + (len(file) - start) // 100, strength, rng, marker=None), pixels)


def _with_errors(
    file: NDArray[np.uint8], first: int, strength: float, rng: np.random.Generator, *, marker: int | None
) -> bytes:
    """The hits of a weaker strength are among those of a stronger one with the same random numbers."""
    places = np.arange(first, len(file) - 2)
    bits = np.left_shift(np.uint8(1), rng.integers(0, 8, len(places)).astype(np.uint8))
    if marker is not None:
        here, before = file[places], file[places - 1]
        whole = (here == marker) | (before == marker) | ((here ^ bits) == marker)
        places, bits = places[~whole], bits[~whole]
    hit = rng.permutation(len(places))[: max(1, round(strength))]
    damaged = file.copy()
    damaged[places[hit]] ^= bits[hit]
    return damaged.tobytes()


def _decoded(file: bytes, pixels: Rgb8) -> Rgb8:
    """Black where nothing can be read."""
    try:
        return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
    except OSError:
        return np.zeros_like(pixels)


def sparsely_sampled(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """One of ``1 + strength`` pixels arrives; the rest is what is sparse in 8x8 DCT blocks and agrees with them.

    Begins with a smooth interpolation and goes on by thresholding, each round on a grid of blocks placed elsewhere,
    with the samples put back (iterative thresholding, Guleryuz 2006).
    """
    known = (rng.random(pixels.shape[:2]) * (1 + strength) < 1)[..., None]
    values = np.where(known, pixels, _spread(pixels.astype(np.float64) * known, known))
    for threshold in np.geomspace(STRONGEST_THRESHOLD, WEAKEST_THRESHOLD, ROUNDS):
        row, column = (int(offset) for offset in rng.integers(0, 8, 2))
        blocks = block_dct(np.pad(values, ((row, 0), (column, 0), (0, 0)), mode="symmetric"))
        kept = np.abs(blocks) >= threshold
        kept[..., 0, 0] = True
        found = inverse_block_dct(blocks * kept)
        values = np.where(known, pixels, found[row : row + pixels.shape[0], column : column + pixels.shape[1]])
    return round_to_bytes(values)


def _spread(samples: Floats, known: NDArray[np.bool_]) -> Floats:
    """Each pixel from the samples around it: the finest of four blurs that saw any decides."""
    found = np.zeros(samples.shape)
    seen = np.zeros(known.shape)
    for sigma in (1.0, 2.0, 4.0, 16.0):
        weight = ndimage.gaussian_filter(known.astype(np.float64), (sigma, sigma, 0))
        mean = ndimage.gaussian_filter(samples, (sigma, sigma, 0)) / np.maximum(weight, 1e-12)
        share = (1 - seen) * np.minimum(1, weight / 0.02)
        found += share * mean
        seen += share
    return found / np.maximum(seen, 1e-9)
