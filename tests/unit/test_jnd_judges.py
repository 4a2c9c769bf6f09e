"""The map judged by noise of its amplitude: what raises the loss, what the judges leave out, what stays frozen."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")

import torch

from training.config import load_config
from training.jnd_judges import (
    FrozenStatistics,
    extremes,
    judge_weights,
    judged_loss,
    luma_ssim,
    map_of_region,
    noise_visibility,
    three_norm,
)
from training.jnd_protocol import ssim_and_ms_ssim
from training.jnd_regions import MEASURED_ENERGIES, MeasuredRegions, choose_region, gain_at
from training.networks.fpsnet import FpsNet
from training.teachers import srgb_to_tensor, ssimulacra2

SIDE = 256


@pytest.fixture
def config(tmp_path):
    return load_config("jnd", data=tmp_path / "data", work=tmp_path / "work")


@pytest.fixture
def weights(config):
    return judge_weights(config)


def half_flat(seed=0):
    rng = np.random.default_rng(seed)
    pixels = np.full((SIDE, SIDE, 3), 120.0)
    pixels[:, SIDE // 2 :] += rng.normal(0, 25, (SIDE, SIDE // 2, 1))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def even_gains():
    return torch.zeros(1, 2, SIDE // 4, SIDE // 4)


def test_noise_in_texture_is_seen_less_than_noise_in_the_flat_half(weights):
    image = srgb_to_tensor(half_flat())
    textured = torch.full((1, 1, SIDE, SIDE), 2.0)
    textured[..., SIDE // 2 :] = 14.0
    scores = [
        noise_visibility(image, amplitude, gain_at(even_gains() - 3, 100.0), weights)
        for amplitude in (textured, textured.flip(3))
    ]
    assert float(scores[0]) < float(scores[1])


def test_the_network_gets_a_gradient(weights):
    torch.manual_seed(0)
    network = FrozenStatistics(FpsNet())
    judged_loss(network.train(), [srgb_to_tensor(half_flat()), even_gains() - 3], weights).backward()
    assert float(network.network.decoder.head.weight.grad.abs().sum()) > 0


def test_batch_normalisation_keeps_its_statistics():
    network = FrozenStatistics(FpsNet()).train()
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    before = [norm.running_mean.clone() for norm in norms]
    network(torch.rand(2, 3, 64, 64))
    assert network.training
    assert all(torch.equal(norm.running_mean, mean) for norm, mean in zip(norms, before, strict=True))


def test_tiles_of_a_region_are_put_back_in_place():
    class Mean(torch.nn.Module):
        def forward(self, image):
            return image.mean(1, keepdim=True)

    image = torch.rand(1, 3, 512, 256)
    torch.testing.assert_close(map_of_region(Mean(), image), image.mean(1, keepdim=True))


def test_three_norm_of_an_even_map_is_its_value():
    assert float(three_norm(torch.full((1, 1, 8, 8), 2.5))) == pytest.approx(2.5, rel=1e-5)


def test_only_amplitudes_outside_the_bounds_cost(weights):
    inside = torch.full((1, 1, 8, 8), 1.0)
    assert float(extremes(inside, weights)) == 0
    assert float(extremes(inside * weights.floor / 2, weights)) > 0
    assert float(extremes(inside * weights.ceiling * 2, weights)) > 0


def test_ssim_is_that_of_the_protocol():
    rng = np.random.default_rng(1)
    first = rng.uniform(0, 255, (180, 200))
    second = first + rng.normal(0, 20, first.shape)
    tensors = [torch.from_numpy(plane)[None, None] for plane in (first, second)]
    assert float(luma_ssim(*tensors)) == pytest.approx(ssim_and_ms_ssim(first, second)[0], rel=1e-6)


def test_gain_between_the_measured_energies():
    gains = torch.stack([torch.full((1, 4, 4), 1.0), torch.full((1, 4, 4), 0.0)], dim=1)
    upper, lower = MEASURED_ENERGIES
    assert float(gain_at(gains, upper).mean()) == pytest.approx(np.e, rel=1e-5)
    assert float(gain_at(gains, lower).mean()) == pytest.approx(1, rel=1e-5)
    assert 1 < float(gain_at(gains, (upper * lower) ** 0.5).mean()) < np.e


def test_the_border_is_left_out():
    image = srgb_to_tensor(half_flat())
    noisy = image.clone()
    noisy[..., :4, :] += 0.1 * (
        torch.randint(0, 2, (1, 1, 4, SIDE), generator=torch.Generator().manual_seed(0)) * 2 - 1
    )
    assert float(ssimulacra2(image, noisy, edges="inner")) > 95
    assert float(ssimulacra2(image, noisy, edges="reference")) < 85


def test_regions_are_whole_tiles():
    rng = np.random.default_rng(0)
    for size, kept in (((300, 900), (256, 512)), ((512, 512), (512, 512)), ((256, 260), (256, 256))):
        assert choose_region(np.zeros((*size, 3), np.uint8), rng).shape[:2] == kept


def test_parts_of_a_region_turn_together(config):
    folder = config.folder / "regions" / "val"
    folder.mkdir(parents=True)
    ramp = np.tile(np.arange(SIDE, dtype=np.uint8)[:, None, None], (1, SIDE, 3))
    gains = np.stack([ramp[::4, ::4, 0]] * 2).astype(np.float32)
    np.savez(folder / "a.npz", region=ramp, gains=gains)
    for _ in range(6):
        region, turned = MeasuredRegions(config, "val", augment=True)[0]
        small = torch.nn.functional.avg_pool2d(region[None, :1] * 255, 4)[0]
        torch.testing.assert_close(small - small.mean(), turned[:1] - turned[:1].mean(), atol=0.01, rtol=0)


def test_missing_regions_name_the_command(config):
    with pytest.raises(FileNotFoundError, match="limen-train prepare jnd"):
        MeasuredRegions(config, "train", augment=False)
