"""The DIPQA thesis' own experiments (dipqa.md, chapter 4): tables 4.1 and 4.2 on HMII.

Ten folds by source video, figures averaged over them. Table 4.1's PLCC is plain, as its value for PSNR shows; RFSIM is
left out: the thesis took the authors' program, whose constants are not in the paper at hand. DIQaM of table 4.2 is its
extractor before DIPQA's regression, as the thesis says. Thesis: Adam at 5e-4, 50 epochs, convolutions
that start from VGG13-bn on ImageNet. One thing differs: pairs of one video are never on both sides of a split.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import nn

from models.patch_quality import DMOS_PATCHES
from models.types import Rgb8
from training.data.hmii import read_hmii
from training.data.photos import load_photo
from training.data.records import ScoredPair
from training.data.splits import save_folds, source_folds
from training.experiments.quality.tables import ArrayDataset, fit_part, predict_rows
from training.metrics.classical import CLASSICAL_OF_PATCHES
from training.networks.dipqa import DIQAM, PRESETS, Dipqa
from training.run.config import ExperimentConfig
from training.run.progress import track

Floats = NDArray[np.float64]

FOLDS = 10
"""Section 4.1."""

IPM_FEATURES = ("ssim", "fsim", "srsim")
"""Section 4.1: the metrics that table 4.2's image-patch model is a cubic polynomial of."""

# The thesis does not say what chose an epoch: one in ten of the pairs that were fitted does, and none that is tested.
CHECKED_EVERY = 10

IMAGENET_WEIGHTS = Path("imagenet") / "vgg13_bn.pth"
"""Below the data folder: torchvision's state dict of VGG13-bn trained on ImageNet, where somebody has it."""


def dipqa_table(config: ExperimentConfig, root: Path) -> dict[str, Any]:
    """Tables 4.1 and 4.2 for both patch sizes.

    ``root`` holds ``hmii/64`` and ``hmii/128``; for preset ``paper`` also ``imagenet/vgg13_bn.pth``, without which the
    convolutions start at random. Raises: DatasetMissingError; DatasetFormatError.
    """
    return {f"hmii_{side}": _patch_size(config, root, side) for side in DMOS_PATCHES}


def _patch_size(config: ExperimentConfig, root: Path, side: int) -> dict[str, Any]:
    scored = read_hmii(root / "hmii" / str(side))
    first, second = _pixels(scored)
    dmos = np.array([one.quality for one in scored])
    sources = np.array([one.pair.source for one in scored])
    folds = source_folds(sources, min(FOLDS, len(set(sources))), seed=config.seed)
    save_folds(config.checkpoints / "table" / f"hmii_{side}.json", folds)
    metrics = {
        name: np.array([metric(*pair) for pair in track(list(zip(first, second, strict=True)), description=name)])
        for name, metric in CLASSICAL_OF_PATCHES.items()
    }
    tested = [np.isin(sources, fold) for fold in folds]
    rows = {f"IPM ({name})": [_cubic(metrics[name], dmos, test) for test in tested] for name in IPM_FEATURES}
    for name, build in networks(config, root, side).items():
        rows[name] = []
        for number, test in enumerate(tested):
            place = f"hmii-{side}-{name.replace(' ', '-')}-fold-{number}"
            network = _fit_fold(config, build(), (first[~test], second[~test], dmos[~test]), place)
            rows[name].append(regression_figures(predict_rows(network, first[test], second[test]), dmos[test]))
    return {
        "table 4.1": {name: _correlations(values, dmos) for name, values in metrics.items()},
        "table 4.2": {name: _means(found) for name, found in rows.items()},
        "imagenet": starts_from_imagenet(config, root),
    }


def networks(config: ExperimentConfig, root: Path, side: int) -> dict[str, Callable[[], Dipqa]]:
    """The learned rows of table 4.2, by the thesis's names where the convolutions start from ImageNet."""
    start = "VGG" if starts_from_imagenet(config, root) else "random"
    return {
        "DIQaM": partial(_diqam, config, side),
        f"DIPQA ({start} extractor)": partial(starting_network, config, root, side, tuned=False),
        f"DIPQA ({start} finetuning)": partial(starting_network, config, root, side),
    }


def _diqam(config: ExperimentConfig, side: int) -> Dipqa:
    torch.manual_seed(config.seed)
    return Dipqa(side, widths=DIQAM)


def starting_network(config: ExperimentConfig, root: Path, side: int, *, tuned: bool = True) -> Dipqa:
    """DIPQA before its first step, with the convolutions of VGG13-bn on ImageNet where ``root`` holds them."""
    torch.manual_seed(config.seed)
    network = Dipqa(side, config.preset, tuned=tuned)
    if starts_from_imagenet(config, root):
        load_vgg13(network, torch.load(root / IMAGENET_WEIGHTS, map_location="cpu", weights_only=True))
    return network


def _pixels(scored: Sequence[ScoredPair]) -> tuple[Rgb8, Rgb8]:
    first = np.stack([load_photo(one.pair.reference) for one in scored])
    return first, np.stack([load_photo(one.pair.distorted) for one in scored])


def _fit_fold(config: ExperimentConfig, network: Dipqa, pairs: tuple[Rgb8, Rgb8, Floats], name: str) -> nn.Module:
    """The network of one fold, fitted to the squared error of ``pairs``: references, versions, DMOS."""
    checked = ArrayDataset(*(side[::CHECKED_EVERY] for side in pairs))
    return fit_part(config, name, network, ArrayDataset(*pairs), checked)


def starts_from_imagenet(config: ExperimentConfig, root: Path) -> bool:
    """Whether the convolutions are those of ``paper`` and weights for them are at hand."""
    return PRESETS[config.preset].is_vgg13 and (root / IMAGENET_WEIGHTS).is_file()


def load_vgg13(network: Dipqa, state: dict[str, torch.Tensor]) -> None:
    """Copy the four stages that DIPQA keeps (section 3.2.1) out of torchvision's state dict of VGG13-bn.

    Both number the layers of ``features`` alike; counters of batches, which old files lack, stay as they are. Raises:
    KeyError for a state dict of another network.
    """
    names = [name for name in network.features.state_dict() if not name.endswith("num_batches_tracked")]
    network.features.load_state_dict({name: state[f"features.{name}"] for name in names})


def _cubic(feature: Floats, dmos: Floats, test: NDArray[np.bool_]) -> dict[str, float]:
    """Figures of the image-patch model on the tested pairs, its polynomial fitted to the others."""
    curve = np.polynomial.Polynomial.fit(feature[~test], dmos[~test], min(3, int(np.sum(~test)) - 1))
    return regression_figures(curve(feature[test]), dmos[test])


def regression_figures(predicted: Floats, truth: Floats) -> dict[str, float]:
    """PLCC, SROCC and root mean square error, for predictions (N,) in the units of ``truth`` (N,)."""
    return {**_correlations(predicted, truth), "rmse": round(float(np.sqrt(np.mean((predicted - truth) ** 2))), 4)}


def _correlations(predicted: Floats, truth: Floats) -> dict[str, float]:
    """Plain PLCC and SROCC; 0 where all predictions or all opinions are the same, which then say nothing."""
    if np.ptp(predicted) == 0 or np.ptp(truth) == 0:
        return {"plcc": 0.0, "srocc": 0.0}
    return {
        "plcc": round(float(np.corrcoef(predicted, truth)[0, 1]), 4),
        "srocc": round(float(stats.spearmanr(predicted, truth).statistic), 4),
    }


def _means(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.mean([row[name] for row in rows])), 4) for name in rows[0]}
