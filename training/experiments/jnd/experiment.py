"""The JND map: FPSNet fitted through the judges of its noise, figures, the shipped graphs."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.graphs.onnx_model import OnnxModel
from models.jnd import predict_jnd_map
from models.jnd.prediction import MARGIN, SIDES
from models.types import JndMap, Rgb8
from training.data.photos import ANY_USE, is_lossless, load_photo, photo_paths, random_crops
from training.experiments.jnd.comparison import OURS, PhotoFigures, compare_maps, measure_photos, region_medians
from training.experiments.jnd.config import JndConfig, Regions
from training.experiments.jnd.judges import judged_loss
from training.experiments.jnd.protocol import ENERGIES, JndMapOf, visibility_at_own_level
from training.experiments.jnd.regions import MiddleRegions, RegionBatches
from training.experiments.jnd.tables import tables
from training.experiments.on_photos import compare_on_photos
from training.figures.report import Curves, Picture, Report, write_report
from training.maths.colour import to_luma
from training.metrics.ssimulacra2 import srgb_to_tensor
from training.networks.fpsnet import FULL, POWER, FpsNet, Switches
from training.networks.fpsnet_published import PublishedFpsNet
from training.networks.part_of_photo import FrozenNormalisation, Network, PartOfPhoto, WholePhoto, as_models
from training.networks.semantic_maps import BeitRegions
from training.run.config import FitConfig
from training.run.export import export_graph, exported_model, just_exported, write_manifest_entry
from training.run.fit import channels_last, fit_network, load_best, load_history

VERSION = "0.5.1"
BASELINE = "deviation_1"
"""The plain map that is hardest to beat on SSIMULACRA2."""
BEIT_WEIGHTS = "beit"
"""Below the data folder: what ``save_pretrained`` wrote of a BEiT for segmentation, where somebody has it."""


def prepare(config: JndConfig) -> None:
    """Check that the photos are there: the judges are asked while it is fitted, so there are no labels to make."""
    for split in ("train", "val"):
        photo_paths(config.data, split)


def build_network(config: JndConfig, switches: Switches = FULL) -> Network:
    """The untrained network of a preset, as its seed draws it; ``paper`` sees BEiT's map where ``beit`` is at hand.

    Raises: SemanticWeightsMissingError where the folder is there and BEiT cannot be opened.
    """
    torch.manual_seed(config.seed)
    network: Network
    if config.preset == "paper":
        folder = config.data / BEIT_WEIGHTS
        network = PublishedFpsNet(switches, BeitRegions(folder) if folder.is_dir() else None)
    else:
        network = FpsNet(switches=switches)
    channels_last(network)
    return network


def fit(config: JndConfig) -> nn.Module:
    """Train FPSNet through the judges, at last with the statistics of its batch normalisation kept."""
    network = build_network(config)
    _through_judges(network, config, config.regions)
    refined = refinement(config)
    if refined is not None:
        _through_judges(FrozenNormalisation(network), refined, refined.refinement)
    return network


def _through_judges(network: nn.Module, config: JndConfig, regions: Regions) -> None:
    """Fit in place on regions of ``photos/train``, judged on those of val."""
    train = RegionBatches(config, count=regions.steps, size=regions.batch)
    fit_network(network, train, MiddleRegions(config), partial(judged_loss, weights=config.judges), config)


def refinement(config: JndConfig) -> JndConfig | None:
    """The second stage as an experiment of its own, in a folder below the first's; None for a preset without one."""
    epochs = config.refinement.epochs
    if epochs == 0:
        return None
    changes = {"epochs": epochs, "learning_rate": config.refinement.learning_rate, "patience": epochs}
    variant = f"{config.variant}/refined".lstrip("/")
    return config.model_copy(update={"variant": variant, "fit": FitConfig(**(config.fit.model_dump() | changes))})


def fitted(config: JndConfig) -> Network:
    """The network with final weights. Raises: FileNotFoundError before a fit."""
    network = build_network(config)
    refined = refinement(config)
    if refined is None:
        load_best(network, config)
    else:
        load_best(FrozenNormalisation(network), refined)
    return network.eval()


