"""Bytes to RgbImage: limits from the header, then orientation, bit depth, alpha and colour profile.

The steps of ``decode_image``: what format (by content) - what the header says (``models.image_files``) - is it small
enough - samples as stored - 8 bits - alpha onto white - displayed orientation - sRGB for the models beside the file's
own RGB for the codec. No Pillow warning can arise: its openers, which warn, are not used.
"""

import struct
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models import icc
from models.errors import ImageUndecodableError
from models.image_files.exif import reset_orientation, reset_xmp_orientation
from models.image_files.header import ImageHeader
from models.image_files.jpeg import NO_END_NOTE, is_progressive
from models.image_files.read import DEFAULT_LIMITS, SizeLimits, read_header
from models.image_samples import avif, bmp, gif, heic, jpeg, png, tiff, webp
from models.image_samples.raster import Raster, Space
from models.types import Rgb8, RgbImage

_WHITE = {Space.GREY: [255], Space.RGB: [255, 255, 255], Space.CMYK: [0, 0, 0, 0], Space.LAB: [255, 128, 128]}
"""What transparent pixels are shown on."""

_DECODER_ERRORS = (RuntimeError, ValueError, IndexError, TypeError, OSError, SyntaxError, EOFError, struct.error)
"""What imagecodecs and Pillow's readers raise on damaged data."""
_ROW_BLOCK = 128
_CORNER = 4
_SMALL = 4_000_000
"""Pixels of a JPEG that is read twice without a question: 0.1 s."""

CUT_NOTE = "the JPEG's image data are damaged or cut short; what can be seen of them is used"


_DECODERS: dict[str, Callable[[bytes, ImageHeader], Raster]] = {
    "JPEG": jpeg.decode,
    "PNG": png.decode,
    "WebP": webp.decode,
    "AVIF": avif.decode,
    "HEIC": heic.decode,
    "TIFF": tiff.decode,
    "GIF": gif.decode,
    "BMP": bmp.decode,
}


def decode_image(
    data: bytes, *, max_pixels: int | None = None, max_side: int | None = None, limits: SizeLimits = DEFAULT_LIMITS
) -> RgbImage:
    """Decode a JPEG, PNG, WebP, AVIF, TIFF, BMP or GIF, told apart by content, in displayed orientation.

    A HEIC too, where the extra ``heic`` is installed.

    An RGB profile stays in ``icc_profile`` with ``native_pixels`` in its colours; grey, CMYK and Lab profiles are
    converted to sRGB and dropped. Whatever is lost or assumed is in ``warnings``. ``max_pixels`` and
    ``max_side``, where given, stand in place of those in ``limits``.

    Raises: ImageTypeUnsupportedError, ImageTooLargeError (before any pixel is decoded), ImageUndecodableError.
    """
    header = read_header(data)
    limits = replace(limits, max_pixels=max_pixels or limits.max_pixels, max_side=max_side or limits.max_side)
    limits.check(header.width, header.height)
    header = _as_decoded(header)
    raster = _with_srgb_curve(_cropped(_decode_samples(data, header), header), header)
    warnings = [*header.notes, *_damage_notes(data, header, raster)]
    samples = _to_eight_bits(raster)
    colours, alpha = _split_alpha(samples, raster)
    flat = _onto_background(colours, alpha, raster, warnings)
    upright = apply_orientation(flat, _orientation(header, warnings))
    pixels, native, profile = _to_rgb(upright, raster.space, header.icc, warnings)
    return RgbImage(
        pixels=pixels,
        native_pixels=native,
        icc_profile=profile,
        exif=reset_orientation(header.exif) if header.exif else None,
        xmp=reset_xmp_orientation(header.xmp) if header.xmp else None,
        source_format=header.format,
        bit_depth=header.bit_depth,
        warnings=tuple(warnings),
        other=header.other,
    )


