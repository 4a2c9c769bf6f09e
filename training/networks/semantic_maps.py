"""FPSNet's semantic map by BEiT (section 2.2), for whoever has its weights; needs the extra ``semantic``.

Bao et al., "BEiT: BERT Pre-Training of Image Transformers", 2021, fine-tuned for segmentation (ADE20k, 150 classes).
The weights are not passed on with Limen: give the folder that ``BeitForSemanticSegmentation.save_pretrained`` wrote.
"""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import training.run.torchvision_models  # noqa: F401  transformers imports torchvision, which must be opened first
from training.run.errors import RunError


class SemanticWeightsMissingError(RunError):
    """BEiT cannot be opened: says what is missing."""


class BeitRegions(nn.Module):
    """Share of each class at each pixel: RGB (N, 3, H, W) in [0, 1] to (N, ``channels``, H, W); never trained.

    Raises: SemanticWeightsMissingError if transformers is not installed or ``folder`` holds no such network.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.network = _open_beit(folder)
        self.channels: int = self.network.config.num_labels
        self.side: int = self.network.config.image_size
        # BEiT's own pre-processing: each channel from 0..1 to -1..1.
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 0.5))
        self.register_buffer("deviation", torch.full((1, 3, 1, 1), 0.5))

    def train(self, mode: bool = True) -> "BeitRegions":
        """Stays in evaluation mode: its weights are not Limen's to change."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """Class shares at the size of ``image``, which BEiT itself sees at its own side."""
        shrunk = F.interpolate(image, size=(self.side, self.side), mode="bilinear", align_corners=False)
        scores = self.network((shrunk - self.mean) / self.deviation).logits.softmax(1)
        return F.interpolate(scores, size=image.shape[2:], mode="bilinear", align_corners=False)


def _open_beit(folder: Path) -> Any:
    try:
        from transformers import BeitForSemanticSegmentation
    except ImportError as error:
        raise SemanticWeightsMissingError("BEiT needs the extra semantic: pip install 'limen[semantic]'") from error
    if not (folder / "config.json").is_file():
        raise SemanticWeightsMissingError(f"{folder} holds no config.json of a BEiT with save_pretrained's layout")
    network = BeitForSemanticSegmentation.from_pretrained(folder, local_files_only=True)
    return network.eval().requires_grad_(False)
