"""The map of Wu et al. 2017 in a graph, beside the formula that is the rival."""

import numpy as np
import pytest
import torch

from tests.assets.datasets import drawn_photo
from training.experiments.jnd import wu2017
from training.networks import wu2017_map as maps


@pytest.fixture(scope="module")
def luma() -> np.ndarray:
    photo = drawn_photo(3, 96, 128).astype(np.float64)
    return np.asarray(np.rint(photo @ [0.299, 0.587, 0.114]))


def of(found: torch.Tensor) -> np.ndarray:
    return found[0, 0].numpy()


def test_each_part_is_the_formula_s(luma: np.ndarray) -> None:
    tensor = torch.from_numpy(luma)[None, None]
    np.testing.assert_allclose(of(maps.luminance_adaptation(tensor)), wu2017.luminance_adaptation(luma), atol=1e-9)
    np.testing.assert_allclose(of(maps.local_contrast(tensor)), wu2017.local_contrast(luma), atol=1e-6)
    np.testing.assert_allclose(of(maps.pattern_complexity(tensor)), wu2017.pattern_complexity(luma), atol=1e-9)


def test_the_whole_is_the_formula_without_edge_protection(luma: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wu2017, "edge_protection", np.ones_like)
    found = of(maps.wu2017_map(torch.from_numpy(luma)[None, None]))
    np.testing.assert_allclose(found, wu2017.wu2017_jnd(luma), atol=1e-6)
    assert found.std() > 1
