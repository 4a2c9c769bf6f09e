"""Figures 15 and 16 of the VarJPEG thesis (section 6.3) with predicted in place of crowd-sourced JNDs.

    python -m tests.benchmarks.thesis_comparison FOLDER [--limit N] [--plot FILE.svg]

Each photo is compressed by the thesis' container and by standard JPEG (libjpeg-turbo, 4:2:0, sequential, optimised, as
the container codes) to the point where 25 % (figure 15) and 50 % (figure 16) of the viewers notice: the lowest quality
at which the predicted share of satisfied viewers (observer mcl-jci) is still 0.75 and 0.5. Diagrams a) to d) as there:
bitrates of both; their difference over the share that the side information has of the file, over the bitrate of the
reference, and over its quality score.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import matplotlib
import numpy as np
from scipy.stats import spearmanr

from models.decode import decode_image
from models.jpeg.pixels import decode_jpeg
from models.patch_quality import predict_patch_quality_map
from models.quality_score import predict_quality_score
from models.sur.observers import find_profile
from models.sur.reference import SurReference
from models.types import Rgb8, RgbImage
from models.varjpeg.container import PreparedContainer, decode_varjpeg
from models.varjpeg.container_header import parse_header
from tests.assets.photos import jpeg
from tests.benchmarks.machine import describe_machine

SUFFIXES = {".png", ".webp", ".jpg", ".jpeg", ".avif", ".tif", ".tiff"}
OBSERVER = "mcl-jci"
NOTICED = {15: 0.25, 16: 0.5}
"""Share of viewers who notice, by figure."""

SALIENCE_STRIDE = 8
STEPS_PER_QUALITY = 4
SIZE_FIELDS = 5
"""Flags, height and width: what a header holds that ordinary JPEG has too."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One photo at one share: bits per pixel of container, standard JPEG and reference file, and the score."""

    photo: str
    container: float
    standard: float
    side_information: float
    reference: float
    score: float

    @property
    def difference(self) -> float:
        """Standard less container, in bits per pixel: positive where the thesis' method wins."""
        return self.standard - self.container


def lowest_that_satisfies(satisfies: Callable[[int], bool], lowest: int, highest: int) -> int:
    """By bisection, as the share rises (almost) with quality; ``highest`` if none does."""
    while lowest < highest:
        middle = (lowest + highest) // 2
        lowest, highest = (lowest, middle) if satisfies(middle) else (middle + 1, highest)
    return highest


def standard_jpeg(pixels: Rgb8, quality: int) -> bytes:
    """Sequential 4:2:0 with optimal Huffman codes."""
    return jpeg(pixels, quality=quality, subsampling="4:2:0", optimize=True)


def measure(path: Path) -> dict[int, Outcome]:
    """Both figures' outcomes for one photo."""
    original = path.read_bytes()
    image = decode_image(original)
    plain = RgbImage(image.pixels, image.pixels)
    reference, profile = SurReference(plain), find_profile(OBSERVER)
    container = PreparedContainer(plain, predict_patch_quality_map(plain, stride=SALIENCE_STRIDE))
    score = predict_quality_score(plain).mos
    files: dict[tuple[str, int], tuple[bytes, float]] = {}

    def file(kind: str, step: int) -> tuple[bytes, float]:
        if (kind, step) not in files:
            if kind == "container":
                data = container.encode(step / STEPS_PER_QUALITY)
                decoded = decode_varjpeg(data).pixels
            else:
                data = standard_jpeg(plain.pixels, step)
                decoded = decode_jpeg(data)
            files[kind, step] = data, reference.sur(decoded, profile)
        return files[kind, step]

    def satisfies(kind: str, noticed: float, step: int) -> bool:
        return file(kind, step)[1] >= 1 - noticed

    bits = 8 / (image.height * image.width)
    outcomes = {}
    for figure, noticed in NOTICED.items():
        chosen = {}
        for kind, steps in (("container", STEPS_PER_QUALITY), ("standard", 1)):
            step = lowest_that_satisfies(partial(satisfies, kind, noticed), steps, 99 * steps)
            chosen[kind] = file(kind, step)[0]
        side = parse_header(chosen["container"])[1] - SIZE_FIELDS
        sizes = (len(chosen["container"]) * bits, len(chosen["standard"]) * bits, side * bits, len(original) * bits)
        outcomes[figure] = Outcome(path.stem, *sizes, score)
    return outcomes


