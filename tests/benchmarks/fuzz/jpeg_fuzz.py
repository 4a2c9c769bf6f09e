"""Random and mutated JPEGs to all that is read of one without libjpeg: no crash, no hang, no memory out of proportion.

    python -m tests.benchmarks.fuzz.jpeg_fuzz [--inputs 1000000] [--seed 1] [--start 0]

Input n is the same whenever it is asked for. Each goes through the header (segments, EXIF, ICC, multi-picture index),
the coefficient reader, the cleaning of its metadata, the copying of its image data and of its gain map. Whatever is
raised must be a domain error, in ``TIME_LIMIT_S`` of the process' own time; allocated memory stays under
``BYTES_PER_PIXEL`` a declared pixel plus ``FIXED_BYTES``.
"""

import argparse
import time
import tracemalloc
from collections import Counter
from dataclasses import dataclass, field

import imagecodecs
import numpy as np

from models.errors import LimenError
from models.image_files.header import ImageHeader
from models.image_files.read import SizeLimits, read_header
from models.jpeg.coefficients import read_coefficients
from models.metadata.carried import Metadata, kept_metadata
from models.metadata.gain_map import with_gain_map
from models.types import RgbImage
from models.varjpeg.lossless import copied
from tests.assets.phone_files import beside, exif, iptc, phone_files, phone_jpeg, phone_photo, segment, xmp
from tests.benchmarks.machine import describe_machine

MAX_PIXELS = 250_000
"""What is believed here, so that many inputs take minutes."""

TIME_LIMIT_S = 2.0
BYTES_PER_PIXEL = 40
FIXED_BYTES = 16_000_000
TOLD_EVERY = 20_000
"""After so many inputs a line is printed."""

_LIMITS = SizeLimits(max_pixels=MAX_PIXELS)
_PIXELS = np.zeros((1, 1, 3), np.uint8)


@dataclass
class Findings:
    """What a run saw; ``failures`` are (input number, what was wrong)."""

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str]] = field(default_factory=list)
    slowest_s: float = 0.0
    most_bytes: int = 0


def seed_files() -> list[bytes]:
    """Small JPEGs of all codings and with all metadata."""
    small = phone_photo(24, 40)
    made = [
        phone_jpeg(small, **options) for options in ({}, {"progressive": True}, {"subsampling": 0}, {"optimize": True})
    ]
    made += [phone_jpeg(small[:, :, 0]), phone_jpeg(small, icc_profile=imagecodecs.cms_profile("adobergb"))]
    made.append(bytes(imagecodecs.jpeg8_encode(small, level=80, subsampling="422")))
    made.append(beside(made[0], segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp('dc:source="x"')), iptc()))
    made += [beside(made[1], exif(">", orientation=6)), beside(made[0], exif())]
    return made + [file.data for file in phone_files() if "HDR" in file.name]


def fuzz_input(number: int, seed: int, seeds: list[bytes]) -> bytes:
    """Input ``number``: bytes changed anywhere, in the head, or in a segment's length; parts cut, repeated, spliced."""
    random = np.random.Generator(np.random.PCG64([seed, number]))
    data = bytearray(seeds[int(random.integers(len(seeds)))])
    kind = number % 7
    if kind == 0:
        return bytes(data[:2]) + random.bytes(int(random.integers(0, 600)))
    if kind == 1:
        return bytes(data[: int(random.integers(len(data)))])
    if kind == 2:
        start, end = sorted(int(place) for place in random.integers(0, len(data), 2))
        return bytes(data[:end] + data[start:] if random.integers(2) else data[:start] + data[end:])
    if kind == 3:
        other = seeds[int(random.integers(len(seeds)))]
        return bytes(data[: int(random.integers(len(data)))]) + other[int(random.integers(len(other))) :]
    within = len(data) if kind == 4 else min(len(data), 900 if kind == 5 else 3000)
    for _ in range(int(random.integers(1, 8))):
        data[int(random.integers(2, within))] = int(random.choice([0, 1, 0xFF, int(random.integers(256))]))
    return bytes(data)


def read_all(data: bytes) -> str:
    """Everything that is read of a JPEG; how far it came."""
    header = read_header(data)
    _LIMITS.check(header.width, header.height)
    coefficients = "coefficients"
    try:
        read_coefficients(data, max_pixels=MAX_PIXELS)
    except LimenError as error:
        coefficients = type(error).__name__
    image = _as_decoded(header)
    kept = kept_metadata(image, Metadata.KEEP_ALL)
    given_back = copied(data, image, header, Metadata.KEEP_ALL)
    read_header(given_back)
    with_map = with_gain_map(given_back, data)
    return f"{coefficients}, {'metadata' if kept.segments else 'no metadata'}, {'map' if with_map else 'no map'}"


def _as_decoded(header: ImageHeader) -> RgbImage:
    return RgbImage(_PIXELS, _PIXELS, header.icc, header.exif, header.xmp, "JPEG", other=header.other)


def try_input(number: int, data: bytes, findings: Findings, *, measure_memory: bool) -> None:
    """Read one input and note what came of it."""
    if measure_memory:
        tracemalloc.start()
    start = time.process_time()
    try:
        found = read_all(data)
    except LimenError as error:
        found = f"refused: {type(error).__name__}"
    except Exception as error:  # anything else is what this looks for
        found = f"raised {type(error).__name__}"
        findings.failures.append((number, f"{type(error).__name__}: {error}"))
    seconds = time.process_time() - start
    findings.outcomes[found] += 1
    findings.slowest_s = max(findings.slowest_s, seconds)
    if seconds > TIME_LIMIT_S:
        findings.failures.append((number, f"took {seconds:.1f} s"))
    if measure_memory:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        findings.most_bytes = max(findings.most_bytes, peak)
        if peak > FIXED_BYTES + BYTES_PER_PIXEL * MAX_PIXELS:
            findings.failures.append((number, f"{peak} bytes"))


def fuzz(
    inputs: int, *, seed: int, start: int = 0, memory_every: int = 97, findings: Findings | None = None
) -> Findings:
    """Try inputs from number ``start`` on; what is seen is added to ``findings``, where given."""
    seeds = seed_files()
    for data in seeds:  # compile before time and memory are looked at
        read_all(data)
    findings = Findings() if findings is None else findings
    for number in range(start, start + inputs):
        data = fuzz_input(number, seed, seeds)
        try_input(number, data, findings, measure_memory=number % memory_every == 0)
    return findings


def main() -> None:
    """Print what was seen; exit with 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0, help="number of the first input")
    options = parser.parse_args()
    print(describe_machine(), flush=True)
    began = time.perf_counter()
    findings, end = Findings(), options.start + options.inputs
    for start in range(options.start, end, TOLD_EVERY):
        fuzz(min(TOLD_EVERY, end - start), seed=options.seed, start=start, findings=findings)
        print(f"{findings.outcomes.total()} so far, {len(findings.failures)} wrong", flush=True)
    print(f"{findings.outcomes.total()} inputs from {options.start} on in {time.perf_counter() - began:.0f} s")
    for found, count in findings.outcomes.most_common():
        print(f"{count:9}  {found}")
    print(f"slowest {1000 * findings.slowest_s:.0f} ms; at most {findings.most_bytes / 1e6:.1f} MB")
    for number, what in findings.failures[:20]:
        print(f"FAILED: input {number}: {what}")
    raise SystemExit(1 if findings.failures else 0)


if __name__ == "__main__":
    main()
