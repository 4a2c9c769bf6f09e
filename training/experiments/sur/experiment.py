"""SUR-FeatNet, preset lite: labels on tiles, siamese network, psychometric profiles, figures.

Teacher: ``training.labels.threshold_teacher``; a label is its ln distance of two tiles of 256 x 256 on the JPEG block
grid. Human opinion enters in one place: the observer profiles are fitted to the judgements of JPEG AIC-3's people, and
to the population of curves that MCL-JCI's viewers gave.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor, nn
from torch.utils.data import Dataset

from models.sur.gev import LEVELS, percent_jnd, sur_curve
from models.sur.observers import DEFAULT_OBSERVER, DEFAULT_PIXELS_PER_DEGREE, JNDS, ObserverProfile, load_observer_table
from models.sur.prediction import VIEWING_PLACES, SurModels, SurReference, decode_jpeg, encode_reference_jpeg
from models.sur.tiles import TILE
from models.types import Rgb8
from training.data.drawn import drawn_tile
from training.data.photos import Split, checksum, is_free, load_photo, photo_paths, random_crops
from training.distort.jpeg_variants import VARIANT_KINDS, variants
from training.experiments.on_photos import compare_on_photos
from training.experiments.sur import tables
from training.experiments.sur.curves import (
    CURVE_LEVELS,
    PhotoCurves,
    calibrate_profiles,
    curve_gev,
    pooled_excess,
    teacher_curves,
)
from training.experiments.sur.figures import (
    PhotoRow,
    photo_rows,
    plainest_rival,
    ranking_of_published_distributions,
    share_errors,
    summary,
)
from training.experiments.sur.published import evaluate_on_tiles, export_on_tiles, fit_on_tiles
from training.figures.report import Curves, Picture, Report, Scatter, write_report
from training.labels.threshold_teacher import LEAST, log_lost_quality, threshold_log_distance
from training.networks.sur_featnet import SurFeatNet, SurHead
from training.run.config import ExperimentConfig
from training.run.export import (
    TorchModel,
    export_graph,
    exported_model,
    just_exported,
    write_manifest_entry,
)
from training.run.fit import fit_network, load_best, load_history
from training.run.record import write_run_record

VERSION = "5"
GRAPHS = ("sur_features", "sur_head")
EQUAL = LEAST
"""Label of two equal tiles."""

_VERSIONS = 16
_SEEN_FROM_ELSEWHERE = (2, 13)
"""Versions whose distance is also asked for at other pixels per degree: libjpeg-turbo's and Limen's."""
_DRAWN = 1 / 3
_RECOLOURED, _MOST_SATURATION = 0.3, 2.5
"""Share of crops whose colours are exchanged and up to so many times as strong: in few photos of photos/train are they
strong, and Limen's encoder saves where the teacher sees little of them."""
SHARES_EVERY = 8
RIVAL_EVERY = 4
"""Of the Kodak photos, one in so many is also judged by the teacher itself, a second a pair."""

CURVES_EVERY: dict[Split, int] = {"train": 12, "val": 3, "kodak": 2}
"""Of the photos of a split, of ``train`` those of free licence, one in so many has its teacher curve measured: fifteen
levels of six tiles, a sixth of a second each."""

FALLING = tuple(index for index, level in enumerate(CURVE_LEVELS) if 3 <= level <= 61)
"""Indices into ``CURVE_LEVELS`` of the levels where SUR curves of people near the threshold fall: QF 40 to 98."""

LICENCE = "weights: as Limen, any use; trained on photographs of free licence alone (Unsplash, CC0, CC-BY-SA)"


def prepare(config: ExperimentConfig) -> None:
    """Cut crops, make their JPEG variants, score them; one ``.npy`` each for references, variants and labels."""
    splits: tuple[Split, ...] = ("train", "val")
    for split in splits:
        if not (config.folder / f"{split}-labels.npy").is_file():
            _prepare_split(config, split)


def _prepare_split(config: ExperimentConfig, split: Split) -> None:
    paths = [path for path in photo_paths(config.data, split) if is_free(path)]
    jobs = [(path, [config.seed, int(split == "val"), index]) for index, path in enumerate(paths)]
    crops: list[Rgb8] = []
    versions: list[list[Rgb8]] = []
    labels: list[list[float]] = []
    shifts: list[NDArray[np.float64]] = []
    with ProcessPoolExecutor() as pool:
        for made in track(pool.map(_labelled_versions, jobs), description=f"labels of {split}", total=len(jobs)):
            for crop, of_crop, distances, viewing in made:
                crops.append(crop)
                versions.append(of_crop)
                labels.append(distances)
                shifts.append(viewing)
    np.save(config.folder / f"{split}-references.npy", np.stack(crops))
    np.save(config.folder / f"{split}-variants.npy", np.array(versions))
    np.save(config.folder / f"{split}-viewing.npy", np.array(shifts, np.float32))
    np.save(config.folder / f"{split}-labels.npy", np.array(labels, np.float32))


