"""The AC values of a component that are not zero, one after the other: all that its scans have to look at."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.jpeg.entropy import Blocks
from models.threads import in_bands


@dataclass(frozen=True, slots=True)
class Nonzeros:
    """``starts`` int64 (blocks + 1): where those of each block begin; ``places`` uint8, 1 to 63 in zigzag order, rising
    within a block; ``values`` int16."""

    starts: NDArray[np.int64]
    places: NDArray[np.uint8]
    values: NDArray[np.int16]

    @property
    def block_count(self) -> int:
        """Blocks, empty ones too."""
        return len(self.starts) - 1


def nonzeros_of(blocks: Blocks) -> Nonzeros:
    """Of (N, 64) zigzag."""
    starts = np.zeros(len(blocks) + 1, np.int64)
    in_bands(lambda rows: _count(blocks[rows], starts[1:][rows]), len(blocks))
    np.cumsum(starts, out=starts)
    places, values = np.empty(starts[-1], np.uint8), np.empty(starts[-1], np.int16)
    in_bands(lambda rows: _gather(blocks[rows], starts[:-1][rows], places, values), len(blocks))
    return Nonzeros(starts, places, values)


@compiled
def _count(blocks: Blocks, counts: NDArray[np.int64]) -> None:
    for b in range(blocks.shape[0]):
        count = 0
        for k in range(1, 64):
            count += blocks[b, k] != 0
        counts[b] = count


@compiled
def _gather(blocks: Blocks, starts: NDArray[np.int64], places: NDArray[np.uint8], values: NDArray[np.int16]) -> None:
    for b in range(blocks.shape[0]):
        n = starts[b]
        for k in range(1, 64):
            if blocks[b, k] != 0:
                places[n] = k
                values[n] = blocks[b, k]
                n += 1
