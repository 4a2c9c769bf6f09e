"""SUR-FeatNet's own tables (Lin et al. 2020, sections 4 and 6) from MCL-JCI, JND-Pano and KADIS-700k.

Ten folds by source photo; in each, one part of the others chooses the epoch. The ground truth is the GEV of the
greatest likelihood for a photo's JND samples. Five patches stand for an image in training and are averaged when its SUR
is predicted at each level; a GEV through these samples is the prediction.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.sur.gev import LEVELS, GevParameters, bhattacharyya_distance, percent_jnd, percent_sur
from training.data.errors import DatasetMissingError
from training.data.jnd_pano import read_jnd_pano
from training.data.mcl_jci import read_mcl_jci
from training.data.records import JndPhoto
from training.data.splits import save_folds, source_folds
from training.experiments.sur.config import SurConfig
from training.experiments.sur.distributions import rank_distributions
from training.experiments.sur.kadis import KADIS_FOLDER, pretrained_body
from training.experiments.sur.published import part_config, starting_body
from training.experiments.sur.schemes import (
    SCHEMES,
    JudgedPhoto,
    Predictions,
    Scheme,
    judge,
    photo_features,
    predict_scheme,
    samples_qf,
)
from training.networks.sur_featnet_published import Body

DATASETS: dict[str, Callable[[Path], list[JndPhoto]]] = {"mcl-jci": read_mcl_jci, "jnd-pano": read_jnd_pano}
"""Readers by the name of the folder."""

COMPARED_SCHEMES = ("mcl-jci",)
"""Data sets of Table 2; JND-Pano, 12 megapixels a photo, has the proposed scheme alone."""

FOLDS = 10

SATISFIED_PERCENT = 75

BOUNDED_SHAPE = -1.0
"""Below this shape the likelihood of samples has no maximum (Smith 1985): it grows without end as the end of the
distribution nears the largest sample. Such a ground truth is where the search stopped, in the paper too, whose tables
have some; the means of a table are also given without these rows."""

FARTHEST = 20.0
"""The largest Bhattacharyya distance that is counted, an overlap of 2e-9: two distributions that do not meet are
infinitely far from each other, and one of them would decide the mean of all photos."""


def table(
    config: SurConfig, root: Path, *, datasets: Sequence[str] = tuple(DATASETS), schemes: bool = True
) -> dict[str, Any]:
    """Tables 1 to 8, as far as the data sets are there; without ``schemes``, Table 2 has the proposed one alone.

    ``root`` holds folders ``mcl-jci`` and ``jnd-pano``, one at least; ``kadis-700k`` for schemes 2 and 4; and, for
    preset ``paper``, ``imagenet/inception_v3.pth``, without which the body starts at random.
    Raises: DatasetMissingError; DatasetFormatError.
    """
    present = {name: DATASETS[name] for name in datasets if (root / name).is_dir()}
    if not present:
        raise DatasetMissingError(f"none of {', '.join(datasets)} is in {root}: at least one is needed")
    pretrained = pretrained_body(config, root / KADIS_FOLDER) if (root / KADIS_FOLDER).is_dir() else None
    found = {}
    for name, read in present.items():
        part, tuned = part_config(config, f"tables/{name}"), schemes and name in COMPARED_SCHEMES
        found[name] = _dataset(part, read(root / name), pretrained, tuned=tuned)
    return found


def _dataset(config: SurConfig, photos: list[JndPhoto], pretrained: Body | None, *, tuned: bool) -> dict[str, Any]:
    folds = source_folds([photo.source for photo in photos], min(FOLDS, len(photos)), seed=config.seed)
    save_folds(config.checkpoints / "folds.json", folds)
    jnds = sorted(set.intersection(*(set(photo.samples) for photo in photos)))
    judged = {jnd: [judge(photo, jnd) for photo in photos] for jnd in jnds}
    first, bodies = jnds[0], {False: starting_body(config).eval()} | ({True: pretrained.eval()} if pretrained else {})
    proposed = Scheme(pretrained is not None, frozen=True)
    features = {known: photo_features(config, judged[first], body) for known, body in bodies.items()}
    predict = partial(predict_scheme, config, folds=folds, bodies=bodies, features=features)
    found = {jnd: predict(proposed, judged[jnd], jnd=jnd) for jnd in jnds}
    schemes = {
        scheme.name(config): found[first] if scheme == proposed else predict(scheme, judged[first], jnd=first)
        for scheme in SCHEMES
        if scheme.pretrained in bodies and (tuned or scheme == proposed)
    }
    rows = {jnd: compare(judged[jnd], found[jnd]) for jnd in jnds}
    baseline = {jnd: psnr_baseline(judged[jnd], folds) for jnd in jnds}
    return {
        "table 1: distributions": {f"jnd{jnd}": _ranking(photos, jnd) for jnd in jnds},
        "table 2: schemes, first JND": {name: _means(compare(judged[first], gevs)) for name, gevs in schemes.items()},
        "table 3: SUR-FeatNet and Algorithm 1": {
            f"jnd{jnd}": {"scheme": proposed.name(config), **_means(rows[jnd]), "baseline": baseline[jnd]}
            for jnd in jnds
        },
        "table 4: 75 % SUR, first JND": _means(compare(judged[first], found[first], satisfied=True)),
        "tables 5 to 8: photos": {f"jnd{jnd}": rows[jnd] for jnd in jnds},
        "figures 5 to 7: spread": {f"jnd{jnd}": spread(rows[jnd]) for jnd in jnds},
        "figures 8 and 9: photos": ends(list(rows.values())),
    }


def compare(judged: Sequence[JudgedPhoto], found: Predictions, *, satisfied: bool = False) -> list[dict[str, Any]]:
    """Rows of tables 5 to 8: both GEVs, 50 % JND (or 75 % SUR) and PSNR there, and the three differences."""
    place = partial(percent_sur, percent=SATISFIED_PERCENT) if satisfied else partial(percent_jnd, percent=50)
    return [_row(photo, found[photo.photo.source], place) for photo in judged]


def _row(judged: JudgedPhoto, found: GevParameters, place: Callable[[GevParameters], int]) -> dict[str, Any]:
    truth, predicted = place(judged.gev), place(found)
    return {
        "source": judged.photo.source,
        "truth": _printed(judged.gev),
        "predicted": _printed(found),
        "level": truth,
        "predicted level": predicted,
        "psnr_db": round(float(judged.psnr_db[truth - 1]), 2),
        "predicted psnr_db": round(float(judged.psnr_db[predicted - 1]), 2),
        "bhattacharyya": round(min(FARTHEST, bhattacharyya_distance(judged.gev, found)), 4),
        "delta_jnd": abs(predicted - truth),
        "delta_psnr_db": round(abs(float(judged.psnr_db[predicted - 1] - judged.psnr_db[truth - 1])), 2),
    }


def psnr_baseline(judged: Sequence[JudgedPhoto], folds: Sequence[Sequence[str]]) -> dict[str, float]:
    """Algorithm 1: the first level whose PSNR is at most the mean PSNR at the 50 % JND of the training photos."""
    jnd_errors, psnr_errors = [], []
    for fold in folds:
        at_jnd = [photo.psnr_db[_jnd50(photo) - 1] for photo in judged if photo.photo.source not in fold]
        for photo in (photo for photo in judged if photo.photo.source in fold):
            reached = np.flatnonzero(photo.psnr_db <= np.mean(at_jnd))
            level = int(LEVELS[reached[0]]) if reached.size else int(LEVELS[-1])
            jnd_errors.append(abs(level - _jnd50(photo)))
            psnr_errors.append(abs(photo.psnr_db[level - 1] - photo.psnr_db[_jnd50(photo) - 1]))
    return {"delta_jnd": round(float(np.mean(jnd_errors)), 2), "delta_psnr_db": round(float(np.mean(psnr_errors)), 2)}


def _jnd50(judged: JudgedPhoto) -> int:
    return percent_jnd(judged.gev, 50)


def _ranking(photos: Sequence[JndPhoto], jnd: int) -> dict[str, Any]:
    standings = rank_distributions([samples_qf(photo, jnd) for photo in photos])
    return {
        name: {
            "log-likelihood": standing.likelihood_rank,
            "A-D reject": standing.rejected,
            "A-D rank": standing.rejected_rank,
        }
        for name, standing in standings.items()
    }


def _means(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Of the three differences, over all photos; where some ground truth is no maximum, over the others too."""
    bounded = [row for row in rows if row["truth"]["xi"] >= BOUNDED_SHAPE]
    parts = {"": rows} | ({f" of the {len(bounded)} with xi >= -1": bounded} if 0 < len(bounded) < len(rows) else {})
    return {
        f"{name}{part}": round(float(np.mean([row[name] for row in chosen])), 4)
        for part, chosen in parts.items()
        for name in ("bhattacharyya", "delta_jnd", "delta_psnr_db")
    }


