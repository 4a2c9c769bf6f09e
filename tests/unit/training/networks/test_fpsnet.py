"""FPSNet: shapes, maps inside the graph, and what the untrained network starts from."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")

import torch

from models.jnd.feature_maps import feature_maps
from models.preprocess import to_nchw
from models.types import Rgb8
from tests.assets.photos import noise as noise_photo
from training.maths.blur import gaussian_blur
from training.maths.colour import to_luma
from training.networks.fpsnet import POWER, TABLE_2, TABLE_3, FpsNet, Switches, enlarge
from training.networks.fpsnet_layers import BlockConv, Join
from training.networks.fpsnet_maps import BASE_EXPONENT, FeatureMaps, local_deviation, log_contrast, pattern_complexity
from training.networks.part_of_photo import PartOfPhoto, WholePhoto


@pytest.fixture(scope="module")
def network() -> FpsNet:
    torch.manual_seed(0)
    return FpsNet().eval()


def noise(height: int = 256, width: int = 256) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_threshold_of_every_pixel_is_positive(network: FpsNet) -> None:
    with torch.no_grad():
        jnd = network(noise())
    assert jnd.shape == (1, 1, 256, 256)
    assert (jnd > 0).all()


def test_starts_from_local_contrast(network: FpsNet) -> None:
    image = noise()
    with torch.no_grad():
        contrast = log_contrast(local_deviation(to_luma(image)))
        torch.testing.assert_close(network(image), torch.exp(POWER * BASE_EXPONENT * contrast))


def test_a_part_that_is_told_the_means_gives_what_the_whole_gives(network: FpsNet) -> None:
    torch.nn.init.normal_(network.decoder.head.weight, std=0.1)
    with torch.no_grad():
        seen = [noise(64, 96), *network.maps(to_luma(noise(64, 96)))]
        jnd, means = WholePhoto(network)(*seen)
        torch.testing.assert_close(jnd, network(noise(64, 96)))
        torch.testing.assert_close(PartOfPhoto(network)(means, *seen), jnd)
        assert not torch.allclose(PartOfPhoto(network)(means + 1, *seen), jnd)
    torch.nn.init.zeros_(network.decoder.head.weight)


def test_a_convolution_of_blocks_is_that_of_unshuffled_pixels() -> None:
    convolution = BlockConv(3, 5, 3, side=4)
    pixels = noise(32, 48)
    blocks = torch.nn.functional.pixel_unshuffle(pixels, 4)
    expected = torch.nn.functional.conv2d(blocks, convolution.weight, padding=1)
    torch.testing.assert_close(convolution(pixels), expected)


def test_centred_pixels_are_surrounded_by_zeros() -> None:
    convolution, centred = BlockConv(3, 5, 3, side=4), BlockConv(3, 5, 3, side=4, centred=True)
    centred.load_state_dict(convolution.state_dict())
    torch.testing.assert_close(centred(noise(32, 48)), convolution(noise(32, 48) * 2 - 1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kernel", [1, 3])
def test_a_join_is_one_convolution_of_both_side_by_side(kernel: int, training: bool) -> None:
    torch.manual_seed(0)
    join = Join(6, kernel).train(training)
    for name, value in join.state_dict().items():
        if name.startswith("1.") and value.ndim == 1:
            value.uniform_(0.5, 2)
    one, other = torch.randn(2, 2, 6, 9, 11)
    expected = torch.cat([one, other], dim=1)
    for layer in join:
        expected = layer(expected)
    torch.testing.assert_close(join(one, other), expected, rtol=1e-4, atol=1e-5)


def test_enlarging_is_bilinear() -> None:
    values = torch.randn(2, 3, 5, 7)
    expected = torch.nn.functional.interpolate(values, scale_factor=4, mode="bilinear", align_corners=False)
    torch.testing.assert_close(enlarge(values), expected)


@pytest.mark.parametrize("pixels", [noise_photo(96, 160), noise_photo(130, 34), np.full((66, 64, 3), 255, np.uint8)])
def test_serving_makes_the_same_maps(pixels: Rgb8) -> None:
    with torch.no_grad():
        focus, perceptual, deviation = FeatureMaps()(to_luma(torch.from_numpy(to_nchw(pixels)[None])))
    found = feature_maps(pixels)
    np.testing.assert_allclose(found.focus, focus[0, 0], atol=1e-5)
    np.testing.assert_allclose(found.perceptual, perceptual[0], atol=1e-5)
    np.testing.assert_allclose(found.deviation, deviation[0, 0], rtol=1e-4)


def test_lite_is_small() -> None:
    assert sum(parameter.numel() for parameter in FpsNet().parameters()) * 4 < 3_000_000


@pytest.mark.parametrize("switches", [*TABLE_2.values(), *TABLE_3.values()])
def test_every_ablation_gives_a_map(switches: Switches) -> None:
    network = FpsNet(switches=switches).eval()
    torch.nn.init.normal_(network.decoder.head.weight)
    with torch.no_grad():
        jnd = network(noise(64, 64))
    assert jnd.shape == (1, 1, 64, 64)
    assert torch.isfinite(jnd).all()


def test_gate_and_convolution_have_as_many_parameters() -> None:
    gated, plain = (FpsNet(switches=TABLE_3[name]).decoder for name in ("both", "bidirectional"))
    assert [value.shape for value in gated.parameters()] == [value.shape for value in plain.parameters()]
    assert type(gated) is not type(plain)


def test_local_deviation_is_that_of_gaussian_window() -> None:
    from scipy.ndimage import gaussian_filter

    luma = to_luma(noise(64, 64))
    plane = luma[0, 0].double().numpy()
    variance = gaussian_filter(plane**2, 1.5, truncate=3.4) - gaussian_filter(plane, 1.5, truncate=3.4) ** 2
    np.testing.assert_allclose(local_deviation(luma)[0, 0, 8:-8, 8:-8], np.sqrt(variance[8:-8, 8:-8]), rtol=1e-3)


def test_texture_is_more_complex_than_an_edge() -> None:
    columns = torch.linspace(0, 255, 64).expand(1, 1, 64, 64)
    slope = pattern_complexity(torch.zeros_like(columns), torch.full_like(columns, 20.0))
    generator = torch.Generator().manual_seed(2)
    random = [torch.randn(1, 1, 64, 64, generator=generator) * 20 for _ in range(2)]
    assert pattern_complexity(*random).median() > 1.5 * slope.median()


def test_blurred_half_is_out_of_focus() -> None:
    luma = to_luma(noise(96, 192))
    luma[..., 96:] = gaussian_blur(luma, 3.0)[..., 96:]
    focus, _, _ = FeatureMaps()(luma)
    assert focus[..., :80].median() > focus[..., 112:].median() + 0.2


def test_flat_image_is_finite(network: FpsNet) -> None:
    with torch.no_grad():
        for value in (0.0, 1.0):
            assert torch.isfinite(network(torch.full((1, 3, 256, 256), value))).all()
