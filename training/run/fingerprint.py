"""What a fit is made from, so that checkpoints of other inputs are never taken for this one's.

Data: everything that a data set holds, arrays by their bytes and files by name and size. Start: the weights before the
first step. Code: the sources of ``training`` and ``models``, and PyTorch's version. Configuration: all but where things
lie and how fast they go.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.run.config import ExperimentConfig

Fingerprint = dict[str, Any]
"""``config`` as JSON; ``processes``; digests ``start``, ``train``, ``validate`` and ``code`` in hexadecimal."""

NO_INPUT: dict[str, Any] = {
    "data": True,
    "work": True,
    "restart": True,
    "threads": True,
    "fit": {"workers": True, "checkpoint_minutes": True},
}
"""Of the configuration, what changes no number that is learned."""
SOURCES = (Path(__file__).parents[1], Path(__file__).parents[2] / "models")


def fingerprint(config: ExperimentConfig, network: nn.Module, train: Any, validate: Any, processes: int) -> Fingerprint:
    """Of a fit of ``network``, as it is before the first step, to data sets ``train`` and ``validate``."""
    return {
        "config": config.model_dump(mode="json", exclude=NO_INPUT),
        "processes": processes,
        "start": digest(network),
        "train": digest(train),
        "validate": digest(validate),
        "code": code_digest(),
    }


def differences(kept: Fingerprint, now: Fingerprint) -> list[str]:
    """What is not the same, in words: numbers of the configuration with both values, anything else by its name."""
    before, after = dict(_flat(kept.get("config", {}))), dict(_flat(now["config"]))
    changed = [name for name in dict.fromkeys((*before, *after)) if before.get(name) != after.get(name)]
    words = [f"{name} was {before.get(name)} and is {after.get(name)}" for name in changed]
    return words + [name for name in now if name != "config" and kept.get(name) != now[name]]


def _flat(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


@cache
def code_digest() -> str:
    """Of every module of ``training`` and ``models`` and of PyTorch's version, in hexadecimal."""
    found = hashlib.sha256(version("torch").encode())
    for folder in SOURCES:
        for path in sorted(folder.rglob("*.py")):
            found.update(f"{path.relative_to(folder.parent)}".encode() + path.read_bytes())
    return found.hexdigest()


def digest(value: object) -> str:
    """Of all that ``value`` holds, in hexadecimal: the same in another process and on another machine.

    Takes arrays, tensors, networks, paths, functions with what they enclose, dataclasses, containers, plain values and
    objects of these. A file stands for its name and size: its folder may move, and hundreds of thousands are not read.
    """
    return _Digests().of(value).hex()


class _Digests:
    """Digests of objects; those that thousands of items may share, as an array or a record, are found once.

    What is small or made on the way is not remembered: of KADIS-700k's pairs alone that would be a gigabyte.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, bytes]] = {}

    def of(self, value: object) -> bytes:
        if value is None or isinstance(value, bool | int | float | complex | str | bytes | np.generic):
            return hashlib.sha256(f"{type(value).__name__} {value!r}".encode()).digest()
        if id(value) not in self._known:
            self._known[id(value)] = value, b"itself"  # what an object within says of the object around it
            kind = next((kind for kind in (np.ndarray, Path, nn.Module) if isinstance(value, kind)), type(value))
            found = hashlib.sha256(kind.__qualname__.encode())
            for part in self._parts(value):
                found.update(part)
            if not (isinstance(value, Tensor | np.ndarray | nn.Module | list) or dataclasses.is_dataclass(value)):
                del self._known[id(value)]
                return found.digest()
            self._known[id(value)] = value, found.digest()
        return self._known[id(value)][1]

    def _parts(self, value: object) -> Iterator[Any]:
        match value:
            case Tensor():
                yield f"{value.dtype} {tuple(value.shape)}".encode()
                yield from _bytes_of(value.detach().cpu().reshape(-1).view(torch.uint8).numpy())
            case np.ndarray() if value.dtype != object:
                yield f"{value.dtype} {value.shape}".encode()
                yield from _bytes_of(value)
            case Path():
                yield f"{value.name} {value.stat().st_size if value.is_file() else ''}".encode()
            case FunctionType():
                yield f"{value.__module__} {value.__qualname__}".encode()
                yield from (self.of(cell.cell_contents) for cell in value.__closure__ or ())
            case type() | BuiltinFunctionType():
                yield f"{value.__module__} {value.__qualname__}".encode()
            case MethodType():
                yield from (self.of(value.__func__), self.of(value.__self__))
            case partial():
                yield from (self.of(value.func), self.of(value.args), self.of(value.keywords))
            case nn.Module():
                yield self.of(dict(value.state_dict()))
            case Mapping():
                yield from (self.of(part) for pair in value.items() for part in pair)
            case Set():
                yield from sorted(self.of(part) for part in value)
            case Sequence() | np.ndarray():
                yield from (self.of(part) for part in value)
            case _:
                yield self.of(_fields(value))


def _fields(value: object) -> dict[str, object]:
    """What an object holds, by name. Raises: TypeError for one that does not say."""
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if not hasattr(value, "__dict__"):
        raise TypeError(f"a data set of a fit holds a {type(value).__name__}, of which nothing can be told")
    return vars(value)


def _bytes_of(array: NDArray[Any]) -> Iterator[Any]:
    """Of a file that is mapped, no more than one row lies in memory at once unless its bytes lie in order."""
    if array.flags.c_contiguous:
        yield array.reshape(-1).view(np.uint8).data if array.size else b""
    else:
        for row in array:
            yield from _bytes_of(np.asarray(row))
