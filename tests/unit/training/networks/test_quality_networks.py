"""Published shape facts of the quality networks, and what their arithmetic promises at any weights."""

import pytest
import torch
from torch import nn

from training.networks.dipqa import Dipqa
from training.networks.meta_aggregation import DenseLayer, MetaAggregation
from training.networks.multiscale_fr import KERNELS, MultiscaleFr, spatial_pyramid
from training.networks.patchnet import Patchnet, PatchnetMap
from training.networks.residual_score import bounded_quality
from training.run.torchvision_models import models


def layers(network: nn.Module, kind: type[nn.Module]) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, kind)]


@pytest.mark.parametrize("preset", ["lite", "paper"])
def test_patchnet_has_the_published_layers(preset: str) -> None:
    network = Patchnet(preset)
    assert len(layers(network, nn.Conv2d)) == 7
    assert len(layers(network, nn.MaxPool2d)) == 3
    assert [layer.out_features for layer in layers(network, nn.Linear)] == [1024, 16, 8, 1]


@torch.inference_mode()
def test_tiled_patchnet_equals_patchnet() -> None:
    torch.manual_seed(0)
    network = Patchnet().eval()
    tile = torch.rand(1, 3, 112, 96)
    found, features = PatchnetMap(network).eval()(tile)
    assert found.shape == (1, 7, 5)
    assert features.shape == (1, 96, 7, 5)
    patches = torch.stack([tile[0, :, r * 8 : r * 8 + 64, c * 8 : c * 8 + 64] for r in range(7) for c in range(5)])
    torch.testing.assert_close(found.flatten(), network(patches), atol=1e-5, rtol=1e-4)


def test_dipqa_has_the_published_number_of_parameters_at_64_pixels() -> None:
    count = sum(parameter.numel() for parameter in Dipqa(64, "paper").parameters())
    assert count == pytest.approx(17.3e6, rel=0.02)
    assert len(layers(Dipqa(128, "paper"), nn.Conv2d)) == 8


def test_multiscale_streams_have_the_published_kernels() -> None:
    network = MultiscaleFr("paper")
    streams = network.streams.distorted, network.streams.residual
    widths = [layer.out_channels for stream in streams if stream for layer in layers(stream, nn.Conv2d)]
    assert widths == [*KERNELS, *KERNELS]
    assert [layer.out_features for layer in layers(network, nn.Linear)] == [2048, 1024, 1]
    assert spatial_pyramid(torch.zeros(2, 32, 8, 8)).shape == (2, 32 * 85)


@torch.inference_mode()
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_identical_patches_score_exactly_best_at_any_weights(seed: int) -> None:
    torch.manual_seed(seed)
    patch = torch.rand(2, 3, 128, 128)
    assert (MultiscaleFr().eval()(patch, patch) == 100).all()
    assert (Dipqa(128).eval()(patch, patch) == 5).all()
    other = (patch + 1 / 255).clamp(max=1)
    assert (MultiscaleFr().eval()(patch, other) < 100).all()


def test_bounded_quality_falls_as_the_residual_grows() -> None:
    residual = torch.rand(1, 3, 16, 16) - 0.5
    values = [float(bounded_quality(torch.zeros(1), residual * size)[0]) for size in (0.0, 0.01, 0.1, 1.0)]
    assert values[0] == 1
    assert values == sorted(values, reverse=True)
    assert values[-1] > 0


@torch.inference_mode()
@pytest.mark.parametrize(("preset", "maps"), [("lite", 99), ("paper", 3)])
def test_meta_aggregation_takes_maps_of_any_even_size(preset: str, maps: int) -> None:
    network = MetaAggregation(preset).eval()
    for size in (32, 96):
        score = network(torch.rand(2, maps, size, size))
        assert score.shape == (2,)
        assert ((score >= 0) & (score <= 100)).all()


def test_paper_aggregation_is_densenet_169_with_a_one_by_one_head() -> None:
    network = MetaAggregation("paper")
    assert sum(isinstance(layer, DenseLayer) for layer in network.modules()) == 6 + 12 + 32 + 32
    head = network.head
    assert (head.in_channels, head.out_channels, head.kernel_size) == (1664, 1, (1, 1))
    published = models.densenet169(weights=None)
    assert published.classifier.in_features == head.in_channels


def test_dipqa_keeps_the_convolutions_of_vgg13_but_the_last_stage() -> None:
    ours = [layer.out_channels for layer in layers(Dipqa(64, "paper"), nn.Conv2d)]
    published = layers(models.vgg13_bn(weights=None), nn.Conv2d)
    assert ours == [layer.out_channels for layer in published][:8]


@pytest.mark.parametrize("name", ["patchnet", "dipqa"])
def test_paper_presets_take_one_step(name: str) -> None:
    torch.manual_seed(0)
    network = (Patchnet("paper") if name == "patchnet" else Dipqa(64, "paper")).train()
    inputs = [torch.rand(2, 3, 64, 64) for _ in range(1 if name == "patchnet" else 2)]
    before = [parameter.detach().clone() for parameter in network.parameters()]
    (network(*inputs) - 0.3).square().mean().backward()
    torch.optim.Adam(network.parameters(), lr=5e-4).step()
    assert all(torch.isfinite(parameter).all() for parameter in network.parameters())
    assert any(not torch.equal(one, two) for one, two in zip(before, network.parameters(), strict=True))
