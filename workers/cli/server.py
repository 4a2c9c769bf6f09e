"""The command line as a client of a running service, by the package ``limen``."""

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import typer

from limen.errors import UnreachableError
from models.errors import LimenError
from workers.cli.answer import Answer

if TYPE_CHECKING:
    from limen.protocol import Steps
    from workers.contracts import AnyRequest

Value = TypeVar("Value")

KEY_VARIABLE = "LIMEN_API_KEY"
"""Environment variable of the service's key; on a command line every user of the machine would see it."""


class RemoteError(ValueError):
    """The service refused or failed, in its own words."""


def server_address(text: str) -> str:
    """The address of a service as a URL; without a scheme ``http`` is meant. Raises: typer.BadParameter."""
    address = text.strip() if "://" in text else f"http://{text.strip()}"
    try:
        parts = urlsplit(address)
        known = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        known = False
    if not known:
        raise typer.BadParameter(f"{text!r} is no address such as localhost:8000 or https://example.org")
    return address


def ask_server(server: str, request: "AnyRequest", contents: Mapping[str, bytes]) -> Answer:
    """The answer of the service at ``server``; its files are fetched when they are called for. Raises: RemoteError."""
    from limen.protocol import answered

    answer = _done(server, answered(request, contents))
    files = {name: partial(_fetched, server, href) for name, href in answer.files.items()}
    return Answer(answer.figures, files)


def _fetched(server: str, path: str) -> bytes:
    from limen.protocol import fetched

    return _done(server, fetched(path))


def _done(server: str, steps: "Steps[Value]") -> "Value":
    from limen.client import Client

    with Client(server, os.environ.get(KEY_VARIABLE)) as client:
        try:
            return client.do(steps)
        except LimenError as error:
            raise RemoteError(str(error) if isinstance(error, UnreachableError) else f"{server}: {error}") from error
