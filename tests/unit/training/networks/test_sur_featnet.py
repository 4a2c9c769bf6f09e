"""SUR-FeatNet's body: serving makes its colours outside the graph."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")

import torch

from models.preprocess import to_nchw
from models.sur.opponents import opponents
from tests.assets.photos import noise
from training.networks.sur_featnet import OfOpponents, SurFeatures


def test_serving_makes_the_same_colours() -> None:
    pixels = noise(256, 256)
    expected = SurFeatures().opponents(torch.from_numpy(to_nchw(pixels)[None]))
    np.testing.assert_allclose(opponents(pixels)[None], expected, atol=1e-5)


def test_features_follow_from_the_colours() -> None:
    body = SurFeatures().eval()
    image = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(OfOpponents(body)(body.opponents(image)), body(image))
