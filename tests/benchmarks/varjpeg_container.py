"""The thesis' container on a folder of photos: round trip, side information, and block quality inside the clusters.

    python tests/benchmarks/varjpeg_container.py PHOTO_DIR [--quality 50] [--map patchnet|contrast]

Salient clusters are the blocks within half a sigma (5 % of the width) of a centroid, the background those beyond two
sigma of every centroid; the last column takes clusters of one sigma. ``contrast`` takes local standard deviation in
place of Patchnet's map.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from models.colour import luma
from models.jpeg.dct import BLOCK
from models.types import PatchQualityMap
from models.varjpeg.container import decode_varjpeg, encode_varjpeg
from models.varjpeg.container_header import SIGMA, Header, block_quality, parse_header

CONTRAST_SIGMA = 12.0


def contrast_map(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Local standard deviation of luma, (H, W)."""
    plane = luma(pixels).astype(np.float64)
    mean = gaussian_filter(plane, CONTRAST_SIGMA)
    variance = gaussian_filter(plane * plane, CONTRAST_SIGMA) - mean * mean
    return np.asarray(np.sqrt(np.maximum(0, variance)))


def patchnet_map(pixels: NDArray[np.uint8]) -> PatchQualityMap:
    """The shipped Patchnet's map."""
    from models.patch_quality import predict_patch_quality_map

    return predict_patch_quality_map(pixels, stride=8)


def distances_in_sigma(header: Header, rows: int, columns: int) -> NDArray[np.float64]:
    """Distance of each luma block's centre from the nearest centroid, in standard deviations of the blur."""
    y = (np.arange(rows) + 0.5) * BLOCK
    x = (np.arange(columns) + 0.5) * BLOCK
    centres = (header.centroids + 0.5) / 65536 * [header.height, header.width]
    each = [np.hypot(y[:, None] - row, x[None, :] - column) for row, column in centres]
    return np.asarray(np.min(each, axis=0) / (SIGMA * header.width))


def main() -> None:
    """Print one line for each photo."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--quality", type=float, default=50.0)
    parser.add_argument("--map", choices=["patchnet", "contrast"], default="patchnet")
    options = parser.parse_args()
    gains = []
    print(f"{'photo':<16}{'bytes':>9}{'side':>6}{'psnr':>7}{'inside':>8}{'outside':>9}{'gain':>7}{'1 sigma':>9}")
    for path in sorted(p for p in options.photos.iterdir() if p.suffix.lower() in {".png", ".webp", ".jpg"}):
        pixels = np.asarray(Image.open(path).convert("RGB"))
        salience = patchnet_map(pixels) if options.map == "patchnet" else contrast_map(pixels)
        data = encode_varjpeg(pixels, salience, quality=options.quality)
        decoded = decode_varjpeg(data).pixels
        header, side = parse_header(data)
        quality = block_quality(header)[0]
        distance = distances_in_sigma(header, *quality.shape)
        inside, outside = quality[distance < 0.5].mean(), quality[distance > 2].mean()
        wide = quality[distance < 1].mean() - outside
        gains.append(inside - outside)
        psnr = 10 * np.log10(255**2 / np.square(decoded.astype(float) - pixels).mean())
        print(
            f"{path.name:<16}{len(data):>9}{side:>6}{psnr:>7.2f}{inside:>8.2f}{outside:>9.2f}{gains[-1]:>7.2f}{wide:>9.2f}",
            flush=True,
        )
    print(
        f"mean gain {np.nanmean(gains):.2f}, least {np.nanmin(gains):.2f}, at least 8 in {np.sum(np.array(gains) >= 8)}"
    )


if __name__ == "__main__":
    main()
