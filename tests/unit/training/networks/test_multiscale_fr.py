"""The full-reference network: the paper's parts, its ablations, and what its statistics say of a pair."""

import numpy as np
import pytest
import torch
from torch import nn

from training.metrics.ssimulacra2 import ssimulacra2
from training.networks.multiscale_fr import ABLATIONS, KERNELS, PRESETS, FeaturePyramid, MultiscaleFr, spatial_pyramid
from training.networks.pair_statistics import Blur, PairStatistics, ssimulacra2_of_statistics
from training.networks.teacher_line import (
    LARGEST_DOUBT,
    MOST,
    SCORE_AT,
    SHARE,
    SHARE_AT,
    SSIMULACRA2_AT,
    leaning_to_ssimulacra2,
    score_of_ssimulacra2,
    share_of_ssimulacra2,
)

STREAMS_AND_PYRAMIDS = 2 * 32 * (1 + 4 + 16 + 64) + 4 * (4 * 32)


def wavy_pair(seed: int = 0) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    waves = torch.stack([torch.sin(rows / 7 + k) + torch.cos(columns / (5 + k)) for k in range(3)])
    noise = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(seed))
    return (0.5 + 0.15 * waves + 0.03 * noise).clamp(0.1, 0.9)


def linear_layers(network: nn.Module) -> list[tuple[int, int]]:
    return [(part.in_features, part.out_features) for part in network.modules() if isinstance(part, nn.Linear)]


def test_paper_has_the_published_fully_connected_layers() -> None:
    network = MultiscaleFr("paper")
    assert linear_layers(network) == [(STREAMS_AND_PYRAMIDS, 2048), (2048, 1024), (1024, 1)]
    assert sum(isinstance(part, nn.BatchNorm2d) for part in network.modules()) == 2 * len(KERNELS)


@torch.inference_mode()
@pytest.mark.parametrize("name", ABLATIONS)
def test_every_ablation_scores_patches(name: str) -> None:
    network = MultiscaleFr(shape=ABLATIONS[name]).eval()
    assert network(wavy_pair(0), wavy_pair(1)).shape == (2,)


def test_ablations_take_away_what_they_say() -> None:
    inputs = {name: linear_layers(MultiscaleFr(shape=shape))[0][0] for name, shape in ABLATIONS.items()}
    flat = 32 * 8 * 8
    assert inputs["distorted image"] == inputs["residual map"] == flat
    assert inputs["direct concat"] == 2 * flat
    assert inputs["without spatial pyramid"] == 2 * flat + 4 * 4 * 32
    assert inputs["without feature pyramid"] == 2 * 32 * 85
    assert inputs["proposed"] == STREAMS_AND_PYRAMIDS


@torch.inference_mode()
def test_the_feature_pyramid_goes_from_the_deepest_stage_down() -> None:
    """Lateral connections and sums at twice the size (Lin et al. 2017): a change deep down reaches every level."""
    torch.manual_seed(0)
    pyramid = FeaturePyramid().eval()
    stages = [torch.rand(1, width, side, side) for width, side in zip(KERNELS, (64, 32, 16, 8, 8), strict=True)]
    before = pyramid(stages)
    deeper = pyramid([*stages[:-1], stages[-1] + 1])
    assert [level.shape for level in before] == [(1, 128)] * 4
    assert all(not torch.equal(one, other) for one, other in zip(before, deeper, strict=True))
    shallower = pyramid([stages[0] + 1, *stages[1:]])
    assert [torch.equal(one, other) for one, other in zip(before, shallower, strict=True)] == [False, True, True, True]


@torch.inference_mode()
def test_a_single_stream_does_not_see_the_other_image() -> None:
    torch.manual_seed(0)
    network = MultiscaleFr(shape=ABLATIONS["distorted image"]).eval()
    torch.testing.assert_close(network(wavy_pair(0), wavy_pair(1)), network(wavy_pair(2), wavy_pair(1)))


@torch.inference_mode()
def test_pyramid_holds_the_maximum_of_every_bin() -> None:
    maps = torch.rand(1, 32, 8, 8)
    found = spatial_pyramid(maps)
    torch.testing.assert_close(found[0, :32], maps.amax((2, 3))[0])
    torch.testing.assert_close(found[0, -32 * 64 :], maps.flatten())


@torch.inference_mode()
def test_statistics_are_finite_for_any_pixels_and_as_many_as_promised() -> None:
    measure = PairStatistics()
    flat, white, noise = torch.zeros(1, 3, 128, 128), torch.ones(1, 3, 128, 128), torch.rand(1, 3, 128, 128)
    for reference in (flat, white, noise):
        for distorted in (flat, white, noise):
            found = measure(reference, distorted)
            assert found.shape == (1, PairStatistics.count)
            assert found.isfinite().all()


