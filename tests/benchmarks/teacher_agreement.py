"""How far Limen's batched SSIMULACRA2 lies from the ``ssimulacra2`` package, its MDSI and GMSD from ``piq``, and both
forms of its butteraugli from libjxl's ``butteraugli_main``, where that is installed.

``python -m tests.benchmarks.teacher_agreement PHOTO_DIR [--pairs 50]``

On 50 pairs of ``photos/val``: SSIMULACRA2 within 0.15 (mean difference 0.011) over -34..94, MDSI within 0.091 (0.008)
over 0.10..0.34, GMSD within 0.002; 3-norm and maximum of both forms of butteraugli within 0.01 % of the program's.
``models.metrics.butteraugli`` takes half the program's processor time for a pair, a third of it for each further one.

Pairs: photos of the folder, cut to 384x512 at most, with the kinds of ``training.distort.distortions`` in turn at the
middle of their ranges.
"""

import argparse
import resource
import shutil
import tempfile
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from ssimulacra2 import compute_ssimulacra2

from models.metrics.butteraugli import ButteraugliReference
from models.types import Rgb8
from tests.benchmarks.machine import describe_machine
from training.data.photos import load_photo
from training.distort.distortions import ADDED, GENERATED
from training.labels.features import NAMES, pair_features
from training.metrics.butteraugli import butteraugli_distance, three_norm
from training.metrics.butteraugli_program import PROGRAM, butteraugli
from training.metrics.ssimulacra2 import srgb_to_tensor, ssimulacra2_of_arrays
from training.run import torchvision_models  # noqa: F401  piq imports torchvision, which needs this first

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
    report_butteraugli(chosen)


def report_butteraugli(chosen: list[tuple[Rgb8, Rgb8]]) -> None:
    """Differences from the program in the 3-norm and the maximum, and processor time as a share of its."""
    ButteraugliReference(chosen[0][0]).norm(chosen[0][1])  # the first call compiles
    values, seconds = map(np.array, zip(*(compared_butteraugli(*pair) for pair in chosen), strict=True))
    published = values[:, 0]
    for index, form in ((1, "models.metrics.butteraugli"), (2, "training.metrics.butteraugli")):
        share = difference(values[:, index], published) / published
        for place, name in enumerate(("3-norm", "maximum")):
            print(
                f"{form:26} {name:7} {len(chosen)} pairs, "
                f"values {published[:, place].min():.3f}..{published[:, place].max():.3f}: "
                f"difference mean {share[:, place].mean():.4%}, maximum {share[:, place].max():.4%}"
            )
    first, further = np.median(seconds[:, 1:] / seconds[:, :1], axis=0)
    print(f"butteraugli here: median {first:.2f} of the program's processor time, {further:.2f} for a further version")


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


def compared_butteraugli(reference: Rgb8, distorted: Rgb8) -> tuple[list[tuple[float, float]], list[float]]:
    """3-norm and maximum of the program, of butteraugli here and of ``training.metrics.butteraugli``; processor seconds
    of the program, of ``models.metrics.butteraugli`` and of that with a reference at hand."""
    moments = [processor_s()]
    printed = butteraugli(reference, distorted)
    moments.append(processor_s())
    judge = ButteraugliReference(reference)
    moments.append(processor_s())
    norm = judge.norm(distorted)
    moments.append(processor_s())
    with torch.inference_mode():
        distance = butteraugli_distance(srgb_to_tensor(reference), srgb_to_tensor(distorted))
        by_tensors = float(three_norm(distance)), float(distance.max())
    program, prepare, compare = np.diff(moments)
    ours = norm, float(judge.distances(distorted).max())
    return [(printed.three_norm, printed.maximum), ours, by_tensors], [program, prepare + compare, compare]


def processor_s() -> float:
    """Processor time of this process and of the programs it ran."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


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
