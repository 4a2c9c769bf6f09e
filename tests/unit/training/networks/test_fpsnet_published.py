"""FPSNet at its published size: strides of its encoders, its parameters, one step, and BEiT's place in it."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the training extra is not installed")

import torch
from torch import nn

from training.networks.fpsnet import TABLE_2, TABLE_3, Switches
from training.networks.fpsnet_published import (
    WIDTHS,
    InceptionEncoder,
    PublishedFpsNet,
    ResNetEncoder,
    VggEncoder,
)
from training.networks.semantic_maps import BeitRegions, SemanticWeightsMissingError


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("encoder", "inputs"), [(VggEncoder, 1), (ResNetEncoder, 3), (InceptionEncoder, 16)])
def test_encoders_meet_at_four_strides(encoder: type[nn.Module], inputs: int) -> None:
    with torch.no_grad():
        levels = encoder(inputs).eval()(torch.rand(1, inputs, 64, 96))
    assert [level.shape[1] for level in levels] == list(WIDTHS)
    assert [tuple(level.shape[2:]) for level in levels] == [(16, 24), (8, 12), (4, 6), (2, 3)]


def test_backbones_are_those_of_the_cited_works() -> None:
    vgg, resnet = VggEncoder(3), ResNetEncoder(3)
    assert parameters(vgg.stages) == 14_714_688  # VGG-16 without its classifier
    assert parameters(resnet.stem) + parameters(resnet.stages) == 25_557_032 - 2_049_000  # ResNet-50 without its


def test_one_step_moves_the_map_towards_its_target() -> None:
    torch.manual_seed(0)
    network = PublishedFpsNet()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4, betas=(0.9, 0.9))
    image, target = torch.rand(2, 3, 64, 64), torch.full((2, 1, 64, 64), 3.0)
    losses = []
    for _ in range(2):
        jnd = network(image)
        assert jnd.shape == target.shape
        assert (jnd > 0).all()
        loss = (jnd - target).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[1] < losses[0]


@pytest.mark.parametrize("switches", [TABLE_2["none"], TABLE_3["none"]])
def test_ablations_keep_the_output(switches: Switches) -> None:
    with torch.no_grad():
        assert PublishedFpsNet(switches).eval()(torch.rand(1, 3, 32, 32)).shape == (1, 1, 32, 32)


def test_missing_semantic_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(SemanticWeightsMissingError, match=r"limen\[semantic\]|config\.json"):
        BeitRegions(tmp_path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_semantic_map_by_beit(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="the semantic extra is not installed")
    tiny = transformers.BeitConfig(
        image_size=32,
        patch_size=4,
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        out_indices=[1, 2, 3, 4],
        num_labels=5,
        pool_scales=[1, 2],
        auxiliary_channels=8,
    )
    transformers.BeitForSemanticSegmentation(tiny).save_pretrained(tmp_path)
    regions = BeitRegions(tmp_path)
    shares = regions(torch.rand(1, 3, 64, 96))
    assert shares.shape == (1, 5, 64, 96)
    assert shares.sum(1).mean() == pytest.approx(1, abs=1e-4)
    network = PublishedFpsNet(semantic_map=regions).train()
    assert not regions.network.training
    assert network.eval()(torch.rand(1, 3, 64, 64)).shape == (1, 1, 64, 64)
