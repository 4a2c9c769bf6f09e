"""How a problem looks on the wire."""

from typing import Any


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """The body of a reply that must be this problem."""
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["type"]) == (status, f"/problems/{code}"), body
    assert response.headers["content-type"] == "application/problem+json"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["instance"].startswith("/")
    return body