def _labelled_versions(
    job: tuple[Path, list[int]],
) -> list[tuple[Rgb8, list[Rgb8], list[float], NDArray[np.float64]]]:
    """Each crop of one photo, its versions, their labels and viewing shifts; a photo's draws depend on no other's."""
    torch.set_num_threads(1)
    path, seed = job
    rng = np.random.default_rng(seed)
    made = []
    for crop in _crops(path, rng):
        versions = variants(crop, rng)[0]
        labels = [threshold_log_distance(crop, version) for version in versions]
        made.append((crop, versions, labels, _viewing_shifts(crop, versions)))
    return made


def _viewing_shifts(crop: Rgb8, versions: list[Rgb8]) -> NDArray[np.float64]:
    """(versions, places): ColorVideoVDP's ln lost quality at ``VIEWING_PLACES`` less that at the default; NaN where
    it was not asked: of 16 versions two are, for each takes twice as long as a label."""
    shifts = np.full((len(versions), len(VIEWING_PLACES)), np.nan)
    for index in _SEEN_FROM_ELSEWHERE:
        usual = log_lost_quality(crop, versions[index], DEFAULT_PIXELS_PER_DEGREE)
        shifts[index] = [log_lost_quality(crop, versions[index], place) - usual for place in VIEWING_PLACES]
    return shifts


def _crops(path: Path, rng: np.random.Generator) -> list[Rgb8]:
    """Two crops of a photo, some in other colours; of one photo in three a drawn picture too."""
    photo = load_photo(path)
    crops = list(random_crops(photo, TILE, 2, rng))
    crops = [_recoloured(crop, rng) if rng.random() < _RECOLOURED else crop for crop in crops]
    if rng.random() < _DRAWN:
        crops.append(drawn_tile(TILE, rng, photo))
    return crops


def _recoloured(crop: Rgb8, rng: np.random.Generator) -> Rgb8:
    exchanged = crop[..., rng.permutation(3)].astype(np.float32)
    grey = exchanged.mean(-1, keepdims=True)
    stronger = grey + np.float32(rng.uniform(1, _MOST_SATURATION)) * (exchanged - grey)
    return np.asarray(stronger.round().clip(0, 255), np.uint8)


