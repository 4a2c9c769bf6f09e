"""Tables 1 to 3 of the FPSNet paper on SHEN2020, and on the photos of other data sets where they are at hand.

Xiao, "FPSNet", section 3: 9 of 10 photos to learn from, crops of 256x256 at random places and turns; the target is the
luma that the visually lossless version changed. One fold of the learning photos chooses the epoch; the paper names no
such part. PSNR and SSIM of tables 2 and 3 are taken between predicted and true map; table 1 between a photo and itself
with noise shaped by the map at a mean squared error of 100, on luma.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from models.jnd import predict_jnd_map
from models.types import Rgb8
from training.data.csiq import read_csiq
from training.data.kadid import read_kadid10k
from training.data.live import read_live
from training.data.mcl_jci import read_mcl_jci
from training.data.photos import load_photo
from training.data.records import LosslessPair
from training.data.shen2020 import read_shen2020
from training.data.splits import source_folds
from training.experiments.jnd.protocol import (
    ENERGIES,
    JndMapOf,
    add_noise,
    local_deviation_map,
    random_signs,
    rounded_luma,
    solve_gamma,
    wu2017_map,
    yang2005_map,
)
from training.maths.ssim import ssim_and_ms_ssim
from training.metrics.ssimulacra2 import srgb_to_tensor
from training.networks.fpsnet import FULL, TABLE_2, TABLE_3, Switches
from training.networks.part_of_photo import Network, as_models
from training.run.config import ExperimentConfig
from training.run.fit import fit_network

FOLDS = 10
CROP = 256
"""Rows and columns of what is learned from, section 3.1."""
Build = Callable[[Switches], Network]


def tables(config: ExperimentConfig, root: Path, build: Build) -> dict[str, Any]:
    """Table 1 with the full network, tables 2 and 3 with each ablation; ``root`` holds SHEN2020 and maybe the others.

    Raises: DatasetMissingError without SHEN2020.
    """
    pairs = read_shen2020(root / "shen2020")
    folds = source_folds([pair.source for pair in pairs], min(FOLDS, len(pairs)), seed=config.seed)
    test, choose = ([pair for pair in pairs if pair.source in fold] for fold in folds[:2])
    train = [pair for pair in pairs if pair not in test and pair not in choose]
    networks = {
        switches: _fit_one(config, build(switches), switches, train, choose)
        for switches in dict.fromkeys([*TABLE_2.values(), *TABLE_3.values()])
    }
    accuracy = {switches: map_accuracy(network, test) for switches, network in networks.items()}
    photos = {"TestSet": [pair.reference for pair in test], **other_photos(root)}
    return {
        "table_1": {name: noise_similarity(networks[FULL], paths) for name, paths in photos.items()},
        "table_2": {name: accuracy[switches] for name, switches in TABLE_2.items()},
        "table_3": {name: accuracy[switches] for name, switches in TABLE_3.items()},
    }


def _fit_one(
    config: ExperimentConfig,
    network: Network,
    switches: Switches,
    train: list[LosslessPair],
    choose: list[LosslessPair],
) -> Network:
    flags = (switches.focus, switches.perceptual, switches.semantic, switches.bidirectional, switches.gated)
    name = "shen2020-" + "".join(str(int(flag)) for flag in flags)
    one = config.model_copy(update={"variant": f"{config.variant}/{name}".lstrip("/")})
    fit_network(network, LosslessCrops(train), LosslessCrops(choose), l1_of_map, one)
    return network


def l1_of_map(network: nn.Module, batch: list[Tensor]) -> Tensor:
    """Equation 1, in luma levels."""
    image, target = batch
    loss: Tensor = (network(image) - target).abs().mean()
    return loss


class LosslessCrops(Dataset[list[Tensor]]):
    """[image (3, 256, 256) in [0, 1], changed luma (1, 256, 256) in levels] at random places and turns."""

    def __init__(self, pairs: list[LosslessPair]) -> None:
        self._pairs = pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> list[Tensor]:
        original, lossless = _read(self._pairs[index])
        row, column = (int(torch.randint(side - CROP + 1, (1,))) for side in original.shape[:2])
        place = np.s_[row : row + CROP, column : column + CROP]
        turn = int(torch.randint(4, (1,)))
        parts = [srgb_to_tensor(original[place])[0], torch.from_numpy(changed_luma(original, lossless)[place])[None]]
        return [torch.rot90(part, turn, (1, 2)).float() for part in parts]


def _read(pair: LosslessPair) -> tuple[Rgb8, Rgb8]:
    return load_photo(pair.reference), load_photo(pair.visually_lossless)


def changed_luma(original: Rgb8, lossless: Rgb8) -> NDArray[np.float64]:
    """The true map (H, W): what people let pass, in luma levels."""
    return np.abs(rounded_luma(original) - rounded_luma(lossless))


def map_of(network: Network) -> JndMapOf:
    """The map of whole photos by a network."""
    whole, part = as_models(network)
    return lambda image: predict_jnd_map(image, whole, part=part).values.astype(np.float64)


def map_accuracy(network: Network, pairs: list[LosslessPair]) -> dict[str, float]:
    """Mean PSNR in dB and SSIM of the predicted against the true map."""
    predict, rows = map_of(network), []
    for pair in pairs:
        original, lossless = _read(pair)
        predicted, true = predict(original), changed_luma(original, lossless)
        error = max(float(np.mean((predicted - true) ** 2)), 1e-6)
        rows.append((10 * np.log10(255**2 / error), ssim_and_ms_ssim(predicted, true)[0]))
    psnr, ssim = np.mean(rows, axis=0)
    return {"psnr": round(float(psnr), 4), "ssim": round(float(ssim), 4)}


def noise_similarity(network: Network, paths: list[Path]) -> dict[str, dict[str, float]]:
    """Mean SSIM and MS-SSIM at equal energy of FPSNet, of Yang 2005, of Wu 2017 and of plain local contrast."""
    maps: dict[str, JndMapOf] = {
        "fpsnet": map_of(network),
        "yang2005": yang2005_map,
        "wu2017": wu2017_map,
        "deviation_1": local_deviation_map(1.0),
    }
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in maps}
    for path in paths:
        image = load_photo(path)
        sign = random_signs(image, 0)
        for name, jnd_of in maps.items():
            jnd = jnd_of(image)
            noisy = add_noise(image, solve_gamma(image, jnd, sign, ENERGIES[0]) * jnd, sign)
            rows[name].append(ssim_and_ms_ssim(rounded_luma(image), rounded_luma(noisy)))
    means = {name: np.mean(values, axis=0) for name, values in rows.items()}
    return {
        name: {"ssim": round(float(mean[0]), 4), "ms_ssim": round(float(mean[1]), 4)} for name, mean in means.items()
    }


def other_photos(root: Path) -> dict[str, list[Path]]:
    """Pristine photos of the cross-database columns of table 1, of those data sets that are in ``root``."""
    scored = {"csiq": read_csiq, "kadid-10k": read_kadid10k, "live": read_live}
    found = {
        name: sorted({record.pair.reference for record in read(root / name)})
        for name, read in scored.items()
        if (root / name).is_dir()
    }
    if (root / "mcl-jci").is_dir():
        found["mcl-jci"] = [photo.reference for photo in read_mcl_jci(root / "mcl-jci")]
    return found
