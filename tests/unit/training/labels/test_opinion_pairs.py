"""Opinions lent from TID2013's kinds to other photos."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.assets.datasets import drawn_photo
from training.labels.opinion_pairs import (
    CODEC,
    CODEC_VERSIONS,
    LENT,
    TID_VERSIONS,
    make_opinion_pairs,
    mean_opinions,
    opinion_of,
    read_opinion_pairs,
)

TABLE = {(1, level): 7.0 - level for level in range(1, 6)} | {(17, 1): 5.6, (17, 2): 6.5}


def test_opinion_lies_between_those_of_the_levels_around() -> None:
    info = np.array([[1, 1], [1, 2], [1, 5]])
    found = opinion_of(TABLE, info, np.array([31.5, 30.0, 20.0]))
    np.testing.assert_allclose(found, [5.5, 5.0, 2.0])


def test_direction_of_the_contrast_goes_with_the_level() -> None:
    found = opinion_of(TABLE, np.array([[17, 1], [17, 2], [17, 2]]), np.array([33.1, 30.0, 26.0]))
    np.testing.assert_allclose(found, [5.6, 6.5, np.nan])


def test_codecs_and_pairs_out_of_range_have_no_opinion() -> None:
    assert np.isnan(opinion_of(TABLE, np.array([[CODEC, 0], [1, 1]]), np.array([33.0, 45.0]))).all()


def test_mean_opinions_are_taken_over_photos() -> None:
    info = np.array([[1, 1], [1, 2], [1, 1]])
    assert mean_opinions(info, np.array([4.0, 3.0, 5.0])) == {(1, 1): 4.5, (1, 2): 3.0}


def test_pairs_are_made_once_and_repeat_themselves(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "photos" / "train"
    folder.mkdir(parents=True)
    Image.fromarray(drawn_photo(3, 256, 260)).save(folder / "photo_a.png")
    for name in ("one", "two"):
        make_opinion_pairs(tmp_path / "data", "train", tmp_path / name, seed=5, processes=1)
    (first_name, first), (_, second) = (next(iter(read_opinion_pairs(tmp_path / name))) for name in ("one", "two"))
    assert first_name == "photo_a"
    np.testing.assert_array_equal(first.distorted, second.distorted)
    assert first.distorted.shape == (TID_VERSIONS + CODEC_VERSIONS, 256, 260, 3)
    assert set(first.info[:TID_VERSIONS, 0]) <= set(LENT)
    assert (first.info[TID_VERSIONS:, 0] == CODEC).all()
    assert (first.ssimulacra2[TID_VERSIONS:] > 0).any()


def test_missing_pairs_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="prepare full_reference"):
        next(read_opinion_pairs(tmp_path))
