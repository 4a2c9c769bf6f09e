"""Size of Limen's JPEG at equal quality, as a ratio to libjpeg-turbo (4:2:0, optimised, progressive), and its speed.

    python -m tests.benchmarks.codec_size PHOTO_DIR [--limit N] [--jnd] [--butteraugli] [--keep FOLDER]

Log sizes are interpolated linearly between the measured qualities; ratios are geometric means over the photos.
Quality is SSIMULACRA2 and, with ``--butteraugli``, butteraugli's 3-norm, both as ``models`` computes them: tests hold
them to the Python package ``ssimulacra2`` and to libjxl's program. pyjpegli with mozjpeg-lossless-optimization stands
beside Limen where it is installed; ``compare_encoders`` has all others. ``--keep`` stores what the other encoders gave,
which takes two thirds of the time and does not change with Limen.
"""

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import mozjpeg_lossless_optimization
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.jpeg.pixels import decode_jpeg
from models.metrics.butteraugli import ButteraugliReference
from models.metrics.ssimulacra2 import Ssimulacra2Reference
from models.sur.reference_jpeg import encode_reference_jpeg
from models.types import Rgb8
from models.varjpeg.photo import PreparedPhoto, encode_jpeg
from models.varjpeg.warm_up import warm_up

SSIMULACRA2_POINTS = (60.0, 70.0, 80.0, 85.0, 90.0)
BUTTERAUGLI_POINTS = (-1.2, -1.0, -0.8)
QUALITIES = (40, 55, 67, 76, 83, 88, 91, 94, 97)
HIGHER, LOWER = (98, 99, 100), (30, 20, 10)
"""Tried in turn where a photo does not reach a point within ``QUALITIES``: halved chroma may need 100."""
LIMEN = "limen"
PLAIN = "libjpeg-turbo"
PEER = "pyjpegli + mozjpeg-lossless"

Encoder = Callable[[int], bytes]
Judges = list[Callable[[Rgb8], float]]
Curve = NDArray[np.float64]


def measured_point(encode: Encoder, quality: int, judges: Judges) -> list[float]:
    """Scores, higher is better, then ln size of one encoding."""
    data = encode(quality)
    decoded = decode_jpeg(data)
    return [*(judge(decoded) for judge in judges), float(np.log(len(data)))]


def measured_curve(point: Callable[[int], list[float]], points: list[tuple[float, ...]]) -> Curve:
    """Rows as ``measured_point`` gives them at ``QUALITIES``, and as far beyond as it takes to reach all ``points``."""
    lowest, highest = [min(each) for each in points], [max(each) for each in points]
    curve = [point(quality) for quality in QUALITIES]
    for quality in HIGHER:
        if any(best < wanted for best, wanted in zip(np.max(curve, axis=0), highest, strict=False)):
            curve.append(point(quality))
    for quality in LOWER:
        if any(worst > wanted for worst, wanted in zip(np.min(curve, axis=0), lowest, strict=False)):
            curve.append(point(quality))
    return np.array(curve)


def kept_point(measure_it: Callable[[], list[float]], keep: Path | None, *names: str) -> list[float]:
    """The point stored in ``keep`` under these names, measured and stored if it is not there."""
    if keep is None:
        return measure_it()
    path = keep / f"{hashlib.sha256(' '.join(names).encode()).hexdigest()}.json"
    if not path.exists():
        path.write_text(json.dumps(measure_it()))
    found: list[float] = json.loads(path.read_text())
    return found


def log_ratios(measured: Curve, plain: Curve, points: tuple[float, ...]) -> list[float]:
    """ln(size / plain size) at each score, NaN outside what was measured; curves (N, 2): score and ln size."""
    own, other = (np.interp(points, of[:, 0], of[:, 1], left=np.nan, right=np.nan) for of in (measured, plain))
    return [float(ratio) for ratio in own - other]


def by_score(curve: Curve, judge: int) -> Curve:
    """Score of one judge and ln size, sorted by score."""
    return curve[np.argsort(curve[:, judge])][:, [judge, -1]]


