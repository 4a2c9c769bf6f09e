"""Damaged uploads end no process: some of ``tests.benchmarks.mutated_files`` and ``jpeg_fuzz``, and known killers."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.decode import decode_image
from models.errors import ImageUndecodableError
from models.varjpeg.bitstream import Component, in_range, jpeg_file
from models.varjpeg.jpeg_input import read_coefficients
from models.varjpeg_request import optimise_photo
from tests.assets.phone_files import segment
from tests.benchmarks.jpeg_fuzz import fuzz

ROOT = Path(__file__).parents[2]


def flat_jpeg(values: str, *, category: int, where: str) -> bytes:
    """A grey JPEG of 64 x 64 pixels, every block the same bits: DC, AC, end, in codes of two bits each."""
    bits = values * 64
    bits += "1" * (-len(bits) % 8)
    scan = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")

    def codes(kind: int, symbols: list[int]) -> bytes:
        return segment(0xC4, bytes([kind, 0, len(symbols), *[0] * 14, *symbols]))

    head = segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC0, bytes([8, 0, 64, 0, 64, 1, 1, 0x11, 0]))
    tables = codes(0x00, [0, category if where == "dc" else 1]) + codes(0x10, [0, category if where == "ac" else 1])
    return b"\xff\xd8" + head + tables + segment(0xDA, bytes([1, 1, 0, 0, 63, 0])) + scan + b"\xff\xd9"


def out_of_range(category: int, where: str) -> bytes:
    """Decoders show it; libjpeg's encoder says that a coefficient is out of range, and calls exit()."""
    value = "1" + "0" * (category - 1)
    if where == "ac":
        return flat_jpeg("00" + "01" + value + "00", category=category, where=where)
    return flat_jpeg("01" + value + "00", category=category, where=where)


def odd_sampling() -> bytes:
    """Three components of up to 4 x 4 blocks a unit, each in a scan of its own: legal, more than one scan may hold."""
    frame = bytes([8, 0, 64, 0, 64, 3, 1, 0x44, 0, 2, 0x22, 0, 3, 0x44, 0])
    parts = [b"\xff\xd8", segment(0xDB, b"\0" + b"\1" * 64), segment(0xC0, frame)]
    for kind in (0x00, 0x10):
        parts.append(segment(0xC4, bytes([kind, 0, 2, *[0] * 14, 0, 1])))
    for number, blocks in ((1, 64), (2, 16), (3, 64)):
        bits = "0000" * blocks
        scan = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
        parts += [segment(0xDA, bytes([1, number, 0, 0, 63, 0])), scan]
    return b"".join([*parts, b"\xff\xd9"])


KILLERS = {
    "AC of 11 bits": out_of_range(11, "ac"),
    "AC of 15 bits": out_of_range(15, "ac"),
    "DC of 12 bits": out_of_range(12, "dc"),
    "odd sampling": odd_sampling(),
}


@pytest.mark.parametrize("name", KILLERS)
@pytest.mark.parametrize("wishes", [{"quality": 80}, {"target_sur": 0.75}, {"max_bytes": 10**6}])
def test_what_libjpegs_encoder_refuses_is_encoded_from_pixels(name: str, wishes: dict[str, float]) -> None:
    data = KILLERS[name]
    result = optimise_photo(decode_image(data), original=data, steering="none", **wishes)
    assert decode_image(result.data).pixels.shape == (64, 64, 3)
    assert len(result.data) <= len(data)


def test_coefficients_out_of_range_are_not_coded_again() -> None:
    for name in ("AC of 11 bits", "AC of 15 bits", "DC of 12 bits"):
        with pytest.raises(ImageUndecodableError):
            read_coefficients(KILLERS[name])


def test_our_own_files_never_hold_what_the_encoder_refuses() -> None:
    blocks = np.random.default_rng(0).integers(-32768, 32768, (2, 3, 64)).astype(np.int16)
    assert not in_range(blocks)
    data = jpeg_file(16, 24, [Component(blocks, table=0)], [np.ones(64, np.uint8)], b"")
    written = read_coefficients(data).components[0].blocks
    assert in_range(written)
    inside = np.abs(blocks) < 1000
    np.testing.assert_array_equal(written[inside], blocks[inside])


def test_a_process_outlives_hundreds_of_mutated_files() -> None:
    code = """
from tests.benchmarks.mutated_files import OTHERS, outcomes
for image_format in ("JPEG", *OTHERS):
    for number, found in outcomes(image_format, range(220 if image_format == "JPEG" else 40), 13):
        assert found.split(":")[0].split()[0].islower(), (image_format, number, found)
print("alive")
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.stdout == "alive\n", run.stderr


def test_fuzzed_jpegs_are_read_or_refused() -> None:
    findings = fuzz(1500, seed=2)
    assert findings.failures == []
    assert findings.outcomes.total() == 1500
