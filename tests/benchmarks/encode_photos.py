"""The main job on a folder of photos: the file each gets, who opens it, and what libjpeg-turbo needs for the same SUR.

``python -m tests.benchmarks.encode_photos PHOTO_DIR [--target-sur 0.75] [--url URL] [--json FILE] [--limit N]``

Each photo goes through the one-line request of the README. The answer must open in Pillow, in ``djpeg`` and, where it
is installed, in Chromium. Beside it stands libjpeg-turbo (4:2:0, optimised, progressive) at the lowest quality whose
own decoded pixels reach at least the SUR predicted for our file, by the same network; and, over the whole folder,
libjpeg-turbo at the one quality that reaches the target on every photo: what who sets a quality once has to take. That
is also counted as most programs write it, without optimised codes.
"""

import argparse
import io
import json
import math
import shutil
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.decode import decode_image
from models.jpeg.pixels import decode_jpeg
from models.sur.observers import find_profile
from models.sur.reference import SurReference
from models.sur.reference_jpeg import encode_reference_jpeg
from models.types import RgbImage
from models.viewing import DEFAULT_OBSERVER
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.service import running_service

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".bmp"}
NEIGHBOURS = 4
"""Qualities tried below the bisected one, as the predicted SUR need not rise with every single step."""
TOLERANCE = 0.02
"""How far a file's predicted SUR may lie over the target."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One photo: ``sur`` of our file, the sizes, and what libjpeg-turbo reaches."""

    photo: str
    width: int
    height: int
    size_bytes: int
    sur: float
    plain_quality: int
    plain_size_bytes: int
    plain_sur: float
    trials: int
    lowest_plain_quality: int
    opened_by: tuple[str, ...]

    @property
    def ratio(self) -> float:
        """Our size over libjpeg-turbo's."""
        return self.size_bytes / self.plain_size_bytes


def main() -> None:
    """Measure, print, and exit with 1 if a file is larger than libjpeg-turbo's or does not open."""
    parser = argparse.ArgumentParser(description="The main job on every photo of a folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--target-sur", type=float, default=0.75)
    parser.add_argument("--url", help="a running service; without it one is started")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--limit", type=int, help="only the first so many photos")
    arguments = parser.parse_args()
    photos = sorted(path for path in arguments.folder.iterdir() if path.suffix.lower() in SUFFIXES)[: arguments.limit]
    print(describe_machine())
    print(f"target_sur {arguments.target_sur}, observer {DEFAULT_OBSERVER}, {len(photos)} photos; sizes in bytes\n")
    heads = f"{'ours':>8} {'SUR':>6} {'plain':>8} {'q':>3} {'SUR':>6} {'ratio':>6} trials  opened by"
    print(f"{'photo':24} {'pixels':>11} {heads}")
    plains = {}
    with running_service(arguments.url) as client, tempfile.TemporaryDirectory() as folder:
        outcomes = []
        for path in photos:
            plains[path.stem] = PlainPhoto(decode_image(path.read_bytes()))
            outcomes.append(measure(client, path, plains[path.stem], arguments.target_sur, Path(folder)))
        in_browser = opened_by_chromium(Path(folder), [outcome.photo for outcome in outcomes])
    summarise(outcomes, in_browser)
    summarise_target(outcomes, plains, arguments.target_sur)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=2) + "\n")
    failed = [outcome.photo for outcome in outcomes if outcome.ratio > 1 or "Pillow" not in outcome.opened_by]
    raise SystemExit(f"larger than libjpeg-turbo, or not opened: {', '.join(failed)}" if failed else 0)


class PlainPhoto:
    """One photo by libjpeg-turbo (4:2:0, optimised, progressive): file sizes and predicted SUR by quality, kept."""

    def __init__(self, photo: RgbImage) -> None:
        self.photo = photo
        self._reference, self._profile = SurReference(photo), find_profile(DEFAULT_OBSERVER)
        self._known: dict[int, tuple[int, float]] = {}

    def sur(self, decoded: NDArray[np.uint8]) -> float:
        """Share predicted for sRGB pixels."""
        return self._reference.sur(decoded, self._profile)

    def at(self, quality: int) -> tuple[int, float]:
        """Bytes and predicted SUR."""
        if quality not in self._known:
            data = encode_reference_jpeg(self.photo.native_pixels, quality)
            self._known[quality] = len(data), self.sur(self.photo.to_srgb(decode_jpeg(data)))
        return self._known[quality]

    def plainest_size(self, quality: int) -> int:
        """Bytes at 4:2:0 as Pillow and ``cjpeg`` write them unless told otherwise: sequential, the standard codes."""
        buffer = io.BytesIO()
        Image.fromarray(self.photo.native_pixels).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
        return len(buffer.getvalue())

    def lowest_quality(self, sur: float) -> int:
        """Lowest quality that reaches ``sur``; 100 if none does."""
        low, high = 1, 100
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.at(middle)[1] >= sur else (middle + 1, high)
        below = range(max(1, high - NEIGHBOURS), high)
        return next((quality for quality in below if self.at(quality)[1] >= sur), high)


