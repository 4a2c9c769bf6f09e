"""What HTTP asks of every address alike (RFC 9110): HEAD wherever GET is, usable ranges or a problem, all of Allow."""

import asyncio
import re
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.problem_types import RequestFault
from app.http.problems import ProblemError, problem_response

_HEAD = "limen.head"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_RANGES = re.compile(r"bytes=\s*\d*-\d*(?:\s*,\s*\d*-\d*)*\s*", re.IGNORECASE)


class HttpSemantics:
    """ASGI middleware: answers HEAD as GET without the body, turns a range outside a file into a problem, and names all
    methods of a path where one is not allowed.

    A range that cannot be read is ignored, as section 14.2 allows; so is any with HEAD, for which none is defined.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        reply = _Reply(scope, receive, send)
        if scope["method"] == "HEAD":
            await _without_body(self._app, _without_range(scope) | {"method": "GET", _HEAD: True}, receive, reply.send)
        else:
            usable = scope if _is_readable(Headers(scope=scope).get("range")) else _without_range(scope)
            await self._app(usable, receive, reply.send)


def asks_for_head(request: Request) -> bool:
    """Whether a request that is answered like GET came as HEAD."""
    return bool(request.scope.get(_HEAD))


async def _without_body(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run ``app`` until the headers of its reply are sent; a stream that would go on is ended there."""
    headers_sent, goes_on = asyncio.Event(), False

    async def headers_only(message: Message) -> None:
        nonlocal goes_on
        if message["type"] == "http.response.start":
            await send(message)
        elif message["type"] == "http.response.body" and not headers_sent.is_set():
            goes_on = message.get("more_body", False)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            headers_sent.set()

    async def answer() -> None:
        await app(scope, receive, headers_only)

    answering = asyncio.create_task(answer())
    sent = asyncio.create_task(headers_sent.wait())
    try:
        await asyncio.wait((answering, sent), return_when=asyncio.FIRST_COMPLETED)
        if goes_on:
            answering.cancel()
        with suppress(asyncio.CancelledError):
            await answering
    finally:
        for task in (answering, sent):
            task.cancel()


class _Reply:
    """Sends a reply on: 405 with a complete Allow, 416 as ``application/problem+json`` with its Content-Range."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = dict(scope)  # a mount shortens the path of the one that it is given
        self._receive, self._send = receive, send
        self._replaced = False

    async def send(self, message: Message) -> None:
        """The next message of the application."""
        if message["type"] == "http.response.start" and message["status"] == 416:
            self._replaced = True
            await self._problem(message)
            return
        if message["type"] == "http.response.start" and message["status"] == 405:
            methods = _allowed_methods(self._scope["app"], self._scope)
            MutableHeaders(raw=message["headers"])["Allow"] = ", ".join(methods)
        if not self._replaced:
            await self._send(message)

    async def _problem(self, message: MutableMapping[str, Any]) -> None:
        content_range = Headers(raw=list(message["headers"])).get("content-range", "bytes */*")
        size = content_range.rpartition("/")[2]
        error = ProblemError(
            RequestFault.RANGE_NOT_SATISFIABLE,
            f"The file has {size} bytes, and the range lies outside it.",
            headers={"Content-Range": content_range},
        )
        await problem_response(Request(self._scope), error)(self._scope, self._receive, self._send)


def _without_range(scope: Scope) -> dict[str, Any]:
    kept = [(name, value) for name, value in scope["headers"] if name.lower() not in (b"range", b"if-range")]
    return {**scope, "headers": kept}


def _is_readable(header: str | None) -> bool:
    """Whether each part of a Range header is ``first-last``, ``first-`` or ``-length``; True where there is none."""
    if header is None:
        return True
    if not _RANGES.fullmatch(header):
        return False
    for part in header.partition("=")[2].split(","):
        first, _, last = part.strip().partition("-")
        if not (first or last) or (first and last and int(first) > int(last)):
            return False
    return True


def _allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """All methods that the path of ``scope`` takes, for an Allow header."""
    found = [method for method in METHODS if any(_takes(route, scope, method) for route in app.routes)]
    return ["GET", "HEAD", *found[1:]] if "GET" in found else found


def _takes(route: Any, scope: Scope, method: str) -> bool:
    if isinstance(route, Mount):  # of files, and a mount matches any method
        return method == "GET" and route.matches(dict(scope))[0] is not Match.NONE
    matched: Match = route.matches({**scope, "method": method})[0]
    return matched is Match.FULL
