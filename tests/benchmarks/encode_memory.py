"""Peak memory of making one file, in bytes per pixel, beyond what the process holds before it sees the photo.

    python -m tests.benchmarks.encode_memory [--sizes 4000x3000,8000x6000]

Each way to ask runs in a process of its own, on a drawn photo, after the loops are compiled and the networks loaded.
Exits with 1 over ``LIMIT`` bytes per pixel.
"""

import argparse
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.decode import decode_image
from models.varjpeg.optimise import optimise_photo
from models.varjpeg.options import VarJpegOptions
from models.varjpeg.photo import encode_jpeg
from models.varjpeg.warm_up import warm_up
from tests.assets.photos import png
from tests.benchmarks.machine import describe_machine

LIMIT = 150
WAYS = ("encode", "quality", "quality of a jpeg", "target_sur")


def drawn(height: int, width: int) -> NDArray[np.uint8]:
    """Smooth colours and fine noise, made row by row so that drawing it takes no more memory than holding it."""
    random = np.random.default_rng(0)
    pixels = np.empty((height, width, 3), np.uint8)
    x = np.arange(width)
    for y in range(height):
        row = np.stack(
            [128 + 90 * np.sin(x / 97 + y / 53), 120 + 70 * np.cos(x / 310 + y / 71), 100 + 60 * np.sin(x / 900)]
        )
        pixels[y] = (row.T + random.integers(-6, 7, (width, 1))).clip(0, 255)
    return pixels


def bytes_per_pixel(way: str, height: int, width: int) -> float:
    """Growth of the peak resident memory, decoding included, over the process that holds the file alone."""
    buffer = io.BytesIO()
    form, options = ("JPEG", {"quality": 92}) if way == "quality of a jpeg" else ("PNG", {"compress_level": 1})
    Image.fromarray(drawn(height, width)).save(buffer, form, **options)
    small = drawn(64, 64)
    warm_up()
    optimise_photo(decode_image(png(small)), VarJpegOptions(target_sur=0.75))
    data = buffer.getvalue()
    del buffer
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is resident now
    before = _peak_kib()
    _make(way, data)
    return (_peak_kib() - before) * 1024 / (height * width)


def _peak_kib() -> int:
    """Peak resident memory of this process (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def _make(way: str, data: bytes) -> None:
    if way == "encode":
        encode_jpeg(decode_image(data), quality=75)
    elif way == "target_sur":
        optimise_photo(decode_image(data), VarJpegOptions(target_sur=0.75), original=data)
    else:
        optimise_photo(decode_image(data), VarJpegOptions(quality=75), original=data)


def main() -> None:
    """Print one line for each size and way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="4000x3000")
    parser.add_argument("--way", choices=WAYS, help="only this, in this process")
    options = parser.parse_args()
    sizes = [tuple(int(side) for side in size.split("x")) for size in options.sizes.split(",")]
    if options.way:
        width, height = sizes[0]
        print(f"{bytes_per_pixel(options.way, height, width):.1f}")
        return
    print(describe_machine())
    worst = 0.0
    for width, height in sizes:
        for way in WAYS:
            command = [
                sys.executable,
                "-m",
                "tests.benchmarks.encode_memory",
                "--way",
                way,
                "--sizes",
                f"{width}x{height}",
            ]
            found = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            worst = max(worst, found)
            print(f"{f'{width}x{height}':>12} {way:<18} {found:6.1f} bytes per pixel", flush=True)
    raise SystemExit(f"over {LIMIT} bytes per pixel" if worst > LIMIT else 0)


if __name__ == "__main__":
    main()
