"""Pages for people that the server writes itself: one frame around all of them, and who asks for one."""

from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from string import Template

from fastapi import Request
from fastapi.responses import HTMLResponse

from app.http.negotiation import choose_media_type

PAGE_FOLDER = Path(__file__).parents[1] / "page"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_FOR_PROGRAMS = ("application/problem+json", "application/json")


def asked_by_a_person(request: Request) -> bool:
    """Whether the reply is for a browser's window: HTML is liked better than JSON, as only browsers say."""
    accept = request.headers.get("accept")
    return request.method == "GET" and choose_media_type(accept, (*_FOR_PROGRAMS, "text/html")) == "text/html"


def human_page(title: str, body: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """A page in Limen's frame. ``title`` is text, ``body`` HTML."""
    html = _frame().substitute(title=escape(title), body=body)
    policy = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache", "Vary": "Accept"}
    return HTMLResponse(html, status, {**policy, **(headers or {})})


@cache
def _frame() -> Template:
    return Template((PAGE_FOLDER / "text.html").read_text(encoding="utf-8"))
