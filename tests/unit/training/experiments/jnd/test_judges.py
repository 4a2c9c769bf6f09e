"""The map judged by noise of its amplitude: what raises the loss, what the judges leave out, which regions they see."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.assets.photos import half_textured

pytest.importorskip("torch", reason="the training extra is not installed")

import torch

from models.jnd.prediction import MARGIN
from training.experiments.jnd.config import JndConfig, JudgeWeights
from training.experiments.jnd.judges import at_energy, extremes, judged_loss, noisy
from training.experiments.jnd.regions import MiddleRegions, RegionBatches, region_shape, toned
from training.maths.ssim import luma_ssim, ssim_and_ms_ssim
from training.metrics.ssimulacra2 import inner, srgb_to_tensor, ssimulacra2
from training.networks.fpsnet import FpsNet
from training.networks.part_of_photo import FrozenNormalisation
from training.run.config import load_config

SIDE = 256


@pytest.fixture
def config(tmp_path: Path) -> JndConfig:
    return load_config(JndConfig, data=tmp_path / "data", work=tmp_path / "work")


@pytest.fixture
def weights(config: JndConfig) -> JudgeWeights:
    return config.judges


def signs(*shape: int) -> torch.Tensor:
    return torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(0)).float() * 2 - 1


class Fixed(torch.nn.Module):
    """The same thresholds whatever the photo."""

    def __init__(self, jnd: torch.Tensor) -> None:
        super().__init__()
        self.jnd = jnd

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.jnd


def pixels_batch() -> torch.Tensor:
    return torch.from_numpy(np.moveaxis(half_textured(SIDE, SIDE), -1, 0)[None, None].copy())


def test_noise_in_texture_costs_less_than_noise_in_the_flat_half(weights: JudgeWeights) -> None:
    textured = torch.full((1, 1, SIDE, SIDE), 2.0)
    textured[..., SIDE // 2 :] = 5.0
    with torch.no_grad():
        good, bad = (judged_loss(Fixed(jnd).eval(), pixels_batch(), weights) for jnd in (textured, textured.flip(3)))
    assert float(good) < float(bad)


def test_the_unit_is_tied(weights: JudgeWeights) -> None:
    """At equal energy only the map's own level can tell these apart."""
    even = torch.ones(1, 1, SIDE, SIDE)
    losses = []
    with torch.no_grad():
        for level in (0.2, 2.0, 20.0):
            torch.manual_seed(0)
            losses.append(float(judged_loss(Fixed(even * level).eval(), pixels_batch(), weights)))
    assert losses[1] < min(losses[0], losses[2])


def test_a_step_lowers_the_loss(weights: JudgeWeights) -> None:
    torch.manual_seed(0)
    network = FrozenNormalisation(FpsNet()).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(2):
        torch.manual_seed(1)
        loss = judged_loss(network, pixels_batch(), weights)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[1] < losses[0]


def means(network: torch.nn.Module) -> list[torch.Tensor]:
    """Of every batch normalisation."""
    return [value.clone() for name, value in network.named_buffers() if name.endswith("running_mean")]


def test_batch_normalisation_keeps_its_statistics() -> None:
    network = FrozenNormalisation(FpsNet()).train()
    before = means(network)
    assert before
    network(torch.rand(1, 3, SIDE, SIDE))
    assert network.training
    assert all(torch.equal(after, mean) for after, mean in zip(means(network), before, strict=True))


