"""FPSNet on a part of a photo that is too large to be seen at once: it is told the means over the whole.

All else that the network looks at lies near. So parts with some context around them, and the encoders' means over the
photo, give what the whole photo gives.
"""

import torch
from torch import Tensor, nn

from models.graphs.onnx_model import OnnxModel
from training.networks.fpsnet_layers import Mean, own_mean
from training.run.export import TorchModel


class WholePhoto(nn.Module):
    """The network and the means that it took on the way: image to thresholds (N, 1, H, W) and means (N, M)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Both, of RGB (N, 3, H, W) in [0, 1]."""
        taken: list[Tensor] = []

        def noted(features: Tensor) -> Tensor:
            taken.append(own_mean(features))
            return taken[-1]

        jnd: Tensor = self.network(image, noted)
        return jnd, torch.cat(taken, dim=1).flatten(1)


class PartOfPhoto(nn.Module):
    """The network of a part, (N, 3, H, W), and of the photo's means (N, M) in the order of ``WholePhoto``."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, means: Tensor) -> Tensor:
        """Thresholds (N, 1, H, W)."""
        jnd: Tensor = self.network(image, _told(means))
        return jnd


def _told(means: Tensor) -> Mean:
    start = 0

    def next_one(features: Tensor) -> Tensor:
        nonlocal start
        end = start + features.shape[1]
        known, start = means[:, start:end, None, None], end
        return known

    return next_one


def as_models(network: nn.Module) -> tuple[OnnxModel, OnnxModel]:
    """The network where serving takes graphs: of a whole photo, and of a part of one."""
    return (
        TorchModel(WholePhoto(network), "fpsnet", ["image"], ["jnd", "means"]),
        TorchModel(PartOfPhoto(network), "fpsnet_part", ["image", "means"], ["jnd"]),
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
