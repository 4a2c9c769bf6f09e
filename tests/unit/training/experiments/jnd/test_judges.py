"""The map judged by noise of its amplitude: what raises the loss, what the judges leave out, which regions they see."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.assets.photos import half_textured

pytest.importorskip("torch", reason="the training extra is not installed")

import torch

from models.jnd import adapt_to_photo
from training.experiments.jnd.config import JndConfig, JudgeWeights
from training.experiments.jnd.judges import at_energy, extremes, judged_loss, noisy
from training.experiments.jnd.regions import MiddleRegions, RegionBatches, region_shape
from training.maths.ssim import luma_ssim, ssim_and_ms_ssim
from training.metrics.ssimulacra2 import inner, srgb_to_tensor, ssimulacra2
from training.networks.fpsnet import FpsNet
from training.networks.whole_photo import PhotoNetwork, WholePhoto, map_of_region
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
    network = PhotoNetwork(FpsNet()).train()
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
    network = PhotoNetwork(FpsNet()).train()
    before = means(network)
    assert before
    network(torch.rand(1, 3, SIDE, SIDE))
    assert network.training
    assert all(torch.equal(after, mean) for after, mean in zip(means(network), before, strict=True))


def test_the_whole_photo_is_the_same_in_serving() -> None:
    whole = WholePhoto()
    jnd = np.exp(np.random.default_rng(0).normal(1.4, 0.5, (1, 1, 40, 50))).astype(np.float32)
    torch.testing.assert_close(whole(torch.from_numpy(jnd)), torch.from_numpy(jnd))
    with torch.no_grad():
        whole.offsets.copy_(torch.tensor([0.01, 0.02, 0.003, 0.004]))
        learned = whole(torch.from_numpy(jnd)).numpy()
    np.testing.assert_allclose(adapt_to_photo(jnd[0, 0], whole.numbers()), learned[0, 0], rtol=1e-5)


def test_noise_that_white_swallows_is_not_free() -> None:
    image = torch.full((1, 3, SIDE, SIDE), 0.5)
    image[..., SIDE // 2 :] = 1.0
    sign = signs(1, 1, SIDE, SIDE)
    amplitude = at_energy(image, torch.ones(1, 1, SIDE, SIDE), sign, 100.0)
    kept = inner(noisy(image, amplitude * sign) - image) * 255
    assert float(kept.square().mean()) == pytest.approx(100, rel=0.01)


def test_tiles_of_a_region_are_put_back_in_place() -> None:
    class Mean(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image.mean(1, keepdim=True)

    image = torch.rand(1, 3, 512, 256)
    torch.testing.assert_close(map_of_region(Mean(), image), image.mean(1, keepdim=True))


def test_only_amplitudes_outside_the_bounds_cost(weights: JudgeWeights) -> None:
    inside = torch.full((1, 1, 8, 8), 1.0)
    assert float(extremes(inside, weights)) == 0
    assert float(extremes(inside * weights.floor / 2, weights)) > 0
    assert float(extremes(inside * weights.ceiling * 2, weights)) > 0


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


def test_regions_are_whole_tiles() -> None:
    for size, kept in (((300, 900), (256, 512)), ((512, 700), (512, 512)), ((256, 260), (256, 256))):
        assert region_shape(*size) == kept


def write_photos(config: JndConfig, split: str, **sizes: tuple[int, int]) -> None:
    folder = config.data / "photos" / split
    folder.mkdir(parents=True)
    for level, (name, (rows, columns)) in enumerate(sizes.items(), start=1):
        Image.fromarray(np.full((rows, columns, 3), level, np.uint8)).save(folder / f"{name}.png")


def test_a_batch_holds_one_shape_and_as_many_pixels_as_asked(config: JndConfig) -> None:
    write_photos(config, "train", a=(520, 780), b=(770, 512), c=(256, 300), d=(300, 256), e=(200, 900))
    seen = set()
    batches = RegionBatches(config, count=40, size=2)
    for batch in map(batches.__getitem__, range(len(batches))):
        assert batch.dtype == torch.uint8
        assert sorted(batch.shape[2:]) in ([512, 512], [256, 256])
        assert len(batch) == 2  # two large photos, and no more small ones than there are
        seen |= set(batch.flatten().tolist())
    assert seen == {1, 2, 3, 4}  # e has no whole tile


def test_regions_of_val_are_the_middle_of_each_photo(config: JndConfig) -> None:
    write_photos(config, "val", a=(300, 260), b=(512, 512))
    regions = MiddleRegions(config)
    shapes = [tuple(regions[index].shape) for index in range(len(regions))]
    assert sorted(shapes) == [(1, 3, 256, 256), (1, 3, 512, 512)]


def test_photos_without_a_tile_are_named(config: JndConfig) -> None:
    write_photos(config, "train", a=(200, 200))
    with pytest.raises(FileNotFoundError, match="none of 1 photos"):
        RegionBatches(config, count=1, size=1)
