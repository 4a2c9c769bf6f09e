"""The ``limen`` program on files: exit codes, JSON fields, files written whole, errors in one line."""

import functools
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner, Result

from models import full_reference, patch_quality, quality_score
from models.graphs import artefacts
from models.jnd import prediction as jnd_prediction
from models.sur import observers, sampled_curve
from models.sur.observers import ObserverProfile, ObserverTable, Threshold
from tests.assets.draw_sample import draw_sample
from workers.cli.program import app

FloatArray = NDArray[np.float32]
RUNNER = CliRunner()


class FakeModel:
    """Answers in the shape of one shipped graph; distances follow the mean difference, so that curves fall."""

    version = "fake"
    provider = "CPUExecutionProvider"

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        first = next(iter(inputs.values()))
        batch = first.shape[0]
        if self.name in ("fpsnet", "fpsnet_part"):
            jnd = np.full((batch, 1, *first.shape[2:]), 4, np.float32)
            return {"jnd": jnd, "means": np.zeros((batch, 192), np.float32)}
        if self.name == "sur_features":
            return {"features": first.reshape(batch, -1)}
        if self.name == "sur_head":
            distance = np.log(10 * difference(inputs) + 1e-3).astype(np.float32)
            return {"log_distance": distance, "viewing_shift": np.zeros((len(distance), 4), np.float32)}
        if self.name == "patchnet_map":
            return {
                "quality": np.full((batch, 25, 25), 0.7, np.float32),
                "features": np.ones((batch, 96, 25, 25), np.float32),
            }
        if self.name == "quality_score":
            return {"mos": np.full(batch, 61, np.float32)}
        if self.name == "full_reference":
            return {"score": (100 - 300 * difference(inputs)).astype(np.float32)}
        return {"dmos": (5 - 20 * difference(inputs)).astype(np.float32)}


def difference(inputs: Mapping[str, FloatArray]) -> FloatArray:
    delta = np.abs(inputs["reference"] - inputs["distorted"])
    mean: FloatArray = delta.reshape(len(delta), -1).mean(axis=1)
    return mean


@pytest.fixture
def _fake_models(monkeypatch: pytest.MonkeyPatch) -> None:
    thresholds = (Threshold(-1.5, 0.4), Threshold(-1.0, 0.4), Threshold(-0.6, 0.4))
    table = ObserverTable(
        {name: ObserverProfile(name, "", thresholds) for name in ("aic-3", "mcl-jci", "flicker")}, 0.1
    )

    def load_model(name: str, **_: Any) -> FakeModel:
        return FakeModel(name)

    for module in (jnd_prediction, patch_quality, full_reference, quality_score):
        monkeypatch.setattr(module, "load_model", load_model)
    monkeypatch.setattr(artefacts, "load_model", load_model)
    for module in (observers, sampled_curve):
        monkeypatch.setattr(module, "load_observer_table", lambda *_: table)


@functools.cache
def picture() -> NDArray[np.uint8]:
    return draw_sample()[200:392, 200:456]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(picture()).save(path)
    return path


def limen(*arguments: object, fails: bool = False) -> Result:
    result = RUNNER.invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == (2 if fails else 0), result.stderr
    if fails:
        assert len(result.stderr.strip().splitlines()) == 1
        assert result.stderr.startswith("limen: ")
        assert not result.stdout
    return result


def limen_json(*arguments: object) -> dict[str, Any]:
    result = limen(*arguments, "--json")
    assert not result.stderr
    body = json.loads(result.stdout)
    assert isinstance(body, dict)
    return body


pytestmark = pytest.mark.usefixtures("_fake_models")


def test_jnd_map(photo: Path, tmp_path: Path) -> None:
    body = limen_json(
        "jnd-map", photo, "-o", tmp_path / "m.png", "--npz", tmp_path / "m.npz", "--overlay", tmp_path / "o.png"
    )
    with Image.open(tmp_path / "m.png") as image:
        assert image.size == (256, 192)
        assert np.asarray(image)[0, 0] == 4 * body["png_scale"]
    with np.load(tmp_path / "m.npz") as archive:
        assert archive[archive.files[0]].dtype == np.float32
    with Image.open(tmp_path / "o.png") as image:
        assert image.mode == "RGB"
    assert body["unit"] == "8-bit luma levels"
    assert body["files"] == {
        "jnd-map.png": str(tmp_path / "m.png"),
        "jnd-map.npz": str(tmp_path / "m.npz"),
        "overlay.png": str(tmp_path / "o.png"),
    }


