"""The learning schemes of Table 2 (Lin et al. 2020, section 6.3) on photos that people judged, fold by fold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from models.sur.gev import LEVELS, GevParameters, fit_gev, sur_curve
from training.data.photos import load_photo
from training.data.records import JndPhoto
from training.experiments.sur.config import SurConfig
from training.experiments.sur.curves import capped_psnr_db
from training.experiments.sur.distributions import fit_gev_mle
from training.experiments.sur.published import (
    FeaturePairs,
    ImagePairs,
    LabelledPair,
    absolute_error,
    as_tensor,
    fit_stage_two,
    has_imagenet,
    image_features,
    part_config,
    starting_body,
)
from training.networks.sur_featnet_published import Body, StageOne, enlarge, five_patches
from training.run.checkpoint import save
from training.run.fingerprint import digest
from training.run.fit import fit_network
from training.run.progress import track


@dataclass(frozen=True, slots=True)
class Scheme:
    """``pretrained`` on KADIS-700k or not, ``frozen`` body with MLSP features or not."""

    pretrained: bool
    frozen: bool

    def name(self, config: SurConfig) -> str:
        """The row of Table 2, by what its weights come from: the paper's name where they start from ImageNet."""
        start = "ImageNet" if has_imagenet(config) else "random weights"
        source = start if not self.pretrained else "KADIS-700k" if has_imagenet(config) else f"{start}, KADIS-700k"
        return f"{1 + self.pretrained + 2 * self.frozen}. {'MLSP' if self.frozen else 'Fine-tune'} ({source})"


SCHEMES = [Scheme(pretrained, frozen) for frozen in (False, True) for pretrained in (False, True)]
"""In Table 2's order; the last one is the proposed."""


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


def judge(photo: JndPhoto, jnd: int) -> JudgedPhoto:
    """Ground truth of a photo for one JND. Reference: Lin et al. 2020, section 6.3."""
    reference = load_photo(photo.reference)
    levels = sorted(photo.versions)
    psnr = [capped_psnr_db(reference, load_photo(photo.versions[level])) for level in levels]
    return JudgedPhoto(photo, fit_gev_mle(samples_qf(photo, jnd)), np.interp(LEVELS, levels, psnr))


def samples_qf(photo: JndPhoto, jnd: int) -> NDArray[np.float64]:
    return 101 - np.array(photo.samples[jnd], dtype=np.float64)


def predict_scheme(
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
    name = f"{'mlsp' if scheme.frozen else 'fine-tune'}-{'kadis' if scheme.pretrained else 'start'}/jnd{jnd}"
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


def photo_features(config: SurConfig, judged: Sequence[JudgedPhoto], body: Body) -> dict[str, Tensor]:
    """MLSP features by source, of the five patches of each photo, then of each version: (1 + L, 5, F).

    They are the same for all JNDs, and kept for this body and these files: two runs on a CUDA device would differ in
    their last bits.
    """
    folder = config.checkpoints / "mlsp" / digest([body, [photo.photo for photo in judged]])[:12]
    folder.mkdir(parents=True, exist_ok=True)
    body.eval().to("cuda" if torch.cuda.is_available() else "cpu")
    features = {}
    for photo in track(judged, "MLSP features"):
        file = folder / f"{photo.photo.source}.pt"
        if not file.is_file():
            paths = [photo.photo.reference, *(photo.photo.versions[level] for level in photo.levels)]
            save(file, torch.stack([image_features(body, _patches(path)) for path in paths]))
        features[photo.photo.source] = torch.load(file, weights_only=True)
    body.cpu()
    return features


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
