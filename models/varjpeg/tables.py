"""Quantization tables, uint8 (64,) in zigzag order: those of T.81 annex K, and Limen's own for ``format=jpeg``."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.dct import zigzag
from models.errors import InvalidParameterError

Table = NDArray[np.uint8]

LOWEST_QUALITY, HIGHEST_QUALITY = 1, 99
"""Range of the thesis' q, section 6.1."""

_ANNEX_K_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_ANNEX_K_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *(((99,) * 8,) * 4),
)


@cache
def standard_tables() -> NDArray[np.uint8]:
    """uint8 (2, 100, 64): luma and chroma table of T.81 tables K.1 and K.2 at each quality (row 0 repeats row 1).

    Scaling as in RFC 2435 section 4.2, in integers: s = 5000 / q below 50, else 200 - 2 q; (Q s + 50) / 100, 1..255.
    """
    base = np.array([_ANNEX_K_LUMA, _ANNEX_K_CHROMA]).reshape(2, 1, 64)[:, :, zigzag()]
    quality = np.arange(100).clip(LOWEST_QUALITY, HIGHEST_QUALITY).reshape(1, 100, 1)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.asarray(((base * scale + 50) // 100).clip(1, 255), np.uint8)


def standard_table(quality: int, *, chroma: bool = False) -> Table:
    """One table of ``standard_tables``. Raises: InvalidParameterError outside 1..99."""
    if not LOWEST_QUALITY <= quality <= HIGHEST_QUALITY:
        raise InvalidParameterError(f"a quality lies in {LOWEST_QUALITY}..{HIGHEST_QUALITY}, not {quality}")
    table: Table = standard_tables()[int(chroma), quality]
    return table


@dataclass(frozen=True, slots=True)
class PhotoSettings:
    """What one quality of ``format=jpeg`` stands for; multipliers as ``choose_coefficients`` takes them."""

    luma: Table
    chroma: Table
    luma_multiplier: float
    chroma_multiplier: float


@dataclass(frozen=True, slots=True)
class _TableShape:
    """Step of frequency (u, v) at scale 1: ``(low + slope * (f / 8)^power) * (1 + corner * u v / 49)``, f = |(u,v)|."""

    dc: float
    low: float
    slope: float
    power: float
    corner: float

    def at(self, scale: float) -> Table:
        """Steps uint8 (64,) zigzag, 1..255."""
        row, column = np.divmod(zigzag(), 8)
        steps = self.low + self.slope * (np.hypot(row, column) / 8) ** self.power
        steps = steps * (1 + self.corner * row * column / 49)
        steps[0] = self.dc
        return np.asarray(np.rint(scale * steps).clip(1, 255), np.uint8)


_LUMA_SHAPE = _TableShape(dc=2.1, low=2.0, slope=6.5, power=1.0, corner=0.45)
_CHROMA_SHAPE = _TableShape(dc=2.0, low=2.36, slope=8.1, power=1.0, corner=0.45)
_CHROMA_EXPONENT = 0.9
_LUMA_MULTIPLIER, _CHROMA_MULTIPLIER = 0.08, 0.038
_SCALE_KNOTS = ((1, 30.0), (25, 7.0), (50, 4.0), (75, 2.0), (90, 1.0), (95, 0.6), (100, 0.15))


def photo_settings(quality: float) -> PhotoSettings:
    """Tables and multipliers of a quality 1..100, any fraction."""
    knots = np.array(_SCALE_KNOTS)
    scale = float(np.exp(np.interp(quality, knots[:, 0], np.log(knots[:, 1]))))
    chroma_scale = scale**_CHROMA_EXPONENT
    return PhotoSettings(
        luma=_LUMA_SHAPE.at(scale),
        chroma=_CHROMA_SHAPE.at(chroma_scale),
        luma_multiplier=_LUMA_MULTIPLIER,
        chroma_multiplier=_CHROMA_MULTIPLIER,
    )
