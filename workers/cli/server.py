"""The command line as a client of a running service: one POST a photo, waiting and trying again as the service asks."""

import os
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import typer

from workers.cli.answer import Answer

if TYPE_CHECKING:
    import httpx2

    from workers.contracts import AnyRequest

WAIT_S = 30
"""How long one request is held; a job that takes longer is asked for again."""
PATIENCE_S = 300.0
"""How long a service may be full, away or silent about a job before this gives up."""
TRANSPORT_TRIES = 3
UNFINISHED = 409
BUSY = (429, 503)
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
    import httpx2

    key = os.environ.get(KEY_VARIABLE)
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=server, timeout=WAIT_S + 30, headers=headers, follow_redirects=True) as client:
        reply = _submitted(client, request, contents)
        if reply.status_code == 202:
            reply = _patiently(client, "GET", f"{reply.headers['Location']}/result")
        body: dict[str, object] = reply.json()
    links: dict[str, str] = {link["name"]: link["href"] for link in reply.json()["artefacts"]}
    figures = {name: value for name, value in body.items() if name not in ("job", "artefacts", "model_versions")}

    def fetch(href: str) -> bytes:
        with httpx2.Client(base_url=server, timeout=60, headers=headers) as fetching:
            return _patiently(fetching, "GET", href).content

    result = type(request).result.model_validate(figures)
    return Answer(result, {name: partial(fetch, href) for name, href in links.items()})


def _submitted(client: "httpx2.Client", request: "AnyRequest", contents: Mapping[str, bytes]) -> "httpx2.Response":
    files = {part: (part, contents[field]) for part, field in request.files.items() if field in contents}
    return _patiently(client, "POST", request.path(), data=request.form(), files=files)


def _patiently(client: "httpx2.Client", method: str, path: str, **content: Any) -> "httpx2.Response":
    """A reply that is an answer: 200 or 202. The same photo and parameters are the same job, so trying again is safe.

    Raises: RemoteError.
    """
    import httpx2

    end = time.monotonic() + PATIENCE_S
    failures = 0
    while True:
        try:
            reply = client.request(
                method, path, headers={"Prefer": f"wait={WAIT_S}", "Accept": _accepted(path)}, **content
            )
        except httpx2.TransportError as error:
            failures += 1
            if failures >= TRANSPORT_TRIES:
                raise RemoteError(f"{client.base_url}: {error or type(error).__name__}") from error
            time.sleep(failures)
            continue
        if reply.status_code in (200, 202):
            return reply
        if reply.status_code not in (*BUSY, UNFINISHED) or time.monotonic() >= end:
            raise RemoteError(f"{client.base_url}: {_problem(reply)}")
        if reply.status_code in BUSY:
            time.sleep(min(float(reply.headers.get("Retry-After", 1)), 30.0))


def _accepted(path: str) -> str:
    return "*/*" if "/artefacts/" in path else "application/json"


def _problem(reply: "httpx2.Response") -> str:
    """A problem's detail and the inputs at fault, or the status where it is no problem+json."""
    if not reply.headers.get("content-type", "").startswith("application/problem+json"):
        return f"status {reply.status_code}"
    problem = reply.json()
    faults = "; ".join(f"{fault['field']}: {fault['message']}" for fault in problem.get("errors") or ())
    return f"{problem['title']}: {faults or problem['detail']}"