def spread(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What figures 5 to 7 show of one JND: histograms, the shares that section 6.3 names, PLCC of both PSNR.

    PLCC is 0 where all values of a side are the same.
    """
    distances, errors = (np.array([row[name] for row in rows], float) for name in ("bhattacharyya", "delta_jnd"))
    truth, predicted = (np.array([row[name] for row in rows]) for name in ("psnr_db", "predicted psnr_db"))
    varies = np.ptp(truth) > 0 and np.ptp(predicted) > 0
    return {
        "photos": len(rows),
        "photos with a distance under 0.1": int(np.sum(distances < 0.1)),
        "photos off by less than 5 levels": int(np.sum(errors < 5)),
        "photos off by less than 10 levels": int(np.sum(errors < 10)),
        "plcc of psnr": round(float(np.corrcoef(truth, predicted)[0, 1]), 4) if varies else 0.0,
        "distances, steps of 0.05, the last one open": _histogram(distances, 0.05),
        "errors, steps of 2 levels, the last one open": _histogram(errors, 2.0),
    }


def _histogram(values: NDArray[np.float64], step: float) -> list[int]:
    """Counts of ten steps from 0 on and of all above."""
    return [int(count) for count in np.bincount(np.minimum(values // step, 10).astype(int), minlength=11)]


def ends(tables: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, list[str]]:
    """Sources of the best and the worst two predictions, by the mean Bhattacharyya distance over the JNDs."""
    sources = [row["source"] for row in tables[0]]
    means = np.mean([[row["bhattacharyya"] for row in rows] for rows in tables], axis=0)
    order = [sources[index] for index in np.argsort(means, kind="stable")]
    return {"best": order[:2], "worst": order[:-3:-1]}


def _printed(gev: GevParameters) -> dict[str, float]:
    return {"mu": round(gev.location, 2), "sigma": round(gev.scale, 2), "xi": round(gev.shape, 2)}
