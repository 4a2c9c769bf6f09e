"""What the default request leaves for people to see, by judges that did not steer it, and beside other encoders.

``python -m tests.benchmarks.default_request PHOTO_DIR [--limit N] [--rivals] [--crops DIR]``

Each photo is compressed as a request without parameters is. Its file is judged by SSIMULACRA2, by butteraugli (3-norm
and maximum) and by ColorVideoVDP on a 4K monitor, whole, none of them through the network that steers the search.
``--rivals``: libjpeg-turbo (4:2:0, optimised, progressive) and pyjpegli with mozjpeg-lossless-optimization, each at its
lowest quality whose distance by the network's teacher, asked directly, is no longer than that of our file.
``--crops``: original and result side by side at 200 %, where ours lies farthest from the original.
"""

import argparse
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import mozjpeg_lossless_optimization
import numpy as np
import pyjpegli
import torch
from numpy.typing import NDArray
from PIL import Image

from models.decode import decode_image
from models.jpeg.pixels import decode_jpeg
from models.metrics.butteraugli import ButteraugliReference
from models.metrics.ssimulacra2 import Ssimulacra2Reference
from models.sur.reference_jpeg import encode_reference_jpeg
from models.varjpeg.choices import DEFAULT_TARGET_SUR
from models.varjpeg.optimise import optimise_photo
from tests.benchmarks.machine import describe_machine
from training.experiments.sur.curves import teacher_log_distance
from training.labels.threshold_teacher import jod

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".bmp"}
CROP, ZOOM = 160, 2
STANDARD_4K = 75.4
"""Pixels per degree of ColorVideoVDP's display of that name, a 30-inch 4K monitor from twice its height."""
WITHIN_S2, WITHIN_NORM, WITHIN_MAXIMUM, WITHIN_JOD = (78.0, 90.0), 1.1, 3.0, 9.75
"""What nine photos of ten are to lie within."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One photo's file: bytes, encoder's quality, predicted share, and what the judges say."""

    name: str
    size_bytes: int
    quality: float
    subsampling: str
    sur: float
    ssimulacra2: float
    norm: float
    maximum: float
    jod: float


def main() -> None:
    """Print a row for each photo, then how many lie within."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--rivals", action="store_true")
    parser.add_argument("--crops", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(describe_machine())
    print(f"{'photo':24} {'bytes':>8} {'q':>6} chroma  {'SUR':>6} {'S2':>5} {'b3':>5} {'bmax':>5} {'JOD':>6}")
    rows: list[Seen] = []
    ratios: dict[str, list[float]] = {}
    for path in photos(options.folder, options.limit):
        photo = decode_image(path.read_bytes()).pixels
        row, decoded = look(path, photo)
        rows.append(row)
        print(
            f"{row.name:24} {row.size_bytes:8} {row.quality:6.2f} {row.subsampling:6} {row.sur:6.3f} "
            f"{row.ssimulacra2:5.1f} {row.norm:5.2f} {row.maximum:5.2f} {row.jod:6.3f}",
            flush=True,
        )
        if options.crops:
            save_crop(options.crops / f"{path.stem}.png", photo, decoded)
        if options.rivals:
            for name, size in rivals(photo, teacher_log_distance(photo, decoded)):
                ratios.setdefault(name, []).append(row.size_bytes / size)
    summarise(rows)
    for name, found in ratios.items():
        print(f"bytes over {name} at the same distance by the teacher: {np.exp(np.mean(np.log(found))):.3f}")


def photos(folder: Path, limit: int | None) -> list[Path]:
    """Files of known types, in order."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)[:limit]


def look(path: Path, photo: NDArray[np.uint8]) -> tuple[Seen, NDArray[np.uint8]]:
    """The default request of one photo, and its decoded pixels."""
    result = optimise_photo(decode_image(path.read_bytes()), original=path.read_bytes())
    chosen = result.chosen
    decoded = decode_image(result.data).pixels
    butteraugli = ButteraugliReference(photo)
    assert chosen.judgement is not None
    assert chosen.judgement.sur is not None
    seen = Seen(
        path.name,
        len(result.data),
        chosen.quality,
        chosen.subsampling,
        chosen.judgement.sur,
        Ssimulacra2Reference(photo).score(decoded),
        butteraugli.norm(decoded),
        float(butteraugli.distances(decoded).max()),
        jod(photo, decoded, STANDARD_4K),
    )
    return seen, decoded


def summarise(rows: list[Seen]) -> None:
    """Shares of photos within, the median of SSIMULACRA2, and how far the predicted share is from the target."""
    scores = np.array([row.ssimulacra2 for row in rows])
    print(f"SSIMULACRA2 median {np.median(scores):.1f}, from {scores.min():.1f} to {scores.max():.1f}")
    low, high = WITHIN_S2
    within = {
        f"SSIMULACRA2 in {low:g}..{high:g}": [low <= row.ssimulacra2 <= high for row in rows],
        f"butteraugli 3-norm at most {WITHIN_NORM}": [row.norm <= WITHIN_NORM for row in rows],
        f"butteraugli maximum at most {WITHIN_MAXIMUM}": [row.maximum <= WITHIN_MAXIMUM for row in rows],
        f"ColorVideoVDP at least {WITHIN_JOD}": [row.jod >= WITHIN_JOD for row in rows],
        "share within .01 of the target": [abs(row.sur - DEFAULT_TARGET_SUR) <= 0.01 for row in rows],
    }
    for name, found in within.items():
        print(f"{name}: {sum(found)} of {len(found)}")
    print(f"bytes: {sum(row.size_bytes for row in rows)}")


def rivals(photo: NDArray[np.uint8], distance: float) -> Iterator[tuple[str, int]]:
    """Name and bytes of each other encoder at its lowest quality that is as near by the teacher."""
    height, width = photo.shape[:2]

    def jpegli(quality: int) -> bytes:
        data = pyjpegli.encode(np.ascontiguousarray(photo).tobytes(), width, height, quality)
        return bytes(mozjpeg_lossless_optimization.optimize(data))

    encoders: dict[str, Callable[[int], bytes]] = {
        "libjpeg-turbo": lambda quality: encode_reference_jpeg(photo, quality),
        "pyjpegli + mozjpeg-lossless-optimization": jpegli,
    }
    for name, encode in encoders.items():
        low, high = 30, 100
        while low < high:
            middle = (low + high) // 2
            near = teacher_log_distance(photo, decode_jpeg(encode(middle))) <= distance
            low, high = (low, middle) if near else (middle + 1, high)
        yield name, len(encode(high))


def save_crop(path: Path, photo: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> None:
    """Original and result beside each other at 200 %, around the place that butteraugli calls worst."""
    distances = ButteraugliReference(photo).distances(decoded)
    row, column = np.unravel_index(int(distances.argmax()), distances.shape)
    height, width = photo.shape[:2]
    top, left = (
        int(min(max(place - CROP // 2, 0), max(0, side - CROP))) for place, side in ((row, height), (column, width))
    )
    pair = np.concatenate([each[top : top + CROP, left : left + CROP] for each in (photo, decoded)], axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    picture = Image.fromarray(pair)
    picture.resize((ZOOM * picture.width, ZOOM * picture.height), Image.Resampling.NEAREST).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())


if __name__ == "__main__":
    main()
