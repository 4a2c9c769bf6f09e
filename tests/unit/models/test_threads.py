"""Parts of a photo at once: in order, stopped by an error, and the same bytes on any number of threads."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Generator

import pytest

from models import threads
from models.threads import Meanwhile, in_bands, in_order

ONE_REQUEST = """
import hashlib, numpy as np
from models.types import RgbImage
from models.varjpeg.optimise import optimise_photo
pixels = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8).repeat(16, 0).repeat(16, 1)
pixels = (pixels + np.random.default_rng(1).integers(0, 9, pixels.shape)).clip(0, 255).astype(np.uint8)
print(hashlib.sha256(optimise_photo(RgbImage(pixels, pixels)).data).hexdigest())
"""


@pytest.fixture(params=[1, 2, 5])
def count(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(threads, "thread_count", lambda: request.param)
    return int(request.param)


def test_results_come_in_the_order_of_their_items(count: int) -> None:
    assert list(in_order(lambda item: item * item, range(100))) == [item * item for item in range(100)]


def test_bands_make_up_all_rows(count: int) -> None:
    for rows in (0, 1, 15, 16, 100, 1001):
        bands = in_bands(lambda band: band, rows)
        assert [row for band in bands for row in range(band.start, band.stop)] == list(range(rows))
        assert len(bands) <= count


def test_an_error_in_a_part_reaches_whoever_asked(count: int) -> None:
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda item: 1 // item, (1, 2, 0, 4)))


def test_whoever_stops_asking_leaves_no_work_behind(count: int) -> None:
    begun: list[int] = []
    results = in_order(lambda item: begun.append(item), range(1000))
    next(results)
    assert isinstance(results, Generator)
    results.close()
    assert len(begun) < 50


def test_what_is_begun_meanwhile_is_there_when_asked_for(count: int) -> None:
    with Meanwhile() as beside:
        begun = [beside.begin(lambda item: item * item, item) for item in range(20)]
        assert [each.result() for each in begun] == [item * item for item in range(20)]


def test_an_error_meanwhile_reaches_whoever_asked(count: int) -> None:
    with Meanwhile() as beside:
        begun = beside.begin(lambda item: 1 // item, 0)
        with pytest.raises(ZeroDivisionError):
            begun.result()


def test_what_still_waits_at_the_end_is_left_out() -> None:
    done: list[int] = []

    def slow(item: int) -> None:
        time.sleep(0.01)
        done.append(item)

    with threads.shared(2), Meanwhile() as beside:
        for item in range(100):
            beside.begin(slow, item)
    time.sleep(0.2)
    assert len(done) < 10


@pytest.mark.slow
def test_the_same_bytes_with_one_two_and_four_threads() -> None:
    def digest(count: int) -> str:
        environment = os.environ | {"LIMEN_THREADS": str(count)}
        done = subprocess.run([sys.executable, "-c", ONE_REQUEST], env=environment, capture_output=True, check=True)
        return done.stdout.decode().strip()

    found = {digest(count) for count in (1, 2, 4)}
    assert len(found) == 1
    assert len(found.pop()) == len(hashlib.sha256().hexdigest())
