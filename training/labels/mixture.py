"""The teacher mixture: which features of a pair stand for people, fitted to TID2013's MOS and written down.

quality = exp(-penalty), penalty = a sum of powers of the features with weights >= 0, fitted by non-negative least
squares to -ln(MOS / BEST_MOS). So it is 1 exactly for identical images, and no error can raise it.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from training.labels.features import NAMES
from training.labels.tid_pairs import make_tid_pairs, tid_features
from training.maths.agreement import agreement

Floats = NDArray[np.float64]

# Just above the highest MOS in TID2013's table (7.1 of 9): the opinion of an image in which nothing changed.
BEST_MOS = 7.2
# Each feature enters under these powers, so that both the first traces and heavy errors can be weighed.
POWERS = (0.5, 1.0, 1.5)
MIXTURE_FILE = Path(__file__).parents[1] / "configs" / "quality_mixture.json"


@dataclass(frozen=True, slots=True)
class Mixture:
    """Weights by feature and power, and the figures it reached on photos that were left out."""

    weights: dict[str, float]
    figures: dict[str, float]

    def quality(self, features: Floats) -> Floats:
        """Quality in (0, 1] of features (..., len(NAMES)); 1 where every feature is zero."""
        table = np.array([self.weights.get(name, 0.0) for name in COLUMNS])
        return np.asarray(np.exp(-(expand(features) @ table)))


COLUMNS = tuple(f"{name}^{power}" for power in POWERS for name in NAMES)


def expand(features: Floats) -> Floats:
    """Every feature under every power: (..., F) to (..., len(COLUMNS))."""
    return np.concatenate([features**power for power in POWERS], axis=-1)


def fit_mixture(features: Floats, mos: Floats, photos: NDArray[np.int64], *, folds: int = 5) -> Mixture:
    """Fit on all pairs; the figures come from ``folds`` fits that each leave whole photos out.

    Args: ``features`` (N, len(NAMES)); ``mos`` (N,) of TID2013; ``photos`` (N,) photo of each pair.
    """
    columns, target = expand(features), -np.log(np.clip(mos, 0.2, BEST_MOS) / BEST_MOS)
    predicted = np.zeros_like(mos)
    numbers = np.unique(photos)
    for fold in range(folds):
        left_out = np.isin(photos, numbers[fold::folds])
        predicted[left_out] = np.exp(-(columns[left_out] @ _solve(columns[~left_out], target[~left_out])))
    weights = _solve(columns, target)
    named = {name: round(float(weight), 6) for name, weight in zip(COLUMNS, weights, strict=True) if weight > 1e-6}
    return Mixture(named, agreement(predicted, mos) | {"pairs": float(len(mos)), "photos": float(len(numbers))})


def _solve(columns: Floats, target: Floats) -> Floats:
    """Weighted so that an error counts in MOS, not in its logarithm; a small ridge keeps the weights apart."""
    scale = columns.std(0) + 1e-9
    importance = np.exp(-target)[:, None]
    ridge = 0.02 * np.sqrt(len(target)) * np.eye(columns.shape[1])
    left = np.vstack([columns / scale * importance, ridge])
    right = np.concatenate([target * importance[:, 0], np.zeros(columns.shape[1])])
    solution, _ = optimize.nnls(left, right)
    return np.asarray(solution / scale)


def make_mixture(data: Path, work: Path, output: Path, *, processes: int = 1) -> Mixture:
    """Recreate TID2013's pairs below ``work``, fit the mixture to the MOS of those that have features, write it down.

    ``data`` holds ``tables/tid2013_mos.csv`` and the photos that it names, as ``kodak/01.png`` and so on. What ``work``
    holds already, also from ``limen-train prepare full_reference``, is not made again.
    Raises: FileNotFoundError that names what is missing, the table or a photo.
    """
    folder = work / "tid2013"
    make_tid_pairs(data, folder, processes=processes)
    mixture = fit_mixture(*tid_features(folder))
    save_mixture(mixture, output)
    return mixture


def save_mixture(mixture: Mixture, path: Path = MIXTURE_FILE) -> None:
    """Write it down as JSON, in the format of ``MIXTURE_FILE``."""
    path.write_text(json.dumps(asdict(mixture), indent=2) + "\n")


def load_mixture(path: Path = MIXTURE_FILE) -> Mixture:
    """The mixture that labels were made with."""
    return Mixture(**json.loads(path.read_text()))
