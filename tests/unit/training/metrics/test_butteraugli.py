"""The differentiable butteraugli agrees with libjxl's program and keeps finite gradients."""

import shutil

import numpy as np
import pytest

from models.types import Rgb8
from tests.assets.photos import textured

pytest.importorskip("torch", reason="the training extra is not installed")

import torch

from training.metrics.butteraugli import ButteraugliReference, butteraugli_distance, three_norm
from training.metrics.butteraugli_program import PROGRAM, butteraugli
from training.metrics.ssimulacra2 import srgb_to_tensor

needs_program = pytest.mark.skipif(shutil.which(PROGRAM) is None, reason=f"{PROGRAM} is not installed")


def noisy(image: Rgb8, deviation: float, seed: int = 0) -> Rgb8:
    noise = np.random.default_rng(seed).normal(0, deviation, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def slope(tensor: torch.Tensor) -> torch.Tensor:
    assert tensor.grad is not None
    return tensor.grad


@needs_program
@pytest.mark.parametrize("deviation", [2, 20])
@pytest.mark.parametrize("sides", [(96, 128), (97, 131), (40, 15), (21, 14), (9, 8)])
def test_agrees_with_the_program(sides: tuple[int, int], deviation: int) -> None:
    reference = textured(*sides, 1)
    distorted = noisy(reference, deviation)
    printed = butteraugli(reference, distorted)
    distance = butteraugli_distance(srgb_to_tensor(reference), srgb_to_tensor(distorted))
    assert distance.shape == (1, 1, *sides)
    assert float(three_norm(distance)) == pytest.approx(printed.three_norm, rel=1e-3)
    assert float(distance.max()) == pytest.approx(printed.maximum, rel=1e-3)


@needs_program
@pytest.mark.parametrize(("colour", "other"), [((0, 0, 0), (8, 0, 0)), ((255, 255, 255), (250, 255, 255))])
def test_agrees_with_the_program_at_the_ends_of_the_range(
    colour: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    reference = np.full((64, 64, 3), colour, np.uint8)
    distorted = reference.copy()
    distorted[20:40, 8:33] = other
    printed = butteraugli(reference, distorted)
    distance = butteraugli_distance(srgb_to_tensor(reference), srgb_to_tensor(distorted))
    assert float(three_norm(distance)) == pytest.approx(printed.three_norm, rel=2e-3)


def test_equal_images_have_no_distance() -> None:
    image = srgb_to_tensor(textured(64, 48, 2))
    assert butteraugli_distance(image, image.clone()).abs().max() < 1e-5


def test_a_batch_gives_what_each_pair_gives() -> None:
    references = [textured(48, 64, seed) for seed in range(3)]
    first = srgb_to_tensor(np.stack(references))
    second = srgb_to_tensor(np.stack([noisy(image, 4 * seed) for seed, image in enumerate(references, 1)]))
    batch = ButteraugliReference(first).distance(second)
    alone = torch.cat([butteraugli_distance(first[i : i + 1], second[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(batch, alone, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("start", ["equal", "black", "white", "noise"])
def test_gradients_are_finite(start: str) -> None:
    reference = {"black": torch.zeros, "white": torch.ones}.get(start, torch.rand)(2, 3, 40, 48)
    distorted = reference.clone() if start == "equal" else (reference + 0.05 * torch.randn(2, 3, 40, 48)).clamp(0, 1)
    reference.requires_grad_()
    distorted.requires_grad_()
    torch.autograd.backward(three_norm(butteraugli_distance(reference, distorted)).sum())
    assert slope(reference).isfinite().all()
    assert slope(distorted).isfinite().all()


def test_gradients_follow_a_look_without_them() -> None:
    reference, distorted = torch.rand(1, 3, 34, 38), torch.rand(1, 3, 34, 38, requires_grad=True)
    with torch.inference_mode():
        butteraugli_distance(reference, distorted)
    torch.autograd.backward(butteraugli_distance(reference, distorted).sum())
    assert slope(distorted).isfinite().all()


def test_the_gradient_is_the_slope() -> None:
    reference = srgb_to_tensor(textured(48, 48, 3)).double()
    direction = srgb_to_tensor(noisy(textured(48, 48, 3), 8)).double() - reference
    strength = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    torch.autograd.backward(three_norm(butteraugli_distance(reference, reference + strength * direction)).sum())
    ends = [three_norm(butteraugli_distance(reference, reference + share * direction)) for share in (0.9999, 1.0001)]
    assert float(slope(strength)) == pytest.approx(float(ends[1] - ends[0]) / 2e-4, rel=1e-3)


def test_three_norm_of_an_even_map_is_its_value() -> None:
    assert float(three_norm(torch.full((1, 1, 8, 8), 2.5))) == pytest.approx(2.5, rel=1e-5)


def test_three_norm_of_no_distance_has_a_gradient() -> None:
    distance = torch.zeros(1, 1, 8, 8, requires_grad=True)
    torch.autograd.backward(three_norm(distance).sum())
    assert slope(distance).isfinite().all()