def jnd_map(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Thresholds of the shipped JND model."""
    from models.jnd import predict_jnd_map

    return predict_jnd_map(pixels).values


def encoders(pixels: NDArray[np.uint8], use_jnd: bool) -> dict[str, Encoder]:
    """The photo at a quality, by encoder."""
    photo = PreparedPhoto(pixels, jnd_map(pixels) if use_jnd else None)
    found: dict[str, Encoder] = {
        LIMEN: lambda quality: photo.encode(quality).data,
        PLAIN: partial(encode_reference_jpeg, pixels),
    }
    try:
        import pyjpegli
    except ImportError:
        return found
    height, width = pixels.shape[:2]
    found[PEER] = lambda quality: mozjpeg_lossless_optimization.optimize(
        pyjpegli.encode(pixels.tobytes(), width, height, quality)
    )
    return found


def measure(path: Path, use_jnd: bool, butteraugli: bool, keep: Path | None) -> dict[str, list[float]]:
    """Log ratios of each encoder on one photo: SSIMULACRA2 points, then butteraugli points if asked for."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    photo = hashlib.sha256(pixels.tobytes()).hexdigest()
    judges: Judges = [Ssimulacra2Reference(pixels).score]
    points: list[tuple[float, ...]] = [SSIMULACRA2_POINTS]
    if butteraugli:
        reference = ButteraugliReference(pixels)
        judges.append(lambda decoded: -reference.norm(decoded))
        points.append(BUTTERAUGLI_POINTS)
    curves = {}
    for name, encode in encoders(pixels, use_jnd).items():

        def point(quality: int, name: str = name, encode: Encoder = encode) -> list[float]:
            measure_it = partial(measured_point, encode, quality, judges)
            return kept_point(measure_it, None if name == LIMEN else keep, photo, name, str(quality), str(len(judges)))

        curves[name] = measured_curve(point, points)
    plain = curves.pop(PLAIN)
    return {
        name: [
            ratio
            for judge, wanted in enumerate(points)
            for ratio in log_ratios(by_score(curve, judge), by_score(plain, judge), wanted)
        ]
        for name, curve in curves.items()
    }


def megapixels_per_second(path: Path, quality: float = 75.0, repeats: int = 5) -> float:
    """Best speed per CPU second of a whole fixed-quality call on one photo, loops compiled before."""
    warm_up()
    pixels = np.asarray(Image.open(path).convert("RGB"))
    times: list[float] = []
    for _ in range(repeats):
        start = time.process_time()
        encode_jpeg(pixels, quality=quality)
        times.append(time.process_time() - start)
    height, width = pixels.shape[:2]
    return float(height * width / (1e6 * min(times)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--jnd", action="store_true", help="steer by the JND model instead of the photo's activity")
    parser.add_argument("--butteraugli", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder for the curves of the other encoders")
    options = parser.parse_args()
    paths = sorted(p for p in options.photos.iterdir() if p.suffix.lower() in {".png", ".webp", ".jpg", ".jpeg"})
    paths = paths[: options.limit]
    with ProcessPoolExecutor(options.workers) as pool:
        run = partial(measure, use_jnd=options.jnd, butteraugli=options.butteraugli, keep=options.keep)
        photos = list(pool.map(run, paths))
    labels = [f"S2 {p:g}" for p in SSIMULACRA2_POINTS]
    labels += [f"b3 {-p:g}" for p in BUTTERAUGLI_POINTS] if options.butteraugli else []
    print(f"{'ratio to libjpeg-turbo, ' + str(len(paths)) + ' photos':<32}", *(f"{label:>8}" for label in labels))
    for name in photos[0]:
        means = np.exp(np.nanmean([photo[name] for photo in photos], axis=0))
        print(f"{name:<32}", *(f"{mean:8.3f}" for mean in means))
    own = np.array([photo[LIMEN] for photo in photos])
    peers = [name for name in photos[0] if name != LIMEN]
    best = np.fmin.reduce([np.zeros_like(own), *(np.array([photo[name] for photo in photos]) for name in peers)])
    print(f"{'the best other, photo by photo':<32}", *(f"{mean:8.3f}" for mean in np.exp(np.nanmean(best, axis=0))))
    print(f"{'photos where limen is smaller':<32}", *(f"{win:8d}" for win in (own < best).sum(axis=0)))
    print(f"{'of those that reach the point':<32}", *(f"{count:8d}" for count in np.isfinite(own).sum(axis=0)))
    print(f"{megapixels_per_second(paths[0]):.2f} megapixels per CPU second ({paths[0].name}, quality 75)")


if __name__ == "__main__":
    main()