def summarise(figure: int, outcomes: list[Outcome]) -> None:
    """One figure in numbers."""
    wins = sum(outcome.difference > 0 for outcome in outcomes)
    ratio = float(np.exp(np.mean([np.log(outcome.container / outcome.standard) for outcome in outcomes])))
    print(f"\nfigure {figure}: {NOTICED[figure]:.0%} of the viewers notice; bits per pixel")
    print(f"{'photo':<24}{'container':>10}{'standard':>10}{'difference':>12}{'side info':>11}{'score':>7}")
    for outcome in outcomes:
        share = outcome.side_information / outcome.container
        print(
            f"{outcome.photo:<24}{outcome.container:>10.3f}{outcome.standard:>10.3f}{outcome.difference:>+12.3f}"
            f"{share:>11.2%}{outcome.score:>7.1f}"
        )
    print(f"a) container smaller on {wins} of {len(outcomes)}; geometric mean of the ratios {ratio:.3f}")
    for letter, name, values in abscissae(outcomes):
        if len(outcomes) > 2:
            print(f"{letter}) difference over {name}: SROCC {spearmanr(values, differences(outcomes)).statistic:+.2f}")


def abscissae(outcomes: list[Outcome]) -> list[tuple[str, str, list[float]]]:
    """Horizontal axes of diagrams b) to d)."""
    return [
        ("b", "side information, share of the file", [o.side_information / o.container for o in outcomes]),
        ("c", "bits per pixel of the reference", [o.reference for o in outcomes]),
        ("d", "quality score of the reference", [o.score for o in outcomes]),
    ]


def differences(outcomes: list[Outcome]) -> list[float]:
    """Vertical axis of diagrams b) to d)."""
    return [outcome.difference for outcome in outcomes]


def draw(figures: dict[int, list[Outcome]], path: Path) -> None:
    """A row of four diagrams for each figure."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    canvas, rows = pyplot.subplots(2, 4, figsize=(16, 8))
    for axes, (figure, outcomes) in zip(rows, figures.items(), strict=True):
        both = [o.standard for o in outcomes], [o.container for o in outcomes]
        axes[0].scatter(both[1], both[0])
        axes[0].axline((0, 0), slope=1, color="grey")
        axes[0].set(xlabel="container, bits per pixel", ylabel=f"figure {figure}: standard JPEG, bits per pixel")
        for place, (_, name, values) in zip(axes[1:], abscissae(outcomes), strict=True):
            place.scatter(values, differences(outcomes))
            place.axhline(0, color="grey")
            place.set(xlabel=name, ylabel="standard less container, bits per pixel")
    canvas.tight_layout()
    canvas.savefig(path)
    pyplot.close(canvas)


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, help="only so many photos, evenly picked")
    parser.add_argument("--plot", type=Path, help="SVG or PNG with all diagrams")
    options = parser.parse_args()
    paths = sorted(path for path in options.folder.iterdir() if path.suffix.lower() in SUFFIXES)
    paths = paths[:: max(1, -(-len(paths) // options.limit))] if options.limit else paths
    print(describe_machine(), flush=True)
    measured = [measure(path) for path in paths]
    figures = {figure: [outcome[figure] for outcome in measured] for figure in NOTICED}
    for figure, outcomes in figures.items():
        summarise(figure, outcomes)
    if options.plot:
        draw(figures, options.plot)


if __name__ == "__main__":
    main()
