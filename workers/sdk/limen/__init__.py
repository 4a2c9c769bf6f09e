"""Limen for Python: the smallest JPEG that a share of viewers cannot tell from a photo, here or by a service.

    import limen

    made = limen.encode(Path("photo.png").read_bytes(), target_sur=0.75)
    Path("photo.jpg").write_bytes(made.data)

    with limen.Client("https://limen.example", key="limen_...") as client:
        made = client.encode(photo)

``encode``, ``jnd_map`` and ``sur_curve`` work in this process and need the packages of a worker (extra ``worker``);
``Client`` and ``AsyncClient`` ask a service. Every error is a ``LimenError`` with a ``code``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limen.answers import Encoded, JndMap
    from limen.client import AsyncClient, Client
    from limen.errors import ProblemError, UnreachableError
    from limen.in_process import encode, jnd_map, sur_curve
    from models.errors import LimenError

_HOMES = {
    "AsyncClient": "limen.client",
    "Client": "limen.client",
    "Encoded": "limen.answers",
    "JndMap": "limen.answers",
    "LimenError": "models.errors",
    "ProblemError": "limen.errors",
    "UnreachableError": "limen.errors",
    "encode": "limen.in_process",
    "jnd_map": "limen.in_process",
    "sur_curve": "limen.in_process",
}

__all__ = [
    "AsyncClient",
    "Client",
    "Encoded",
    "JndMap",
    "LimenError",
    "ProblemError",
    "UnreachableError",
    "encode",
    "jnd_map",
    "sur_curve",
]


def __getattr__(name: str) -> Any:
    """What is asked for is imported then, so that ``import limen`` waits for nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'limen' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
