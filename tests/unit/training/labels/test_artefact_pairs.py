"""What the scores without a reference are fitted to: artefacts, drawn by seed, and labels between the cells."""

import numpy as np
import pytest

from training.experiments.quality.patch_quality import DrawnPatches, LabelledVersions, quality_at
from training.labels.artefact_pairs import ARTEFACTS, FAMILY_OF, GRID, draw_area, draw_artefacts


def smooth(height: int = 96, width: int = 128) -> np.ndarray:
    ramp = np.linspace(40, 200, width)[None, :, None] + 20 * np.sin(np.arange(height) / 3)[:, None, None]
    return np.broadcast_to(ramp, (height, width, 3)).astype(np.uint8).copy()


def test_no_change_of_tone_is_drawn() -> None:
    assert {"mean-shifted", "contrast-lowered", "contrast-raised", "saturation-lowered"}.isdisjoint(FAMILY_OF)
    assert {kind.name for kind in ARTEFACTS} == set(FAMILY_OF)


@pytest.mark.parametrize("seed", range(4))
def test_draws_repeat_by_seed(seed: int) -> None:
    first, name = draw_artefacts(smooth(), seed)
    again, same = draw_artefacts(smooth(), seed)
    np.testing.assert_array_equal(first, again)
    assert name == same
    assert first.shape == smooth().shape
    assert {part for half in name.split("|") for part in half.split("+")} <= {*FAMILY_OF, "untouched"}


def test_areas_lie_on_the_grid_and_leave_something() -> None:
    inside = draw_area((100, 150), np.random.default_rng(0))
    assert inside.shape == (100, 150)
    assert 0.15 < inside.mean() < 0.85
    assert (inside[:GRID, :GRID] == inside[0, 0]).all()


def test_labels_between_cells_are_interpolated() -> None:
    quality = np.array([[0.0, 1.0], [0.4, 0.8]])
    assert quality_at(quality, 0, 0.5) == pytest.approx(0.5)
    assert quality_at(quality, 1, 1) == pytest.approx(0.8)
    assert quality_at(quality, 0.5, 0.5) == pytest.approx(0.55)


def test_drawn_patches_stay_in_the_photo() -> None:
    versions = LabelledVersions([smooth(130, 200)], [np.full((2, 3), 0.7)], ["one"])
    for item in range(20):
        patch, label = DrawnPatches(versions, drawn=20)[item]
        assert patch.shape == (64, 64, 3)
        assert float(label) == pytest.approx(0.7)
