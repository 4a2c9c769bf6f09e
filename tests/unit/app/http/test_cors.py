"""Pages of other origins: those of the list may use the service, others may not."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from app.main import create_app
from app.settings import ApiSettings
from workers.run.celery_app import create_celery

SHOP = "https://shop.example"


def _client(tmp_path: Path, **settings: object) -> TestClient:
    chosen = ApiSettings(blob_dir=tmp_path, access_log=False, **settings)  # type: ignore[arg-type]
    return TestClient(create_app(chosen, celery=create_celery(chosen)))


def _asked(client: TestClient, origin: str) -> str | None:
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, prefer"}
    reply = client.options("/v1/varjpeg", headers={"Origin": origin, **wanted})
    allowed = reply.headers.get("access-control-allow-origin")
    assert (reply.status_code == 200) == (allowed is not None)
    return allowed


def test_a_page_of_the_list_may_send_and_read(tmp_path: Path) -> None:
    client = _client(tmp_path, cors_origins=f"{SHOP}, http://localhost:3000")
    assert _asked(client, SHOP) == SHOP
    assert _asked(client, "http://localhost:3000") == "http://localhost:3000"
    reply = client.get("/v1/jobs/none", headers={"Origin": SHOP})
    assert reply.headers["access-control-allow-origin"] == SHOP
    assert "Location" in reply.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in reply.headers
    assert "origin" in reply.headers["vary"].lower()


@pytest.mark.parametrize("origin", ["https://evil.example", "https://shop.example.evil", "http://shop.example", "null"])
def test_a_page_from_elsewhere_may_not(tmp_path: Path, origin: str) -> None:
    client = _client(tmp_path, cors_origins=SHOP)
    assert _asked(client, origin) is None
    assert "access-control-allow-origin" not in client.get("/v1/models", headers={"Origin": origin}).headers


def test_without_a_list_there_is_no_word_of_it(tmp_path: Path) -> None:
    client = _client(tmp_path)
    assert client.options("/v1/varjpeg", headers={"Origin": SHOP}).status_code == 405
    assert "access-control-allow-origin" not in client.get("/v1/models", headers={"Origin": SHOP}).headers


@pytest.mark.parametrize("origin", ["*", "shop.example", "https://shop.example/", "https://", "ftp://shop.example"])
def test_what_is_no_origin_stops_the_start(origin: str) -> None:
    with pytest.raises(ValidationError, match="is no origin"):
        ApiSettings(cors_origins=origin)  # type: ignore[arg-type]