def test_noise_that_white_swallows_is_not_free() -> None:
    image = torch.full((1, 3, SIDE, SIDE), 0.5)
    image[..., SIDE // 2 :] = 1.0
    sign = signs(1, 1, SIDE, SIDE)
    amplitude = at_energy(image, torch.ones(1, 1, SIDE, SIDE), sign, 100.0)
    kept = inner(noisy(image, amplitude * sign) - image) * 255
    assert float(kept.square().mean()) == pytest.approx(100, rel=0.01)


def test_only_amplitudes_outside_the_bounds_cost(weights: JudgeWeights) -> None:
    inside = torch.full((1, 1, 8, 8), 1.0)
    assert float(extremes(inside, weights)) == 0
    assert float(extremes(inside * weights.floor / 2, weights)) > 0
    high = float(extremes(inside * weights.ceiling * 1.2, weights))
    assert high > 0
    assert float(extremes(inside * weights.peak * 1.2, weights)) > 20 * high


def test_ssim_is_that_of_the_protocol() -> None:
    rng = np.random.default_rng(1)
    first = rng.uniform(0, 255, (180, 200))
    second = first + rng.normal(0, 20, first.shape)
    tensors = [torch.from_numpy(plane)[None, None] for plane in (first, second)]
    assert float(luma_ssim(*tensors)) == pytest.approx(ssim_and_ms_ssim(first, second)[0], rel=1e-6)


def test_the_border_is_left_out() -> None:
    image = srgb_to_tensor(half_textured(SIDE, SIDE))
    noisy = image.clone()
    noisy[..., :4, :] += 0.1 * (
        torch.randint(0, 2, (1, 1, 4, SIDE), generator=torch.Generator().manual_seed(0)) * 2 - 1
    )
    assert float(ssimulacra2(image, noisy, edges="inner")) > 95
    assert float(ssimulacra2(image, noisy, edges="reference")) < 85


def test_regions_are_as_large_as_the_network_takes() -> None:
    for size, kept in (((300, 900), (288, 512)), ((512, 700), (512, 512)), ((256, 260), (256, 256))):
        assert region_shape(*size) == kept


def test_tones_keep_shape_and_type() -> None:
    region = np.moveaxis(half_textured(64, 64), -1, 0)
    rng = np.random.default_rng(0)
    made = [toned(region, rng) for _ in range(20)]
    assert all(one.shape == region.shape and one.dtype == np.uint8 for one in made)
    assert 5 < sum(bool(np.array_equal(one, region)) for one in made) < 15


def write_photos(config: JndConfig, split: str, **sizes: tuple[int, int]) -> None:
    folder = config.data / "photos" / split
    folder.mkdir(parents=True)
    for level, (name, (rows, columns)) in enumerate(sizes.items(), start=1):
        Image.fromarray(np.full((rows, columns, 3), level, np.uint8)).save(folder / f"{name}.png")


def test_a_batch_holds_one_shape_and_as_many_pixels_as_asked(config: JndConfig) -> None:
    sizes = {"photo_a": (520, 780), "photo_b": (770, 512), "cid22_c": (256, 300), "clic25_d": (300, 256)}
    write_photos(config, "train", **sizes, photo_e=(200, 900), bsds_f=(512, 512))
    batches = RegionBatches(config, count=40, size=2)
    shapes = set()
    for batch in map(batches.__getitem__, range(len(batches))):
        assert batch.dtype == torch.uint8
        assert len(batch) == 2  # two large photos, and no more small ones than there are
        shapes.add(tuple(batch.shape[2:]))
    assert shapes == {(512, 512), (256, 288)}  # e is too narrow, f of no free licence


def test_half_of_the_batches_have_mirrored_edges(config: JndConfig) -> None:
    folder = config.data / "photos" / "train"
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "photo_a.png")
    batches = RegionBatches(config, count=30, size=1)
    seen = [batches[index][0, 0] for index in range(30)]
    mirrored = sum(bool(torch.equal(region[:MARGIN], region[MARGIN : 2 * MARGIN].flip(0))) for region in seen)
    assert 8 < mirrored < 22


def test_regions_of_val_are_the_middle_of_each_photo(config: JndConfig) -> None:
    write_photos(config, "val", a=(300, 260), b=(512, 512))
    regions = MiddleRegions(config)
    shapes = [tuple(regions[index].shape) for index in range(len(regions))]
    assert sorted(shapes) == [(1, 3, 256, 288), (1, 3, 512, 512)]


def test_photos_that_are_too_small_are_named(config: JndConfig) -> None:
    write_photos(config, "train", photo_a=(200, 200))
    with pytest.raises(FileNotFoundError, match="none of 1 photos"):
        RegionBatches(config, count=1, size=1)
