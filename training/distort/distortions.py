"""A reproducible generator of distorted photos: one function per kind, one strength, one seed.

Every kind is a pure function ``(pixels, strength, rng) -> pixels`` on uint8 (H, W, 3) sRGB; a larger ``strength``
distorts more. The numbers and names in the comments of ``TID2013`` follow Ponomarenko et al., "Image database TID2013",
2015, table 2.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft, ndimage

from models.metrics.classical import psnr_db
from models.types import Rgb8
from models.varjpeg.container import decode_varjpeg, encode_varjpeg

Floats = NDArray[np.float64]
Apply = Callable[[Rgb8, float, np.random.Generator], Rgb8]

# BT.601 full range, as in JFIF.
YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
SEARCH_STEPS = 24


@dataclass(frozen=True, slots=True)
class Distortion:
    """A kind of distortion and the range of strengths that makes sense for it (log-uniform draws lie in it)."""

    name: str
    apply: Apply
    weakest: float
    strongest: float

    def draw_strength(self, rng: np.random.Generator) -> float:
        """Log-uniform between the weakest and the strongest."""
        return float(np.exp(rng.uniform(np.log(self.weakest), np.log(self.strongest))))


def at_psnr(
    pixels: Rgb8, apply: Apply, target_db: float, *, seed: int, low: float, high: float, within_db: float = 0.05
) -> Rgb8:
    """``pixels`` distorted so that the PSNR over R, G and B comes as close to ``target_db`` as the kind allows.

    The caller checks what was reached: some kinds cannot reach every PSNR. See ``at_measure`` for the search.
    """
    return at_measure(pixels, apply, psnr_db, target_db, seed=seed, low=low, high=high, within=within_db)


def at_measure(
    pixels: Rgb8,
    apply: Apply,
    measure: Callable[[Rgb8, Rgb8], float],
    target: float,
    *,
    seed: int,
    low: float,
    high: float,
    within: float,
) -> Rgb8:
    """``pixels`` distorted so that ``measure(pixels, distorted)``, higher is better, comes close to ``target``.

    Bisection on the logarithm of the strength between ``low`` and ``high``, with the same random numbers at each step;
    stops when it is met ``within`` that much.
    """
    best, best_gap = pixels, np.inf
    for _ in range(SEARCH_STEPS):
        middle = float(np.sqrt(low * high))
        candidate = apply(pixels, middle, np.random.default_rng(seed))
        reached = measure(pixels, candidate)
        if abs(reached - target) < best_gap:
            best, best_gap = candidate, abs(reached - target)
        if best_gap < within or high / low < 1.0005:
            break
        low, high = (middle, high) if reached > target else (low, middle)
    return best


def round_to_bytes(values: Floats) -> Rgb8:
    """Clip to 0..255 and round."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def to_ycbcr(pixels: Rgb8) -> Floats:
    """float64 (H, W, 3): Y in 0..255, Cb and Cr around 0."""
    return np.asarray(pixels @ YCBCR.T)


def from_ycbcr(ycbcr: Floats) -> Rgb8:
    """Inverse of ``to_ycbcr``, clipped and rounded."""
    return round_to_bytes(ycbcr @ np.linalg.inv(YCBCR).T)


# Codecs: strength is 101 - quality, or the compression ratio for JPEG 2000.


