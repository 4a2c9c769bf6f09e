"""The classical metrics that the full-reference score is measured against, computed once for TID2013's pairs and kept.

FSIM, GMSD, MDSI and VIF (pixel domain) are those of ``piq``, with its published defaults; SSIMULACRA2 is that of
``training.teachers``, butteraugli libjxl's program, PSNR, SSIM and MS-SSIM those of ``models.classical_metrics``.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from models.classical_metrics import ms_ssim, psnr_db, ssim
from models.types import Rgb8
from training.butteraugli import butteraugli
from training.networks import torchvision_models  # noqa: F401  piq imports torchvision, which needs this first
from training.teachers import srgb_to_tensor, ssimulacra2_of_arrays
from training.tid2013 import TidPhoto, read_tid_photo

import piq  # isort: skip

Metric = Callable[[Rgb8, Rgb8], float]

# Every sixth pair of a photo: FSIM, VIF and butteraugli take half a second per pair.
COMPARED_EVERY = 6


def of_piq(metric: Callable[..., torch.Tensor]) -> Metric:
    """A metric of ``piq`` on two images uint8 (H, W, 3)."""

    def measure(reference: Rgb8, distorted: Rgb8) -> float:
        return float(metric(srgb_to_tensor(reference), srgb_to_tensor(distorted), data_range=1.0))

    return measure


def _negative(metric: Metric) -> Metric:
    return lambda reference, distorted: -metric(reference, distorted)


RIVALS: dict[str, Metric] = {
    "psnr": psnr_db,
    "ssim": ssim,
    "ms_ssim": ms_ssim,
    "fsim": of_piq(piq.fsim),
    "gmsd": _negative(of_piq(piq.gmsd)),
    "mdsi": _negative(of_piq(piq.mdsi)),
    "vif": of_piq(piq.vif_p),
    "ssimulacra2": lambda reference, distorted: float(ssimulacra2_of_arrays(reference, distorted)[0]),
    "butteraugli": lambda reference, distorted: -butteraugli(reference, distorted).three_norm,
}
"""Metric by name, each turned so that higher is better. FSIM is its colour version, FSIMc."""

PATCH_RIVALS: dict[str, Metric] = {
    "psnr": lambda reference, distorted: min(100.0, psnr_db(reference, distorted)),
    "ssim": ssim,
    "ms_ssim": ms_ssim,
    "fsim": RIVALS["fsim"],
    "srsim": of_piq(piq.srsim),
    "vsi": of_piq(piq.vsi),
}
"""What patches of 64 or 128 pixels are compared by; identical ones have no PSNR and count as 100 dB."""


def compared_pairs(count: int) -> NDArray[np.int64]:
    """Which of the ``count`` pairs of a photo are compared."""
    return np.arange(0, count, COMPARED_EVERY)


def make_rivals(data: Path, pairs: Path, folder: Path, *, processes: int) -> None:
    """Write the metrics of each photo's compared pairs into ``folder``; files that are there already are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = [int(file.stem) for file in sorted(pairs.glob("[0-9][0-9].npz"))]
    jobs = [(data, pairs, folder, number) for number in numbers if not (folder / f"{number:02d}.npz").is_file()]
    with ProcessPoolExecutor(processes) as pool:
        for _ in track(pool.map(_make_photo, jobs), description="classical metrics", total=len(jobs)):
            pass


def read_rivals(folder: Path) -> dict[int, dict[str, NDArray[np.float64]]]:
    """By photo and metric, the values (C,) of the compared pairs."""
    found = {}
    for file in sorted(folder.glob("[0-9][0-9].npz")):
        with np.load(file) as arrays:
            found[int(file.stem)] = dict(arrays)
    return found


def _make_photo(job: tuple[Path, Path, Path, int]) -> None:
    data, pairs, folder, number = job
    torch.set_num_threads(1)
    metrics = measure_photo(read_tid_photo(data, pairs, number))
    np.savez(folder / f"{number:02d}.npz", allow_pickle=False, **metrics)


def measure_photo(photo: TidPhoto) -> dict[str, NDArray[np.float64]]:
    """Every metric of the compared pairs of one photo."""
    chosen = [photo.distorted[index] for index in compared_pairs(len(photo.mos))]
    with torch.inference_mode():
        return {
            name: np.array([metric(photo.reference, distorted) for distorted in chosen])
            for name, metric in RIVALS.items()
        }
