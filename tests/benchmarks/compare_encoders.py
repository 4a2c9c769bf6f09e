"""Every JPEG encoder found on this machine beside Limen, in one run: size at equal quality, BD-rate, speed, plots.

    python -m tests.benchmarks.compare_encoders FOLDER [--limit N] [--guetzli N] [--plots FOLDER] [--json FILE]

What ``--json`` names is written after each photo; points of other encoders that it already holds are not measured anew.

Looked for: Pillow's libjpeg-turbo at 4:2:0 (the ratio's other side) and 4:4:4; ``cjpeg`` and mozjpeg's ``cjpeg`` (told
apart by ``-version``; also in ``/opt/mozjpeg/bin`` and as ``mozcjpeg``); ``cjpegli``; ``jpeg-recompress``;
``guetzli`` (slow: on the first ``--guetzli`` photos); pyjpegli with and without mozjpeg-lossless-optimization; pyvips.

Judges: SSIMULACRA2 and butteraugli's 3-norm, both of ``models.metrics``. Log sizes are
interpolated linearly between the measured qualities; ratios are geometric means over the photos that reach the point.
BD-rate: mean of ln(size / size) over SSIMULACRA2 50 to 90, as far as both were measured. Speed is CPU time, the start
of a program included; Limen's without its JND network, whose map serves all qualities.
"""

import argparse
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.jpeg.pixels import decode_jpeg
from models.metrics.butteraugli import ButteraugliReference
from models.metrics.ssimulacra2 import Ssimulacra2Reference
from models.varjpeg.warm_up import warm_up
from tests.benchmarks.codec_size import BUTTERAUGLI_POINTS, SSIMULACRA2_POINTS, log_ratios
from tests.benchmarks.encoders import LIMEN, PLAIN, Encoder, found_encoders
from tests.benchmarks.machine import describe_machine

SUFFIXES = {".png", ".webp", ".jpg", ".jpeg"}
BD_RANGE = (50.0, 90.0)


@dataclass(frozen=True, slots=True)
class Point:
    """One file: ``norm`` is butteraugli's."""

    size_bytes: int
    ssimulacra2: float
    norm: float
    cpu_s: float


Curves = dict[str, list[Point]]


def measure(path: Path, encoders: list[Encoder], known: Curves) -> Curves:
    """All points of all encoders on one photo; Limen's anew, of the others those that are not ``known``."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    ssimulacra2 = Ssimulacra2Reference(pixels)
    butteraugli = ButteraugliReference(pixels)
    curves: Curves = {encoder.name: known[encoder.name] for encoder in encoders if encoder.name in known}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for suffix in ("ppm", "png"):
            Image.fromarray(pixels).save(folder / f"photo.{suffix}")
        for encoder in encoders:
            if encoder.name in known and encoder.name != LIMEN:
                continue
            encoder.encode(pixels, folder, encoder.qualities[0])  # what a first call compiles or loads is not timed
            curves[encoder.name] = []
            for quality in encoder.qualities:
                began = _cpu_s()
                data = encoder.encode(pixels, folder, quality)
                seconds = _cpu_s() - began
                decoded = decode_jpeg(data)
                scores = ssimulacra2.score(decoded), butteraugli.norm(decoded)
                curves[encoder.name].append(Point(len(data), *scores, seconds))
    return curves


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def ratios(points: list[Point], plain: list[Point]) -> list[float]:
    """ln(size / plain size) at the SSIMULACRA2 points, then at butteraugli's; NaN where one side was not measured."""
    values = log_ratios(_by_ssimulacra2(points), _by_ssimulacra2(plain), SSIMULACRA2_POINTS)
    return values + log_ratios(_by_butteraugli(points), _by_butteraugli(plain), BUTTERAUGLI_POINTS)


def bd_rate(points: list[Point], plain: list[Point]) -> float:
    """Mean ln(size / plain size) over the common part of the range."""
    grid = tuple(np.linspace(*BD_RANGE, 81).tolist())
    both = np.array(log_ratios(_by_ssimulacra2(points), _by_ssimulacra2(plain), grid))
    return float(np.nanmean(both)) if np.isfinite(both).any() else float("nan")


def _by_ssimulacra2(points: list[Point]) -> NDArray[np.float64]:
    return np.array(sorted((point.ssimulacra2, np.log(point.size_bytes)) for point in points))


def _by_butteraugli(points: list[Point]) -> NDArray[np.float64]:
    return np.array(sorted((-point.norm, np.log(point.size_bytes)) for point in points))


def table(photos: list[Curves], megapixels: list[float]) -> list[str]:
    """One line for each encoder."""
    labels = [f"S2 {point:g}" for point in SSIMULACRA2_POINTS]
    labels += [f"b3 {-point:g}" for point in BUTTERAUGLI_POINTS]
    lines = [f"{'size, ratio to libjpeg-turbo':<42}" + "".join(f"{x:>8}" for x in [*labels, "BD", "MP/s", "photos"])]
    names = dict.fromkeys(name for photo in photos for name in photo)
    for name in names:
        both = [
            (photo[name], photo[PLAIN], size) for photo, size in zip(photos, megapixels, strict=True) if name in photo
        ]
        means = _means(np.array([ratios(points, plain) for points, plain, _ in both]))
        gain = float(np.nanmean([bd_rate(points, plain) for points, plain, _ in both]))
        speed = sum(size * len(points) for points, _, size in both) / sum(
            p.cpu_s for points, _, _ in both for p in points
        )
        cells = "".join(f"{mean:8.3f}" for mean in means)
        lines.append(f"{name:<42}{cells}{np.expm1(gain):+8.1%}{speed:8.3g}{len(both):8d}")
    return [*lines, *_wins(photos)]


