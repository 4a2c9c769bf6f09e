"""Progress of long work: on standard error, so that standard output holds results alone."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import track as rich_track

Item = TypeVar("Item")


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """The items, with a bar while they are worked through; ``total`` where they do not know how many they are."""
    yield from rich_track(items, description, total, console=Console(stderr=True), transient=True)


def say(line: str) -> None:
    """One line."""
    Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print(line)
