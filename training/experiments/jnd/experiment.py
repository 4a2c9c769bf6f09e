"""The JND map: labels of two observers, FPSNet, refined through the judges themselves, figures, the shipped graph."""

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.graphs.onnx_model import OnnxModel
from models.jnd import OVERLAP, TILE, WholePhotoNumbers, predict_jnd_map, shipped_numbers
from training.data.photos import checksum, is_lossless, load_photo, photo_paths, random_crops
from training.experiments.jnd.comparison import OURS, PhotoFigures, compare_maps, measure_photos, region_medians
from training.experiments.jnd.config import JndConfig
from training.experiments.jnd.crops import BORDER, LabelledCrops, label_crops
from training.experiments.jnd.judges import judged_loss
from training.experiments.jnd.protocol import ENERGIES, visibility_at_own_level
from training.experiments.jnd.regions import MiddleRegions, RegionBatches
from training.experiments.jnd.tables import tables
from training.experiments.on_photos import compare_on_photos
from training.figures.report import Curves, Picture, Report, write_report
from training.metrics.ssimulacra2 import srgb_to_tensor
from training.networks.fpsnet import FULL, FpsNet, Switches
from training.networks.fpsnet_published import PublishedFpsNet
from training.networks.whole_photo import PhotoNetwork
from training.run.config import FitConfig
from training.run.export import TorchModel, export_graph, just_exported, write_manifest_entry
from training.run.fit import channels_last, fit_network, load_best, load_history
from training.run.record import write_run_record

VERSION = "0.4.0"
BASELINE = "deviation_1"
"""The plain map that is hardest to beat on SSIMULACRA2."""
NETWORKS: dict[str, type[FpsNet] | type[PublishedFpsNet]] = {"lite": FpsNet, "paper": PublishedFpsNet}
"""By preset."""


def prepare(config: JndConfig) -> None:
    """Label crops of both splits; carries on where it was stopped."""
    for split in ("val", "train"):
        label_crops(config, split)


def build_network(config: JndConfig, switches: Switches = FULL) -> FpsNet | PublishedFpsNet:
    """The untrained network of a preset."""
    network = NETWORKS[config.preset](switches=switches)
    channels_last(network)
    return network


def fit(config: JndConfig) -> nn.Module:
    """Train FPSNet by L1 on the logarithm of the threshold, then through the judges."""
    labels = {split: checksum(sorted((config.folder / split).glob("?????.npz"))) for split in ("train", "val")}
    config.checkpoints.mkdir(parents=True, exist_ok=True)
    write_run_record(config.checkpoints / "run.json", config, labels)
    network = build_network(config)
    train = LabelledCrops(config, "train", augment=True)
    fit_network(network, train, LabelledCrops(config, "val", augment=False), l1_of_log_threshold, config)
    refined = refinement(config)
    if refined is not None:
        refine(network, refined)
    return network


def refinement(config: JndConfig) -> JndConfig | None:
    """The second stage as an experiment of its own, in a folder below the first's; None for a preset without one."""
    epochs = config.refinement.epochs
    if epochs == 0:
        return None
    fitting = FitConfig(
        epochs=epochs,
        batch_size=1,  # a batch of regions
        learning_rate=config.refinement.learning_rate,
        patience=epochs,
        mixed_precision=False,  # the judges subtract squares
    )
    return config.model_copy(update={"variant": f"{config.variant}/refined".lstrip("/"), "fit": fitting})


def refine(network: nn.Module, refined: JndConfig) -> None:
    """The second stage: the map judged by both teachers on regions of ``photos/train``; in place."""
    train = RegionBatches(refined, count=refined.refinement.steps, size=refined.refinement.regions)
    loss = partial(judged_loss, weights=refined.judges)
    fit_network(PhotoNetwork(network), train, MiddleRegions(refined), loss, refined)


def fitted(config: JndConfig) -> PhotoNetwork:
    """The network of tiles and the whole photo, with final weights. Raises: FileNotFoundError before a fit."""
    network = PhotoNetwork(build_network(config))
    refined = refinement(config)
    if refined is None:
        load_best(network.tiles, config)
    else:
        load_best(network, refined)
    return network


def l1_of_log_threshold(network: nn.Module, batch: list[Tensor]) -> Tensor:
    """Equation 1 on ln(threshold), away from the crop's border: an error of 0.1 is one of 10 %."""
    image, focus, perceptual, label = batch
    assert isinstance(network, FpsNet | PublishedFpsNet)
    error = (network.log_ratio(image, focus, perceptual) - label).abs()
    return error[..., BORDER:-BORDER, BORDER:-BORDER].mean()


def evaluate(config: JndConfig) -> dict[str, Any]:
    """Figures of the shipped graph on Kodak, beside those of plain local contrast and of Wu 2017."""
    photos = measure_photos(config.data, "kodak")
    figures = compare_maps(photos) | {"kodak_region_medians": region_medians(config.data)}
    refined = refinement(config)
    report = Report(
        title="FPSNet: visibility thresholds",
        figures=figures,
        history=load_history(refined or config),
        curves=_per_photo(photos),
        pictures=_best_and_worst(config.data, photos),
    )
    write_report(config.checkpoints / "report.html", report)
    return figures


