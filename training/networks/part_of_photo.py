"""FPSNet on a part of a photo that is too large to be seen at once: it is told the means over the whole.

All else that the network looks at lies near. So parts with some context around them, and the encoders' means over the
photo, give what the whole photo gives.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.graphs.onnx_model import OnnxModel
from training.networks.fpsnet import FpsNet
from training.networks.fpsnet_layers import Mean, own_mean
from training.networks.fpsnet_published import PublishedFpsNet
from training.run.export import TorchModel

Network = FpsNet | PublishedFpsNet


class WholePhoto(nn.Module):
    """The network and the means that it took on the way, to thresholds (N, 1, H, W) and means (N, M)."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        image: Tensor,
        focus: Tensor | None = None,
        perceptual: Tensor | None = None,
        deviation: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Both, of RGB (N, 3, H, W) in [0, 1] and, where its graph takes them, the network's maps."""
        taken: list[Tensor] = []

        def noted(features: Tensor) -> Tensor:
            taken.append(own_mean(features))
            return taken[-1]

        jnd = _thresholds(self.network, image, (focus, perceptual, deviation), noted)
        return jnd, torch.cat(taken, dim=1).flatten(1)


class PartOfPhoto(nn.Module):
    """The network of a part, (N, 3, H, W), and of the photo's means (N, M) in the order of ``WholePhoto``."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        means: Tensor,
        image: Tensor,
        focus: Tensor | None = None,
        perceptual: Tensor | None = None,
        deviation: Tensor | None = None,
    ) -> Tensor:
        """Thresholds (N, 1, H, W)."""
        return _thresholds(self.network, image, (focus, perceptual, deviation), _told(means))


def _thresholds(network: Network, image: Tensor, maps: Sequence[Tensor | None], mean: Mean) -> Tensor:
    given = [values for values in maps if values is not None]
    if isinstance(network, FpsNet) and given:
        return network.thresholds(image, *given, mean=mean)
    thresholds: Tensor = network(image, mean)
    return thresholds


def _told(means: Tensor) -> Mean:
    start = 0

    def next_one(features: Tensor) -> Tensor:
        nonlocal start
        end = start + features.shape[1]
        known, start = means[:, start:end, None, None], end
        return known

    return next_one


def as_models(network: Network) -> tuple[OnnxModel, OnnxModel]:
    """The network where serving takes graphs: of a whole photo, and of a part of one."""
    return (
        TorchModel(WholePhoto(network), "fpsnet", network.inputs, ["jnd", "means"]),
        TorchModel(PartOfPhoto(network), "fpsnet_part", ["means", *network.inputs], ["jnd"]),
    )


class FrozenNormalisation(nn.Module):
    """A network that trains while its batch normalisation keeps its statistics, where a batch is a few photos."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def train(self, mode: bool = True) -> "FrozenNormalisation":
        """Training mode for everything else."""
        super().train(mode)
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, image: Tensor) -> Tensor:
        """What the network says."""
        found: Tensor = self.network(image)
        return found
