"""``limen-train`` for SUR from first to last: the commands on drawn photos, the paper's tables on look-alikes."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from models.types import Rgb8
from tests.assets.datasets import drawn_photo, make_aic3, make_jnd_pano, make_kadis, make_mcl_jci, save, write_table
from training.cli import cli
from training.distort.jpeg_variants import turbo
from training.experiments.sur import curves, figures, lite_figures, tiles

LEVELS = (1, 30, 58, 74, 83, 91, 100)
QUALITIES = range(8, 99, 6)


def limen_train(*arguments: object) -> str:
    found = CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


def plain_versions(photo: Rgb8, _: np.random.Generator) -> tuple[list[Rgb8], list[str]]:
    return [turbo(photo, quality, subsampling=2) for quality in QUALITIES], [str(quality) for quality in QUALITIES]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for folder, count in (("photos/train", 4), ("photos/val", 2), ("kodak", 2)):
        for number in range(count):
            save(root / folder / f"photo{number}.png", drawn_photo(number, 272, 264))
    rows = [[image, jnd, 36 - 8 * jnd + image, 6, 0.1] for image in (1, 2) for jnd in (1, 2, 3)]
    write_table(root / "tables" / "mcl_jci_gev.csv", ["image", "jnd", "location_qf", "scale_qf", "shape_xi"], rows)
    make_aic3(root / "tables")
    return root


def test_prepare_fit_export_and_evaluate(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One batch of both stages with a seed of its own, so that nothing that ships is touched.

    Versions of one encoder and curves at few levels stand for the many that the figures rest on.
    """
    monkeypatch.setattr(tiles, "variants", plain_versions)
    for module in (curves, figures):
        monkeypatch.setattr(module, "CURVE_LEVELS", LEVELS)
    monkeypatch.setattr(curves, "FALLING", (2, 3, 4))
    monkeypatch.setattr(lite_figures, "TEACHER_EVERY", 1)
    monkeypatch.setattr(figures, "SHARE_QUALITIES", (60,))
    monkeypatch.setattr(figures, "ORDERED_QUALITIES", (50, 80))
    monkeypatch.setattr(curves, "CURVES_EVERY", {"train": 1, "val": 1, "kodak": 1})
    work = tmp_path / "work"
    rest = ("sur", "--data", data, "--work", work, "--seed", 5)
    limen_train("prepare", *rest)
    limen_train("fit", *rest, "--epochs", 1)
    limen_train("export", *rest)
    found = json.loads(limen_train("evaluate", *rest))
    assert found["val"]["jnd1"]["photos"] == 2
    assert found["kodak"]["jnd3"]["photos"] == 2
    weights = work / "sur" / "seed-5" / "weights"
    assert {file.name for file in weights.iterdir()} == {
        "manifest.json",
        "observers.json",
        "sur_features.onnx",
        "sur_filters.npz",
        "sur_head.onnx",
    }
    entry = json.loads((weights / "manifest.json").read_text())["models"]["sur_head"]
    assert entry["metrics"]["pytorch_onnx_relative_error"] < 1e-4
    assert (work / "sur" / "seed-5" / "report.html").is_file()


def test_the_tables_of_the_paper(tmp_path: Path) -> None:
    """Tables 1 to 8 for one epoch, a batch or more each: MCL-JCI has three JNDs, JND-Pano one.

    Stage one learns from KADIS-700k.
    """
    root = tmp_path / "data"
    make_mcl_jci(root / "mcl-jci", sources=2, qfs=(5, 30, 60, 100), size=64)
    make_jnd_pano(root / "jnd-pano", sources=2, qfs=(5, 30, 60, 100), size=64)
    make_kadis(root / "kadis-700k", sources=5, size=64)
    rest = ("--root", root, "--work", tmp_path / "work", "--preset", "lite", "--epochs", 1)
    printed = limen_train("table", "sur", *rest)
    tables = json.loads(printed)
    for name, jnds in (("mcl-jci", {"jnd1", "jnd2", "jnd3"}), ("jnd-pano", {"jnd1"})):
        found = tables[name]
        assert set(found) == {
            "table 1: distributions",
            "table 2: schemes, first JND",
            "table 3: SUR-FeatNet and Algorithm 1",
            "table 4: 75 % SUR, first JND",
            "tables 5 to 8: photos",
            "figures 5 to 7: spread",
            "figures 8 and 9: photos",
        }
        assert len(found["table 2: schemes, first JND"]) == (4 if name == "mcl-jci" else 1)
        for table in ("table 1: distributions", "table 3: SUR-FeatNet and Algorithm 1", "tables 5 to 8: photos"):
            assert set(found[table]) == jnds
        assert all(len(rows) == 2 for rows in found["tables 5 to 8: photos"].values())
        assert {"bhattacharyya", "delta_jnd", "delta_psnr_db"} <= set(found["table 4: 75 % SUR, first JND"])
