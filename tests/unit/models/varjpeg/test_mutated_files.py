"""Damaged uploads end no process: some of what ``tests.benchmarks.fuzz`` tries, and known killers."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.decode import decode_image
from models.errors import ImageUndecodableError
from models.jpeg.bitstream import Component, in_range, jpeg_file
from models.jpeg.coefficients import read_coefficients
from models.varjpeg.optimise import optimise_photo
from models.varjpeg.options import VarJpegOptions
from tests.assets.encoder_killers import KILLERS
from tests.benchmarks.fuzz.jpeg_fuzz import fuzz

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("name", KILLERS)
@pytest.mark.parametrize("wishes", [{"quality": 80}, {"target_sur": 0.75}, {"max_bytes": 10**6}])
def test_what_libjpegs_encoder_refuses_is_encoded_from_pixels(name: str, wishes: dict[str, Any]) -> None:
    data = KILLERS[name]
    result = optimise_photo(decode_image(data), VarJpegOptions(steering="none", **wishes), original=data)
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
from tests.benchmarks.fuzz.mutated_files import OTHERS, outcomes
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