def _per_photo(photos: list[PhotoFigures]) -> list[Curves]:
    """Ours and the baseline's figure of every photo, in the order of the baseline's."""
    curves = []
    for key in ("ssimulacra2", "butteraugli_3norm"):
        pairs = [[photo.noise[ENERGIES[0]][name][key] for name in (OURS, BASELINE)] for photo in photos]
        ours, baseline = np.array(sorted(pairs, key=lambda pair: pair[1])).T
        order = np.arange(1.0, len(photos) + 1)
        curves.append(Curves(f"{key} at MSE 100", order, {OURS: ours, BASELINE: baseline}, "photo, by baseline", key))
    return curves


def _best_and_worst(data: Path, photos: list[PhotoFigures]) -> list[Picture]:
    """The photos on which SSIMULACRA2 gains most and least over the baseline."""
    gains = {
        photo.name: photo.noise[ENERGIES[0]][OURS]["ssimulacra2"] - photo.noise[ENERGIES[0]][BASELINE]["ssimulacra2"]
        for photo in photos
    }
    paths = {path.stem: path for path in photo_paths(data, "kodak")}
    ends = {"best": max(gains, key=lambda name: gains[name]), "worst": min(gains, key=lambda name: gains[name])}
    return [
        Picture(f"{end}: {name}, {gains[name]:+.1f} points against {BASELINE}", load_photo(paths[name]))
        for end, name in ends.items()
    ]


def table(config: JndConfig, root: Path) -> dict[str, Any]:
    """Tables 1 to 3 of the paper on SHEN2020 and the other data sets in ``root``."""
    return tables(config, root, partial(build_network, config))


def export(config: JndConfig) -> None:
    """Write ``fpsnet.onnx`` and its manifest entry, whose figures are measured with the exported graph."""
    network = fitted(config)
    export_graph(network.tiles, "fpsnet", {"image": _examples(config.data)}, ["jnd"], weights=config.weights)
    graph = just_exported("fpsnet", config)
    models: tuple[OnnxModel, OnnxModel] = TorchModel(network.tiles, "fpsnet", ["image"], ["jnd"]), graph
    compare_on_photos("fpsnet", config.data, models, lambda photo, _, model: predict_jnd_map(photo, model).values)
    if config.variant:
        return
    _write_entry(config, calibrated(network.whole.numbers(), graph, config), {})
    ours = measure_photos(config.data, "kodak", energies=ENERGIES[:1], names=[OURS])
    _write_entry(config, shipped_numbers(), _headline(compare_maps(ours)))


def calibrated(numbers: WholePhotoNumbers, graph: OnnxModel, config: JndConfig) -> WholePhotoNumbers:
    """Numbers whose level gives noise at gamma = 1 a butteraugli 3-norm of 1 on average over whole photos of val.

    Refinement sees regions without their borders and noise that is not rounded; one constant makes up for both.
    """
    photos = [load_photo(path) for path in photo_paths(config.data, "val") if is_lossless(path)]
    maps = [predict_jnd_map(photo, graph, whole=numbers).values.astype(np.float64) for photo in photos]
    factor = 1.0
    for _ in range(3):  # rounding to whole levels keeps the norm from being quite proportional to the factor
        pairs = zip(photos, maps, strict=True)
        factor /= float(np.mean([visibility_at_own_level(photo, factor * jnd) for photo, jnd in pairs]))
    return replace(numbers, level=round(numbers.level + float(np.log(factor)), 4))


def _headline(report: dict[str, Any]) -> dict[str, Any]:
    """What the manifest quotes: FPSNet's means at MSE 100 on Kodak and the units of the map."""
    return {"kodak_mse_100": report["mse_100"]["means"][OURS], "kodak_at_own_level": report["at_own_level"][OURS]}


def _write_entry(config: JndConfig, numbers: WholePhotoNumbers, metrics: dict[str, Any]) -> None:
    write_manifest_entry(
        "fpsnet",
        version=VERSION,
        preset=config.preset,
        contract={
            "colour_space": "sRGB",
            "layout": "NCHW",
            "range": [0, 1],
            "unit": "8-bit luma levels",
            "tile": TILE,
            "overlap": OVERLAP,
            "padding": "symmetric reflection",
            "whole_photo": asdict(numbers),
        },
        training_data="photos/train: photo* (free-licence photographs), urban* (Urban100), bsds_* (BSDS500); labels by "
        "SSIMULACRA2 and butteraugli",
        licence="weights: research and teaching only, no commercial use; "
        "trained on free-licence photographs (Unsplash, CC0, CC-BY-SA), Urban100 and "
        "BSDS500 (research licence)",
        metrics=metrics,
        weights=config.weights,
    )


def _examples(data: Path) -> Tensor:
    rng = np.random.default_rng(0)
    tiles = [crop for path in photo_paths(data, "val")[-4:] for crop in random_crops(load_photo(path), TILE, 1, rng)]
    return torch.cat([srgb_to_tensor(tile) for tile in tiles])
