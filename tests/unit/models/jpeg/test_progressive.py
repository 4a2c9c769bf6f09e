"""Progressive scans: each way to cut bands and bits is read back alike, and the way that is chosen is the cheapest."""

import io
import itertools

import mozjpeg_lossless_optimization
import numpy as np
import pytest
from PIL import Image

from models.jpeg import bitstream
from models.jpeg.bitstream import Component, draft_file
from models.jpeg.coefficients import read_coefficients
from models.jpeg.entropy import Blocks
from models.jpeg.nonzeros import nonzeros_of
from models.jpeg.progressive import AcScan, coded_scan
from models.jpeg.scan_search import EDGES, _scan_costs, best_scans
from models.varjpeg.photo import encode_jpeg
from tests.assets.photos import noise, photo, scene

SCRIPTS = {
    "all at once": [AcScan(1, 63, 0, 0)],
    "one place each": [AcScan(place, place, 0, 0) for place in range(1, 64)],
    "three bits later": [AcScan(1, 63, 0, 3), AcScan(1, 63, 3, 2), AcScan(1, 63, 2, 1), AcScan(1, 63, 1, 0)],
    "other bands later": [AcScan(1, 5, 0, 1), AcScan(6, 63, 0, 1), AcScan(1, 40, 1, 0), AcScan(41, 63, 1, 0)],
    "some bits of some": [AcScan(1, 2, 0, 0), AcScan(3, 63, 0, 2), AcScan(3, 63, 2, 1), AcScan(3, 63, 1, 0)],
}


def sparse(rows: int, columns: int, *, share: float, largest: int, seed: int = 0) -> Blocks:
    random = np.random.default_rng(seed)
    magnitudes = np.exp(random.uniform(0, np.log(largest + 1), (rows, columns, 64))).astype(np.int16)
    signs = random.choice(np.array([-1, 1], np.int16), magnitudes.shape)
    return np.asarray(magnitudes * signs * (random.random(magnitudes.shape) < share), np.int16)


def of_all_kinds() -> dict[str, Blocks]:
    lone = np.zeros((260, 260, 64), np.int16)
    lone[200, 13, 7], lone[259, 0, 63] = 2, -1
    ones = np.zeros((16, 16, 64), np.int16)
    ones[:, :, 63] = 1
    return {
        "few": sparse(20, 30, share=0.02, largest=3),
        "many": sparse(9, 11, share=0.6, largest=40),
        "largest": sparse(5, 5, share=0.9, largest=1023),
        "longer runs of empty blocks than a symbol has": lone,
        "more refined bits than may wait": np.full((40, 40, 64), 2, np.int16),
        "all end at the last place": ones,
        "nothing": np.zeros((3, 4, 64), np.int16),
        "one block": sparse(1, 1, share=0.3, largest=9),
    }


KINDS = of_all_kinds()


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_script_is_read_back_alike(kind: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = KINDS[kind]
    rows, columns = blocks.shape[:2]
    tables = [np.full(64, 3, np.uint8)]
    draft = draft_file(8 * rows, 8 * columns, [Component(blocks, 0)], tables, b"")
    monkeypatch.setattr(bitstream, "best_scans", lambda *_: SCRIPTS[script])
    monkeypatch.setattr(bitstream, "min", lambda *files, key: files[0], raising=False)
    progressive = draft.finished()
    assert progressive != draft.plain
    np.testing.assert_array_equal(read_coefficients(progressive).components[0].blocks, blocks)
    assert pixels_of(progressive) == pixels_of(draft.plain)


@pytest.mark.parametrize("kind", KINDS)
def test_the_chosen_scans_give_each_place_all_its_bits_once(kind: str) -> None:
    blocks = KINDS[kind]
    known = dict.fromkeys(range(1, 64), -1)
    scans = best_scans(nonzeros_of(blocks.reshape(-1, 64)), blocks.shape[1])
    for scan in sorted(scans, key=lambda scan: scan.shown):
        for place in range(scan.first, scan.last + 1):
            assert known[place] == (scan.high if scan.high else -1)
            known[place] = scan.low
    assert set(known.values()) == {0}


@pytest.mark.parametrize("kind", ["few", "many", "longer runs of empty blocks than a symbol has", "one block"])
@pytest.mark.parametrize(("low", "refining"), [(0, False), (1, False), (2, False), (0, True), (1, True)])
def test_a_scan_costs_what_was_counted(kind: str, low: int, refining: bool) -> None:
    blocks = KINDS[kind]
    nonzeros = nonzeros_of(blocks.reshape(-1, 64))
    costs = _scan_costs(nonzeros, nonzeros.block_count, low, refining)
    for start, stop in itertools.combinations(range(len(EDGES)), 2):
        scan = AcScan(int(EDGES[start]), int(EDGES[stop]) - 1, low + 1 if refining else 0, low)
        table, data = coded_scan(nonzeros, scan)
        written = len(data.replace(b"\xff\x00", b"\xff")) + len(table.symbols) + 31
        assert written == pytest.approx(costs[start, stop] / 8, rel=0.01, abs=2)


@pytest.mark.parametrize("quality", [30, 60, 85, 95])
def test_files_are_no_larger_than_those_of_mozjpeg(quality: float) -> None:
    ours, theirs = 0, 0
    for pixels in (scene(), photo(256, 384), noise(96, 96), photo(32, 48)):
        data = encode_jpeg(pixels, quality=quality).data
        again = mozjpeg_lossless_optimization.optimize(data)
        assert pixels_of(again) == pixels_of(data)
        assert len(data) <= 1.01 * len(again)
        ours, theirs = ours + len(data), theirs + len(again)
    assert ours <= theirs


def test_scans_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = KINDS["few"]
    draft = draft_file(160, 240, [Component(blocks, 0)], [np.full(64, 3, np.uint8)], b"")
    usual = draft.finished()
    monkeypatch.setattr("models.threads.thread_count", lambda: 1)
    assert draft.finished() == usual


def pixels_of(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.tobytes()
