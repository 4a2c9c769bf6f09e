"""What answers a verb, wherever it was computed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workers.contracts import ResultBody


@dataclass(frozen=True, slots=True)
class Answer:
    """A result from anywhere: figures, and its files by name, each made or fetched when it is called for."""

    result: "ResultBody"
    files: Mapping[str, Callable[[], bytes]]
