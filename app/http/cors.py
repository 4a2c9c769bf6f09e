"""Which pages of other origins may use the service: those of an allow-list, with a key in a header, never a cookie."""

from collections.abc import Collection

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

_SENT = (
    "Authorization",
    "Content-Encoding",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "Prefer",
    "Range",
    "X-Request-Id",
)
_READ = (
    "Content-Location",
    "Content-Range",
    "ETag",
    "Limen-Job",
    "Limen-Quality",
    "Limen-Warnings",
    "Limen-Sur",
    "Location",
    "Preference-Applied",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
)


def add_cors(app: FastAPI, origins: Collection[str]) -> None:
    """Let pages of ``origins`` send requests to ``app`` and read the replies; without any, nothing is added."""
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=_SENT,
            expose_headers=_READ,
        )
