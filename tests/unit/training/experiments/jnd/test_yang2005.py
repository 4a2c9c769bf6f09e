"""Yang et al. 2005 where its equations can be worked out by hand."""

import numpy as np
import pytest

from training.experiments.jnd.yang2005 import yang2005_jnd


@pytest.mark.parametrize(("level", "threshold"), [(0, 20), (127, 3), (255, 6), (31.75, 11.5)])
def test_a_flat_plane_has_the_threshold_of_its_luminance(level: float, threshold: float) -> None:
    assert yang2005_jnd(np.full((16, 16), float(level))) == pytest.approx(threshold)


def test_texture_hides_more_than_flat_ground_and_a_lone_edge_nothing() -> None:
    rng = np.random.default_rng(0)
    texture = 127 + rng.normal(0, 8, (64, 64))
    step = np.full((64, 64), 60.0)
    step[:, 32:] = 190
    flat = yang2005_jnd(np.full((64, 64), 127.0))[32, 32]
    assert yang2005_jnd(texture)[8:-8, 8:-8].mean() > 1.2 * flat
    assert (yang2005_jnd(step)[32, 26:38] <= yang2005_jnd(step)[32, 8] + 0.01).all()  # 8.3 on the darker side
