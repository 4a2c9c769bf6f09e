"""What the full-reference network is worth: on people, against the classical metrics, and on JPEG at high quality."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from models.full_reference import predict_full_reference_score
from models.graphs.onnx_model import OnnxModel
from models.types import Rgb8
from training.data.photos import load_photo, photo_paths
from training.distort.codecs import jpeg_420
from training.experiments.full_reference.classical_scores import read_classical_scores
from training.figures.paired import lead_interval, photos_won, rank_correlation
from training.figures.report import Curves, Picture, Report, Scatter, write_report
from training.labels.high_quality_pairs import read_high_quality_pairs
from training.labels.opinion_pairs import CODEC, read_opinion_pairs
from training.labels.tid_pairs import read_tid_photos
from training.maths.agreement import agreement
from training.metrics.classical import CLASSICAL
from training.metrics.ssimulacra2 import ssimulacra2_of_arrays
from training.run.config import ExperimentConfig
from training.run.export import exported_model
from training.run.fit import load_history
from training.run.progress import track

Floats = NDArray[np.float64]

JPEG_QUALITIES = range(10, 100, 5)
# Every fourth photo of ``val``, its middle, at each quality.
LADDER_EVERY, MIDDLE = 4, (384, 512)
HIGH_QUALITY = 50.0
RANGES = ((-200.0, 0.0), (0.0, 50.0), (50.0, 100.0))


@dataclass(frozen=True, slots=True)
class JudgedPhoto:
    """Of one photo of TID2013 that a fold left out: ``info`` (V, 2), MOS (V,), the network's scores (V,), those of
    the classical metrics (C,) by name, and which of the V pairs those are of.
    """

    number: int
    info: NDArray[np.int64]
    mos: Floats
    scores: Floats
    baselines: dict[str, Floats]
    compared: NDArray[np.int64]


def figures(config: ExperimentConfig) -> dict[str, Any]:
    """All figures, written to ``metrics.json`` and ``report.html`` too."""
    photos = judged_photos(config, config.checkpoints)
    model = exported_model("full_reference", config)
    ladder = jpeg_ladder(config, model)
    found = {
        "people": people(photos),
        "seeds": {name: people(judged_photos(config, folder)) for name, folder in _seeds(config).items()},
        "people_by_kind": people_by_kind(photos),
        "against": against_classical(photos),
        "by_range": by_range(photos),
        "val": high_quality(config, model) | ladder.figures(),
    }
    (config.checkpoints / "metrics.json").write_text(json.dumps(found, indent=2))
    write_report(config.checkpoints / "report.html", _report(config, found, photos, ladder))
    return found


# People.


def judged_photos(config: ExperimentConfig, folder: Path) -> list[JudgedPhoto]:
    """Photos with what the fold that left them out said of them.

    Raises: FileNotFoundError before all folds are fitted.
    """
    baselines = read_classical_scores(config.folder / "rivals")
    judged = []
    for photo in read_tid_photos(config.data, config.work / "tid2013"):
        files = list(folder.glob(f"fold-*/{photo.photo:02d}.npy"))
        if not files:
            raise FileNotFoundError(
                f"no fold in {folder} left out photo {photo.photo}: run `limen-train fit` to its end"
            )
        compared = baselines.get(photo.photo, {"info": np.zeros((0, 2), np.int64)})
        rows = np.flatnonzero((photo.info[:, None] == compared.pop("info")[None]).all(2).any(1))
        judged.append(JudgedPhoto(photo.photo, photo.info, photo.mos, np.load(files[0]), compared, rows))
    return judged


def people(photos: list[JudgedPhoto]) -> dict[str, float]:
    """SROCC and PLCC over all pairs of photos that were left out, and the mean SROCC within a photo."""
    within = [float(stats.spearmanr(photo.scores, photo.mos).statistic) for photo in photos]
    return agreement(np.concatenate([p.scores for p in photos]), np.concatenate([p.mos for p in photos])) | {
        "srocc_within_photo": round(float(np.mean(within)), 4),
        "pairs": float(sum(len(photo.mos) for photo in photos)),
    }


def people_by_kind(photos: list[JudgedPhoto]) -> dict[str, float]:
    """SROCC with MOS over the pairs of each of TID2013's kinds, of photos that were left out."""
    kinds = np.concatenate([photo.info[:, 0] for photo in photos])
    scores, mos = (np.concatenate(values) for values in zip(*((p.scores, p.mos) for p in photos), strict=True))
    return {str(kind): _spearman(scores[kinds == kind], mos[kinds == kind]) for kind in np.unique(kinds)}


