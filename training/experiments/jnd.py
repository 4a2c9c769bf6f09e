"""The JND map: labels of two observers, FPSNet, figures at equal noise energy, the shipped graph."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.jnd import OVERLAP, TILE, predict_jnd_map
from models.onnx_model import OrtModel
from training.config import ExperimentConfig
from training.export import export_graph, write_manifest_entry
from training.fit import channels_last, fit_network, load_best
from training.jnd_crops import BORDER, LabelledCrops, label_crops
from training.jnd_protocol import measure_maps, region_medians, visibility_at_own_level
from training.networks.fpsnet import PRESETS, FpsNet
from training.photos import checksum, is_lossless, load_photo, photo_paths, random_crops
from training.run_record import write_run_record
from training.teachers import srgb_to_tensor

VERSION = "0.1.0"


def prepare(config: ExperimentConfig) -> None:
    """Label crops of both splits; carries on where it was stopped."""
    label_crops(config, "val")
    label_crops(config, "train")


def fit(config: ExperimentConfig) -> nn.Module:
    """Train FPSNet by L1 on the logarithm of the threshold."""
    sums = {split: checksum(sorted((config.folder / split).glob("?????.npz"))) for split in ("train", "val")}
    write_run_record(config.checkpoints / "run.json", config, sums)
    train = LabelledCrops(config, "train", augment=True)
    validate = LabelledCrops(config, "val", augment=False)
    network = channels_last(FpsNet(PRESETS[config.preset]))
    return fit_network(network, train, validate, l1_of_log_threshold, config)


def l1_of_log_threshold(network: nn.Module, batch: list[Tensor]) -> Tensor:
    """Equation 1 on ln(threshold), away from the crop's border: an error of 0.1 is one of 10 %."""
    image, focus, perceptual, label = batch
    assert isinstance(network, FpsNet)
    error = (network.log_ratio(image, focus, perceptual) - label).abs()
    return error[..., BORDER:-BORDER, BORDER:-BORDER].mean()


def evaluate(config: ExperimentConfig) -> dict[str, Any]:
    """Figures of the shipped graph on Kodak, beside those of plain local contrast."""
    return measure_maps(config.data, "kodak") | {"kodak_region_medians": region_medians(config.data)}


def export(config: ExperimentConfig) -> None:
    """Write ``fpsnet.onnx`` and its manifest entry, whose figures are measured with the exported graph."""
    network = load_best(FpsNet(PRESETS[config.preset]), config)
    examples = {"image": _examples(config.data)}
    export_graph(network, "fpsnet", examples, ["jnd"], weights=config.folder)
    calibrate_level(network, config)
    export_graph(network, "fpsnet", examples, ["jnd"], weights=config.weights)
    _write_entry(config, {})
    _write_entry(config, _headline(measure_maps(config.data, "kodak", energies=(100.0,))))


def calibrate_level(network: nn.Module, config: ExperimentConfig) -> None:
    """Scale the map so that its noise at gamma = 1 has a butteraugli 3-norm of 1 on average over whole photos of val.

    Labels are levelled per crop and the norm of a photo lies above the mean of its crops; one constant, added to the
    logarithm in the decoder's bias, makes up for it. Expects the uncalibrated graph in ``config.folder``.
    """
    assert isinstance(network, FpsNet)
    assert network.decoder.head.bias is not None
    model = OrtModel(config.folder / "fpsnet.onnx", name="fpsnet", version=VERSION)
    photos = [load_photo(path) for path in photo_paths(config.data, "val") if is_lossless(path)]
    maps = [predict_jnd_map(photo, model).values.astype(np.float64) for photo in photos]
    factor = 1.0
    for _ in range(3):  # rounding to whole levels keeps the norm from being quite proportional to the factor
        pairs = zip(photos, maps, strict=True)
        factor /= float(np.mean([visibility_at_own_level(photo, factor * jnd) for photo, jnd in pairs]))
    with torch.no_grad():
        network.decoder.head.bias += float(np.log(factor))


def _headline(report: dict[str, Any]) -> dict[str, Any]:
    """What the manifest quotes: FPSNet's means at MSE 100 on Kodak and the units of the map."""
    return {"kodak_mse_100": report["mse_100"]["means"]["fpsnet"], "kodak_at_own_level": report["at_own_level"]}


def _write_entry(config: ExperimentConfig, metrics: dict[str, Any]) -> None:
    write_manifest_entry(
        "fpsnet",
        version=VERSION,
        preset=config.preset,
        weights=config.weights,
        contract={
            "colour_space": "sRGB",
            "layout": "NCHW",
            "range": [0, 1],
            "unit": "8-bit luma levels",
            "tile": TILE,
            "overlap": OVERLAP,
            "padding": "symmetric reflection",
        },
        training_data="photos/train: photo* (free-licence photographs), urban* (Urban100), bsds_* (BSDS500); labels by "
        "SSIMULACRA2 and butteraugli",
        licence="weights: as Limen; trained on free-licence photographs (Unsplash, CC0, CC-BY-SA), Urban100 and "
        "BSDS500 (research licence)",
        metrics=metrics,
    )


def _examples(data: Path) -> Tensor:
    rng = np.random.default_rng(0)
    tiles = [crop for path in photo_paths(data, "val")[-4:] for crop in random_crops(load_photo(path), TILE, 1, rng)]
    return torch.cat([srgb_to_tensor(tile) for tile in tiles])
