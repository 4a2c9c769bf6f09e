"""Size at equal score for judges that Limen's encoder was not fitted to, over jpegli's and mozjpeg's.

``python -m tests.benchmarks.untuned_judges PHOTO_DIR [--photos 9] [--qualities 80 83 86 89 92]``

The photos are evenly chosen from the folder. Judges: SSIM, MS-SSIM and VSI of RGB, GMSD (all of piq), PSNR-HVS-M (of
psnr_hvsm); the teacher of the SUR network stands beside them. Peers, both 4:2:0 with optimised progressive scans:
pyjpegli + mozjpeg-lossless-optimization, and mozjpeg with trellis quantization as libvips calls it. Their log sizes are
interpolated between qualities 50 to 98. Needs ``pip install -e '.[peers]'``.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import mozjpeg_lossless_optimization
import numpy as np
import psnr_hvsm
import pyjpegli
import pyvips
import torch
from numpy.typing import NDArray

from models.decode import decode_image
from models.jnd import predict_jnd_map
from models.jpeg.pixels import decode_jpeg
from models.metrics.classical import luma
from models.types import Rgb8
from models.varjpeg.photo import PreparedPhoto
from tests.benchmarks.default_request import photos
from tests.benchmarks.machine import describe_machine
from training.experiments.sur.curves import teacher_log_distance
from training.run import torchvision_models  # noqa: F401  piq imports torchvision, which needs this

import piq  # isort: skip

QUALITIES = (80.0, 83.0, 86.0, 89.0, 92.0)
PEER_QUALITIES = (50, 65, 75, 82, 86, 90, 93, 96, 98)
JUDGES = ("SSIM", "MS-SSIM", "VSI", "GMSD", "PSNR-HVS-M", "teacher")

Encode = Callable[[Rgb8, int], bytes]
Curve = NDArray[np.float64]
"""(files, 1 + judges): ln size, then each judge's ln distance."""


def main() -> None:
    """Print, for each quality and peer, the geometric mean of the ratios by judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=9)
    parser.add_argument("--qualities", type=float, nargs="+", default=QUALITIES)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(describe_machine())
    paths = photos(options.folder, None)
    chosen = paths[:: max(1, len(paths) // options.photos)][: options.photos]
    measured = [measure(decode_image(path.read_bytes()).pixels, options.qualities) for path in chosen]
    print(f"{len(chosen)} photos; Limen's quality, peer: ratio of sizes at equal score (photos that reach it)")
    print(f"{'':32}" + "".join(f"{name:>16}" for name in JUDGES))
    for row, quality in enumerate(options.qualities):
        for peer in PEERS:
            ratios = np.array([log_ratios(curves["limen"][row], curves[peer]) for curves in measured])
            print(f"{quality:5g}  {peer:25}" + "".join(_cell(column) for column in ratios.T), flush=True)


def measure(pixels: Rgb8, qualities: list[float]) -> dict[str, Curve]:
    """Limen's points at its qualities and the curves of the peers."""
    photo = PreparedPhoto(pixels, predict_jnd_map(pixels).values)
    curves = {"limen": [log_distances(pixels, photo.encode(quality).data) for quality in qualities]}
    for name, encode in PEERS.items():
        curves[name] = [log_distances(pixels, encode(pixels, quality)) for quality in PEER_QUALITIES]
    return {name: np.array(points) for name, points in curves.items()}


def log_distances(pixels: Rgb8, data: bytes) -> list[float]:
    """ln size and the ln distance by each of ``JUDGES``."""
    decoded = decode_jpeg(data)
    pair = [torch.from_numpy(np.moveaxis(image, -1, 0)[None].astype(np.float32) / 255) for image in (pixels, decoded)]
    with torch.inference_mode():
        missing = [
            1 - float(piq.ssim(*pair, data_range=1.0, downsample=False)),
            1 - float(piq.multi_scale_ssim(*pair, data_range=1.0)),
            1 - float(piq.vsi(*pair, data_range=1.0)),
            float(piq.gmsd(*pair, data_range=1.0)),
        ]
    _, masked_db = psnr_hvsm.psnr_hvs_hvsm(*(luma(_whole_blocks(image)) / 255 for image in (pixels, decoded)))
    missing.append(10 ** (-float(masked_db) / 10))
    return [float(value) for value in (np.log(len(data)), *np.log(missing), teacher_log_distance(pixels, decoded))]


def log_ratios(own: Curve, peer: Curve) -> list[float]:
    """ln(size / peer's size) by each judge, NaN where the peer does not reach it."""
    ratios = []
    for judge in range(1, len(own)):
        order = np.argsort(peer[:, judge])
        size = np.interp(own[judge], peer[order, judge], peer[order, 0], left=np.nan, right=np.nan)
        ratios.append(float(own[0] - size))
    return ratios


def jpegli(pixels: Rgb8, quality: int) -> bytes:
    """jpegli at 4:2:0, its scans optimised without loss."""
    height, width = pixels.shape[:2]
    data = pyjpegli.encode(np.ascontiguousarray(pixels).tobytes(), width, height, quality)
    return bytes(mozjpeg_lossless_optimization.optimize(data))


def mozjpeg(pixels: Rgb8, quality: int) -> bytes:
    """mozjpeg at 4:2:0 with its own tables, trellis quantization and optimised scans."""
    height, width = pixels.shape[:2]
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(pixels).tobytes(), width, height, 3, "uchar")
    flags = dict.fromkeys(
        ("optimize_coding", "interlace", "trellis_quant", "overshoot_deringing", "optimize_scans"), True
    )
    return bytes(image.jpegsave_buffer(Q=quality, quant_table=3, subsample_mode="on", **flags))


PEERS: dict[str, Encode] = {"pyjpegli + lossless": jpegli, "mozjpeg": mozjpeg}


def _whole_blocks(pixels: Rgb8) -> Rgb8:
    height, width = (side // 8 * 8 for side in pixels.shape[:2])
    return pixels[:height, :width]


def _cell(ratios: NDArray[np.float64]) -> str:
    known = ratios[np.isfinite(ratios)]
    return f"{np.exp(known.mean()):11.3f} ({len(known):2})" if len(known) else f"{'-':>16}"


if __name__ == "__main__":
    main()