def measure(client: httpx2.Client, path: Path, plain: PlainPhoto, target_sur: float, folder: Path) -> Outcome:
    """Ask for one photo's file, open it, and find its counterpart."""
    ours, trials = request_jpeg(client, path, target_sur)
    (folder / f"{path.stem}.jpg").write_bytes(ours)
    sur = plain.sur(decode_image(ours).pixels)
    quality = plain.lowest_quality(sur)
    outcome = Outcome(
        path.stem,
        plain.photo.width,
        plain.photo.height,
        len(ours),
        sur,
        quality,
        *plain.at(quality),
        trials,
        plain.lowest_quality(target_sur),
        opened_by(ours),
    )
    print(
        f"{outcome.photo:24} {f'{outcome.width}x{outcome.height}':>11} {len(ours):8} {sur:6.3f} "
        f"{outcome.plain_size_bytes:8} {quality:3} {outcome.plain_sur:6.3f} {outcome.ratio:6.3f} {trials:6}  "
        f"{', '.join(outcome.opened_by)}",
        flush=True,
    )
    return outcome


def request_jpeg(client: httpx2.Client, path: Path, target_sur: float) -> tuple[bytes, int]:
    """What ``curl -F image=@PHOTO -F target_sur=S -H 'Prefer: wait=60'`` brings, and how many trials it took."""
    answer = client.post(
        "/v1/varjpeg",
        files={"image": (path.name, path.read_bytes())},
        data={"target_sur": str(target_sur)},
        headers={"Prefer": "wait=60", "Accept": "application/json"},
    )
    if answer.status_code != 200:
        raise RuntimeError(f"{path.name}: status {answer.status_code}: {answer.text[:300]}")
    result = answer.json()
    return client.get(result["artefacts"][0]["href"]).content, len(result["trials"])


def opened_by(data: bytes) -> tuple[str, ...]:
    """Which of Pillow and djpeg decode the file without a complaint."""
    programs = []
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        programs.append("Pillow")
    if shutil.which("djpeg"):
        run = subprocess.run(["djpeg", "-outfile", "/dev/null"], input=data, capture_output=True, check=False)
        if run.returncode == 0 and not run.stderr:
            programs.append("djpeg")
    return tuple(programs)


def opened_by_chromium(folder: Path, names: list[str]) -> int | None:
    """How many of the files Chromium shows, None without a Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        return None
    pictures = "".join(f'<img src="{name}.jpg">' for name in names)
    script = "onload=()=>document.body.textContent='shown='+[...document.images].filter(i=>i.naturalWidth>0).length"
    page = folder / "page.html"
    page.write_text(f"<body>{pictures}<script>{script}</script>")
    command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000", "--dump-dom"]
    run = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, check=False, timeout=300)
    _, found, rest = run.stdout.partition("shown=")
    return int(rest.split("<")[0]) if found else 0


def summarise(outcomes: list[Outcome], in_browser: int | None) -> None:
    """Totals, and the geometric mean of the ratios."""
    mean = math.exp(sum(math.log(outcome.ratio) for outcome in outcomes) / len(outcomes))
    ours, plain = sum(o.size_bytes for o in outcomes), sum(o.plain_size_bytes for o in outcomes)
    print(f"\ntotal {ours} bytes against {plain}: {ours / plain:.3f}; geometric mean of the ratios {mean:.3f}")
    smaller = sum(outcome.ratio <= 1 for outcome in outcomes)
    print(f"no larger than libjpeg-turbo at the same predicted SUR: {smaller} of {len(outcomes)}")
    for program in ("Pillow", "djpeg"):
        print(f"opened by {program}: {sum(program in outcome.opened_by for outcome in outcomes)} of {len(outcomes)}")
    print("opened by Chromium: " + ("not installed" if in_browser is None else f"{in_browser} of {len(outcomes)}"))


def summarise_target(outcomes: list[Outcome], plains: dict[str, PlainPhoto], target_sur: float) -> None:
    """How near the files come to the target, in how many trials, and what one quality for all photos costs instead."""
    over = [outcome.sur - target_sur for outcome in outcomes]
    near = sum(0 <= excess <= TOLERANCE for excess in over)
    print(f"predicted SUR within {TOLERANCE} over the target: {near} of {len(outcomes)}, at most {max(over):+.3f}")
    trials = [outcome.trials for outcome in outcomes]
    print(f"trials: mean {sum(trials) / len(trials):.2f}, most {max(trials)}")
    single = max(outcome.lowest_plain_quality for outcome in outcomes)
    while single < 100 and any(plain.at(single)[1] < target_sur for plain in plains.values()):
        single += 1
    total, ours = sum(plain.at(single)[0] for plain in plains.values()), sum(o.size_bytes for o in outcomes)
    print(
        f"one quality for all: {single} satisfies {target_sur:.0%} on every photo and takes {total} bytes; "
        f"ours {ours}: {1 - ours / total:.1%} fewer"
    )
    plainest = sum(plain.plainest_size(single) for plain in plains.values())
    print(f"without optimised codes that quality takes {plainest} bytes; ours {1 - ours / plainest:.1%} fewer")


if __name__ == "__main__":
    main()
