"""Size of Limen's JPEG at equal quality, as a ratio to libjpeg-turbo (4:2:0, optimised, progressive), and its speed.

    python -m tests.benchmarks.codec_size PHOTO_DIR [--limit N] [--jnd] [--butteraugli] [--keep FOLDER]

Log sizes are interpolated linearly between the measured qualities; ratios are geometric means over the photos.
Quality is SSIMULACRA2 (package ``ssimulacra2``); with ``--butteraugli`` also the 3-norm of ``butteraugli_main``.
pyjpegli with mozjpeg-lossless-optimization stands beside Limen where it is installed. ``--keep`` stores the curves of
the other encoders, which take two thirds of the time and do not change with Limen.
"""

import argparse
import hashlib
import json
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import mozjpeg_lossless_optimization
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from ssimulacra2 import compute_ssimulacra2

from models.sur_prediction import encode_reference_jpeg
from models.varjpeg import PreparedPhoto, encode_jpeg, warm_up

SSIMULACRA2_POINTS = (60.0, 70.0, 80.0, 85.0, 90.0)
BUTTERAUGLI_POINTS = (-1.2, -1.0, -0.8)
PLAIN_QUALITIES = (40, 55, 67, 76, 83, 88, 91, 94, 97)
LIMEN_QUALITIES = (40.0, 55.0, 67.0, 76.0, 83.0, 88.0, 91.0, 94.0, 97.0)
PLAIN = "libjpeg-turbo"
PEER = "pyjpegli + mozjpeg-lossless"
JPEGLI_QUALITIES = (40, 55, 67, 76, 83, 88, 91, 94, 97)

Judge = Callable[[Path, Path], float]
Curve = NDArray[np.float64]


def ssimulacra2_score(reference: Path, distorted: Path) -> float:
    """Higher is better."""
    return float(compute_ssimulacra2(str(reference), str(distorted)))


def butteraugli_score(reference: Path, distorted: Path) -> float:
    """Minus the 3-norm, so that higher is better."""
    command = ["butteraugli_main", str(reference), str(distorted)]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"3-norm: ([\d.]+)", report)
    if found is None:
        raise RuntimeError(f"butteraugli_main answered {report!r}")
    return -float(found[1])


def measured_curve(encode: Callable[[], Iterator[bytes]], reference: Path, judge: Judge) -> Curve:
    """(quality, ln size) of the encodings, sorted by quality."""
    points = []
    with tempfile.TemporaryDirectory() as folder:
        jpeg, png = Path(folder) / "a.jpg", Path(folder) / "a.png"
        for data in encode():
            jpeg.write_bytes(data)
            Image.open(jpeg).convert("RGB").save(png, compress_level=1)
            points.append((judge(reference, png), np.log(len(data))))
    return np.array(sorted(points))


def kept_curve(measure_it: Callable[[], Curve], keep: Path | None, *names: str) -> Curve:
    """The curve stored in ``keep`` under these names, measured and stored if it is not there."""
    if keep is None:
        return measure_it()
    path = keep / f"{hashlib.sha256(' '.join(names).encode()).hexdigest()}.json"
    if path.exists():
        return np.array(json.loads(path.read_text()))
    found = measure_it()
    path.write_text(json.dumps(found.tolist()))
    return found


def log_ratios(measured: Curve, plain: Curve, points: tuple[float, ...]) -> list[float]:
    """ln(size / plain size) at each quality, NaN outside what was measured."""
    own, other = (np.interp(points, of[:, 0], of[:, 1], left=np.nan, right=np.nan) for of in (measured, plain))
    return [float(ratio) for ratio in own - other]


def jnd_map(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Thresholds of the shipped JND model."""
    from models.jnd import predict_jnd_map

    return predict_jnd_map(pixels).values


def encoders(pixels: NDArray[np.uint8], use_jnd: bool) -> dict[str, Callable[[], Iterator[bytes]]]:
    """Encodings of a photo over a range of qualities, by encoder."""
    photo = PreparedPhoto(pixels, jnd_map(pixels) if use_jnd else None)
    found: dict[str, Callable[[], Iterator[bytes]]] = {
        "limen": lambda: (photo.encode(q).data for q in LIMEN_QUALITIES),
        PLAIN: lambda: (encode_reference_jpeg(pixels, q) for q in PLAIN_QUALITIES),
    }
    try:
        import pyjpegli
    except ImportError:
        return found
    height, width = pixels.shape[:2]
    found[PEER] = lambda: (
        mozjpeg_lossless_optimization.optimize(pyjpegli.encode(pixels.tobytes(), width, height, q))
        for q in JPEGLI_QUALITIES
    )
    return found


def measure(path: Path, use_jnd: bool, butteraugli: bool, keep: Path | None) -> dict[str, list[float]]:
    """Log ratios of each encoder on one photo: SSIMULACRA2 points, then butteraugli points if asked for."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    photo = hashlib.sha256(pixels.tobytes()).hexdigest()
    judged: list[tuple[Judge, tuple[float, ...]]] = [(ssimulacra2_score, SSIMULACRA2_POINTS)]
    if butteraugli:
        judged.append((butteraugli_score, BUTTERAUGLI_POINTS))
    results: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        reference = Path(folder) / "reference.png"
        Image.fromarray(pixels).save(reference, compress_level=1)
        for judge, points in judged:
            curves = {}
            for name, encode in encoders(pixels, use_jnd).items():
                names = photo, name, judge.__name__, str(PLAIN_QUALITIES), str(JPEGLI_QUALITIES)
                measure_it = partial(measured_curve, encode, reference, judge)
                curves[name] = measure_it() if name == "limen" else kept_curve(measure_it, keep, *names)
            plain = curves.pop(PLAIN)
            for name, measured in curves.items():
                results.setdefault(name, []).extend(log_ratios(measured, plain, points))
    return results


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
    if PEER in photos[0]:
        wins = (np.array([p["limen"] for p in photos]) < np.array([p[PEER] for p in photos])).sum(axis=0)
        reached = np.isfinite(np.array([p["limen"] for p in photos]) + np.array([p[PEER] for p in photos])).sum(axis=0)
        print(f"{'photos where limen is smaller':<32}", *(f"{win:8d}" for win in wins))
        print(f"{'of those that reach the point':<32}", *(f"{count:8d}" for count in reached))
    print(f"{megapixels_per_second(paths[0]):.2f} megapixels per CPU second ({paths[0].name}, quality 75)")


if __name__ == "__main__":
    main()