def _wins(photos: list[Curves]) -> list[str]:
    """The best of all others, and on how many of the photos on which Limen or another reaches a point Limen is smaller.

    Sizes are compared themselves here: plain libjpeg-turbo need not reach the point.
    """
    bests, wins, reached = [], [], []
    for photo in photos:
        sizes = {name: np.nan_to_num(_log_sizes(points), nan=np.inf) for name, points in photo.items()}
        best = np.min([size for name, size in sizes.items() if name != LIMEN], axis=0)
        wins.append(sizes[LIMEN] < best)
        reached.append(np.isfinite(np.minimum(sizes[LIMEN], best)))
        bests.append(np.where(np.isfinite(best), best, np.nan) - _log_sizes(photo[PLAIN]))
    best_line = "".join(f"{mean:8.3f}" for mean in _means(np.array(bests)))
    return [
        f"{'the best other, photo by photo':<42}{best_line}",
        f"{'photos where limen is smaller than it':<42}" + "".join(f"{n:8d}" for n in np.sum(wins, axis=0)),
        f"{'of those that one of them reaches':<42}" + "".join(f"{n:8d}" for n in np.sum(reached, axis=0)),
    ]


def _log_sizes(points: list[Point]) -> NDArray[np.float64]:
    """ln(size) at the points of ``ratios``; NaN where it was not measured."""
    known = ((_by_ssimulacra2(points), SSIMULACRA2_POINTS), (_by_butteraugli(points), BUTTERAUGLI_POINTS))
    return np.hstack([np.interp(at, curve[:, 0], curve[:, 1], left=np.nan, right=np.nan) for curve, at in known])


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Geometric means over the photos that reach the point; NaN where none does."""
    known = np.isfinite(values)
    sums = np.where(known, values, 0.0).sum(axis=0)
    return np.where(known.any(axis=0), np.exp(sums / np.maximum(known.sum(axis=0), 1)), np.nan)


def draw(photos: list[Curves], folder: Path) -> None:
    """``ssimulacra2.svg`` and ``butteraugli.svg``: ratio of sizes over quality, one line for each encoder."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    judges = {
        "ssimulacra2": (_by_ssimulacra2, np.linspace(45, 92, 95), "SSIMULACRA2"),
        "butteraugli": (_by_butteraugli, np.linspace(-2.0, -0.6, 71), "minus butteraugli 3-norm"),
    }
    for judge, (by, grid, label) in judges.items():
        figure, axes = pyplot.subplots(figsize=(8, 5))
        for name in dict.fromkeys(name for photo in photos for name in photo):
            each = [log_ratios(by(photo[name]), by(photo[PLAIN]), tuple(grid)) for photo in photos if name in photo]
            axes.plot(grid, _means(np.array(each)), label=name, linewidth=2.5 if name == LIMEN else 1)
        axes.set(xlabel=label, ylabel="size, ratio to libjpeg-turbo 4:2:0", ylim=(0.7, 1.2))
        axes.legend(fontsize=7)
        axes.grid(alpha=0.3)
        figure.savefig(folder / f"{judge}.svg")
        pyplot.close(figure)


def read_points(path: Path | None) -> dict[str, Curves]:
    """Points of a former run by photo, none without a file."""
    if path is None or not path.exists():
        return {}
    document = json.loads(path.read_text())
    return {
        photo: {name: [Point(**point) for point in curve] for name, curve in curves.items()}
        for photo, curves in document.items()
    }


def write_points(path: Path | None, photos: dict[str, Curves]) -> None:
    """The points as JSON."""
    if path is not None:
        points = {
            photo: {name: [asdict(point) for point in curve] for name, curve in curves.items()}
            for photo, curves in photos.items()
        }
        path.write_text(json.dumps(points, indent=1) + "\n")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, help="only so many photos, evenly picked")
    parser.add_argument("--guetzli", type=int, default=0, help="photos on which guetzli is measured, a minute each")
    parser.add_argument("--plots", type=Path, help="folder for ssimulacra2.svg and butteraugli.svg")
    parser.add_argument("--json", type=Path, help="every point: read where it is there, and written")
    options = parser.parse_args()
    paths = sorted(path for path in options.folder.iterdir() if path.suffix.lower() in SUFFIXES)
    paths = paths[:: max(1, -(-len(paths) // options.limit))] if options.limit else paths
    warm_up()
    encoders = found_encoders()
    print(describe_machine())
    print(f"{len(paths)} photos; encoders: {'; '.join(encoder.name for encoder in encoders)}\n", flush=True)
    kept = read_points(options.json)
    photos, megapixels = [], []
    for number, path in enumerate(paths):
        measured = [each for each in encoders if not each.slow or number < options.guetzli]
        photos.append(measure(path, measured, kept.get(path.name, {})))
        kept[path.name] = kept.get(path.name, {}) | photos[-1]
        write_points(options.json, kept)
        with Image.open(path) as image:
            megapixels.append(image.width * image.height / 1e6)
    print("\n".join(table(photos, megapixels)))
    if options.plots:
        draw(photos, options.plots)


if __name__ == "__main__":
    main()
