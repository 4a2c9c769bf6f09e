"""CPU time, wall time and peak memory of each kind of request, beside what other encoders take for the same photo.

    python -m tests.benchmarks.request_cost PHOTO [--runs 3]

Each way runs in a process of its own, in process and warm: once on a small photo, then on this one, decoding included;
the median counts. Memory is the growth of the peak over the process that has done the small photo. Peers, at quality
75: pyjpegli with mozjpeg-lossless-optimization; libvips' mozjpeg settings where pyvips can be imported. Ratios are to
the first of them, in one run on one machine. Last come whole commands, start included.
"""

import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from models.decode import decode_image
from models.full_reference import predict_full_reference_score
from models.jnd import predict_jnd_map
from models.patch_quality import predict_patch_quality_map
from models.quality_score import predict_quality_score
from models.rendering import JND_OVERLAY_RANGE, JND_PNG_SCALE, grey16_png, overlay_png
from models.sur.prediction import predict_sur_curve
from models.sur.reference_jpeg import encode_reference_jpeg
from models.varjpeg.optimise import optimise_photo
from models.varjpeg.options import VarJpegOptions
from models.varjpeg.plain_encoding import encode_plainly
from tests.assets.draw_sample import draw_sample
from tests.assets.photos import png
from tests.benchmarks.machine import describe_machine

SMALL = 256
PEER = "pyjpegli + mozjpeg-lossless"


def pyjpegli_and_lossless(data: bytes) -> bytes:
    """A fast encoder of today and the scan search that Limen uses too."""
    import mozjpeg_lossless_optimization
    import pyjpegli

    pixels = decode_image(data).pixels
    coded = pyjpegli.encode(np.ascontiguousarray(pixels).tobytes(), pixels.shape[1], pixels.shape[0], 75)
    return bytes(mozjpeg_lossless_optimization.optimize(coded))


def vips_mozjpeg(data: bytes) -> bytes:
    """All that libvips offers of mozjpeg."""
    import pyvips

    options = {"trellis_quant": True, "overshoot_deringing": True, "optimize_scans": True, "interlace": True}
    return bytes(pyvips.Image.new_from_buffer(data, "").jpegsave_buffer(Q=75, optimize_coding=True, **options))


def jnd_map_and_pictures(data: bytes) -> tuple[bytes, bytes]:
    """The map as 16-bit PNG and over the photo."""
    image = decode_image(data)
    values = predict_jnd_map(image).values
    low, high = JND_OVERLAY_RANGE
    return grey16_png(values, scale=JND_PNG_SCALE), overlay_png(image.pixels, values, low=low, high=high)


def score_of_a_jpeg(data: bytes) -> object:
    """Full reference, between the photo and a JPEG of it."""
    image = decode_image(data)
    return predict_full_reference_score(image, decode_image(encode_reference_jpeg(image.pixels, 60)))


def optimised(**asked: object) -> Callable[[bytes], object]:
    """A ``varjpeg`` request."""
    return lambda data: optimise_photo(decode_image(data), VarJpegOptions.model_validate(asked), original=data)


WAYS: dict[str, Callable[[bytes], object]] = {
    PEER: pyjpegli_and_lossless,
    "libvips, mozjpeg's settings": vips_mozjpeg,
    "varjpeg, quality 75": optimised(quality=75.0),
    "varjpeg, target_sur 0.75": optimised(target_sur=0.75),
    "varjpeg, ssimulacra2 80": optimised(target_metric="ssimulacra2", target_value=80.0),
    "jnd-map, PNG and overlay": jnd_map_and_pictures,
    "sur-curve": lambda data: predict_sur_curve(decode_image(data)),
    "full-reference-score": score_of_a_jpeg,
    "quality-score": lambda data: predict_quality_score(decode_image(data)),
    "patch-quality-map": lambda data: predict_patch_quality_map(decode_image(data)),
    "plain-encoding, AVIF of 60": lambda data: encode_plainly(decode_image(data), "avif", quality=60),
}
COMMANDS = (
    ("--help",),
    ("varjpeg", "IN", "-o", "OUT.jpg"),
    ("jnd-map", "IN", "-o", "OUT.png"),
    ("sur-curve", "IN"),
    ("quality-score", "IN"),
)


def main() -> None:
    """Print the table, or as a child process one way's figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way is not None:
        print(json.dumps(measured(WAYS[options.way], options.photo.read_bytes(), options.runs)))
        return
    print(describe_machine())
    with Image.open(options.photo) as photo:
        pixels = photo.width * photo.height
        print(f"image:   {photo.width}x{photo.height} {photo.format}, median of {options.runs} runs")
    print(f"{'in process, warm':30} {'CPU s':>7} {'wall s':>7} {'B/pixel':>8} {'x peer':>7}")
    peer = None
    for name in WAYS:
        if WAYS[name] is vips_mozjpeg and importlib.util.find_spec("pyvips") is None:
            continue
        cpu, wall, memory = in_a_process(name, options.photo, options.runs)
        peer = peer or cpu
        print(f"{name:30} {cpu:7.2f} {wall:7.2f} {memory / pixels:8.0f} {cpu / peer:7.1f}", flush=True)
    print(f"{'whole command':30} {'CPU s':>7}")
    for command in COMMANDS:
        print(f"{'limen ' + command[0]:30} {cpu_of_command(command, options.photo, options.runs):7.2f}", flush=True)


def in_a_process(name: str, photo: Path, runs: int) -> tuple[float, float, float]:
    """CPU and wall seconds and bytes of one way."""
    command = [sys.executable, "-m", "tests.benchmarks.request_cost", str(photo), "--way", name, "--runs", str(runs)]
    cpu, wall, memory = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return cpu, wall, memory


def measured(work: Callable[[bytes], object], data: bytes, runs: int) -> tuple[float, float, int]:
    """Of this process, medians, and growth of the peak in bytes."""
    work(png(draw_sample()[:SMALL, :SMALL]))
    before = peak_bytes()
    times = []
    for _ in range(runs):
        cpu, wall = time.process_time(), time.perf_counter()
        work(data)
        times.append((time.process_time() - cpu, time.perf_counter() - wall))
    cpu, wall = (statistics.median(each) for each in zip(*times, strict=True))
    return cpu, wall, peak_bytes() - before


def peak_bytes() -> int:
    """Peak resident memory of this process (Linux counts it in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def cpu_of_command(command: tuple[str, ...], photo: Path, runs: int) -> float:
    """Median CPU seconds of ``limen``, start included, on that photo."""
    program = "import sys; sys.argv[0] = 'limen'; from workers.cli.program import main; main()"
    with TemporaryDirectory() as folder:
        places = {"IN": str(photo), "OUT.jpg": f"{folder}/out.jpg", "OUT.png": f"{folder}/out.png"}
        arguments = [sys.executable, "-c", program, *(places.get(word, word) for word in command)]
        times = []
        for _ in range(runs + 1):  # the first fills caches
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(arguments, stdout=subprocess.DEVNULL, check=True, env=os.environ)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(times[1:])


if __name__ == "__main__":
    main()
