"""How far Limen's batched SSIMULACRA2 lies from the ``ssimulacra2`` package, its MDSI and GMSD from ``piq``, and its
differentiable butteraugli from libjxl's ``butteraugli_main``, where that is installed.

``python -m tests.benchmarks.teacher_agreement PHOTO_DIR [--pairs 50]``

On 50 pairs of ``photos/val``: SSIMULACRA2 within 0.15 (mean difference 0.011) over -34..94, MDSI within 0.091 (0.008)
over 0.10..0.34, GMSD within 0.002; 3-norm and maximum of butteraugli within 0.01 % of the program's.

Pairs: photos of the folder, cut to 384x512 at most, with the kinds of ``training.distortions`` in turn at the middle of
their ranges.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from ssimulacra2 import compute_ssimulacra2

from models.types import Rgb8
from tests.benchmarks.machine import describe_machine
from training.butteraugli import PROGRAM, butteraugli
from training.butteraugli_torch import butteraugli_distance, three_norm
from training.distortions import ADDED, GENERATED
from training.networks import torchvision_models  # noqa: F401  piq imports torchvision, which needs this first
from training.photos import load_photo
from training.quality_features import NAMES, pair_features
from training.teachers import srgb_to_tensor, ssimulacra2_of_arrays

import piq  # isort: skip
from PIL import Image  # isort: skip

SIDES = (384, 512)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Limen's teachers against the published programs.")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--pairs", type=int, default=50)
    arguments = parser.parse_args()
    chosen = list(islice(pairs(arguments.photos), arguments.pairs))
    rows = np.array([compared(*pair) for pair in chosen])
    print(describe_machine())
    for name, (ours, published) in zip(("SSIMULACRA2", "MDSI", "GMSD"), rows.transpose(1, 2, 0), strict=True):
        print(
            f"{name:12} {len(rows)} pairs, values {published.min():.3f}..{published.max():.3f}: "
            f"difference mean {difference(ours, published).mean():.4f}, maximum {difference(ours, published).max():.4f}"
        )
    if shutil.which(PROGRAM) is None:
        print(f"{PROGRAM} is not installed: butteraugli is not compared")
        return
    rows = np.array([compared_butteraugli(*pair) for pair in chosen])
    for name, (ours, published) in zip(("3-norm", "maximum"), rows.transpose(1, 2, 0), strict=True):
        share = difference(ours, published) / published
        print(
            f"butteraugli {name:8} {len(rows)} pairs, values {published.min():.3f}..{published.max():.3f}: "
            f"difference mean {share.mean():.4%}, maximum {share.max():.4%}"
        )


def pairs(folder: Path) -> Iterator[tuple[Rgb8, Rgb8]]:
    """Reference and distorted version, one per photo and kind in turn, photos of at least 384 pixels a side."""
    kinds = cycle((*GENERATED, *ADDED))
    for path in cycle(sorted(path for path in folder.iterdir() if path.suffix in {".png", ".webp", ".jpg"})):
        photo = load_photo(path)
        if min(photo.shape[:2]) >= SIDES[0]:
            cut, kind = np.ascontiguousarray(photo[: SIDES[0], : SIDES[1]]), next(kinds)
            yield cut, kind.apply(cut, (kind.weakest * kind.strongest) ** 0.5, np.random.default_rng(0))


def compared(reference: Rgb8, distorted: Rgb8) -> list[tuple[float, float]]:
    """Ours and the published value of SSIMULACRA2, MDSI and GMSD."""
    found = dict(zip(NAMES, pair_features(reference, distorted)[0][0, 0], strict=True))
    one, two = srgb_to_tensor(reference), srgb_to_tensor(distorted)
    return [
        (float(ssimulacra2_of_arrays(reference, distorted)[0]), published_ssimulacra2(reference, distorted)),
        (float(found["mdsi_deviation"]), float(piq.mdsi(one, two))),
        (float(found["gms_deviation"]), float(piq.gmsd(one, two))),
    ]


def compared_butteraugli(reference: Rgb8, distorted: Rgb8) -> list[tuple[float, float]]:
    """Ours and the program's 3-norm and maximum."""
    with torch.inference_mode():
        distance = butteraugli_distance(srgb_to_tensor(reference), srgb_to_tensor(distorted))
        norm = float(three_norm(distance))
    printed = butteraugli(reference, distorted)
    return [(norm, printed.three_norm), (float(distance.max()), printed.maximum)]


def published_ssimulacra2(reference: Rgb8, distorted: Rgb8) -> float:
    """The package takes files."""
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder, name)) for name in ("reference.png", "distorted.png")]
        for file, pixels in zip(files, (reference, distorted), strict=True):
            Image.fromarray(pixels).save(file)
        return float(compute_ssimulacra2(*files))


def difference(ours: NDArray[np.float64], published: NDArray[np.float64]) -> NDArray[np.float64]:
    """Absolute difference of each pair."""
    return np.abs(ours - published)


if __name__ == "__main__":
    main()
