"""Maps and curves as files: PNG, npz, CSV, SVG. Arrays in, bytes out; the same values give the same bytes."""

import csv
import io
import zipfile
from typing import TYPE_CHECKING, Literal

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.sur.gev import LEVELS
from models.threads import in_bands
from models.types import Float32Array, PatchQualityMap, Rgb8

if TYPE_CHECKING:
    from models.sur.prediction import SurPrediction

JND_PNG_SCALE = 256
"""PNG value per luma level: 16 bits hold thresholds below 256 levels in steps of 1/256."""
NO_REFERENCE_PNG_SCALE = 65535
"""PNG value per unit of no-reference quality, which ends at 1."""
DMOS_PNG_SCALE = 10000
"""PNG value per unit of DMOS, which ends at 5."""
JND_OVERLAY_RANGE = (0.0, 16.0)
"""Luma levels at the two ends of the colours: fixed, so that overlays of two photos can be compared."""
OVERLAY_SHARE = 0.6
_MARGINS = {"left": 0.09, "right": 0.98, "top": 0.93, "bottom": 0.12}
"""Of a plot: letting matplotlib find them takes longer than drawing it."""
_HEAT_LEVELS = 1024
_HEAT = np.array(
    [
        [0, 0, 4],
        [40, 11, 84],
        [101, 21, 110],
        [159, 42, 99],
        [212, 72, 66],
        [245, 125, 21],
        [250, 193, 39],
        [252, 255, 164],
    ]
)
"""Eight equal steps of matplotlib's "inferno", written down so that drawing a map does not import matplotlib."""


def grey16_png(values: Float32Array, *, scale: int) -> bytes:
    """(H, W) values times ``scale``, rounded and cut to 0..65535, as a 16-bit grey PNG."""
    from models.map_pixels import store

    stored = np.empty(values.shape, np.uint16)
    in_bands(lambda rows: store(values[rows], scale, stored[rows]), len(values))
    return _png(stored)


def rgb_png(pixels: Rgb8, *, icc_profile: bytes | None = None) -> bytes:
    """(H, W, 3) uint8 as a PNG, with its colour profile."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", icc_profile=icc_profile, compress_level=1)
    return buffer.getvalue()


def overlay_png(pixels: Rgb8, values: Float32Array, *, low: float, high: float) -> bytes:
    """The photo in grey under the values in colour, dark at ``low`` and bright at ``high``; both (H, W)."""
    from models.map_pixels import shade

    drawn = np.empty(pixels.shape, np.uint8)
    heat = _heat_by_level()
    scale = np.float32((len(heat) - 1) / (high - low))
    share = np.float32((1 - OVERLAY_SHARE) / 3)
    in_bands(
        lambda rows: shade(pixels[rows], values[rows], heat, np.float32(low), scale, share, drawn[rows]), len(values)
    )
    return _png(drawn)


def spread_over_photo(quality: PatchQualityMap, height: int, width: int) -> Float32Array:
    """(height, width): each patch's value at its centre, linear between centres, constant outside."""
    spread = _interpolated(quality.values, height, quality)
    return np.ascontiguousarray(_interpolated(spread.T, width, quality).T)


def _interpolated(values: Float32Array, length: int, quality: PatchQualityMap) -> Float32Array:
    """(n, m) patch rows to (length, m) pixel rows."""
    centre = (quality.patch_size - 1) / 2
    position = np.clip((np.arange(length) - centre) / quality.stride, 0, len(values) - 1)
    below = np.minimum(position.astype(np.int64), max(0, len(values) - 2))
    rest = (position - below).astype(np.float32)[:, None]
    mixed: Float32Array = values[below] * (1 - rest) + values[np.minimum(below + 1, len(values) - 1)] * rest
    return mixed


def npz(values: NDArray[np.generic]) -> bytes:
    """An array as ``values`` in a NumPy archive, stored as it is: deflate would save a sixth in ten times the time."""
    array, buffer = io.BytesIO(), io.BytesIO()
    np.save(array, values, allow_pickle=False)
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("values.npy")  # dated 1980 whenever it is made: the same values give the same bytes
        archive.writestr(entry, array.getbuffer(), zipfile.ZIP_STORED)
    return buffer.getvalue()


def sur_csv(prediction: "SurPrediction") -> bytes:
    """One line for each level: ``distortion_level,qf,sur,predicted_bytes``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["distortion_level", "qf", "sur", "predicted_bytes"])
    writer.writerows(
        [int(level), 101 - int(level), float(sur), int(size)]
        for level, sur, size in zip(LEVELS, prediction.sur, prediction.predicted_bytes, strict=True)
    )
    return text.getvalue().encode()


def sur_plot(prediction: "SurPrediction", form: Literal["svg", "png"]) -> bytes:
    """The SUR curve over JPEG quality with its band, what was asked of the network, and the recommended quality.

    Quality rises to the right and the interval is the curve's band, as on the page.
    """
    import matplotlib
    from matplotlib.figure import Figure

    quality = 101 - np.asarray(LEVELS)
    with matplotlib.rc_context({"svg.hashsalt": "limen", "svg.fonttype": "none"}):
        figure = Figure(figsize=(7, 4.2))
        figure.subplots_adjust(**_MARGINS)
        axes = figure.add_subplot()
        band = prediction.band
        label = f"{100 * band.coverage:g} % band"
        axes.fill_between(quality, band.low, band.high, color="#0a5c8a", alpha=0.16, linewidth=0, label=label)
        axes.plot(quality, prediction.sur, color="#0a5c8a", linewidth=2, label="predicted SUR")
        axes.plot(
            [101 - level for level in prediction.levels], prediction.level_sur, "o", color="#0a5c8a", markersize=4
        )
        axes.axvline(prediction.recommended_quality, color="#c0392b", linestyle="--", label=_recommendation(prediction))
        axes.set(xlim=(1, 100), ylim=(0, 1.02), xlabel="JPEG quality", ylabel="share of viewers who see no difference")
        axes.set_title(f"JND {prediction.jnd}, observer {prediction.observer}", fontsize=10)
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left", fontsize=8)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=form, dpi=120, metadata={"Date": None} if form == "svg" else {"Software": None})
    return buffer.getvalue()


def _recommendation(prediction: "SurPrediction") -> str:
    return f"quality {prediction.recommended_quality} for {prediction.percent:g} % of viewers"


def _heat_by_level() -> Float32Array:
    """float32 (1024, 3): the colours from dark to bright, at their share of an overlay."""
    positions, steps = np.linspace(0, len(_HEAT) - 1, _HEAT_LEVELS), np.arange(len(_HEAT))
    channels = [np.interp(positions, steps, channel) for channel in _HEAT.T]
    return np.stack(channels, axis=1).astype(np.float32) * np.float32(OVERLAY_SHARE)


def _png(samples: NDArray[np.generic]) -> bytes:
    """Runs and literals of differences along each row: a fifth of the time of the usual search, a tenth larger."""
    png = imagecodecs.PNG
    return bytes(imagecodecs.png_encode(samples, level=1, strategy=png.STRATEGY.RLE, filter=png.FILTER.SUB))