def against_classical(photos: list[JudgedPhoto]) -> dict[str, Any]:
    """Network and classical metrics on the same pairs: agreement, photos won, and the lead over the best of them."""
    mos = [photo.mos[photo.compared] for photo in photos]
    network = [photo.scores[photo.compared] for photo in photos]
    named = {name: [photo.baselines[name] for photo in photos] for name in CLASSICAL}
    table = {name: agreement(np.concatenate(values), np.concatenate(mos)) for name, values in named.items()}
    best = max(table, key=lambda name: table[name]["srocc"])
    low, high = lead_interval(network, named[best], mos)
    return {
        "pairs": sum(map(len, mos)),
        "network": agreement(np.concatenate(network), np.concatenate(mos)),
        **table,
        "photos_won": {name: photos_won(network, values, mos) for name, values in named.items()},
        "photos": len(photos),
        "best_rival": best,
        "srocc_lead_95": [low, high],
    }


def by_range(photos: list[JudgedPhoto]) -> dict[str, dict[str, float]]:
    """Which judge stands for people where: SROCC with MOS of network and classical metrics by SSIMULACRA2."""
    judges = {name: np.concatenate([photo.baselines[name] for photo in photos]) for name in CLASSICAL}
    judges["network"] = np.concatenate([photo.scores[photo.compared] for photo in photos])
    mos = np.concatenate([photo.mos[photo.compared] for photo in photos])
    found = {}
    for low, high in RANGES:
        inside = (judges["ssimulacra2"] > low) & (judges["ssimulacra2"] <= high)
        if inside.sum() > 2:
            found[f"{low:.0f} to {high:.0f}"] = {
                name: _spearman(values[inside], mos[inside]) for name, values in judges.items()
            } | {"pairs": float(inside.sum())}
    return found


def _seeds(config: ExperimentConfig) -> dict[str, Path]:
    """The other seeds that have been fitted, by name."""
    return {path.name: path for path in config.other_seeds if list(path.glob("fold-*/*.npy"))}


# High quality.


@dataclass(frozen=True, slots=True)
class JpegLadder:
    """Scores and SSIMULACRA2, (photos, qualities), of photos of ``val``; ``identical`` (photos,)."""

    scores: Floats
    ssimulacra2: Floats
    identical: Floats

    def figures(self) -> dict[str, Any]:
        """Steps in order, agreement with SSIMULACRA2 at high quality, and the score of an untouched photo."""
        high = self.ssimulacra2 > HIGH_QUALITY
        return {
            "jpeg_photos": len(self.scores),
            "jpeg_steps_in_order": round(float((np.diff(self.scores, axis=1) > 0).mean()), 4),
            "jpeg_srocc_above_50": _spearman(self.scores[high], self.ssimulacra2[high]),
            "identical_images": [float(self.identical.min()), float(self.identical.max())],
        }


def jpeg_ladder(config: ExperimentConfig, model: OnnxModel) -> JpegLadder:
    """JPEG at quality 10 to 95 in steps of 5 of every fourth photo of ``val``."""
    rows = []
    for path in track(photo_paths(config.data, "val")[::LADDER_EVERY], description="JPEG order"):
        pixels = _middle(load_photo(path))
        versions = [jpeg_420(pixels, 101 - quality, np.random.default_rng(0)) for quality in JPEG_QUALITIES]
        scores = [predict_full_reference_score(pixels, version, model).score for version in [*versions, pixels]]
        rows.append((scores, [float(ssimulacra2_of_arrays(pixels, version)[0]) for version in versions]))
    found = np.array([row[0] for row in rows])
    return JpegLadder(found[:, :-1], np.array([row[1] for row in rows]), found[:, -1])


