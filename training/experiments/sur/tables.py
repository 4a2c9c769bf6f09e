"""SUR-FeatNet's own tables (Lin et al. 2020, sections 4 and 6) from MCL-JCI, JND-Pano and KADIS-700k.

Ten folds by source photo; in each, one part of the others chooses the epoch. The ground truth is the GEV of the
greatest likelihood for a photo's JND samples. Five patches stand for an image in training and are averaged when its SUR
is predicted at each level; a GEV through these samples is the prediction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from models.sur.gev import LEVELS, GevParameters, bhattacharyya_distance, fit_gev, percent_jnd, percent_sur, sur_curve
from training.data.errors import DatasetMissingError
from training.data.jnd_pano import read_jnd_pano
from training.data.mcl_jci import read_mcl_jci
from training.data.photos import load_photo
from training.data.records import JndPhoto
from training.data.splits import save_folds, source_folds
from training.experiments.sur.config import SurConfig
from training.experiments.sur.curves import capped_psnr_db
from training.experiments.sur.distributions import fit_gev_mle, rank_distributions
from training.experiments.sur.kadis import KADIS_FOLDER, pretrained_body
from training.experiments.sur.published import (
    FeaturePairs,
    ImagePairs,
    LabelledPair,
    absolute_error,
    as_tensor,
    fit_stage_two,
    image_features,
    part_config,
    starting_body,
)
from training.networks.sur_featnet_published import Body, StageOne, enlarge, five_patches
from training.run.fit import fit_network
from training.run.progress import track

DATASETS: dict[str, Callable[[Path], list[JndPhoto]]] = {"mcl-jci": read_mcl_jci, "jnd-pano": read_jnd_pano}
"""Readers by the name of the folder."""

FOLDS = 10

SATISFIED_PERCENT = 75

FARTHEST = 20.0
"""The largest Bhattacharyya distance that is counted, an overlap of 2e-9: two distributions that do not meet are
infinitely far from each other, and one of them would decide the mean of all photos."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """A learning scheme of Table 2: ``pretrained`` on KADIS-700k or not, ``frozen`` body with MLSP features or not."""

    pretrained: bool
    frozen: bool


SCHEMES = {
    "1. Fine-tune (ImageNet)": Scheme(pretrained=False, frozen=False),
    "2. Fine-tune (KADIS-700k)": Scheme(pretrained=True, frozen=False),
    "3. MLSP (ImageNet)": Scheme(pretrained=False, frozen=True),
    "4. MLSP (KADIS-700k)": Scheme(pretrained=True, frozen=True),
}
PROPOSED, PROPOSED_WITHOUT_KADIS = "4. MLSP (KADIS-700k)", "3. MLSP (ImageNet)"


@dataclass(frozen=True, slots=True)
class JudgedPhoto:
    """A photo, the GEV of its JND samples, and PSNR in dB of its versions over levels 1..100, (100,)."""

    photo: JndPhoto
    gev: GevParameters
    psnr_db: NDArray[np.float64]

    @property
    def levels(self) -> list[int]:
        """Levels at which a version is there, rising."""
        return sorted(self.photo.versions)


Predictions = dict[str, GevParameters]
"""By source."""


def table(config: SurConfig, root: Path) -> dict[str, Any]:
    """Tables 1 to 8, as far as the data sets are there.

    ``root`` holds folders ``mcl-jci`` and ``jnd-pano``, one at least; ``kadis-700k`` for schemes 2 and 4; and, for
    preset ``paper``, ``imagenet/inception_v3.pth``, without which the body starts at random.
    Raises: DatasetMissingError; DatasetFormatError.
    """
    present = {name: read for name, read in DATASETS.items() if (root / name).is_dir()}
    if not present:
        raise DatasetMissingError(f"none of {', '.join(DATASETS)} is in {root}: at least one is needed")
    pretrained = pretrained_body(config, root / KADIS_FOLDER) if (root / KADIS_FOLDER).is_dir() else None
    return {
        name: _dataset(part_config(config, f"tables/{name}"), read(root / name), pretrained)
        for name, read in present.items()
    }


def _dataset(config: SurConfig, photos: list[JndPhoto], pretrained: Body | None) -> dict[str, Any]:
    folds = source_folds([photo.source for photo in photos], min(FOLDS, len(photos)), seed=config.seed)
    save_folds(config.checkpoints / "folds.json", folds)
    jnds = sorted(set.intersection(*(set(photo.samples) for photo in photos)))
    judged = {jnd: [judge(photo, jnd) for photo in photos] for jnd in jnds}
    proposed = PROPOSED if pretrained else PROPOSED_WITHOUT_KADIS
    first, bodies = jnds[0], {False: starting_body(config).eval()} | ({True: pretrained.eval()} if pretrained else {})
    features = {known: _features(judged[first], body) for known, body in bodies.items()}
    predict = partial(_predict, config, folds=folds, bodies=bodies, features=features)
    found = {jnd: predict(SCHEMES[proposed], judged[jnd], jnd=jnd) for jnd in jnds}
    schemes = {
        name: found[first] if name == proposed else predict(scheme, judged[first], jnd=first)
        for name, scheme in SCHEMES.items()
        if scheme.pretrained in bodies
    }
    rows = {jnd: compare(judged[jnd], found[jnd]) for jnd in jnds}
    baseline = {jnd: psnr_baseline(judged[jnd], folds) for jnd in jnds}
    return {
        "table 1: distributions": {f"jnd{jnd}": _ranking(photos, jnd) for jnd in jnds},
        "table 2: schemes, first JND": {name: _means(compare(judged[first], gevs)) for name, gevs in schemes.items()},
        "table 3: SUR-FeatNet and Algorithm 1": {
            f"jnd{jnd}": {"scheme": proposed, **_means(rows[jnd]), "baseline": baseline[jnd]} for jnd in jnds
        },
        "table 4: 75 % SUR, first JND": _means(compare(judged[first], found[first], satisfied=True)),
        "tables 5 to 8: photos": {f"jnd{jnd}": rows[jnd] for jnd in jnds},
    }


def judge(photo: JndPhoto, jnd: int) -> JudgedPhoto:
    """Ground truth of a photo for one JND. Reference: Lin et al. 2020, section 6.3."""
    reference = load_photo(photo.reference)
    levels = sorted(photo.versions)
    psnr = [capped_psnr_db(reference, load_photo(photo.versions[level])) for level in levels]
    return JudgedPhoto(photo, fit_gev_mle(_samples_qf(photo, jnd)), np.interp(LEVELS, levels, psnr))


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


def _samples_qf(photo: JndPhoto, jnd: int) -> NDArray[np.float64]:
    return 101 - np.array(photo.samples[jnd], dtype=np.float64)


def _ranking(photos: Sequence[JndPhoto], jnd: int) -> dict[str, Any]:
    standings = rank_distributions([_samples_qf(photo, jnd) for photo in photos])
    return {
        name: {
            "log-likelihood": standing.likelihood_rank,
            "A-D reject": standing.rejected,
            "A-D rank": standing.rejected_rank,
        }
        for name, standing in standings.items()
    }


def _means(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {
        name: round(float(np.mean([row[name] for row in rows])), 4)
        for name in ("bhattacharyya", "delta_jnd", "delta_psnr_db")
    }


def _printed(gev: GevParameters) -> dict[str, float]:
    return {"mu": round(gev.location, 2), "sigma": round(gev.scale, 2), "xi": round(gev.shape, 2)}


# Stage two on the photos that people judged.


def _predict(
    config: SurConfig,
    scheme: Scheme,
    judged: Sequence[JudgedPhoto],
    *,
    folds: Sequence[Sequence[str]],
    bodies: Mapping[bool, Body],
    features: Mapping[bool, Mapping[str, Tensor]],
    jnd: int,
) -> Predictions:
    """GEV of every photo, each by a network that was fitted without its fold."""
    body, known = bodies[scheme.pretrained], features[scheme.pretrained]
    name = f"{'mlsp' if scheme.frozen else 'fine-tune'}-{'kadis' if scheme.pretrained else 'imagenet'}/jnd{jnd}"
    found: Predictions = {}
    for number, fold in enumerate(folds):
        checked = set(folds[(number + 1) % len(folds)]) - set(fold)
        check = [photo for photo in judged if photo.photo.source in checked]
        train = [photo for photo in judged if photo.photo.source not in checked | set(fold)] or check
        part = part_config(config, f"{name}/fold{number}")
        if scheme.frozen:
            predict = _fit_frozen(part, body, known, train, check)
        else:
            predict = _fit_tuned(part, body, train, check)
        found |= {photo.photo.source: predict(photo) for photo in judged if photo.photo.source in fold}
    return found


def _fit_frozen(
    config: SurConfig,
    body: Body,
    features: Mapping[str, Tensor],
    train: Sequence[JudgedPhoto],
    check: Sequence[JudgedPhoto],
) -> Callable[[JudgedPhoto], GevParameters]:
    head = fit_stage_two(config, body, *(_feature_pairs(photos, features) for photos in (train, check)))

    def predict(photo: JudgedPhoto) -> GevParameters:
        known = features[photo.photo.source]
        with torch.inference_mode():
            sur = [float(head(known[0], version).mean()) for version in known[1:]]
        return fit_gev(photo.levels, np.clip(sur, 0, 1))

    return predict


def _fit_tuned(
    config: SurConfig, body: Body, train: Sequence[JudgedPhoto], check: Sequence[JudgedPhoto]
) -> Callable[[JudgedPhoto], GevParameters]:
    network = StageOne(starting_body(config))
    network.body.load_state_dict(body.state_dict())
    fit_network(network, _patch_pairs(train), _patch_pairs(check), absolute_error, config)

    def predict(photo: JudgedPhoto) -> GevParameters:
        reference = _patches(photo.photo.reference)
        with torch.inference_mode():
            versions = (_patches(photo.photo.versions[level]) for level in photo.levels)
            sur = [float(network(reference, version).mean()) for version in versions]
        return fit_gev(photo.levels, np.clip(sur, 0, 1))

    return predict


def _patches(path: Path) -> Tensor:
    return enlarge(five_patches(as_tensor(load_photo(path))))


def _features(judged: Sequence[JudgedPhoto], body: Body) -> dict[str, Tensor]:
    """MLSP features of every photo by source: they are the same for all JNDs."""
    return {photo.photo.source: _photo_features(photo, body) for photo in judged}


def _photo_features(judged: JudgedPhoto, body: Body) -> Tensor:
    """MLSP features of the five patches of the photo, then of each version: (1 + L, 5, F)."""
    paths = [judged.photo.reference, *(judged.photo.versions[level] for level in judged.levels)]
    return torch.stack([image_features(body, _patches(path)) for path in track(paths, description=judged.photo.source)])


def _feature_pairs(photos: Sequence[JudgedPhoto], features: Mapping[str, Tensor]) -> FeaturePairs:
    known = [features[photo.photo.source] for photo in photos]
    patches = [torch.arange(5).repeat(len(photo.levels)) + 5 * index for index, photo in enumerate(photos)]
    labels = [np.repeat(sur_curve(photo.gev, photo.levels), 5) for photo in photos]
    return FeaturePairs(
        torch.cat([values[0] for values in known]),
        torch.cat([values[1:].flatten(0, 1) for values in known]),
        torch.cat(patches),
        torch.from_numpy(np.concatenate(labels)).float(),
    )


def _patch_pairs(photos: Sequence[JudgedPhoto]) -> Dataset[tuple[Tensor, Tensor, Tensor]]:
    """Every patch of every version with the SUR of the whole image (section 6.2)."""
    return ImagePairs(
        [
            partial(_patch_pair, photo, level, patch)
            for photo in photos
            for level, patch in product(photo.levels, range(5))
        ]
    )


def _patch_pair(judged: JudgedPhoto, level: int, patch: int) -> LabelledPair:
    reference, version = (
        five_patches(torch.tensor(load_photo(path)).movedim(-1, 0))[patch].movedim(0, -1).numpy()
        for path in (judged.photo.reference, judged.photo.versions[level])
    )
    return reference, version, float(sur_curve(judged.gev, [level])[0])
