"""Values of the shapes that a graph declares."""

from collections.abc import Mapping, Sequence

import numpy as np

from models.types import Float32Array

STEPS = 2
"""How many times the least multiple a dynamic side has."""


def random_inputs(
    declared: Mapping[str, Sequence[int | str]], *, batch: int = 1, seed: int = 0
) -> dict[str, Float32Array]:
    """Values in [0, 1): "N" is the batch, "32*rows" a side that is a multiple of 32."""
    generator = np.random.default_rng(seed)
    return {
        name: generator.random([_length(side, batch) for side in shape], np.float32) for name, shape in declared.items()
    }


def _length(side: int | str, batch: int) -> int:
    if isinstance(side, int):
        return side
    return batch if side == "N" else STEPS * int(side.split("*")[0])