def _middle(photo: Rgb8) -> Rgb8:
    """At most ``MIDDLE`` rows and columns."""
    row, column = (max(0, side - kept) // 2 for side, kept in zip(photo.shape[:2], MIDDLE, strict=True))
    return np.ascontiguousarray(photo[row : row + MIDDLE[0], column : column + MIDDLE[1]])


def high_quality(config: ExperimentConfig, model: OnnxModel) -> dict[str, Any]:
    """Agreement with SSIMULACRA2 where it is above 50, on crops of ``val``, by where the pairs come from."""
    opinions = list(read_opinion_pairs(config.work / "opinion-pairs" / "val"))
    spread = list(read_high_quality_pairs(config.work / "high-quality-pairs" / "val"))
    judged: list[tuple[str, float, float]] = []
    for _, photo in track(opinions, description="kinds of TID2013 and codecs"):
        names = np.where(photo.info[:, 0] == CODEC, "codecs", "tid2013_kinds")
        judged += _judged(photo.reference, photo.distorted, photo.ssimulacra2, names, model)
    for _, several in track(spread, description="every kind"):
        names = np.where(several.unseen, "kinds_never_fitted", "generator_kinds")
        judged += _judged(several.reference, several.distorted, several.ssimulacra2, names, model)
    groups = {
        "codecs": {"codecs"},
        "codecs_and_tid2013_kinds": {"codecs", "tid2013_kinds"},
        "generator_kinds": {"generator_kinds"},
        "kinds_never_fitted": {"kinds_never_fitted"},
        "every_kind": {name for name, _, _ in judged},
    }
    found: dict[str, Any] = {"photos": len({name for name, _ in (*opinions, *spread)})}
    for name, members in groups.items():
        pairs = np.array([values for group, *values in judged if group in members]).reshape(-1, 2)
        found[f"{name}_pairs_above_50"] = len(pairs)
        found[f"{name}_srocc_above_50"] = _spearman(pairs[:, 0], pairs[:, 1]) if len(pairs) > 2 else None
    return found


def _judged(
    reference: Rgb8, distorted: Rgb8, ssimulacra2: Floats, names: NDArray[np.str_], model: OnnxModel
) -> list[tuple[str, float, float]]:
    """Name, score and SSIMULACRA2 of the versions (V, H, W, 3) that are above ``HIGH_QUALITY``."""
    return [
        (
            str(names[index]),
            predict_full_reference_score(reference, distorted[index], model).score,
            float(ssimulacra2[index]),
        )
        for index in np.flatnonzero(ssimulacra2 > HIGH_QUALITY)
    ]


def _spearman(one: Floats, two: Floats) -> float:
    return round(float(stats.spearmanr(one, two).statistic), 4)


# The report.


def _report(config: ExperimentConfig, found: dict[str, Any], photos: list[JudgedPhoto], ladder: JpegLadder) -> Report:
    part = config.model_copy(update={"variant": f"{config.variant}/all".strip("/")})
    qualities = np.array(JPEG_QUALITIES, dtype=np.float64)
    lines = {"score": ladder.scores.mean(0), "SSIMULACRA2": ladder.ssimulacra2.mean(0)}
    return Report(
        title="Full-reference score",
        figures=found,
        history=load_history(part),
        scatters=[
            Scatter(
                "Photos of TID2013 that were left out",
                np.concatenate([photo.scores for photo in photos]),
                np.concatenate([photo.mos for photo in photos]),
                "score",
            )
        ],
        curves=[Curves("JPEG, mean over photos of val", qualities, lines, "JPEG quality", "score")],
        pictures=_best_and_worst(config, photos),
    )


def _best_and_worst(config: ExperimentConfig, photos: list[JudgedPhoto]) -> list[Picture]:
    """References of the photos on which network and people agree best and worst."""
    agreed = {photo.number: rank_correlation(photo.scores, photo.mos) for photo in photos}
    ends = {"best": max(agreed, key=agreed.__getitem__), "worst": min(agreed, key=agreed.__getitem__)}
    return [
        Picture(f"{name}: Kodak {number}, SROCC {agreed[number]:.3f}", _kodak(config, number))
        for name, number in ends.items()
    ]


def _kodak(config: ExperimentConfig, number: int) -> Rgb8:
    return load_photo(config.data / "kodak" / f"{number:02d}.png")
