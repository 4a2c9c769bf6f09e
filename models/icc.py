"""Colour profiles: what they are for, whether they are sRGB, and the one conversion to sRGB."""

import functools

import imagecodecs
import numpy as np
from numpy.typing import NDArray

Pixels8 = NDArray[np.uint8]

_SIGNATURES = {b"GRAY": "gray", b"RGB ": "rgb", b"CMYK": "cmyk", b"Lab ": "lab"}
_RELATIVE_COLORIMETRIC = 1
_BLACK_POINT_COMPENSATION = 0x2000
"""lcms2's cmsFLAGS_BLACKPOINTCOMPENSATION; with it, what browsers and editors show."""
_SRGB_TOLERANCE = 2
"""8-bit levels; the sRGB profiles of HP, Artifex, lcms and the ICC differ by at most this."""
_HEADER_BYTES = 128


def colour_space(profile: bytes) -> str | None:
    """``gray``, ``rgb``, ``cmyk`` or ``lab``; None if the bytes are no profile or one for another space (ICC.1 7.2)."""
    if len(profile) <= _HEADER_BYTES or profile[36:40] != b"acsp" or profile[12:16] == b"link":
        return None
    return _SIGNATURES.get(profile[16:20])


def to_srgb(pixels: Pixels8, profile: bytes) -> Pixels8:
    """Pixels of the profile's space, uint8 (H, W) or (H, W, C), as sRGB, uint8 (H, W, 3); relative colorimetric.

    Raises: ValueError if the profile cannot be used.
    """
    return _transform(pixels, profile, colour_space(profile))


def lab_to_srgb(pixels: Pixels8) -> Pixels8:
    """CIE L*a*b* (D50) in ICC's 8-bit encoding, uint8 (H, W, 3), as sRGB."""
    return _transform(pixels, _built_in("lab4"), "lab")


@functools.lru_cache(maxsize=64)
def is_srgb(profile: bytes) -> bool:
    """Whether an RGB profile moves no colour by more than two 8-bit levels. Raises: ValueError if it cannot be used."""
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(1, -1, 3)
    moved = to_srgb(np.ascontiguousarray(colours), profile).astype(np.int16) - colours
    return bool(np.abs(moved).max() <= _SRGB_TOLERANCE)


@functools.cache
def _built_in(name: str) -> bytes:
    profile: bytes = imagecodecs.cms_profile(name)
    return profile


def _transform(pixels: Pixels8, profile: bytes, space: str | None) -> Pixels8:
    if space is None:
        raise ValueError("no colour profile for grey, RGB, CMYK or Lab pixels")
    try:
        converted: Pixels8 = imagecodecs.cms_transform(
            np.ascontiguousarray(pixels), profile, _built_in("srgb"), colorspace=space, outcolorspace="rgb",
            outdtype=np.uint8, intent=_RELATIVE_COLORIMETRIC, flags=_BLACK_POINT_COMPENSATION,
        )  # fmt: skip
    except RuntimeError as error:
        raise ValueError(f"the colour profile cannot be used: {error}") from error
    return converted