def jpeg_420(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """libjpeg-turbo, 4:2:0, quality ``101 - strength``."""
    return _through_codec(pixels, "JPEG", quality=_quality(strength), subsampling=2)


def jpeg_444(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """libjpeg-turbo, 4:4:4, quality ``101 - strength``."""
    return _through_codec(pixels, "JPEG", quality=_quality(strength), subsampling=0)


def webp(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """libwebp, quality ``101 - strength``."""
    return _through_codec(pixels, "WEBP", quality=_quality(strength), method=2)


def avif(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """libavif, 4:2:0, quality ``101 - strength``, fastest speed, one thread."""
    return _through_codec(pixels, "AVIF", quality=_quality(strength), speed=10, max_threads=1)


def jpeg2000(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """OpenJPEG, irreversible 9/7 wavelet, compression ratio ``strength``."""
    return _through_codec(pixels, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[strength])


def _quality(strength: float) -> int:
    return int(np.clip(round(101 - strength), 1, 100))


def _through_codec(pixels: Rgb8, codec: str, **options: object) -> Rgb8:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, codec, **options)
    return np.asarray(Image.open(buffer).convert("RGB"))


# Noise: strength is a standard deviation in 8-bit levels where not said otherwise.


def gaussian_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """White Gaussian noise, independent on R, G and B."""
    return round_to_bytes(pixels + strength * rng.standard_normal(pixels.shape))


def chroma_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """White noise three times as strong in Cb and Cr as in Y."""
    noise = rng.standard_normal(pixels.shape) * np.array([1 / 3, 1.0, 1.0])
    return from_ycbcr(to_ycbcr(pixels) + strength * noise)


def correlated_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Spatially correlated noise: white noise blurred with sigma 1 and brought back to unit variance."""
    noise = ndimage.gaussian_filter(rng.standard_normal(pixels.shape), (1.0, 1.0, 0.0), mode="wrap")
    return round_to_bytes(pixels + strength * noise / max(noise.std(), 1e-9))


def masked_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Noise hidden in texture: its deviation is ``strength`` times the local deviation of luma (sigma 2)."""
    luma = to_ycbcr(pixels)[..., 0]
    mean = ndimage.gaussian_filter(luma, 2.0)
    deviation = np.sqrt(np.maximum(ndimage.gaussian_filter(luma**2, 2.0) - mean**2, 0.0))
    return round_to_bytes(pixels + strength * deviation[..., None] * rng.standard_normal(pixels.shape))


def high_frequency_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Noise with only the high frequencies left: white minus its blur of sigma 1, unit variance."""
    white = rng.standard_normal(pixels.shape)
    noise = white - ndimage.gaussian_filter(white, (1.0, 1.0, 0.0), mode="wrap")
    return round_to_bytes(pixels + strength * noise / max(noise.std(), 1e-9))


def impulse_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Salt and pepper on each colour sample, with probability ``strength``."""
    hit, salt = rng.random(pixels.shape) < strength, rng.random(pixels.shape) < 0.5
    return np.where(hit, np.where(salt, 255, 0), pixels).astype(np.uint8)


def multiplicative_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Each sample times 1 + noise of deviation ``strength``."""
    return round_to_bytes(pixels * (1 + strength * rng.standard_normal(pixels.shape)))


def shot_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Poisson noise of a sensor: at 128 its deviation is ``strength`` levels."""
    share = strength**2 / 128
    return round_to_bytes(np.asarray(rng.poisson(pixels / share) * share, dtype=np.float64))


def comfort_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Substitutes noise for fine detail: 8x8 DCT coefficients below ``strength`` get a random sign."""
    blocks = block_dct(to_ycbcr(pixels), forward=True)
    signs = np.where(rng.random(blocks.shape) < 0.5, -1.0, 1.0)
    small = np.abs(blocks) < strength
    small[..., 0, 0] = False
    return from_ycbcr(block_dct(np.where(small, blocks * signs, blocks), forward=False))[
        : pixels.shape[0], : pixels.shape[1]
    ]


def block_dct(planes: Floats, *, forward: bool) -> Floats:
    """(H, W, 3) to orthonormal DCT blocks (rows, columns, 3, 8, 8), edges repeated to whole blocks; and back."""
    if forward:
        rows, columns = -planes.shape[0] % 8, -planes.shape[1] % 8
        padded = np.pad(planes, ((0, rows), (0, columns), (0, 0)), mode="edge")
        blocks = padded.reshape(padded.shape[0] // 8, 8, padded.shape[1] // 8, 8, 3).transpose(0, 2, 4, 1, 3)
        return np.asarray(fft.dctn(blocks, axes=(3, 4), norm="ortho"))
    blocks = fft.idctn(planes, axes=(3, 4), norm="ortho")
    return np.asarray(blocks.transpose(0, 3, 1, 4, 2).reshape(blocks.shape[0] * 8, blocks.shape[1] * 8, 3))


def varjpeg(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """VarJPEG's container at quality ``101 - strength``, its blocks steered by local contrast."""
    luma = to_ycbcr(pixels)[..., 0]
    contrast = ndimage.gaussian_filter(np.abs(luma - ndimage.gaussian_filter(luma, 4.0)), 8.0)
    steering = contrast / max(float(contrast.max()), 1e-9)
    quality = int(np.clip(round(101 - strength), 1, 99))
    return decode_varjpeg(encode_varjpeg(pixels, steering, quality=quality)).pixels


# Lost detail.


def gaussian_blur(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Gaussian blur of sigma ``strength`` pixels."""
    return round_to_bytes(ndimage.gaussian_filter(pixels.astype(np.float64), (strength, strength, 0)))


def denoised(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Noise of deviation ``strength``, then removed by thresholding 8x8 DCT coefficients at 2.7 deviations, four shifts
    averaged.
    """
    noisy = pixels + strength * rng.standard_normal(pixels.shape)
    height, width = pixels.shape[:2]
    total = np.zeros((height, width, 3))
    for row, column in ((0, 0), (0, 4), (4, 0), (4, 4)):
        shifted = np.pad(noisy, ((row, 0), (column, 0), (0, 0)), mode="symmetric")
        blocks = block_dct(shifted, forward=True)
        kept = np.abs(blocks) >= 2.7 * strength
        kept[..., 0, 0] = True
        total += block_dct(blocks * kept, forward=False)[row : row + height, column : column + width]
    return round_to_bytes(total / 4)


def noisy_then_compressed(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Gaussian noise of half the strength, then DCT coefficients quantised in steps of 2.5 strengths (a DCT coder)."""
    step = 2.5 * strength
    blocks = block_dct(to_ycbcr(gaussian_noise(pixels, strength / 2, rng)), forward=True)
    restored = block_dct(np.rint(blocks / step) * step, forward=False)
    return from_ycbcr(restored)[: pixels.shape[0], : pixels.shape[1]]


def resampled(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Reduced ``strength`` times and enlarged again, bicubic."""
    image = Image.fromarray(pixels)
    small = (max(1, round(image.width / strength)), max(1, round(image.height / strength)))
    return np.asarray(image.resize(small, Image.Resampling.BICUBIC).resize(image.size, Image.Resampling.BICUBIC))


def resampled_lanczos(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Reduced ``1 + strength`` times over boxes and enlarged again by Lanczos' kernel."""
    image = Image.fromarray(pixels)
    small = (max(1, round(image.width / (1 + strength))), max(1, round(image.height / (1 + strength))))
    return np.asarray(image.resize(small, Image.Resampling.BOX).resize(image.size, Image.Resampling.LANCZOS))


def median_filtered(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Median of 5x5, mixed with the photo: ``strength`` is its share."""
    return round_to_bytes(pixels + strength * (ndimage.median_filter(pixels, (5, 5, 1)).astype(np.float64) - pixels))


def sharpened(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Unsharp masking: ``strength`` times what a blur of sigma 1.5 takes away is added."""
    values = pixels.astype(np.float64)
    return round_to_bytes(values + strength * (values - ndimage.gaussian_filter(values, (1.5, 1.5, 0))))


# Colour and tone.


def contrast_lowered(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Each channel drawn towards its mean: gain ``1 / (1 + strength)``."""
    mean = pixels.mean((0, 1))
    return round_to_bytes(mean + (pixels - mean) / (1 + strength))


def contrast_raised(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Each channel stretched about its mean: gain ``1 + strength``."""
    mean = pixels.mean((0, 1))
    return round_to_bytes(mean + (pixels - mean) * (1 + strength))


def saturation_lowered(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Chroma times ``1 - strength``; above 1 the hues turn round."""
    return from_ycbcr(to_ycbcr(pixels) * np.array([1.0, 1.0 - strength, 1.0 - strength]))


def mean_shifted(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """All samples moved up or down (by the seed) by ``strength`` levels."""
    return round_to_bytes(pixels.astype(np.float64) + strength * (1.0 if rng.random() < 0.5 else -1.0))


def quantised(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Uniform quantisation of each channel in steps of ``strength`` levels: banding."""
    return round_to_bytes(np.asarray(np.rint(pixels / strength) * strength, dtype=np.float64))


def dithered(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Palette of ``256 / strength`` colours with Floyd-Steinberg dither."""
    palette = Image.fromarray(pixels).quantize(int(np.clip(round(256 / strength), 2, 256)))
    return np.asarray(Image.fromarray(pixels).quantize(palette=palette).convert("RGB"))


def chromatic_aberration(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Red and blue moved ``strength`` pixels apart and slightly blurred."""
    values = pixels.astype(np.float64)
    offsets = ((0, strength / 2), (2, -strength / 2))
    for channel, offset in offsets:
        moved = ndimage.shift(values[..., channel], (offset, offset), order=1, mode="nearest")
        values[..., channel] = ndimage.gaussian_filter(moved, strength / 4)
    return round_to_bytes(values)


def gamma_raised(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Every sample to the power ``1 + strength``: darker middle tones."""
    return round_to_bytes(255 * (pixels / 255) ** (1 + strength))


def hue_turned(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """The plane of Cb and Cr turned by ``strength`` degrees."""
    cosine, sine = np.cos(np.radians(strength)), np.sin(np.radians(strength))
    return from_ycbcr(to_ycbcr(pixels) @ np.array([[1, 0, 0], [0, cosine, sine], [0, -sine, cosine]]))


def warmed(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Another white balance: red times ``1 + strength``, blue divided by it."""
    return round_to_bytes(pixels * np.array([1 + strength, 1.0, 1 / (1 + strength)]))


def vignetted(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Darker towards the corners, where light falls to ``1 / (1 + strength)``."""
    rows, columns = (np.linspace(-1, 1, side) for side in pixels.shape[:2])
    distance = (rows[:, None] ** 2 + columns[None, :] ** 2) / 2
    return round_to_bytes(pixels / (1 + strength * distance)[..., None])


# Local errors.


def pattern_noise(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
    """Non-eccentricity pattern noise: ``strength`` patches of 15x15 replaced by neighbours a few pixels away."""
    result, size = pixels.copy(), 15
    height, width = pixels.shape[:2]
    if min(height, width) < size + 2:
        return result
    for _ in range(max(1, round(strength))):
        row, column = int(rng.integers(0, height - size)), int(rng.integers(0, width - size))
        offset = rng.integers(-10, 11, 2)
        source_row = int(np.clip(row + offset[0], 0, height - size))
        source_column = int(np.clip(column + offset[1], 0, width - size))
        source = pixels[source_row : source_row + size, source_column : source_column + size]
        result[row : row + size, column : column + size] = source
    return result


def block_errors(count: int) -> Apply:
    """A kind that moves the mean of ``count`` blocks of 32x32 by ``strength`` levels, each channel up or down."""

    def apply(pixels: Rgb8, strength: float, rng: np.random.Generator) -> Rgb8:
        result, size = pixels.astype(np.float64), 32
        for _ in range(count):
            row = int(rng.integers(0, max(1, pixels.shape[0] - size)))
            column = int(rng.integers(0, max(1, pixels.shape[1] - size)))
            block = result[row : row + size, column : column + size]
            block += strength * np.where(block.mean((0, 1)) > 127.5, -1.0, 1.0)
        return round_to_bytes(result)

    return apply


GENERATED: tuple[Distortion, ...] = (
    Distortion("jpeg-420", jpeg_420, 4, 95),
    Distortion("jpeg-444", jpeg_444, 4, 95),
    Distortion("webp", webp, 4, 100),
    Distortion("avif", avif, 8, 95),
    Distortion("jpeg2000", jpeg2000, 6, 250),
    Distortion("blur", gaussian_blur, 0.4, 5),
    Distortion("resampled", resampled, 1.25, 6),
    Distortion("denoised", denoised, 3, 45),
    Distortion("noisy-then-compressed", noisy_then_compressed, 3, 40),
    Distortion("gaussian-noise", gaussian_noise, 1.5, 30),
    Distortion("chroma-noise", chroma_noise, 2, 50),
    Distortion("correlated-noise", correlated_noise, 1.5, 25),
    Distortion("masked-noise", masked_noise, 0.1, 2),
    Distortion("high-frequency-noise", high_frequency_noise, 2, 35),
    Distortion("multiplicative-noise", multiplicative_noise, 0.02, 0.4),
    Distortion("impulse-noise", impulse_noise, 0.0005, 0.05),
    Distortion("comfort-noise", comfort_noise, 4, 60),
    Distortion("quantised", quantised, 6, 70),
    Distortion("dithered", dithered, 1, 60),
    Distortion("contrast-lowered", contrast_lowered, 0.05, 1.0),
    Distortion("contrast-raised", contrast_raised, 0.05, 0.6),
    Distortion("saturation-lowered", saturation_lowered, 0.1, 1.0),
    Distortion("mean-shifted", mean_shifted, 4, 40),
    Distortion("chromatic-aberration", chromatic_aberration, 0.7, 8),
    Distortion("pattern-noise", pattern_noise, 20, 400),
    Distortion("block-errors", block_errors(12), 10, 120),
)
"""The kinds drawn for training labels, with their ranges of strength (from hardly visible to bad, judged by PSNR 40..18
dB).
"""

ADDED: tuple[Distortion, ...] = (Distortion("varjpeg", varjpeg, 4, 90),)
"""Kinds that ``draw_distorted`` leaves out, so that its draws by seed stay what they were."""


UNSEEN: tuple[Distortion, ...] = (
    Distortion("resampled-lanczos", resampled_lanczos, 0.02, 4),
    Distortion("median", median_filtered, 0.02, 1.0),
    Distortion("sharpened", sharpened, 0.05, 4),
    Distortion("shot-noise", shot_noise, 0.8, 30),
    Distortion("gamma", gamma_raised, 0.01, 1.5),
    Distortion("hue", hue_turned, 1, 120),
    Distortion("warmed", warmed, 0.01, 1.0),
    Distortion("vignette", vignetted, 0.02, 2.0),
)
"""Kinds that no network is fitted to: figures on them say how far one can be trusted beyond what it has seen."""


def draw_distorted(pixels: Rgb8, *, seed: int, mixture_share: float = 0.15) -> tuple[Rgb8, str]:
    """A random kind at a random strength, sometimes two in a row: the distorted photo and the names of its kinds."""
    rng = np.random.default_rng(seed)
    first = GENERATED[int(rng.integers(len(GENERATED)))]
    distorted = first.apply(pixels, first.draw_strength(rng), rng)
    if rng.random() >= mixture_share:
        return distorted, first.name
    second = GENERATED[int(rng.integers(len(GENERATED)))]
    return second.apply(distorted, second.draw_strength(rng), rng), f"{first.name}+{second.name}"


def draw_local_mixture(pixels: Rgb8, *, seed: int) -> tuple[Rgb8, str]:
    """Two random kinds side by side: one where a smooth random field is high, the other elsewhere, blended between.

    Returns: the distorted photo and the names of its kinds.
    """
    rng = np.random.default_rng(seed)
    kinds = [(*GENERATED, *ADDED)[int(rng.integers(len(GENERATED) + len(ADDED)))] for _ in range(2)]
    field = ndimage.gaussian_filter(rng.standard_normal(pixels.shape[:2]), max(1.0, min(pixels.shape[:2]) / 8))
    share = 1 / (1 + np.exp(-np.clip(4 * field / max(field.std(), 1e-9), -50, 50)))[..., None]
    inside, outside = (kind.apply(pixels, kind.draw_strength(rng), rng) for kind in kinds)
    return round_to_bytes(share * inside + (1 - share) * outside), f"{kinds[0].name}|{kinds[1].name}"
