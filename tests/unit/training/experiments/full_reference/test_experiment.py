"""The full-reference experiment and the paper's tables, for one step each, on drawn photos."""

from pathlib import Path

import numpy as np
import pytest

from models.graphs.artefacts import load_model
from models.metrics.classical import psnr_db
from tests.assets import datasets as made
from training.data.errors import DatasetMissingError
from training.experiments.full_reference import classical_scores, experiment, figures, heads
from training.experiments.full_reference.config import FullReferenceConfig
from training.experiments.full_reference.figures import against_classical, judged_photos, people
from training.experiments.full_reference.tables import PairToScore, ScoredPatches, patch_count
from training.figures.paired import lead_interval, photos_won
from training.labels.opinion_pairs import CODEC
from training.labels.tid_pairs import TidPhoto
from training.metrics.classical import CLASSICAL_OF_DATABASES
from training.networks.multiscale_fr import ABLATIONS
from training.run.config import load_config

INFO = np.array([(1, 1), (1, 3), (8, 2), (8, 5)])


def one_step(config: FullReferenceConfig) -> FullReferenceConfig:
    fit = config.fit.model_copy(update={"batch_size": 4})
    streams = config.streams.model_copy(update={"epochs": 1, "batch_size": 2})
    return config.model_copy(update={"fit": fit, "streams": streams, "variant": "test"})


def make_high_quality(folder: Path, kinds: list[str]) -> None:
    """One photo, distorted so little that SSIMULACRA2 alone judges it."""
    folder.mkdir(parents=True)
    photo = made.drawn_photo(40, 256, 384)
    distorted = np.stack([made.noisy(photo, level) for level in range(1, 1 + len(kinds))])
    np.savez(
        folder / "a.npz",
        reference=photo,
        distorted=distorted,
        kinds=np.array(kinds),
        ssimulacra2=np.linspace(90, 60, len(kinds)),
    )


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> FullReferenceConfig:
    root = tmp_path_factory.mktemp("full_reference")
    data, work = root / "data", root / "work"
    for number in range(1, heads.FOLDS + 1):
        photo = made.drawn_photo(number, 384, 512)
        made.save(data / "kodak" / f"{number:02d}.png", photo)
        distorted = np.stack([made.noisy(photo, level) for level in (1, 2, 3, 6)])
        (work / "tid2013").mkdir(parents=True, exist_ok=True)
        np.savez(
            work / "tid2013" / f"{number:02d}.npz", distorted=distorted, info=INFO, mos=np.array([6.0, 5.0, 4.0, 2.0])
        )
    for split in ("train", "val"):
        folder = work / "opinion-pairs" / split
        folder.mkdir(parents=True)
        for number in range(2):
            photo = made.drawn_photo(number + 20, 256, 384)
            made.save(data / "photos" / split / f"photo_{number}.png", photo)
            np.savez(
                folder / f"photo_{number}.npz",
                reference=photo,
                distorted=np.stack([made.noisy(photo, level) for level in (1, 2, 3)]),
                info=np.array([(1, 1), (CODEC, 0), (CODEC, 0)]),
                psnr=np.array([33.0, 35.0, 38.0]),
                ssimulacra2=np.array([50.0, 75.0, 90.0]),
            )
        make_high_quality(
            work / "high-quality-pairs" / split, ["blur", "blur", "gamma"] if split == "val" else ["blur"]
        )
    config = one_step(load_config(FullReferenceConfig, data=data, work=work, epochs=1))
    experiment.fit(config)
    return config


def test_preset_paper_is_measured_on_photos_that_chose_nothing(fitted: FullReferenceConfig) -> None:
    config = one_step(load_config(FullReferenceConfig, data=fitted.data, work=fitted.work, preset="paper", epochs=1))
    config = config.model_copy(update={"variant": "paper-test"})
    with pytest.raises(FileNotFoundError):
        experiment.evaluate(config)
    experiment.fit(config)
    found = experiment.evaluate(config)
    assert (found["photos"], found["pairs"]) == (1, len(INFO))
    assert set(found["people"]) == {"srocc", "plcc", "srocc_within_photo"}


def test_an_epoch_has_as_many_patches_as_the_images() -> None:
    pair = PairToScore(lambda: (np.zeros((300, 400, 3), np.uint8),) * 2, 1.0, patch_count(300, 400))
    other = PairToScore(lambda: (np.full((128, 128, 3), 9, np.uint8),) * 2, 2.0, patch_count(128, 128))
    patches = ScoredPatches([pair, other])
    assert len(patches) == 6 + 1
    assert bool((patches[6][0] == 9).all())
    assert len(ScoredPatches([pair, other], fixed=True)) == 2


def test_every_photo_is_scored_by_the_one_fold_that_left_it_out(fitted: FullReferenceConfig) -> None:
    names = sorted(path.name for path in fitted.checkpoints.glob("fold-*/*.npy"))
    assert names == [f"{number:02d}.npy" for number in range(1, heads.FOLDS + 1)]
    scores = np.load(next(fitted.checkpoints.glob("fold-0/*.npy")))
    assert scores.shape == (len(INFO),)
    assert ((scores > 0) & (scores < 100)).all()


