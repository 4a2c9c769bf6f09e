"""What a host has to have: processor time and memory of each kind of request, as the table of docker/README.md.

    python -m tests.benchmarks.sizing PHOTO [--sides 768x512 4000x3000] [--runs 3]

The photo is brought to each size, smaller or larger, as a PNG. Each kind of request runs in a process of its own, warm,
decoding included, on all cores; the median counts. A core makes as many requests an hour as an hour has of their
processor time. Memory is the growth of the process's peak; a worker process that has opened all models takes what is
said below the table before any request.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from tests.benchmarks.machine import describe_machine
from tests.benchmarks.request_cost import WAYS, in_a_process

KINDS = [name for name in WAYS if name.startswith(("varjpeg", "jnd", "sur", "patch", "full", "quality", "plain"))]
OPENED = (
    "import resource; from workers.run import loaded_models as m; from workers.settings import WorkerSettings; "
    "m.open_models(WorkerSettings(device='cpu')); m.warm_up(); "
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--sides", nargs="+", default=["768x512", "4000x3000"])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print(describe_machine())
    sizes = [tuple(map(int, side.split("x"))) for side in options.sides]
    megapixels = [width * height / 1e6 for width, height in sizes]
    print(
        row(
            [
                "Request",
                *(f"{each:.1f} MP: {what}" for each in megapixels for what in ("CPU s", "MB", "a core, an hour")),
            ]
        )
    )
    print("|---" + "|---:" * (3 * len(sizes)) + "|")
    with TemporaryDirectory() as folder:
        photos = [resized(options.photo, size, Path(folder)) for size in sizes]
        for kind in KINDS:
            cells = [kind]
            for photo in photos:
                cpu, _, memory = in_a_process(kind, photo, options.runs)
                cells += [f"{cpu:.2f}", f"{memory / 1e6:.0f}", f"{3600 / cpu:,.0f}"]
            print(row(cells), flush=True)
    opened = subprocess.run([sys.executable, "-c", OPENED], capture_output=True, text=True, check=True).stdout
    print(f"\nA worker process with all models open: {int(opened)} MB.")


def resized(photo: Path, size: Sequence[int], folder: Path) -> Path:
    """A PNG of that size."""
    path = folder / f"{size[0]}x{size[1]}.png"
    with Image.open(photo) as picture:
        picture.convert("RGB").resize((size[0], size[1]), Image.Resampling.LANCZOS).save(path, compress_level=1)
    return path


def row(cells: Sequence[str]) -> str:
    """Of a Markdown table."""
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
