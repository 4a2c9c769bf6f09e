"""What the streams of the full-reference network learn first: which distortion this is, and how strong."""

from torch import Tensor, nn

from training.networks.multiscale_fr import MultiscaleFr

# TID2013's numbers 1..24, and 0 for a codec at high quality.
KINDS = 25


class DistortionKinds(nn.Module):
    """The streams and summary of ``network`` with two linear outputs: logits of the kinds (N, 25), strengths (N, 2).

    The strengths are PSNR and SSIMULACRA2 of the whole photo, each scaled to about -2..2 by ``scaled_strengths``.
    """

    def __init__(self, network: MultiscaleFr) -> None:
        super().__init__()
        self.network = network
        self.kind = nn.Linear(network.shape.summary, KINDS)
        self.strength = nn.Linear(network.shape.summary, 2)

    def forward(self, reference: Tensor, distorted: Tensor) -> tuple[Tensor, Tensor]:
        """Patches (N, 3, 128, 128) as the network takes them."""
        seen = self.network.seen(reference, distorted)
        return self.kind(seen), self.strength(seen)


def scaled_strengths(psnr: float, ssimulacra2: float) -> tuple[float, float]:
    """PSNR about 30 in tens of dB, SSIMULACRA2 about 20 in forties."""
    return (min(psnr, 50.0) - 30) / 10, (ssimulacra2 - 20) / 40
