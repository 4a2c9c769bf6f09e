"""Random and mutated inputs to the container's decoder: no crash, no hang, no memory over the declared size.

    python -m tests.benchmarks.fuzz.container_fuzz [--inputs 1000000] [--seed 1] [--start 0]

Input n is the same whenever it is asked for: kinds take turns, chosen and filled by a generator seeded with seed and n.
Every input must decode to the size in its header or be refused with ContainerInvalidError, in ``TIME_LIMIT_S``; what
the decoder allocates (``--memory-every``: numpy reports its arrays to tracemalloc) stays under ``BYTES_PER_PIXEL`` a
declared pixel plus ``FIXED_BYTES``. Times are the process' own, so that a busy machine looks like no hang. A crash of
the interpreter names its input: ``--log`` is written before each. SIGTERM ends a run with its report.
"""

import argparse
import os
import resource
import signal
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import ImageCms

from models.errors import ContainerInvalidError
from models.types import RgbImage
from models.varjpeg.container import decode_varjpeg, encode_varjpeg
from models.varjpeg.container_header import parse_header
from tests.benchmarks.machine import describe_machine, percentile

MAX_PIXELS = 250_000
"""What the decoder is allowed to believe here, so that a million inputs take minutes."""

TIME_LIMIT_S = 2.0
BYTES_PER_PIXEL = 100
FIXED_BYTES = 4_000_000
"""Tables of all qualities (constants kept between calls), 16-bit Huffman look-ups, and the two short profiles."""

Random = np.random.Generator
Kind = Callable[[Random, list[bytes]], bytes]


@dataclass
class Findings:
    """What a run saw; ``failures`` are (input number, what was wrong)."""

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str]] = field(default_factory=list)
    slowest_s: float = 0.0
    most_bytes_per_pixel: float = 0.0
    most_bytes: int = 0
    memory_checked: int = 0
    times_s: list[float] = field(default_factory=list)
    interrupted: bool = False

    @property
    def inputs(self) -> int:
        """How many were tried."""
        return self.outcomes.total()


def seed_containers() -> list[bytes]:
    """Whole containers of small photos: colours, grey, full chroma, a profile, one pixel, odd sides."""
    containers = []
    for height, width, grey, full_chroma, profiled in [
        (40, 56, False, False, False),
        (33, 17, False, True, False),
        (24, 24, True, False, False),
        (19, 45, False, False, True),
        (1, 1, False, False, False),
        (8, 200, False, False, False),
    ]:
        y, x = np.mgrid[0:height, 0:width]
        planes = np.stack([128 + 80 * np.sin(x / 9 + y / 5), 120 + 70 * np.cos(y / 7), 90 + 2.0 * x], axis=2)
        pixels = planes.clip(0, 255).astype(np.uint8)
        pixels = np.repeat(pixels[:, :, :1], 3, axis=2) if grey else pixels
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() if profiled else None
        image = RgbImage(pixels, pixels, icc_profile=profile)
        containers.append(encode_varjpeg(image, planes[:, :, 0], quality=60, full_chroma=full_chroma))
    return containers


def _random_bytes(random: Random, seeds: list[bytes]) -> bytes:
    return random.bytes(int(random.integers(0, 600)))


def _random_after_magic(random: Random, seeds: list[bytes]) -> bytes:
    return b"VJPG\x01" + random.bytes(int(random.integers(0, 600)))


def _random_after_header(random: Random, seeds: list[bytes]) -> bytes:
    seed = _pick(random, seeds)
    return seed[: int(random.integers(6, 160))] + random.bytes(int(random.integers(0, 800)))


def _changed_bytes(random: Random, seeds: list[bytes]) -> bytes:
    data = bytearray(_pick(random, seeds))
    for _ in range(int(random.integers(1, 8))):
        data[int(random.integers(len(data)))] = int(random.integers(256))
    return bytes(data)


