"""What a kind of distortion is, and how strong it has to be to reach a PSNR or any other measure.

Every kind is a pure function ``(pixels, strength, rng) -> pixels`` on uint8 (H, W, 3) sRGB; a larger ``strength``
distorts more.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.metrics.classical import psnr_db
from models.types import Rgb8

Apply = Callable[[Rgb8, float, np.random.Generator], Rgb8]

SEARCH_STEPS = 24
"""Halvings of a range of strengths at most; the widest in use, 1 to 15,000, is down to a ratio of 1.0005 in 15."""


@dataclass(frozen=True, slots=True)
class Distortion:
    """A kind of distortion and the range of strengths that makes sense for it (log-uniform draws lie in it)."""

    name: str
    apply: Apply
    weakest: float
    strongest: float

    def draw_strength(self, rng: np.random.Generator) -> float:
        """Log-uniform between the weakest and the strongest."""
        return float(np.exp(rng.uniform(np.log(self.weakest), np.log(self.strongest))))


def at_psnr(
    pixels: Rgb8, apply: Apply, target_db: float, *, seed: int, low: float, high: float, within_db: float = 0.05
) -> Rgb8:
    """``pixels`` distorted so that the PSNR over R, G and B comes as close to ``target_db`` as the kind allows.

    The caller checks what was reached: some kinds cannot reach every PSNR. See ``at_measure`` for the search.
    """
    return at_measure(pixels, apply, psnr_db, target_db, seed=seed, low=low, high=high, within=within_db)


def at_measure(
    pixels: Rgb8,
    apply: Apply,
    measure: Callable[[Rgb8, Rgb8], float],
    target: float,
    *,
    seed: int,
    low: float,
    high: float,
    within: float,
) -> Rgb8:
    """``pixels`` distorted so that ``measure(pixels, distorted)``, higher is better, comes close to ``target``.

    Bisection on the logarithm of the strength between ``low`` and ``high``, with the same random numbers at each step;
    stops when it is met ``within`` that much.
    """
    best, best_gap = pixels, np.inf
    for _ in range(SEARCH_STEPS):
        middle = float(np.sqrt(low * high))
        candidate = apply(pixels, middle, np.random.default_rng(seed))
        reached = measure(pixels, candidate)
        if abs(reached - target) < best_gap:
            best, best_gap = candidate, abs(reached - target)
        if best_gap < within or high / low < 1.0005:
            break
        low, high = (middle, high) if reached > target else (low, middle)
    return best
