"""What the graph ``sur_features`` says of a tile, as compiled loops: a third of the time ONNX Runtime takes on a CPU.

SUR-FeatNet's body, preset lite (``training.networks.sur_featnet``, after Lin et al. 2020, section 5.3): at each of five
scales filters of 4 x 4 pixels apart for lightness and two opponent colours, their responses divided by the energy
around them and summed with fixed random signs over each of 8 x 8 areas: a sketch.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from models.colour import halve
from models.compiled import compiled, inlined
from models.errors import ModelArtefactError
from models.graphs.artefacts import WEIGHTS, check_hash, load_manifest
from models.types import Float32Array

FILE = "sur_filters.npz"
"""The graph's numbers: ``filters`` (5, 3, 6, 4, 4) and ``floors`` (5, 3) float32, the least energy that divides;
``signs0`` .. ``signs4`` int8, 1 or -1 for each response of a scale."""

AREAS = 8
_LEAST_SQUARE, _LEAST_ENERGY = 1e-6, 1e-5
_IN_ONE_LOGARITHM = 4
"""Rows whose energies are multiplied before a logarithm is taken: none is below 1e-5, so float32 holds the product."""


class TileFeatures:
    """``OnnxModel`` of the same name, inputs and outputs as the graph, of the same numbers.

    Raises: ModelArtefactError if the file of these numbers is missing or malformed.
    """

    name, provider = "sur_features", "CPUExecutionProvider"

    def __init__(self, weights: Path, version: str) -> None:
        self.version = version
        try:
            with (weights / FILE).open("rb") as file, np.load(file) as numbers:
                self._filters, self._floors = numbers["filters"], numbers["floors"]
                signs = [numbers[f"signs{scale}"] for scale in range(len(self._filters))]
        except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile) as error:
            raise ModelArtefactError(f"{FILE} cannot be read: {error}") from error
        self._signs = [np.asarray(one * np.float32(AREAS / len(one)), np.float32) for one in signs]

    def run(self, inputs: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
        """``opponents`` (N, 3, 256, 256) to ``features`` (N, 5865), both float32."""
        return {"features": np.stack([self._features(tile) for tile in inputs["opponents"]])}

    def _features(self, planes: Float32Array) -> Float32Array:
        sketches, statistics = [], []
        for scale, (filters, floors, signs) in enumerate(zip(self._filters, self._floors, self._signs, strict=True)):
            planes = np.stack([halve(plane) for plane in planes]) if scale else planes
            sketch = np.empty((*filters.shape[:2], AREAS, AREAS), np.float32)
            log_squares, log_energies = np.empty(filters.shape[:2], np.float32), np.empty(len(filters), np.float32)
            _sketch(planes, filters, floors, signs, sketch, log_squares, log_energies)
            sketches.append(sketch.ravel())
            statistics += [log_squares.ravel(), log_energies]
        return np.concatenate(sketches + statistics)


@functools.cache
def shipped_tile_features() -> TileFeatures:
    """Of the shipped weights, read once per process. Raises: ModelArtefactError, also if they are not those of the
    manifest."""
    entry = load_manifest()[TileFeatures.name]
    check_hash(WEIGHTS / FILE, entry.contract["filters_sha256"])
    return TileFeatures(WEIGHTS, entry.version)


@compiled
def _sketch(
    planes: Float32Array,
    filters: Float32Array,
    floors: Float32Array,
    signs: Float32Array,
    sketch: Float32Array,
    log_squares: Float32Array,
    log_energies: Float32Array,
) -> None:
    """One scale of ``planes`` (3, 2 S, 2 S) by ``filters`` (3, F, 4, 4): ``sketch`` (3, F, 8, 8), the logarithm of the
    mean square of each filter (3, F), and the mean logarithm of energy of each colour (3,). ``signs``: (S, S)."""
    colours, count, side = len(planes), filters.shape[1], len(signs)
    left, right = np.zeros((2 * side + 2, side + 1), np.float32), np.zeros((2 * side + 2, side + 1), np.float32)
    responses = np.empty((3, count, side), np.float32)  # of three rows: around the one that is summed
    squares = np.empty((3, side + 2), np.float32)  # summed over the filters, with zeros at either end
    sums, held = np.empty((count, side), np.float32), np.empty((count, side), np.float32)
    weights, product = np.empty(side, np.float32), np.ones(side, np.float32)
    for colour in range(colours):
        _split_columns(planes[colour], left, right)
        sums[:], held[:], squares[:] = 0, 0, 0
        logarithms = 0.0
        _respond(left, right, filters[colour], 0, responses[0], squares[0], sums)
        for i in range(side):
            following = (i + 1) % 3
            if i + 1 < side:
                _respond(left, right, filters[colour], 2 * i + 2, responses[following], squares[following], sums)
            else:
                squares[following] = 0
            _weigh(squares, signs[i], floors[colour], 9 * count, weights, product)
            for f in range(count):
                for j in range(side):
                    held[f, j] += responses[i % 3, f, j] * weights[j]
            if i % _IN_ONE_LOGARITHM == _IN_ONE_LOGARITHM - 1:
                for j in range(side):
                    logarithms += np.log(product[j])
                    product[j] = 1
            if (i + 1) % (side // AREAS) == 0:
                _sum_up(held, sketch[colour, :, i // (side // AREAS)])
        for f in range(count):
            log_squares[colour, f] = np.log(sums[f].sum() / (side * side) + _LEAST_SQUARE)
        log_energies[colour] = logarithms / (side * side)


@inlined
def _split_columns(plane: Float32Array, left: Float32Array, right: Float32Array) -> None:
    """Even and odd columns of a plane with zeros around it, (2 S + 2, S + 1) each."""
    for i in range(plane.shape[0]):
        for j in range(plane.shape[1] // 2):
            right[i + 1, j] = plane[i, 2 * j]
            left[i + 1, j + 1] = plane[i, 2 * j + 1]


@compiled
def _respond(
    left: Float32Array,
    right: Float32Array,
    filters: Float32Array,
    top: int,
    responses: Float32Array,
    squares: Float32Array,
    sums: Float32Array,
) -> None:
    """One row of all filters, whose rows of the padded plane begin at ``top``; their squares, and added to ``sums``."""
    squares[:] = 0
    for f in range(len(filters)):
        taps, found = filters[f], responses[f]
        for j in range(len(found)):
            total = np.float32(0)
            for u in range(4):
                total += taps[u, 0] * left[top + u, j] + taps[u, 1] * right[top + u, j]
                total += taps[u, 2] * left[top + u, j + 1] + taps[u, 3] * right[top + u, j + 1]
            found[j] = total
        for j in range(len(found)):
            square = found[j] * found[j]
            squares[j + 1] += square
            sums[f, j] += square


@compiled
def _weigh(
    squares: Float32Array,
    signs: Float32Array,
    floor: np.float32,
    count: int,
    weights: Float32Array,
    product: Float32Array,
) -> None:
    """``weights`` of a row's responses by the mean energy of 3 x 3 places, by which ``product`` is multiplied."""
    for j in range(len(weights)):
        energy = squares[0, j] + squares[0, j + 1] + squares[0, j + 2]
        energy += squares[1, j] + squares[1, j + 1] + squares[1, j + 2]
        energy += squares[2, j] + squares[2, j + 1] + squares[2, j + 2]
        energy *= np.float32(1 / count)
        product[j] *= energy + np.float32(_LEAST_ENERGY)
        weights[j] = signs[j] / np.sqrt(energy + floor)


@inlined
def _sum_up(held: Float32Array, areas: Float32Array) -> None:
    """Sums over the columns of each area, (F, 8); ``held`` (F, S) begins anew."""
    across = held.shape[1] // areas.shape[1]
    for f in range(held.shape[0]):
        for area in range(areas.shape[1]):
            total = np.float32(0)
            for j in range(area * across, (area + 1) * across):
                total += held[f, j]
                held[f, j] = 0
            areas[f, area] = total
