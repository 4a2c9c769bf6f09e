"""SUR-FeatNet as published: shapes, one step of both stages, tables on look-alikes, the ranking of distributions."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.sur.gev import GevParameters
from tests.assets.datasets import make_kadis, make_mcl_jci
from training.data.errors import DatasetMissingError
from training.data.mcl_jci import read_mcl_jci
from training.experiments.sur import experiment
from training.experiments.sur.config import SurConfig
from training.experiments.sur.distributions import GEV, anderson_darling, draw_samples, fit_gev_mle, rank_distributions
from training.experiments.sur.published import (
    FeaturePairs,
    absolute_error,
    evaluate_on_tiles,
    export_on_tiles,
    fit_on_tiles,
)
from training.experiments.sur.schemes import SCHEMES, Scheme, judge, photo_features
from training.experiments.sur.tables import _means, ends, spread
from training.networks.sur_featnet_published import (
    InceptionBody,
    LiteBody,
    MlspFeatures,
    RegressionHead,
    StageOne,
    five_patches,
    gap,
    stage_two_head,
)
from training.run.config import load_config


@pytest.fixture(scope="module")
def inception() -> InceptionBody:
    torch.manual_seed(0)
    return InceptionBody()


def test_published_shapes(inception: InceptionBody) -> None:
    """Section 5.3: 2,048 GAP and 10,048 MLSP features, 6,144 and 30,144 inputs of a 512-256-128 head, dropout 0.25."""
    inception.eval()
    with torch.inference_mode():
        maps = inception(torch.rand(1, 3, 75, 90))
        assert gap(maps).shape == (1, 2048)
        assert MlspFeatures(inception).eval()(torch.rand(1, 3, 75, 90)).shape == (1, 10048)
    heads: list[RegressionHead] = [StageOne(inception).head, stage_two_head(inception)]
    for head, inputs in zip(heads, (6144, 30144), strict=True):
        linear = [layer for layer in head.layers if isinstance(layer, torch.nn.Linear)]
        assert [layer.in_features for layer in linear] == [inputs, 512, 256, 128]
        assert linear[-1].out_features == 1
        assert [layer.p for layer in head.layers if isinstance(layer, torch.nn.Dropout)] == [0.25] * 3


def test_one_step_of_the_paper_preset(inception: InceptionBody) -> None:
    network = StageOne(inception).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-5)
    before = next(network.head.parameters()).detach().clone()
    torch.autograd.backward(
        absolute_error(network, [torch.rand(2, 3, 75, 75), torch.rand(2, 3, 75, 75), torch.tensor([0.1, 0.4])])
    )
    optimiser.step()
    assert not torch.equal(before, next(network.head.parameters()))


def test_imagenet_weights_are_read_from_a_file(inception: InceptionBody, tmp_path: Path) -> None:
    from training.run.torchvision_models import models

    network = models.inception_v3(weights=None, aux_logits=True, init_weights=False)
    torch.save(network.state_dict(), tmp_path / "inception_v3.pth")
    body = InceptionBody(tmp_path / "inception_v3.pth")
    first = next(body.stem.parameters())
    assert torch.equal(first, network.Conv2d_1a_3x3.conv.weight)
    assert not torch.equal(first, next(inception.stem.parameters()))


def test_five_patches_are_quadrants_and_centre() -> None:
    image = torch.arange(8 * 12).reshape(1, 8, 12)
    patches = five_patches(image)
    assert patches.shape == (5, 1, 4, 6)
    assert torch.equal(torch.sort(patches[:4].flatten()).values, image.flatten())
    assert torch.equal(patches[4], image[:, 2:6, 3:9])


def test_stages_on_tiles_of_ones_own_photos(tmp_path: Path) -> None:
    """Both stages for one epoch, the figure and the export, on tiles as ``limen-train prepare sur`` keeps them."""
    config = load_config(SurConfig, data=tmp_path, work=tmp_path / "work", epochs=1)
    config.folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        np.save(config.folder / f"{split}-references.npy", rng.integers(0, 256, (3, 64, 64, 3), np.uint8))
        np.save(config.folder / f"{split}-variants.npy", rng.integers(0, 256, (3, 4, 64, 64, 3), np.uint8))
        np.save(config.folder / f"{split}-labels.npy", rng.uniform(0, 4, (3, 4)).astype(np.float32))
    config = config.model_copy(update={"variant": "published"})
    fit_on_tiles(config)
    assert evaluate_on_tiles(config)["tiles of val"] == 12
    assert max(export_on_tiles(config).values()) < 1e-4


def test_tables_of_the_paper_on_look_alikes(tmp_path: Path) -> None:
    """All four schemes for one step in each of two folds, by the names of what they learned from."""
    root = tmp_path / "data"
    make_mcl_jci(root / "mcl-jci", sources=2, qfs=(5, 100), size=64)
    make_kadis(root / "kadis-700k", sources=2, size=64)
    config = load_config(SurConfig, data=root, work=tmp_path / "work", epochs=1)
    config = config.model_copy(update={"fit": config.fit.model_copy(update={"batch_size": 2})})
    tables = experiment.table(config, root)["mcl-jci"]
    assert list(tables["table 2: schemes, first JND"]) == [
        "1. Fine-tune (random weights)",
        "2. Fine-tune (random weights, KADIS-700k)",
        "3. MLSP (random weights)",
        "4. MLSP (random weights, KADIS-700k)",
    ]
    assert set(tables["table 3: SUR-FeatNet and Algorithm 1"]) == {"jnd1", "jnd2", "jnd3"}
    rows = tables["tables 5 to 8: photos"]["jnd1"]
    assert len(rows) == 2
    assert all(row["delta_jnd"] == abs(row["level"] - row["predicted level"]) for row in rows)
    assert len(tables["table 1: distributions"]["jnd1"]) == 16


def test_rows_have_the_names_of_the_paper_only_where_they_start_as_there(tmp_path: Path) -> None:
    config = load_config(SurConfig, data=tmp_path, work=tmp_path, preset="paper")
    assert SCHEMES[0].name(config) == "1. Fine-tune (random weights)"
    (tmp_path / "imagenet").mkdir()
    (tmp_path / "imagenet" / "inception_v3.pth").touch()
    assert [scheme.name(config) for scheme in SCHEMES] == [
        "1. Fine-tune (ImageNet)",
        "2. Fine-tune (KADIS-700k)",
        "3. MLSP (ImageNet)",
        "4. MLSP (KADIS-700k)",
    ]
    lite = load_config(SurConfig, data=tmp_path, work=tmp_path)
    assert Scheme(pretrained=True, frozen=True).name(lite) == "4. MLSP (random weights, KADIS-700k)"


def _row(source: str, distance: float, error: float, psnr: float) -> dict[str, Any]:
    return {
        "source": source,
        "bhattacharyya": distance,
        "delta_jnd": error,
        "psnr_db": psnr,
        "predicted psnr_db": 2 * psnr + 1,
    }


def test_figures_5_to_9() -> None:
    rows = [_row("a", 0.02, 1, 30.0), _row("b", 0.2, 7, 32.0), _row("c", 3.0, 40, 28.0)]
    found = spread(rows)
    assert found["plcc of psnr"] == 1
    assert found["photos with a distance under 0.1"] == found["photos off by less than 5 levels"] == 1
    assert found["photos off by less than 10 levels"] == 2
    assert found["distances, steps of 0.05, the last one open"] == [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]
    assert ends([rows, rows]) == {"best": ["a", "b"], "worst": ["c", "b"]}


def test_means_are_also_given_without_photos_whose_likelihood_has_no_maximum() -> None:
    rows = [
        {"truth": {"xi": xi}, "bhattacharyya": value, "delta_jnd": value, "delta_psnr_db": value}
        for xi, value in ((-1.3, 9.0), (0.1, 1.0))
    ]
    assert _means(rows)["delta_jnd"] == 5
    assert _means(rows)["delta_jnd of the 1 with xi >= -1"] == 1
    assert set(_means(rows[1:])) == {"bhattacharyya", "delta_jnd", "delta_psnr_db"}


def test_mlsp_features_are_kept(tmp_path: Path) -> None:
    photos = read_mcl_jci(make_mcl_jci(tmp_path / "mcl-jci", sources=1, qfs=(5, 100), size=64))
    config = load_config(SurConfig, data=tmp_path, work=tmp_path / "work")
    judged, body = [judge(photo, 1) for photo in photos], LiteBody()
    features = photo_features(config, judged, body)[photos[0].source]
    assert features.shape == (3, 5, sum(LiteBody.channels))
    (file,) = (config.checkpoints / "mlsp").glob("*/*.pt")
    torch.save(torch.zeros(1), file)
    assert torch.equal(photo_features(config, judged, body)[photos[0].source], torch.zeros(1))
    assert photo_features(config, judged, LiteBody())[photos[0].source].shape == features.shape


def test_tables_without_data_say_what_is_missing(tmp_path: Path) -> None:
    config = load_config(SurConfig, data=tmp_path, work=tmp_path)
    with pytest.raises(DatasetMissingError, match="mcl-jci, jnd-pano"):
        experiment.table(config, tmp_path)


def test_the_ranking_finds_the_distribution_that_was_drawn_from() -> None:
    """Table 1's procedure on 30 samples of each of 12 GEVs, with locations, scales and shapes as MCL-JCI's lie."""
    rng = np.random.default_rng(4)
    gevs = [
        GevParameters(float(rng.uniform(15, 35)), float(rng.uniform(4, 10)), float(rng.uniform(-0.5, 0.6)))
        for _ in range(12)
    ]
    standings = rank_distributions([draw_samples(gev, 30, rng) for gev in gevs])
    assert standings[GEV].likelihood_rank == 1
    assert standings[GEV].rejected_rank == 1
    assert standings["Exponential"].rejected > 6


def test_maximum_likelihood_finds_the_parameters_again() -> None:
    truth = GevParameters(22, 6, 0.2)
    found = fit_gev_mle(draw_samples(truth, 3000, np.random.default_rng(0)))
    assert found.location == pytest.approx(truth.location, abs=0.5)
    assert found.scale == pytest.approx(truth.scale, abs=0.4)
    assert found.shape == pytest.approx(truth.shape, abs=0.08)


def test_anderson_darling_of_a_known_case() -> None:
    """Of the quantiles (2 i - 1) / 2n themselves the statistic is near its least; beyond the support it is infinite."""
    from scipy import stats

    places = (2 * np.arange(1, 41) - 1) / 80
    assert anderson_darling(stats.norm(), stats.norm.ppf(places)) < 0.1
    assert anderson_darling(stats.norm(), stats.norm.ppf(places) + 1) > 2.492
    assert anderson_darling(stats.uniform(), np.array([0.5, 2.0])) == np.inf


def test_feature_pairs_know_their_references() -> None:
    pairs = FeaturePairs(torch.eye(2), torch.ones(4, 2), torch.tensor([0, 0, 1, 1]), torch.arange(4.0))
    reference, version, label = pairs[3]
    assert (reference.tolist(), version.tolist(), float(label)) == ([0, 1], [1, 1], 3)
    assert LiteBody.channels[-1] == 64
