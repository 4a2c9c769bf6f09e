"""The classical metrics that the full-reference score is measured against, computed once for TID2013's pairs and kept.

FSIM, GMSD, MDSI and VIF (pixel domain) are those of ``piq``, with its published defaults; SSIMULACRA2 is that of
``training.metrics.ssimulacra2``, butteraugli libjxl's program, PSNR, SSIM and MS-SSIM those of
``models.metrics.classical``.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from models.metrics.classical import ms_ssim, psnr_db, ssim
from models.types import Rgb8
from training.distort.tid2013 import TidPhoto, read_tid_photo
from training.metrics.butteraugli_program import butteraugli
from training.metrics.ssimulacra2 import srgb_to_tensor, ssimulacra2_of_arrays
from training.networks import torchvision_models  # noqa: F401  piq imports torchvision, which needs this first

import piq  # isort: skip

Metric = Callable[[Rgb8, Rgb8], float]

# Every second kind and level of a photo, the others of the next photo: FSIM, VIF and butteraugli take half a second per
# pair.
COMPARED_EVERY = 2


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


def compared_pairs(photo: TidPhoto) -> NDArray[np.int64]:
    """Which of the pairs of a photo are compared."""
    return np.flatnonzero((photo.info.sum(1) + photo.photo) % COMPARED_EVERY == 0)


def make_rivals(data: Path, pairs: Path, folder: Path, *, processes: int) -> None:
    """Write the metrics of each photo's compared pairs into ``folder``; pairs measured already are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(data, pairs, folder, int(file.stem)) for file in sorted(pairs.glob("[0-9][0-9].npz"))]
    with ProcessPoolExecutor(processes) as pool:
        for _ in track(pool.map(_make_photo, jobs), description="classical metrics", total=len(jobs)):
            pass


def read_rivals(folder: Path) -> dict[int, dict[str, NDArray[Any]]]:
    """By photo and metric, the values (C,) of the compared pairs, and their ``info`` (C, 2)."""
    return {int(file.stem): _read(file) for file in sorted(folder.glob("[0-9][0-9].npz"))}


def _read(file: Path) -> dict[str, NDArray[Any]]:
    with np.load(file) as arrays:
        return dict(arrays)


def _make_photo(job: tuple[Path, Path, Path, int]) -> None:
    data, pairs, folder, number = job
    torch.set_num_threads(1)
    file = folder / f"{number:02d}.npz"
    known = _read(file) if file.is_file() else {}
    metrics = measure_photo(read_tid_photo(data, pairs, number), known)
    temporary = file.with_suffix(".new")
    with temporary.open("wb") as target:
        np.savez(target, allow_pickle=False, **metrics)
    temporary.replace(file)


def measure_photo(photo: TidPhoto, known: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Every metric of the compared pairs of one photo with their ``info``, taken from ``known`` where it is there."""
    compared = compared_pairs(photo)
    kept = {(int(kind), int(level)): row for row, (kind, level) in enumerate(known.get("info", []))}

    def value(name: str, metric: Metric, index: int) -> float:
        row = kept.get((int(photo.info[index, 0]), int(photo.info[index, 1])))
        return metric(photo.reference, photo.distorted[index]) if row is None else float(known[name][row])

    with torch.inference_mode():
        measured = {
            name: np.array([value(name, metric, index) for index in compared]) for name, metric in RIVALS.items()
        }
    return {"info": photo.info[compared], **measured}