@torch.inference_mode()
def test_shift_and_contrast_keep_their_direction() -> None:
    measure, reference = PairStatistics(), wavy_pair()
    mean = reference.mean((2, 3), keepdim=True)
    changed = [reference + 0.05, reference - 0.05, mean + 1.2 * (reference - mean), mean + 0.8 * (reference - mean)]
    brighter, darker, stronger, weaker = (measure(reference, image)[0] for image in changed)
    opposite = (brighter * darker < 0).nonzero().flatten()
    assert any(abs(float(brighter[index])) > 1 for index in opposite)
    assert any(abs(float(stronger[index] - weaker[index]) - 0.4) < 0.05 for index in range(len(stronger)))


@torch.inference_mode()
def test_blur_keeps_a_constant_up_to_the_border_and_a_patch_s_mean_in_the_middle() -> None:
    blur = Blur((0.25, 0.5, 0.25))
    torch.testing.assert_close(blur(torch.full((1, 1, 64, 64), 3.0)), torch.full((1, 1, 64, 64), 3.0))
    spike = torch.zeros(1, 1, 16, 16)
    spike[0, 0, 8, 8] = 1
    assert float(blur(spike)[0, 0, 8, 9]) == pytest.approx(0.125)


@torch.inference_mode()
def test_lite_scores_exactly_100_only_for_equal_patches() -> None:
    for seed in range(3):
        torch.manual_seed(seed)
        network = MultiscaleFr().eval()
        assert (network(wavy_pair(), wavy_pair()) == 100).all()
        assert (network(wavy_pair(), wavy_pair() + 1 / 255) < 100).all()
        assert (network(wavy_pair(), wavy_pair(1)) > 0).all()


def test_lite_keeps_the_paper_s_streams() -> None:
    assert PRESETS["lite"].spatial_pyramid
    assert PRESETS["lite"].feature_pyramid
    widths = [part.out_channels for part in MultiscaleFr().modules() if isinstance(part, nn.Conv2d)]
    assert widths == [*KERNELS, *KERNELS]


def mirrored(patches: torch.Tensor) -> torch.Tensor:
    """Four times as wide and high, so that little of it lies at a border and all six scales fit."""
    for _ in range(2):
        patches = torch.cat([patches, patches.flip(2)], dim=2)
        patches = torch.cat([patches, patches.flip(3)], dim=3)
    return patches


@torch.inference_mode()
def test_statistics_hold_ssimulacra2() -> None:
    reference = wavy_pair(0)
    for strength in (0.005, 0.02):
        distorted = reference + strength * torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(3))
        found = ssimulacra2_of_statistics(PairStatistics()(reference, distorted))
        expected = ssimulacra2(mirrored(reference), mirrored(distorted), edges="reference")
        torch.testing.assert_close(found, expected, atol=1.0, rtol=0)
    same = ssimulacra2_of_statistics(PairStatistics()(reference, reference))
    torch.testing.assert_close(same, torch.full((2,), 100.0), atol=1.0, rtol=0)


def test_lines_are_those_of_numpy_and_end_at_the_original() -> None:
    at = torch.linspace(-50, 110, 321)
    expected = np.interp(at.numpy(), SSIMULACRA2_AT, SCORE_AT)
    np.testing.assert_allclose(score_of_ssimulacra2(at).numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(share_of_ssimulacra2(at).numpy(), np.interp(at.numpy(), SHARE_AT, SHARE), atol=1e-5)
    assert float(score_of_ssimulacra2(torch.tensor([100.0]))) == 100


def test_contradiction_is_bounded_near_the_original_and_free_below() -> None:
    value, taught = torch.tensor([5.0, 5.0]), torch.tensor([-1.0, -1.0])
    low, high = leaning_to_ssimulacra2(value, taught, torch.tensor([20.0, 90.0]))
    assert float(low) == pytest.approx(5)
    assert -1 < float(high) < -1 + (1 - MOST) * LARGEST_DOUBT + 1e-6


@torch.inference_mode()
def test_near_the_original_ssimulacra2_decides_whatever_the_weights() -> None:
    reference = wavy_pair(0)
    noise = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    for seed in range(3):
        torch.manual_seed(seed)
        network = MultiscaleFr().eval()
        scores = torch.stack([network(reference, reference + strength * noise) for strength in (0.001, 0.003, 0.006)])
        assert (scores.diff(dim=0) < 0).all()