def _flipped_bits(random: Random, seeds: list[bytes]) -> bytes:
    data = bytearray(_pick(random, seeds))
    for _ in range(int(random.integers(1, 4))):
        data[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
    return bytes(data)


def _damaged_header(random: Random, seeds: list[bytes]) -> bytes:
    """The first 45 bytes at fault, the coded blocks whole."""
    data = bytearray(_pick(random, seeds))
    for _ in range(int(random.integers(1, 5))):
        data[int(random.integers(5, min(45, len(data))))] = int(random.integers(256))
    return bytes(data)


def _damaged_blocks(random: Random, seeds: list[bytes]) -> bytes:
    data = bytearray(_pick(random, seeds))
    start = len(data) // 2
    for _ in range(int(random.integers(1, 12))):
        data[int(random.integers(start, len(data)))] = int(random.integers(256))
    return bytes(data)


def _cut_short(random: Random, seeds: list[bytes]) -> bytes:
    data = _pick(random, seeds)
    return data[: int(random.integers(len(data)))]


def _removed_or_repeated(random: Random, seeds: list[bytes]) -> bytes:
    data = _pick(random, seeds)
    start, end = sorted(int(place) for place in random.integers(0, len(data), 2))
    return data[:end] + data[start:] if random.integers(2) else data[:start] + data[end:]


def _spliced(random: Random, seeds: list[bytes]) -> bytes:
    first, second = _pick(random, seeds), _pick(random, seeds)
    return first[: int(random.integers(len(first)))] + second[int(random.integers(len(second))) :]


def _lying_size(random: Random, seeds: list[bytes]) -> bytes:
    """Sides of any number of bits; the rest whole."""
    data = bytearray(_pick(random, seeds))
    for offset in (6, 8):
        data[offset : offset + 2] = int(random.integers(1 << int(random.integers(1, 17)))).to_bytes(2, "big")
    return bytes(data) + random.bytes(int(random.integers(0, 4000)))


def _pick(random: Random, seeds: list[bytes]) -> bytes:
    return seeds[int(random.integers(len(seeds)))]


KINDS: tuple[Kind, ...] = (
    _random_bytes,
    _random_after_magic,
    _random_after_header,
    _changed_bytes,
    _flipped_bits,
    _damaged_header,
    _damaged_blocks,
    _cut_short,
    _removed_or_repeated,
    _spliced,
    _lying_size,
)


def fuzz_input(number: int, seed: int, seeds: list[bytes]) -> bytes:
    """Input ``number`` of the run with ``seed``."""
    random = np.random.Generator(np.random.PCG64([seed, number]))
    return KINDS[number % len(KINDS)](random, seeds)


def try_input(number: int, data: bytes, findings: Findings, *, measure_memory: bool) -> None:
    """Decode one input and note what came of it."""
    if measure_memory:
        tracemalloc.start()
    start = time.process_time()
    try:
        image = decode_varjpeg(data, max_pixels=MAX_PIXELS)
        header, _ = parse_header(data, max_pixels=MAX_PIXELS)
        outcome = "decoded" if image.pixels.shape == (header.height, header.width, 3) else "wrong size"
    except ContainerInvalidError as error:
        outcome = f"refused: {_kind_of_refusal(str(error))}"
    except Exception as error:  # anything else is what this looks for
        outcome = f"raised {type(error).__name__}"
        findings.failures.append((number, f"{type(error).__name__}: {error}"))
    seconds = time.process_time() - start
    if outcome == "wrong size" or seconds > TIME_LIMIT_S:
        findings.failures.append((number, outcome if outcome == "wrong size" else f"took {seconds:.1f} s"))
    findings.outcomes[outcome] += 1
    findings.slowest_s = max(findings.slowest_s, seconds)
    if measure_memory:
        _note_memory(number, data, findings)
    elif number % 10 == 0:
        findings.times_s.append(seconds)


def _note_memory(number: int, data: bytes, findings: Findings) -> None:
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    findings.memory_checked += 1
    findings.most_bytes = max(findings.most_bytes, peak)
    try:
        header, _ = parse_header(data, max_pixels=MAX_PIXELS)
        pixels = header.height * header.width
    except ContainerInvalidError:
        pixels = 0
    if pixels >= 10_000:
        findings.most_bytes_per_pixel = max(findings.most_bytes_per_pixel, peak / pixels)
    if peak > FIXED_BYTES + BYTES_PER_PIXEL * pixels:
        findings.failures.append((number, f"{peak} bytes for {pixels} declared pixels"))


def _kind_of_refusal(message: str) -> str:
    """The message without its numbers."""
    return " ".join("#" if any(sign.isdigit() for sign in word) else word for word in message.split())


def fuzz(
    inputs: int,
    *,
    seed: int,
    start: int = 0,
    memory_every: int = 50,
    log: int | None = None,
    findings: Findings | None = None,
) -> Findings:
    """Try inputs from number ``start`` on, until ``findings`` says that it was interrupted.

    ``log``: descriptor of a file that names the one under way.
    """
    seeds = seed_containers()
    for data in seeds:  # compile, and fill what is kept between calls, before memory is looked at
        decode_varjpeg(data)
    findings = findings or Findings()
    for number in range(start, start + inputs):
        if findings.interrupted:
            break
        if log is not None:
            os.pwrite(log, f"seed {seed}, input {number:9}\n".encode(), 0)
        data = fuzz_input(number, seed, seeds)
        try_input(number, data, findings, measure_memory=number % memory_every == 0)
    return findings


def main() -> None:
    """Print what was seen; exit with 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0, help="number of the first input")
    parser.add_argument("--memory-every", type=int, default=53, help="look at memory in every so manieth input")
    parser.add_argument("--log", type=Path, help="file that names the input under way, for a crash")
    options = parser.parse_args()
    print(describe_machine(), flush=True)
    began, resident = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    log = None if options.log is None else os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    findings = Findings()
    signal.signal(signal.SIGTERM, lambda *_: setattr(findings, "interrupted", True))
    fuzz(
        options.inputs,
        seed=options.seed,
        start=options.start,
        memory_every=options.memory_every,
        log=log,
        findings=findings,
    )
    seconds = time.perf_counter() - began
    print(f"\n{findings.inputs} inputs from {options.start} on, seed {options.seed}, in {seconds:.0f} s")
    for outcome, count in findings.outcomes.most_common():
        print(f"{count:9}  {outcome}")
    print(f"slowest {1000 * findings.slowest_s:.1f} ms, median {1000 * percentile(findings.times_s, 50):.2f} ms")
    print(
        f"memory looked at {findings.memory_checked} times: at most {findings.most_bytes / 1e6:.1f} MB, and "
        f"{findings.most_bytes_per_pixel:.0f} bytes a declared pixel from 10000 pixels on"
    )
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident
    print(f"resident memory grew by {grown / 1024:.0f} MiB over the run, compiling included")
    for number, what in findings.failures[:20]:
        print(f"FAILED: input {number}: {what}")
    raise SystemExit(1 if findings.failures else 0)


if __name__ == "__main__":
    main()
