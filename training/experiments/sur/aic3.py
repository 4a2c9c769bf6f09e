"""Observers near the threshold: the teacher's distances and the people of JPEG AIC-3.

    python -m training.experiments.sur.aic3 --data DATA

``tables/aic3_jnd.csv`` (JPEG AIC-3 and AIC-4, arXiv 2410.09501 and 2504.06301) gives, for 5 photos, 6 codecs and 10
levels, people's distortion in JND and the scores of the teacher's judges on the same pairs. At d JND the share of
viewers who cannot tell is 2 (1 - Phi(0.6745 d)) by that scale: half of them tell at one JND. It is fitted by
Phi((ln theta - ln distance) / s), the pairs of JPEG three times as heavy as those of the five other codecs, since JPEG
is what is made here. The command prints how far that is from people when a photo is left out, for this teacher and for
others.
"""

import argparse
import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, minimize
from scipy.special import ndtr

from models.sur.observers import JNDS, Threshold
from training.labels.threshold_teacher import IW_SSIM_FLOOR, JOD_FLOOR, PENALTY_FLOOR, log_distance_of_scores
from training.metrics.ssimulacra2 import penalty_of_score

HALF_TELL = 0.6745
"""Standard normal quantile of 3/4: at one JND half of the viewers tell, the rest guess."""

JPEG, JPEG_WEIGHT = "JPEG-1", 3.0


@dataclass(frozen=True, slots=True)
class Aic3:
    """The N pairs: ``source``, ``codec`` as text; ``jnd``; scores of SSIMULACRA2, ColorVideoVDP (JOD) and IW-SSIM."""

    source: NDArray[np.str_]
    codec: NDArray[np.str_]
    jnd: NDArray[np.float64]
    ssimulacra2: NDArray[np.float64]
    jod: NDArray[np.float64]
    iw_ssim: NDArray[np.float64]

    @property
    def log_distance(self) -> NDArray[np.float64]:
        """The teacher's, (N,)."""
        return log_distance_of_scores(self.ssimulacra2, self.jod, self.iw_ssim)

    @property
    def weights(self) -> NDArray[np.float64]:
        """Of the fit, (N,)."""
        return np.where(self.codec == JPEG, JPEG_WEIGHT, 1.0)


def read_aic3(table: Path) -> Aic3:
    """``aic3_jnd.csv``."""
    with table.open() as lines:
        rows = list(csv.DictReader(lines))
    numbers = {
        name: np.array([float(row[name]) for row in rows]) for name in ("jnd", "ssimulacra2", "cvvdp_jod", "iw_ssim")
    }
    source, codec = (np.array([row[name] for row in rows]) for name in ("source", "codec"))
    return Aic3(source, codec, numbers["jnd"], numbers["ssimulacra2"], numbers["cvvdp_jod"], numbers["iw_ssim"])


def share_who_cannot_tell(jnd: NDArray[np.float64]) -> NDArray[np.float64]:
    """By AIC-3's scale, in [0, 1], at distortions in JND, (N,)."""
    return np.asarray(2 * (1 - ndtr(HALF_TELL * jnd)))


def boosted_jnd(table: Path) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """From JND on AIC-3's scale to those of people who see the pair boosted: alternating in place, twice as large.

    k d^p, fitted by weighted least squares to the boosted answers in ``aic3_counts.csv``, those for the wrong side
    subtracted as guesses.
    """
    with table.open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["method"] == "BTC"]
    jnd, answers, saw, wrong = (
        np.array([float(row[name]) for row in rows]) for name in ("jnd", "answers", "saw_it", "wrong_side")
    )

    def miss(point: NDArray[np.float64]) -> float:
        told = 1 - share_who_cannot_tell(np.exp(point[0]) * jnd ** np.exp(point[1]))
        return float(np.sum(answers * (told - (saw - wrong) / answers) ** 2))

    factor, power = np.exp(minimize(miss, [0.0, 0.0], method="Nelder-Mead").x)
    return lambda d: np.asarray(factor * d**power)


def fit_threshold(
    log_distance: NDArray[np.float64], share: NDArray[np.float64], weights: NDArray[np.float64]
) -> Threshold:
    """Threshold under which the distances (N,) are unnoticed by the shares (N,)."""

    def misses(point: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(weights * (ndtr((point[0] - log_distance) / np.exp(point[1])) - share))

    found = least_squares(misses, [float(np.median(log_distance)), 0.0], loss="soft_l1", f_scale=0.05).x
    return Threshold(round(float(found[0]), 4), round(float(np.exp(found[1])), 4))


def aic3_thresholds(
    pairs: Aic3, scale: Callable[[NDArray[np.float64]], NDArray[np.float64]] = lambda d: d
) -> tuple[Threshold, Threshold, Threshold]:
    """Of the first to third JND: the k-th is noticed by half at k JND of the scale."""
    first, second, third = (
        fit_threshold(pairs.log_distance, share_who_cannot_tell(scale(pairs.jnd / jnd)), pairs.weights) for jnd in JNDS
    )
    return first, second, third


def left_out_errors(
    pairs: Aic3, log_distance: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share predicted less share of people, (N,), each source by a fit to the other four."""
    truth = share_who_cannot_tell(pairs.jnd)
    errors = np.empty(len(truth))
    for source in np.unique(pairs.source):
        out = pairs.source == source
        fitted = fit_threshold(log_distance[~out], truth[~out], weights[~out])
        errors[out] = ndtr((fitted.log_distance - log_distance[out]) / fitted.spread) - truth[out]
    return errors


def _teachers(pairs: Aic3) -> dict[str, NDArray[np.float64]]:
    logs = {
        "SSIMULACRA2": np.log(PENALTY_FLOOR + penalty_of_score(pairs.ssimulacra2)),
        "ColorVideoVDP": np.log(JOD_FLOOR + 10 - pairs.jod),
        "IW-SSIM": np.log(IW_SSIM_FLOOR + 1 - pairs.iw_ssim),
    }
    names = list(logs)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            logs[f"{one} + {other}"] = (logs[one] + logs[other]) / 2
    return logs | {"all three": pairs.log_distance}


def main() -> None:
    """Print the table of what was tried, and the spread over sources and codecs of the teacher that is used."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    tables = parser.parse_args().data / "tables"
    pairs = read_aic3(tables / "aic3_jnd.csv")
    jpeg = pairs.codec == JPEG
    print("mean absolute error of the share, a source left out: JPEG / all codecs, JPEG three times as heavy")
    for name, distances in _teachers(pairs).items():
        errors = np.abs(left_out_errors(pairs, distances, pairs.weights))
        print(f"  {name}: {errors[jpeg].mean():.4f} / {errors.mean():.4f}")
    errors = np.abs(left_out_errors(pairs, pairs.log_distance, pairs.weights))
    print(
        "by source, JPEG:",
        {str(s): round(float(errors[jpeg & (pairs.source == s)].mean()), 3) for s in np.unique(pairs.source)},
    )
    print("by codec:", {str(c): round(float(errors[pairs.codec == c].mean()), 3) for c in np.unique(pairs.codec)})
    print("thresholds:", aic3_thresholds(pairs))
    print("boosted:", aic3_thresholds(pairs, boosted_jnd(tables / "aic3_counts.csv")))
    first = aic3_thresholds(pairs)[0]
    within = np.abs(ndtr((first.log_distance - pairs.log_distance) / first.spread) - share_who_cannot_tell(pairs.jnd))
    print(f"fitted on all sources: JPEG {within[jpeg].mean():.4f}, all codecs {within.mean():.4f}")


if __name__ == "__main__":
    main()
