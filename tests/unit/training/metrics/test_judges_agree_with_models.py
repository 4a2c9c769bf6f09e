"""The judges that networks are fitted through, in torch, are those that the product asks, in numpy."""

import numpy as np
import pytest

from models.metrics.butteraugli import ButteraugliReference
from models.metrics.ssimulacra2 import Ssimulacra2Reference
from tests.assets.datasets import drawn_photo, noisy
from training.metrics.butteraugli import butteraugli_distance, three_norm
from training.metrics.ssimulacra2 import srgb_to_tensor, ssimulacra2_of_arrays

SIZES = [(96, 130), (64, 64), (41, 23)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("level", [1, 5])
def test_ssimulacra2(size: tuple[int, int], level: int) -> None:
    photo = drawn_photo(4, *size)
    distorted = noisy(photo, level)
    expected = Ssimulacra2Reference(photo).score(distorted)
    assert float(ssimulacra2_of_arrays(photo, distorted)[0]) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("level", [1, 5])
def test_butteraugli(size: tuple[int, int], level: int) -> None:
    photo = drawn_photo(4, *size)
    distorted = noisy(photo, level)
    reference = ButteraugliReference(photo)
    found = butteraugli_distance(srgb_to_tensor(photo), srgb_to_tensor(distorted))
    assert float(three_norm(found)) == pytest.approx(reference.norm(distorted), rel=1e-3)
    np.testing.assert_allclose(found[0, 0].numpy(), reference.distances(distorted), rtol=5e-3, atol=1e-3)
