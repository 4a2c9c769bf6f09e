"""An OTLP/HTTP collector that keeps the spans that it is sent."""

import gzip
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """One span; times in seconds."""

    name: str
    trace: str
    id: str
    parent: str
    began: float
    ended: float
    failed: bool
    attributes: dict[str, Any]


class Collector:
    """Listens on a free port of this machine."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def until(self, told: Callable[[list[Span]], bool], timeout_s: float = 30) -> list[Span]:
        """The spans once ``told`` says that they are enough."""
        end = time.monotonic() + timeout_s
        while not told(found := list(self.spans)):
            assert time.monotonic() < end, found
            time.sleep(0.05)
        return found

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                assert self.path == "/v1/traces"
                collector.spans += spans_of(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def spans_of(request: ExportTraceServiceRequest) -> list[Span]:
    """What one request brings."""
    found = [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]
    return [
        Span(
            name=span.name,
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            began=span.start_time_unix_nano / 1e9,
            ended=span.end_time_unix_nano / 1e9,
            failed=span.status.code == span.status.STATUS_CODE_ERROR,
            attributes={pair.key: pair.value.string_value or pair.value.int_value for pair in span.attributes},
        )
        for span in found
    ]
