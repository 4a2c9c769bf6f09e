"""Links that people follow lead to pages for people; programs get the JSON that they always got."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.routes.model_pages import PURPOSES
from app.settings import ApiSettings
from workers.run.celery_app import create_celery

ROOT = Path(__file__).parents[2]
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"}
PROGRAMS = [{}, {"Accept": "*/*"}, {"Accept": "application/json"}, {"Accept": "application/problem+json"}]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = ApiSettings(blob_dir=tmp_path_factory.mktemp("blobs"), access_log=False)
    with TestClient(create_app(settings, celery=create_celery(settings))) as client:
        yield client


def test_every_model_has_a_page_of_its_card(client: TestClient) -> None:
    names = {path.stem for path in (ROOT / "models" / "cards").glob("*.md")}
    assert names == set(PURPOSES)
    listed = client.get("/models")
    assert listed.headers["content-type"].startswith("text/html")
    assert set(re.findall(r'href="/models/(\w+)"', listed.text)) == names
    for name in names:
        page = client.get(f"/models/{name}", headers=BROWSER)
        assert page.status_code == 200
        assert "<h1>" in page.text
        assert "](" not in page.text, "a link that was not rendered"
        links = set(re.findall(r'href="([^"]+)"', page.text.partition("<main")[2]))
        assert all(link.startswith(("https://", "/models")) for link in links), links


def test_a_card_leads_to_another(client: TestClient) -> None:
    assert '<a href="/models/fpsnet">fpsnet</a>' in client.get("/models/fpsnet_part").text


def test_a_card_shows_its_tables(client: TestClient) -> None:
    assert '<div class="wide"><table>' in client.get("/models/sur_head").text


def test_the_models_for_programs_stay_json(client: TestClient) -> None:
    assert client.get("/v1/models", headers=BROWSER).headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/nowhere", "/models/nothing", "/v1/jobs/0123456789abcdef"])
def test_what_is_not_there_is_said_in_the_form_that_was_asked_for(client: TestClient, path: str) -> None:
    page = client.get(path, headers=BROWSER)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert 'href="/"' in page.text
    assert page.headers["vary"] == "Accept"
    for headers in PROGRAMS:
        reply = client.get(path, headers=headers)
        assert (reply.status_code, reply.headers["content-type"]) == (404, "application/problem+json")
        assert reply.headers["vary"] == "Accept"
    assert client.post("/nowhere", headers=BROWSER).headers["content-type"] == "application/problem+json"


def test_nothing_of_an_address_is_taken_as_html(client: TestClient) -> None:
    page = client.get("/<script>alert(1)</script>", headers=BROWSER)
    assert "<script>" not in page.text


def test_problems_are_explained_to_people(client: TestClient) -> None:
    listed = client.get("/problems", headers=BROWSER).text
    assert 'href="/problems/job-expired"' in listed
    page = client.get("/problems/job-expired", headers=BROWSER)
    assert page.status_code == 200
    assert "<h1>" in page.text
    assert client.get("/problems").json()["job-expired"]["status"] == 410
