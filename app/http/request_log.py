"""Around every request: its id, security headers, one line in the access log, and a problem for any error left over."""

import json
import logging
import re
import time
import uuid
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.metrics import HttpMetrics
from app.http.problems import internal_problem
from workers.run.tracing import Tracing

REQUEST_ID_HEADER = "X-Request-Id"
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Set where a reply has not set its own; pages widen the content policy to their own assets."""

_SECRET_PATHS = ("/v1/studies/", "/v1/observe/", "/study/")
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
access_logger = logging.getLogger("limen.access")
logger = logging.getLogger(__name__)


class RequestLog:
    """ASGI middleware; outermost, so that its headers are on every reply."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics, tracing: Tracing) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = _Record(scope, receive, send)
        scope.setdefault("state", {})["request_id"] = record.request_id
        self._tracing.note(request_id=record.request_id)
        try:
            await self._app(scope, record.receive, record.send)
        except Exception:
            logger.exception("request %s failed", record.request_id)
            if record.status is None:
                await internal_problem(Request(scope))(scope, receive, record.send)
        finally:
            record.finish(self._metrics)


class _Record:
    """What is noted of one request: sizes, never contents."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._started = time.perf_counter()
        self._received = self._sent = 0
        self.status: int | None = None
        self.request_id = _request_id(Request(scope).headers.get(REQUEST_ID_HEADER))

    async def receive(self) -> Message:
        message = await self._receive()
        self._received += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            _complete_headers(message, self.request_id)
        self._sent += len(message.get("body", b""))
        await self._send(message)

    def finish(self, metrics: HttpMetrics) -> None:
        seconds = time.perf_counter() - self._started
        status = self.status or 499  # nothing was sent: the client had left
        method, route = self._scope["method"], _route_pattern(self._scope)
        metrics.count(method, route, status, seconds=seconds, received=self._received, sent=self._sent)
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "request_id": self.request_id,
            "method": method,
            "path": _logged_path(self._scope),
            "key": self._key_id(),
            "status": status,
            "ms": round(seconds * 1000, 1),
            "received_bytes": self._received,
            "sent_bytes": self._sent,
        }
        access_logger.info(json.dumps(line))

    def _key_id(self) -> str | None:
        """Public id of the API key that was let in, if any."""
        return getattr(self._scope.get("state", {}).get("client"), "id", None)


def log_access_to_stderr() -> None:
    """Write the access log as bare JSON lines; a second call changes nothing."""
    if not access_logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        access_logger.addHandler(handler)
        access_logger.setLevel(logging.INFO)
        access_logger.propagate = False


def _request_id(sent: str | None) -> str:
    """The client's own id if it is harmless in a log, else a new one."""
    return sent if sent is not None and _ACCEPTABLE_ID.fullmatch(sent) else uuid.uuid4().hex


def _complete_headers(message: MutableMapping[str, Any], request_id: str) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    headers[REQUEST_ID_HEADER] = request_id


def _logged_path(scope: Scope) -> str:
    """The path, or its pattern where it holds a study's secrets, which outlive the log's readers' need of them."""
    path = str(scope["path"])
    return _route_pattern(scope) if path.startswith(_SECRET_PATHS) else path


def _route_pattern(scope: Scope) -> str:
    """Pattern of the route, so that ids in paths do not multiply the metrics."""
    route = scope.get("route")
    return str(getattr(route, "path", "unmatched"))