def evaluate(config: JndConfig) -> dict[str, Any]:
    """Figures of the preset's graphs on Kodak, beside those of plain maps and of Wu 2017, and on the photos of val.

    Raises: FileNotFoundError before an export.
    """
    ours = exported_map(config)
    photos = measure_photos(config.data, "kodak", ours=ours)
    val = measure_photos(config.data, "val", energies=ENERGIES[:1], names=[OURS, BASELINE], ours=ours)
    medians = region_medians(config.data, ours)
    figures = compare_maps(photos) | {"kodak_region_medians": medians, "val": compare_maps(val)}
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
    """Write both graphs and their manifest entries, whose figures are measured with the exported ones."""
    network = fitted(config)
    if isinstance(network, FpsNet):
        set_level(network, config.data)
    inputs = _inputs(network, config.data)
    with torch.no_grad():
        _, means = WholePhoto(network)(*inputs.values())
    graphs: dict[str, tuple[nn.Module, dict[str, Tensor], list[str]]] = {
        "fpsnet": (WholePhoto(network), inputs, ["jnd", "means"]),
        "fpsnet_part": (PartOfPhoto(network), {"means": means} | inputs, ["jnd"]),
    }
    errors = {
        name: export_graph(module, name, inputs, outputs, weights=config.weights, sides=SIDES)
        for name, (module, inputs, outputs) in graphs.items()
    }
    pairs = as_models(network), (just_exported("fpsnet", config), just_exported("fpsnet_part", config))
    compare_on_photos("fpsnet", config.data, pairs, lambda photo, _, both: map_by(both, photo).values)
    for name, error in errors.items():
        _write_entry(name, config, {"pytorch_against_onnxruntime": float(f"{error:.2g}")})
    measured = measure_photos(config.data, "kodak", energies=ENERGIES[:1], names=[OURS], ours=exported_map(config))
    _write_entry("fpsnet", config, _headline(compare_maps(measured)))


def exported_map(config: JndConfig) -> JndMapOf:
    """The map of whole photos by the preset's graphs. Raises: FileNotFoundError before an export."""
    models = exported_model("fpsnet", config), exported_model("fpsnet_part", config)
    return lambda photo: map_by(models, photo).values.astype(np.float64)


def map_by(models: tuple[OnnxModel, OnnxModel], photo: Rgb8) -> JndMap:
    """The map of a photo by what sees a whole one and what sees a part."""
    return predict_jnd_map(photo, models[0], part=models[1])


def set_level(network: FpsNet, data: Path) -> None:
    """Add one constant to the logarithms so that noise at gamma = 1 has a butteraugli 3-norm of 1 on average over val.

    On its whole lossless photos: fitting sees regions without their borders and noise that is not rounded.
    """
    assert network.decoder.head.bias is not None
    models = as_models(network)
    photos = [load_photo(path) for path in photo_paths(data, "val") if is_lossless(path)]
    maps = [map_by(models, photo).values.astype(np.float64) for photo in photos]
    factor = 1.0
    for _ in range(3):  # rounding to whole levels keeps the norm from being quite proportional to the factor
        pairs = zip(photos, maps, strict=True)
        factor /= float(np.mean([visibility_at_own_level(photo, factor * jnd) for photo, jnd in pairs]))
    with torch.no_grad():
        network.decoder.head.bias[0] += float(np.log(factor)) / POWER


def _headline(report: dict[str, Any]) -> dict[str, Any]:
    """What the manifest quotes: FPSNet's means at MSE 100 on Kodak and the units of the map."""
    return {"kodak_mse_100": report["mse_100"]["means"][OURS], "kodak_at_own_level": report["at_own_level"][OURS]}


def _write_entry(name: str, config: JndConfig, metrics: dict[str, Any]) -> None:
    write_manifest_entry(
        name,
        version=VERSION,
        preset=config.preset,
        contract={
            "colour_space": "sRGB",
            "layout": "NCHW",
            "range": [0, 1],
            "unit": "8-bit luma levels",
            "sees": "whole photo",
            "sides": f"multiples of {SIDES}",
            "padding": f"symmetric reflection, {MARGIN} pixels or more",
        },
        training_data="photographs of free licence (Unsplash, CC0, CC-BY-SA): photo*, CID22, CLIC 2025; judged by "
        "SSIMULACRA2 and butteraugli",
        licence=ANY_USE,
        metrics=metrics,
        weights=config.weights,
    )


def _inputs(network: Network, data: Path) -> dict[str, Tensor]:
    """Real ones of its graphs, by their names."""
    rng = np.random.default_rng(0)
    crops = [crop for path in photo_paths(data, "val")[-4:] for crop in random_crops(load_photo(path), 256, 1, rng)]
    images = torch.cat([srgb_to_tensor(crop) for crop in crops])
    maps = network.maps(to_luma(images)) if len(network.inputs) > 1 else ()
    return dict(zip(network.inputs, (images, *maps), strict=True))
