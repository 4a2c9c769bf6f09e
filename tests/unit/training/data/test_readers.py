"""The readers of the published data sets, on look-alikes of the same layout."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.assets import datasets as made
from training.data.csiq import read_csiq
from training.data.errors import DatasetFormatError, DatasetMissingError
from training.data.hmii import read_hmii
from training.data.jnd_pano import read_jnd_pano
from training.data.kadid import read_kadid10k, read_kadis700k
from training.data.koniq import read_koniq10k
from training.data.konpatch import read_konpatch, read_local_opinions
from training.data.live import read_live
from training.data.mcl_jci import level_of, read_mcl_jci
from training.data.records import Box
from training.data.shen2020 import read_shen2020
from training.data.splits import load_folds, save_folds, source_folds
from training.data.tid import read_tid2008, read_tid2013

READERS: list[tuple[Callable[[Path], list[Any]], str]] = [
    (read_tid2008, "ponomarenko"),
    (read_tid2013, "ponomarenko"),
    (read_live, "live.ece"),
    (read_csiq, "csiq"),
    (read_kadid10k, "mmsp-kn"),
    (read_kadis700k, "mmsp-kn"),
    (read_koniq10k, "mmsp-kn"),
    (read_mcl_jci, "mcl.usc"),
    (read_jnd_pano, "authors"),
    (read_shen2020, "authors"),
    (read_konpatch, "author"),
    (read_local_opinions, "author"),
    (read_hmii, "author"),
]


@pytest.mark.parametrize(("reader", "place"), READERS, ids=lambda value: getattr(value, "__name__", value))
def test_a_missing_data_set_says_where_to_get_it(
    reader: Callable[[Path], list[Any]], place: str, tmp_path: Path
) -> None:
    with pytest.raises(DatasetMissingError, match=place):
        reader(tmp_path / "nowhere")


def test_tid_finds_files_of_any_case_and_reads_deviations(tmp_path: Path) -> None:
    pairs = read_tid2013(made.make_tid(tmp_path))
    assert len(pairs) == 12
    first = pairs[0]
    assert (first.pair.source, first.pair.distortion, first.pair.level) == ("i01", "01", 1)
    assert first.pair.reference.is_file()
    assert first.pair.distorted.is_file()
    assert first.quality > pairs[1].quality
    assert first.deviation == 0.15


def test_tid_names_the_line_it_cannot_read(tmp_path: Path) -> None:
    root = made.make_tid(tmp_path)
    with (root / "mos_with_names.txt").open("a") as file:
        file.write("five i01_01_1.bmp\n")
    (root / "mos_std.txt").unlink()
    with pytest.raises(DatasetFormatError, match="line 13"):
        read_tid2013(root)


def test_live_turns_dmos_around_and_leaves_originals_out(tmp_path: Path) -> None:
    pairs = read_live(made.make_live(tmp_path))
    assert len(pairs) == 5 * 3 * 2
    assert [scored.quality for scored in pairs[:2]] == [80.0, 60.0]
    assert [scored.pair.level for scored in pairs[:2]] == [1, 2]
    assert {scored.pair.distortion for scored in pairs} == {"jp2k", "jpeg", "wn", "gblur", "fastfading"}


def test_live_with_a_file_too_few_is_refused(tmp_path: Path) -> None:
    root = made.make_live(tmp_path)
    (root / "wn" / "img2.bmp").unlink()
    with pytest.raises(DatasetFormatError, match="44 images, 45 names"):
        read_live(root)


def test_csiq_turns_dmos_around_and_finds_each_folder(tmp_path: Path) -> None:
    pairs = read_csiq(made.make_csiq(tmp_path))
    assert len(pairs) == 12
    assert pairs[0].quality == pytest.approx(0.7)
    assert pairs[0].pair.source == "1600"
    assert {scored.pair.distorted.parent.name for scored in pairs} == {"awgn", "jpeg2000"}


def test_kadid_is_higher_for_better(tmp_path: Path) -> None:
    pairs = read_kadid10k(made.make_kadid(tmp_path))
    assert [scored.quality for scored in pairs[:3]] == [4.0, 3.0, 2.0]
    assert pairs[0].deviation == 0.5


def test_kadis_has_five_levels_and_asks_for_the_program_that_makes_them(tmp_path: Path) -> None:
    root = made.make_kadis(tmp_path)
    assert [pair.level for pair in read_kadis700k(root, photos=1)] == [1, 2, 3, 4, 5]
    (root / "dist_imgs").rename(root / "elsewhere")
    with pytest.raises(DatasetMissingError, match="program that comes with"):
        read_kadis700k(root)


def test_koniq_prefers_the_scale_of_a_hundred(tmp_path: Path) -> None:
    assert [image.mos for image in read_koniq10k(made.make_koniq(tmp_path))[:2]] == [80.0, 70.0]


def test_mcl_jci_numbers_files_by_qf_and_photos_by_level(tmp_path: Path) -> None:
    photos = read_mcl_jci(made.make_mcl_jci(tmp_path, sources=2, qfs=(1, 50, 100)))
    assert [photo.source for photo in photos] == ["ImageJND_SRC01", "ImageJND_SRC02"]
    assert sorted(photos[0].versions) == [1, 51, 100]
    assert photos[0].versions[1].stem.endswith("_100")
    assert sorted(photos[0].samples) == [1, 2, 3]
    assert len(photos[0].samples[1]) == 12


def test_mcl_jci_reads_the_sheet_of_the_first_jnd(tmp_path: Path) -> None:
    root = made.make_mcl_jci(tmp_path, sources=2, qfs=(100,))
    (root / "mcl_jci_jnd_samples.csv").unlink()
    photos = read_mcl_jci(made.make_first_jnd_sheet(root, [[30, 41], [22, 25, 60]]))
    assert photos[0].samples == {1: (71, 60)}
    assert photos[1].samples == {1: (79, 76, 41)}


@pytest.mark.parametrize("row", ["1,4,0,30", "1,1,0,0", "1,1,0,x", "1,1"])
def test_mcl_jci_refuses_an_answer_that_cannot_be(row: str, tmp_path: Path) -> None:
    root = made.make_mcl_jci(tmp_path, sources=1, qfs=(100,))
    (root / "mcl_jci_jnd_samples.csv").write_text(f"image,jnd,observer,qf\n{row}\n")
    with pytest.raises(DatasetFormatError):
        read_mcl_jci(root)


def test_level_and_qf_run_opposite_ways() -> None:
    assert [level_of(qf) for qf in (1, 100)] == [100, 1]
    with pytest.raises(DatasetFormatError):
        level_of(101)


def test_jnd_pano_names_photos_by_name(tmp_path: Path) -> None:
    photos = read_jnd_pano(made.make_jnd_pano(tmp_path, qfs=(10, 90)))
    assert [photo.source for photo in photos] == ["pano_0", "pano_1", "pano_2"]
    assert sorted(photos[0].versions) == [11, 91]


def test_shen2020_pairs_by_name(tmp_path: Path) -> None:
    root = made.make_shen2020(tmp_path)
    assert [pair.source for pair in read_shen2020(root)] == ["000", "001", "002", "003"]
    (root / "jnd" / "002.png").unlink()
    with pytest.raises(DatasetMissingError, match=r"002\.png"):
        read_shen2020(root)


def test_konpatch_marks_and_boxes(tmp_path: Path) -> None:
    root = made.make_konpatch(tmp_path)
    patches = read_konpatch(root)
    assert [patch.high_quality for patch in patches[:2]] == [False, True]
    assert patches[0].source_mos == 40
    opinions = read_local_opinions(root)[0]
    assert opinions.boxes["p0"] == (Box(10, 10, 100, 90),)
    assert opinions.boxes["p3"] == ()


def test_hmii_reads_pairs(tmp_path: Path) -> None:
    pairs = read_hmii(made.make_hmii(tmp_path))
    assert [scored.pair.level for scored in pairs[:2]] == [25, 45]
    assert pairs[0].quality > pairs[1].quality


def test_folds_hold_each_source_once_and_survive_a_file(tmp_path: Path) -> None:
    folds = source_folds([f"s{index}" for index in range(23)] * 2, 5, seed=3)
    assert sorted(name for fold in folds for name in fold) == sorted(f"s{index}" for index in range(23))
    assert {len(fold) for fold in folds} == {4, 5}
    save_folds(tmp_path / "folds.json", folds)
    assert load_folds(tmp_path / "folds.json") == folds
    (tmp_path / "folds.json").write_text((tmp_path / "folds.json").read_text().replace("s22", "s21"))
    with pytest.raises(DatasetFormatError, match="checksum"):
        load_folds(tmp_path / "folds.json")


def test_more_folds_than_sources_is_an_error() -> None:
    with pytest.raises(ValueError, match="2 sources"):
        source_folds(["a", "b"], 3)