class TilePairs(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Reference uint8 (3, 256, 256), V of its versions (V, 3, 256, 256), their labels (V,).

    ``versions``: how many to draw anew each time, flipped and turned at random, now and then the reference itself; or
    which, as they are.
    """

    def __init__(self, folder: Path, split: str, versions: int | Sequence[int]) -> None:
        self.references = np.load(folder / f"{split}-references.npy")
        self.pairs = np.load(folder / f"{split}-variants.npy")
        self.labels = np.load(folder / f"{split}-labels.npy")
        self.shifts = np.load(folder / f"{split}-viewing.npy")
        self.versions = versions

    def __len__(self) -> int:
        return len(self.references)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        drawn = isinstance(self.versions, int)
        chosen = torch.randperm(self.pairs.shape[1])[: self.versions] if drawn else torch.tensor(self.versions)
        reference = torch.from_numpy(self.references[index].copy()).movedim(-1, 0)
        distorted = torch.from_numpy(self.pairs[index][chosen.numpy()]).movedim(-1, 1)
        labels = torch.from_numpy(self.labels[index][chosen.numpy()])
        if not drawn:
            return reference, distorted, labels
        if torch.rand(()) < 0.15:
            distorted[0], labels[0] = reference, EQUAL
        return *_turned(reference, distorted), labels


def _turned(reference: Tensor, distorted: Tensor) -> tuple[Tensor, Tensor]:
    """The same random flips and transposition of both."""
    for axis in (-1, -2):
        if torch.rand(()) < 0.5:
            reference, distorted = reference.flip(axis), distorted.flip(axis)
    if torch.rand(()) < 0.5:
        reference, distorted = reference.transpose(-1, -2), distorted.transpose(-1, -2)
    return reference.contiguous(), distorted.contiguous()


def absolute_error(network: nn.Module, batch: Sequence[Tensor]) -> Tensor:
    """L1 loss, as the paper's section 5.3, on ln distances."""
    reference, distorted, labels = batch
    predicted: Tensor = network(reference.float() / 255, distorted.float() / 255)
    return (predicted - labels).abs().mean()


def fit(config: ExperimentConfig) -> None:
    """Stage one: body and head together on the tiles. Stage two: the head on the frozen body, as in section 5.3."""
    if config.preset == "paper":
        fit_on_tiles(config)
        return
    write_run_record(
        config.checkpoints / "run.json",
        config,
        {split: checksum(photo_paths(config.data, split)) for split in ("train", "val")},
    )
    train = TilePairs(config.folder, "train", int(config.labels["versions"]))
    validate = TilePairs(config.folder, "val", range(_VERSIONS))
    torch.manual_seed(config.seed)
    network = fit_network(SurFeatNet(), train, validate, absolute_error, config)
    assert isinstance(network, SurFeatNet)
    _fit_head(network, config)


def _head_config(config: ExperimentConfig) -> ExperimentConfig:
    fit_head = config.fit.model_copy(
        update={
            "epochs": int(config.labels["head_epochs"]),
            "batch_size": 128,
            "learning_rate": config.labels["head_learning_rate"],
        }
    )
    return config.model_copy(update={"name": f"{config.name}/head", "fit": fit_head})


def _fit_head(network: SurFeatNet, config: ExperimentConfig) -> None:
    train, validate = (
        _HeadInputs(network, TilePairs(config.folder, split, range(_VERSIONS))) for split in ("train", "val")
    )
    fit_network(network.head, train, validate, _head_error, _head_config(config))


class _HeadInputs(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """What the head's layers see of each labelled pair under a frozen body, its label and its ``viewing_shifts``."""

    def __init__(self, network: SurFeatNet, pairs: TilePairs) -> None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        network.to(device)
        vectors, labels = [], []
        with torch.inference_mode():
            for index in track(range(len(pairs)), description="features of the frozen body"):
                reference, distorted, label = pairs[index]
                tiles = torch.cat([reference[None], reference[None], distorted]).to(device)
                features = network.features(tiles.float() / 255)
                vectors.append(network.head.compare(features[:1].expand(len(features) - 1, -1), features[1:]).cpu())
                labels.append(torch.cat([torch.tensor([EQUAL]), label]))
        network.cpu()
        unasked = np.full((len(pairs), 1, len(VIEWING_PLACES)), np.nan, np.float32)
        shifts = np.concatenate([unasked, pairs.shifts], axis=1).reshape(-1, len(VIEWING_PLACES))
        self.vectors, self.labels = torch.cat(vectors).clone(), torch.cat(labels).clone()
        self.shifts = torch.from_numpy(shifts)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        return self.vectors[index], self.labels[index], self.shifts[index]


def _head_error(network: nn.Module, batch: Sequence[Tensor]) -> Tensor:
    assert isinstance(network, SurHead)
    joined, labels, shifts = batch
    asked = shifts.isfinite().all(1)
    error = (network.regress(joined) - labels).abs().mean()
    return error + (network.shift(joined[asked]) - shifts[asked]).abs().mean() if asked.any() else error


def export(config: ExperimentConfig) -> None:
    """Centre the head on whole photos, write both graphs, the observer profiles and the manifest entries."""
    if config.preset == "paper":
        export_on_tiles(config)
        return
    network = load_best(SurFeatNet(), config)
    assert isinstance(network, SurFeatNet)
    load_best(network.head, _head_config(config))
    train, val = _curves(config, "train"), _curves(config, "val")
    offset = float(_photo_errors(config, "train", train, torch_models(network)).mean())
    last = network.head.regression[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.bias.sub_(offset)
    errors = _photo_errors(config, "val", val, torch_models(network))
    pairs = TilePairs(config.folder, "val", (2, 9))
    tiles = torch.stack([pairs[index][0] for index in range(3)]).float() / 255
    others = torch.stack([pairs[index][1][0] for index in range(3)]).float() / 255
    with torch.inference_mode():
        features = {"reference": network.features(tiles), "distorted": network.features(others)}
    outputs = ["log_distance", "viewing_shift"]
    disagreements = [
        export_graph(network.features, "sur_features", {"image": tiles}, ["features"], weights=config.weights),
        export_graph(network.head, "sur_head", features, outputs, weights=config.weights),
        compare_on_photos(
            "sur_features and sur_head",
            config.data,
            (torch_models(network), SurModels(*(just_exported(name, config) for name in GRAPHS))),
            lambda photo, distorted, models: SurReference(photo, models).log_distance(distorted),
        ),
    ]
    pooled = pooled_excess(_curve_paths(config, "train"), config.folder / "pooled.npz")
    _write_observers(
        calibrate_profiles(train.log_distance, config.data / "tables", pooled=pooled), errors, config.weights
    )
    found = {
        "val_log_distance_mae": round(float(np.abs(errors).mean()), 4),
        "offset": round(offset, 4),
        "pooled_excess": round(pooled, 4),
    }
    _write_entries(config, found | {"pytorch_onnx_relative_error": max(disagreements)})


def _write_observers(profiles: Mapping[str, ObserverProfile], errors: NDArray[np.float64], weights: Path) -> None:
    document = {
        "log_distance_error": round(float(np.sqrt((errors**2).mean())), 4),
        "profiles": {
            name: {
                "title": profile.title,
                "description": profile.description,
                "pixels_per_degree": profile.pixels_per_degree,
                "thresholds": {
                    str(jnd): dataclasses.asdict(threshold)
                    for jnd, threshold in zip(JNDS, profile.thresholds, strict=True)
                },
            }
            for name, profile in profiles.items()
        },
    }
    (weights / "observers.json").write_text(json.dumps(document, indent=2) + "\n")


def _write_entries(config: ExperimentConfig, metrics: dict[str, Any]) -> None:
    tile = {"colour_space": "sRGB", "range": [0, 1], "tile": TILE, "tile_grid": 16}
    pair = {
        "inputs": "features of two tiles at one place",
        "output": "log_distance: mean ln of SSIMULACRA2's penalty, 10 - JOD of ColorVideoVDP and 1 - IW-SSIM, lower is "
        "better; viewing_shift: what is added at 20, 60, 85 and 120 pixels per degree instead of 38",
    }
    contracts: tuple[dict[str, Any], ...] = (tile, pair)
    for name, contract in zip(GRAPHS, contracts, strict=True):
        write_manifest_entry(
            name,
            version=VERSION,
            preset=config.preset,
            weights=config.weights,
            contract=contract,
            training_data="JPEG variants of 242 photos (photo*, CID22, CLIC 2025) and drawn pictures; teachers "
            "SSIMULACRA2, ColorVideoVDP, IW-SSIM; profiles from JPEG AIC-3 and MCL-JCI's published GEVs",
            licence=LICENCE,
            metrics=metrics,
        )


def torch_models(network: SurFeatNet) -> SurModels:
    """Body and head of a network in evaluation mode."""
    return SurModels(
        TorchModel(network.features, "sur_features", ["image"], ["features"]),
        TorchModel(network.head, "sur_head", ["reference", "distorted"], ["log_distance", "viewing_shift"]),
    )


def _curves(config: ExperimentConfig, split: Split) -> PhotoCurves:
    return teacher_curves(_curve_paths(config, split), config.folder / f"curves-{split}.npz")


def _curve_paths(config: ExperimentConfig, split: Split) -> list[Path]:
    """Photos whose teacher curves are measured."""
    paths = photo_paths(config.data, split)
    return [path for path in paths if split != "train" or is_free(path)][:: CURVES_EVERY[split]]


def _photo_errors(
    config: ExperimentConfig, split: Split, curves: PhotoCurves, models: SurModels | None
) -> NDArray[np.float64]:
    """Predicted minus teacher ln distance of whole photos at the ``FALLING`` levels, (P, levels)."""
    errors = []
    for path, teacher in zip(_curve_paths(config, split), curves.log_distance, strict=True):
        photo = load_photo(path)
        reference = SurReference(photo, models)
        levels = [CURVE_LEVELS[index] for index in FALLING]
        decoded = [decode_jpeg(encode_reference_jpeg(photo, 101 - level)) for level in levels]
        errors.append(np.array([reference.log_distance(pixels) for pixels in decoded]) - teacher[list(FALLING)])
    return np.array(errors)


def evaluate(config: ExperimentConfig) -> dict[str, Any]:
    """Figures of the exported graphs against the teacher's curves on ``val`` and ``kodak``; also ``report.html``."""
    if config.preset == "paper":
        return evaluate_on_tiles(config)
    models, train = _exported(config), _curves(config, "train")
    profile = load_observer_table(config.weights).profiles[DEFAULT_OBSERVER]
    figures: dict[str, Any] = {"tiles of val: mean error of ln distance, bias": _tile_errors(config, models)}
    rows: dict[str, list[PhotoRow]] = {}
    judged: tuple[Split, ...] = ("val", "kodak")
    for split in judged:
        paths, curves = _curve_paths(config, split), _curves(config, split)
        for jnd in JNDS:
            threshold = psnr_threshold(train, profile, jnd)
            rows[f"{split}, JND {jnd}"] = photo_rows(paths, curves, profile, jnd, threshold, models)
        figures[split] = {f"jnd{jnd}": summary(rows[f"{split}, JND {jnd}"]) for jnd in JNDS}
    for split in judged:
        figures[f"{split}, every eighth: share of viewers against the teacher"] = share_errors(
            photo_paths(config.data, split)[::SHARES_EVERY], profile, models
        )
    some = slice(None, None, RIVAL_EVERY)
    kodak, curves = _curve_paths(config, "kodak")[some], _curves(config, "kodak").part(some)
    figures["kodak, every fourth: the teacher itself"] = plainest_rival(kodak, curves, profile, 1, models)
    table = config.data / "tables" / "mcl_jci_gev.csv"
    figures["table 1 on samples of mcl_jci_gev.csv"] = ranking_of_published_distributions(table, config.seed)
    write_report(config.checkpoints / "report.html", _report(config, figures, rows))
    return figures


def table(config: ExperimentConfig, root: Path) -> dict[str, Any]:
    """The paper's own tables: see ``training.experiments.sur.tables``."""
    return tables.table(config, root)


def _exported(config: ExperimentConfig) -> SurModels:
    return SurModels(*(exported_model(name, config) for name in GRAPHS))


def _report(config: ExperimentConfig, figures: dict[str, Any], rows: Mapping[str, list[PhotoRow]]) -> Report:
    """Losses, predicted against teacher's 50 % JND, and the curves of the best and the worst Kodak photo."""
    scatters = [
        Scatter(
            f"50 % JND, {name}",
            np.array([row.predicted.percent_jnd for row in part], dtype=np.float64),
            np.array([percent_jnd(row.truth, 50) for row in part], dtype=np.float64),
            "levels",
        )
        for name, part in rows.items()
    ]
    ordered = sorted(rows["kodak, JND 1"], key=lambda row: row.bhattacharyya)
    curves, pictures = [], []
    for title, row in (("best", ordered[0]), ("worst", ordered[-1])):
        lines = {"predicted": row.predicted.sur, "teacher": sur_curve(row.truth)}
        curves.append(Curves(f"{title}: Kodak {row.name}", LEVELS.astype(np.float64), lines, "distortion level", "SUR"))
        photo = load_photo(config.data / "kodak" / row.name)
        pictures.append(Picture(f"{title}: {row.name}, 50 % JND off by {row.error} levels", photo))
    return Report("SUR", figures, load_history(config), scatters, curves, pictures)


def _tile_errors(config: ExperimentConfig, models: SurModels) -> dict[str, list[float]]:
    """Mean absolute and mean signed error of ln distance on single tiles of ``val``, by the encoder that made them."""
    pairs = TilePairs(config.folder, "val", range(_VERSIONS))
    errors = np.empty((len(pairs), _VERSIONS))
    for index in range(len(pairs)):
        reference, distorted, labels = pairs[index]
        tiles = torch.cat([reference[None], distorted]).float().numpy() / 255
        features = np.concatenate([models.features.run({"image": tile[None]})["features"] for tile in tiles])
        repeated = np.repeat(features[:1], _VERSIONS, axis=0)
        found = models.head.run({"reference": repeated, "distorted": features[1:]})["log_distance"]
        errors[index] = found - labels.numpy()
    kinds = {name: errors[:, part] for name, part in VARIANT_KINDS.items()}
    return {name: [round(float(np.abs(e).mean()), 4), round(float(e.mean()), 4)] for name, e in kinds.items()}


def psnr_threshold(curves: PhotoCurves, profile: ObserverProfile, jnd: int) -> float:
    """Mean PSNR at the 50 % JND over training photos. Reference: Lin et al. 2020, algorithm 1."""
    places = [percent_jnd(curve_gev(curve, profile, jnd), 50) for curve in curves.log_distance]
    return float(np.mean([np.interp(n, CURVE_LEVELS, psnr) for n, psnr in zip(places, curves.psnr_db, strict=True)]))
