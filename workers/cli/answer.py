"""What answers a verb, wherever it was computed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """A result from anywhere: figures, and its files by name, each made or fetched when it is called for."""

    body: dict[str, Any]
    files: Mapping[str, Callable[[], bytes]]
