"""Digests of what a data set holds."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from training.run.fingerprint import digest


@dataclass(frozen=True, slots=True)
class Item:
    """Of a data set."""

    path: Path
    score: float


def test_bytes_shapes_and_types_count() -> None:
    numbers = np.arange(6, dtype=np.float32)
    same = [numbers.copy(), numbers[::1], np.arange(12, dtype=np.float32)[:6]]
    assert len({digest(array) for array in [numbers, *same]}) == 1
    others = [numbers.reshape(2, 3), numbers.astype(np.int32), numbers + 1, torch.from_numpy(numbers)]
    assert len({digest(array) for array in [numbers, *others]}) == 5
    assert digest(np.arange(12).reshape(3, 4)[:, ::2]) == digest(np.array([[0, 2], [4, 6], [8, 10]]))
    assert digest(torch.tensor(1.0)) != digest(torch.tensor(2.0))
    assert digest(np.zeros((0, 3))) != digest(np.zeros((0, 4)))


def test_a_mapped_file_is_the_array_that_it_holds(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(10))
    assert digest(np.load(tmp_path / "a.npy", mmap_mode="r")) == digest(np.arange(10))


def test_a_file_is_its_name_and_size_wherever_it_lies(tmp_path: Path) -> None:
    for folder, content in (("a", b"1"), ("b", b"2"), ("c", b"23")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "photo.png").write_bytes(content)
    first, second, larger = (digest(Item(tmp_path / folder / "photo.png", 1)) for folder in "abc")
    assert first == second != larger
    assert digest(Item(tmp_path / "a" / "photo.png", 2)) != first


def test_functions_are_their_name_arguments_and_what_they_enclose() -> None:
    def made(array: np.ndarray) -> object:
        def inner() -> np.ndarray:
            return array

        return inner

    assert digest(made(np.zeros(3))) == digest(made(np.zeros(3))) != digest(made(np.ones(3)))
    assert digest(partial(max, 1)) != digest(partial(max, 2)) != digest(partial(min, 2))
    assert digest([made, None, True, {"a": {1, 2}}, made]) == digest([made, None, True, {"a": {2, 1}}, made])


def test_a_network_is_its_weights_and_counters() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    before = digest(network)
    network(torch.rand(2, 3, 8, 8))
    assert digest(network) != before


def test_an_object_that_holds_itself_and_one_that_tells_nothing() -> None:
    loop: list[object] = [1]
    loop.append(loop)
    assert digest(loop) == digest(loop)
    with pytest.raises(TypeError, match="Generator"):
        digest([np.random.default_rng(0)])