def apply_orientation(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Stored rows as displayed: EXIF 2.32 section 4.6.4 A, values 1..8. ``pixels``: (H, W) or (H, W, C)."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _as_decoded(header: ImageHeader) -> ImageHeader:
    """What is left to be done to the samples of that header: libheif turns and crops a HEIC by itself."""
    if header.format != "HEIC":
        return header
    width, height = (header.width, header.height) if header.crop is None else header.crop[2:]
    if header.orientation >= 5:
        width, height = height, width
    return replace(header, width=width, height=height, orientation=1, crop=None)


def _decode_samples(data: bytes, header: ImageHeader) -> Raster:
    try:
        raster = _DECODERS[header.format](data, header)
    except _DECODER_ERRORS as error:
        cause = f": {error}" if str(error).isascii() and str(error).isprintable() else ""
        raise ImageUndecodableError(f"the {header.format} is damaged or truncated{cause}") from error
    if raster.samples.shape[:2] != (header.height, header.width):
        raise ImageUndecodableError(f"the {header.format} header and its data differ in size")
    return raster


def _cropped(raster: Raster, header: ImageHeader) -> Raster:
    if header.crop is None:
        return raster
    left, top, width, height = header.crop
    return replace(raster, samples=raster.samples[top : top + height, left : left + width])


def _with_srgb_curve(raster: Raster, header: ImageHeader) -> Raster:
    """Samples of another curve as sRGB's, in all their bits; alpha stays."""
    if header.gamma is None or raster.space not in (Space.GREY, Space.RGB):
        return raster
    levels = 2**raster.bits
    light = (np.arange(levels) / (levels - 1)) ** header.gamma
    shown = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    curve = np.rint(shown * (levels - 1)).astype(raster.samples.dtype)
    samples = curve[np.minimum(raster.samples, levels - 1)]
    if raster.has_alpha:
        samples[:, :, -1] = raster.samples[:, :, -1]
    return replace(raster, samples=samples)


def _damage_notes(data: bytes, header: ImageHeader, raster: Raster) -> tuple[str, ...]:
    """Whether a JPEG's image data are cut short, which libjpeg fills with grey and does not tell.

    What is coded last in a large sequential file is then flat; only such files, small or progressive ones and those
    without an end are read again. Raises: ImageUndecodableError for one that has neither all data nor an end marker.
    """
    if header.format != "JPEG":
        return ()
    no_end = NO_END_NOTE in header.notes
    small = header.width * header.height <= _SMALL
    flat = bool((raster.samples[-1, -_CORNER:] == raster.samples[-1, -1]).all())
    if not (no_end or small or flat or is_progressive(data)):
        return ()
    from models.jpeg.coefficients import DamagedScanError, read_coefficients  # numba: half a second, for JPEGs only

    try:
        read_coefficients(data, max_pixels=header.width * header.height)
    except DamagedScanError as error:
        if no_end:
            raise ImageUndecodableError("the JPEG ends inside its image data: it is truncated") from error
        return (CUT_NOTE,)
    except ImageUndecodableError:
        return ()  # of a kind that only libjpeg reads
    return ()


def _to_eight_bits(raster: Raster) -> NDArray[np.uint8]:
    """Samples of ``bits`` bits scaled to 0..255, rounded: (x * 255 + max // 2) // max."""
    samples = raster.samples
    if raster.bits == 8:
        return samples.astype(np.uint8, copy=False)
    largest = np.uint32(2**raster.bits - 1)
    scaled = np.empty(samples.shape, np.uint8)
    for top in range(0, samples.shape[0], _ROW_BLOCK):
        rows = slice(top, top + _ROW_BLOCK)
        block = np.minimum(samples[rows].astype(np.uint32), largest)
        scaled[rows] = (block * np.uint32(255) + largest // np.uint32(2)) // largest
    return scaled


def _split_alpha(samples: NDArray[np.uint8], raster: Raster) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Colour channels, (H, W) for grey, and alpha (H, W)."""
    if samples.ndim == 2:
        return samples, None
    alpha = samples[:, :, -1] if raster.has_alpha else None
    colours = samples[:, :, :-1] if raster.has_alpha else samples
    return (colours[:, :, 0] if raster.space is Space.GREY else colours), alpha


def _onto_background(
    colours: NDArray[np.uint8], alpha: NDArray[np.uint8] | None, raster: Raster, warnings: list[str]
) -> NDArray[np.uint8]:
    """Colours over white where alpha is below 255."""
    if alpha is None or bool((alpha == 255).all()):
        return colours
    warnings.append("transparent pixels are shown on white")
    background = np.array(_WHITE[raster.space], np.uint32)
    flat = np.empty(colours.shape, np.uint8)
    for top in range(0, colours.shape[0], _ROW_BLOCK):
        rows = slice(top, top + _ROW_BLOCK)
        share = alpha[rows].astype(np.uint32)
        share = share if colours.ndim == 2 else share[:, :, None]
        front = colours[rows] * (np.full_like(share, 255) if raster.premultiplied else share)
        flat[rows] = np.minimum((front + background * (255 - share) + 127) // 255, 255)
    return flat


def _orientation(header: ImageHeader, warnings: list[str]) -> int:
    if 1 <= header.orientation <= 8:
        return header.orientation
    warnings.append(f"orientation {header.orientation} does not exist; the image is shown as stored")
    return 1


def _to_rgb(
    upright: NDArray[np.uint8], space: Space, profile: bytes | None, warnings: list[str]
) -> tuple[Rgb8, Rgb8, bytes | None]:
    """sRGB pixels, native pixels and the profile that stays with them."""
    profile_space = icc.colour_space(profile) if profile else None
    if profile and profile_space is None:
        warnings.append("the colour profile is damaged or of an unknown kind; colours are read without it")
    if profile and profile_space == "rgb" and space in (Space.RGB, Space.GREY):
        return _with_rgb_profile(_stack_grey(upright), profile, warnings)
    if profile and profile_space is not None:
        converted = _convert_and_drop(upright, space, profile, profile_space, warnings)
        if converted is not None:
            return converted, converted, None
    if space is Space.CMYK:
        warnings.append("CMYK without a usable profile: colours are a plain estimate")
        rgb = _plain_cmyk(upright)
    else:
        rgb = icc.lab_to_srgb(upright) if space is Space.LAB else _stack_grey(upright)
    return rgb, rgb, None


def _with_rgb_profile(native: Rgb8, profile: bytes, warnings: list[str]) -> tuple[Rgb8, Rgb8, bytes | None]:
    """An sRGB profile stays in the file but converts nothing; one that fails is dropped."""
    try:
        pixels = native if icc.is_srgb(profile) else icc.to_srgb(native, profile)
    except ValueError:
        warnings.append("the colour profile is damaged; colours are read as sRGB")
        return native, native, None
    return pixels, native, profile


def _convert_and_drop(
    upright: NDArray[np.uint8], space: Space, profile: bytes, profile_space: str, warnings: list[str]
) -> Rgb8 | None:
    """The pixels as sRGB if the profile is for their space, else None."""
    if {"gray": Space.GREY, "cmyk": Space.CMYK, "lab": Space.LAB}.get(profile_space) is not space:
        warnings.append(f"the file is {space.value} but its colour profile is not; colours are read without it")
        return None
    try:
        converted = icc.to_srgb(upright, profile)
    except ValueError:
        warnings.append("the colour profile is damaged; colours are read without it")
        return None
    warnings.append(f"{space.value} colours were converted to sRGB and their profile dropped")
    return converted


def _stack_grey(pixels: NDArray[np.uint8]) -> Rgb8:
    return np.repeat(pixels[:, :, None], 3, axis=2) if pixels.ndim == 2 else pixels


def _plain_cmyk(cmyk: NDArray[np.uint8]) -> Rgb8:
    """Ink takes away light in proportion: (255 - ink)(255 - black) / 255."""
    rgb = np.empty((*cmyk.shape[:2], 3), np.uint8)
    for top in range(0, cmyk.shape[0], _ROW_BLOCK):
        rows = slice(top, top + _ROW_BLOCK)
        light = 255 - cmyk[rows].astype(np.uint32)
        rgb[rows] = (light[:, :, :3] * light[:, :, 3:] + 127) // 255
    return rgb
