"""torchvision's networks come with a CPU-only torch."""

import torch

from training.run.torchvision_models import models


@torch.inference_mode()
def test_a_classification_network_can_be_made_and_run() -> None:
    network = models.densenet121(weights=None).eval()
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 1000)