def test_figures_come_with_wins_and_an_interval(fitted: FullReferenceConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    two = {"psnr": psnr_db, "ssimulacra2": lambda reference, distorted: psnr_db(reference, distorted) + 40}
    monkeypatch.setattr(classical_scores, "CLASSICAL", two)
    monkeypatch.setattr(figures, "CLASSICAL", two)
    monkeypatch.setattr(classical_scores, "ProcessPoolExecutor", _Here)
    monkeypatch.setattr(classical_scores, "COMPARED_EVERY", 1)
    classical_scores.make_classical_scores(fitted.data, fitted.work / "tid2013", fitted.folder / "rivals", processes=1)
    monkeypatch.setattr(figures, "exported_model", lambda name, config: load_model(name))
    found = experiment.evaluate(fitted)
    assert found["people"]["pairs"] == heads.FOLDS * len(INFO)
    assert found["against"]["psnr"]["srocc"] > 0.9
    assert set(found["against"]["photos_won"]) == set(two)
    assert found["val"]["identical_images"] == [100, 100]
    assert (fitted.checkpoints / "report.html").is_file()
    assert people(judged_photos(fitted, fitted.checkpoints)) == found["people"]
    assert against_classical(judged_photos(fitted, fitted.checkpoints)) == found["against"]


class _Here:
    """A pool that works in this process, where the metrics are replaced."""

    def __init__(self, processes: int) -> None:
        self.processes = processes

    def __enter__(self) -> "_Here":
        return self

    def __exit__(self, *error: object) -> None:
        return None

    map = staticmethod(map)


@pytest.mark.slow
def test_export_agrees_with_pytorch(fitted: FullReferenceConfig) -> None:
    experiment.export(fitted)
    assert (fitted.weights / "full_reference.onnx").is_file()
    assert fitted.weights.is_relative_to(fitted.work)


def test_opinions_lean_to_ssimulacra2_only_at_high_quality() -> None:
    info, mos = np.array([[1, 1], [1, 1], [10, 2]]), np.array([3.6, 3.6, 6.5])
    low, high, jpeg = heads.score_of(mos, info, np.array([40.0, 85.0, 40.0]))
    assert low == pytest.approx(50)
    assert high == pytest.approx(0.26 * 50 + 0.74 * 84.5)
    assert jpeg == pytest.approx(heads.score_of_ssimulacra2(np.array([40.0]))[0] + heads.JPEG_ABOVE)
    assert heads.score_of_ssimulacra2(np.array([100.0]))[0] == 100


def test_metrics_measured_once_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def count(reference: np.ndarray, distorted: np.ndarray) -> float:
        asked.append(1)
        return float(distorted.mean())

    monkeypatch.setattr(classical_scores, "CLASSICAL", {"mean": count})
    photo = made.drawn_photo(1, 16, 16)
    distorted = np.stack([made.noisy(photo, level) for level in (1, 2, 3, 6)])
    pairs = TidPhoto(1, photo, distorted, INFO, np.array([6.0, 5.0, 4.0, 2.0]))
    monkeypatch.setattr(classical_scores, "COMPARED_EVERY", 2)
    some = classical_scores.measure_photo(pairs, {})
    assert 0 < len(some["info"]) < len(INFO)
    monkeypatch.setattr(classical_scores, "COMPARED_EVERY", 1)
    every = classical_scores.measure_photo(pairs, some)
    assert len(asked) == len(INFO)
    np.testing.assert_array_equal(every["info"], INFO)
    np.testing.assert_allclose(every["mean"], distorted.mean((1, 2, 3)))


def test_lead_is_judged_on_the_same_draw_of_photos() -> None:
    rng = np.random.default_rng(0)
    mos = [rng.random(30) for _ in range(6)]
    good, bad = ([truth + rng.normal(0, size, 30) for truth in mos] for size in (0.05, 0.5))
    low, high = lead_interval(good, bad, mos)
    assert 0 < low < high
    assert lead_interval(good, good, mos) == (0, 0)
    assert photos_won(good, bad, mos) == 6
    assert photos_won(bad, bad, mos) == 0


def test_tables_of_the_paper_run_on_every_database(tmp_path: Path) -> None:
    made.make_live(tmp_path / "live", size=168)
    made.make_csiq(tmp_path / "csiq", size=168)
    made.make_tid(tmp_path / "tid2008", size=168)
    made.make_tid(tmp_path / "tid2013", size=168)
    config = load_config(FullReferenceConfig, data=tmp_path, work=tmp_path / "work", epochs=1)
    config = config.model_copy(update={"fit": config.fit.model_copy(update={"batch_size": 4})})
    found = experiment.table(config, tmp_path)
    assert set(found) == {"live", "csiq", "tid2008", "tid2013"}
    assert set(found["tid2013"]["table 2"]) == set(ABLATIONS)
    assert set(found["live"]["table 1"]) == {*CLASSICAL_OF_DATABASES, "proposed"}
    assert set(found["live"]["table 2"]["proposed"]) == {"srocc", "plcc"}
    assert len(found["csiq"]["figure 4: training loss by epoch"]) == 1


def test_tables_name_what_is_missing(tmp_path: Path) -> None:
    config = load_config(FullReferenceConfig, data=tmp_path, work=tmp_path / "work", preset="paper")
    with pytest.raises(DatasetMissingError, match="tid2013"):
        experiment.table(config, tmp_path)