def test_a_summary_is_for_people(photo: Path, tmp_path: Path) -> None:
    result = limen("jnd-map", photo, "-o", tmp_path / "m.png")
    assert "luma levels" in result.stdout
    assert str(tmp_path / "m.png") in result.stdout


def test_patch_quality_map_with_and_without_a_reference(photo: Path, tmp_path: Path) -> None:
    alone = limen_json("patch-quality-map", photo, "-o", tmp_path / "q.png", "--stride", 32)
    assert (alone["scale"], alone["stride"]) == ("0..1", 32)
    pair = limen_json("patch-quality-map", photo, "--reference", photo, "--patch-size", 128, "-o", tmp_path / "q.png")
    assert (pair["scale"], pair["patch_size"], pair["min"]) == ("dmos 1..5", 128, 5.0)


def test_scores(photo: Path, tmp_path: Path) -> None:
    assert 0 <= limen_json("quality-score", photo)["mos"] <= 100
    same = limen_json("full-reference-score", photo, photo)
    assert same["score"] == 100
    assert same["psnr_db"] is None
    with Image.open(photo) as image:
        image.save(tmp_path / "worse.jpg", quality=5)
    assert limen_json("full-reference-score", photo, tmp_path / "worse.jpg")["score"] < 100


@pytest.mark.parametrize(("codec", "form"), [("jpeg", "JPEG"), ("jpegli", "JPEG"), ("webp", "WEBP"), ("avif", "AVIF")])
def test_plain_encoding(photo: Path, tmp_path: Path, codec: str, form: str) -> None:
    out = tmp_path / "plain"
    body = limen_json("plain-encoding", photo, "-o", out, "--codec", codec, "--max-bytes", 9000)
    assert (body["codec"], body["size_bytes"]) == (codec, out.stat().st_size)
    assert body["size_bytes"] <= 9000
    with Image.open(out) as opened:
        assert opened.format == form
    assert limen_json("plain-encoding", photo, "-o", out, "--codec", codec)["quality"] == 75


def test_sur_curve(photo: Path, tmp_path: Path) -> None:
    body = limen_json(
        "sur-curve", photo, "--jnd", 2, "--percent", 60, "--observer", "flicker", "-o", tmp_path / "p.svg"
    )
    assert len(body["sur"]) == 100
    assert body["sur"] == sorted(body["sur"], reverse=True)
    assert set(body["gev"]) == {"location", "scale", "shape"}
    assert body["recommended_quality"] == 101 - body["percent_sur"]
    assert {"percent_jnd", "interval", "residual_rms"} <= body.keys()
    assert (body["jnd"], body["percent"], body["observer"]) == (2, 60, "flicker")
    assert (tmp_path / "p.svg").read_text().lstrip().startswith("<?xml")
    limen("sur-curve", photo, "-o", tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("target", [[], ["--quality", 60], ["--target-sur", 0.5], ["--max-bytes", 9000]])
def test_varjpeg(photo: Path, tmp_path: Path, target: list[object]) -> None:
    body = limen_json("varjpeg", photo, "-o", tmp_path / "out.jpg", *target)
    data = (tmp_path / "out.jpg").read_bytes()
    assert body["size_bytes"] == len(data)
    assert 0 <= body["sur"] <= 1
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.size == (256, 192)
    if "--max-bytes" in target:
        assert len(data) <= 9000
    if "--target-sur" in target:
        assert body["sur"] >= 0.5


def test_the_container_and_back(photo: Path, tmp_path: Path) -> None:
    limen("varjpeg", photo, "-o", tmp_path / "a.vjpg", "--format", "varjpeg", "--quality", 60)
    limen("varjpeg-decode", tmp_path / "a.vjpg", "-o", tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as decoded, Image.open(photo) as original:
        assert np.abs(np.asarray(decoded).astype(int) - np.asarray(original)).mean() < 12


def test_standard_streams(photo: Path) -> None:
    result = RUNNER.invoke(app, ["varjpeg", "-", "-o", "-", "--quality", "50"], input=photo.read_bytes())
    assert result.exit_code == 0, result.stderr
    assert result.stdout_bytes.startswith(b"\xff\xd8")
    assert "bytes" in result.stderr


def test_losses_while_reading_are_said(tmp_path: Path) -> None:
    path = tmp_path / "alpha.png"
    Image.new("RGBA", (80, 80), (10, 20, 30, 40)).save(path)
    assert "white" in limen("jnd-map", path, "-o", tmp_path / "m.png").stderr
    assert any("white" in warning for warning in limen_json("quality-score", path)["warnings"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["quality-score", "missing.png"], "missing.png"),
        (["quality-score", "text.png"], "text.png: this is text"),
        (["quality-score", "cut.jpg"], "truncated"),
        (["quality-score", "missing"], "missing"),
        (["quality-score", "photo.png", "-o", "folder"], "journal"),
        (["jnd-map", "photo.png", "-o", "photo.png"], "is the input"),
        (["jnd-map", "photo.png", "-o", "no/folder/m.png"], "does not exist"),
        (["jnd-map", "photo.png", "-o", "-", "--npz", "-"], "one file only"),
        (["full-reference-score", "photo.png", "small.png"], "distorted is"),
        (["patch-quality-map", "photo.png", "--reference", "small.png", "-o", "m.png"], "reference"),
        (["sur-curve", "photo.png", "-o", "plot.pdf"], ".svg, .png or .csv"),
        (["sur-curve", "photo.png", "--percent", "100"], "percent: "),
        (["varjpeg", "photo.png", "-o", "o.jpg", "--quality", "5", "--max-bytes", "5"], "at most one"),
        (["varjpeg", "photo.png", "-o", "o.jpg", "--target-sur", "75"], "less than 1"),
        (["varjpeg", "photo.png", "-o", "o.jpg", "--max-bytes", "20"], "bytes"),
        (["varjpeg", "photo.png", "-o", "o.jpg", "--protect", "small.png", "--quality", "50"], "mask"),
        (["varjpeg-decode", "photo.png", "-o", "o.png"], "container"),
        (["plain-encoding", "photo.png", "-o", "o.jpg", "--quality", "5", "--max-bytes", "5"], "not both"),
        (["plain-encoding", "photo.png", "-o", "o.jpg", "--max-bytes", "20"], "lowest quality"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else None,
)
def test_what_goes_wrong_is_one_line_and_status_2(
    photo: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(photo.parent)
    Path("text.png").write_text("not an image")
    Image.fromarray(picture()[:40, :40]).save("small.png")
    with Image.open(photo) as image:
        image.save("whole.jpg")
    Path("cut.jpg").write_bytes(Path("whole.jpg").read_bytes()[:3000])
    before = photo.read_bytes()
    assert said in limen(*arguments, fails=True).stderr
    assert photo.read_bytes() == before
    assert not [path for path in photo.parent.iterdir() if path.suffix == ".part" or path.name in ("o.jpg", "m.png")]


@pytest.mark.parametrize(
    "arguments",
    [["no-such-verb"], ["jnd-map"], ["varjpeg", "x", "-o", "y", "--quality", "101"], ["sur-curve", "x", "--jnd", "4"]],
)
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    assert RUNNER.invoke(app, arguments).exit_code == 2


def test_an_unforeseen_error_is_one_line_too(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr(quality_score, "predict_quality_score", fail)
    assert "ZeroDivisionError: by zero" in limen("quality-score", photo, fails=True).stderr


def test_a_failed_write_leaves_the_old_file(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "out.png"
    output.write_bytes(b"old")

    def fail(self: Path, _: bytes) -> int:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", fail)
    assert "No space left" in limen("jnd-map", photo, "-o", output, fails=True).stderr
    assert output.read_bytes() == b"old"


def test_a_worker_without_redis_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIMEN_REDIS_URL", raising=False)
    assert "LIMEN_REDIS_URL" in limen("worker", fails=True).stderr
    assert "LIMEN_REDIS_URL" in limen("serve", "--no-worker", fails=True).stderr


def test_a_wrong_setting_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMEN_QUEUE_LIMIT", "many")
    assert "LIMEN_QUEUE_LIMIT:" in limen("serve", fails=True).stderr


def test_as_a_program_of_its_own(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "workers.cli.program"]
    help_text = subprocess.run([*program, "--help"], capture_output=True, text=True, check=True).stdout
    for verb in ("serve", "worker", "jnd-map", "patch-quality-map", "quality-score", "full-reference-score",
                 "sur-curve", "varjpeg", "varjpeg-decode", "models"):  # fmt: skip
        assert verb in help_text
    broken = subprocess.run(
        [*program, "quality-score", str(tmp_path / "none.png")], capture_output=True, text=True, check=False
    )
    assert broken.returncode == 2
    assert broken.stdout == ""
    assert broken.stderr.count("\n") == 1
