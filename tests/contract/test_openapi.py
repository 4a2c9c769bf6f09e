"""The API's description: as it was agreed, complete, and shown without help from elsewhere.

``LIMEN_RENEW=1`` writes the agreed description anew.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.http.human_pages import PAGE_FOLDER, PAGE_POLICY
from app.http.problem_types import PROBLEM_TYPES
from app.main import create_app
from app.routes.pages import DOCS_POLICY
from app.settings import ApiSettings
from workers.run.celery_app import create_celery

AGREED = Path(__file__).parents[1] / "assets" / "openapi.json"
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = ApiSettings(blob_dir=tmp_path_factory.mktemp("blobs"), access_log=False)
    with TestClient(create_app(settings, celery=create_celery(settings))) as client:
        yield client


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    described: dict[str, Any] = client.get("/openapi.json").json()
    return described


def _operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_it_is_what_was_agreed(document: dict[str, Any]) -> None:
    text = json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if os.environ.get("LIMEN_RENEW"):
        AGREED.write_text(text)
    assert text == AGREED.read_text(), "the API changed; if that is meant, run this test with LIMEN_RENEW=1"


def test_every_endpoint_of_the_design_is_there(document: dict[str, Any]) -> None:
    paths = {(method, path) for path, method, _ in _operations(document)}
    for name in ("jnd-map", "patch-quality-map", "quality-score", "full-reference-score", "sur-curve", "varjpeg"):
        assert ("post", f"/v1/{name}") in paths
    job = "/v1/jobs/{job_id}"
    for expected in (
        ("post", "/v1/varjpeg/decode"),
        ("get", job),
        ("delete", job),
        ("get", f"{job}/result"),
        ("get", f"{job}/events"),
        ("get", "/v1/models"),
        ("get", "/health/live"),
        ("get", "/health/ready"),
        ("get", "/metrics"),
    ):
        assert expected in paths


def test_every_operation_says_what_it_does_and_how_it_fails(document: dict[str, Any]) -> None:
    for path, method, operation in _operations(document):
        assert operation["summary"], path
        assert "`curl " in operation["description"], path
        answers = [reply.get("content", {}) for status, reply in operation["responses"].items() if status[0] == "2"]
        shown = [content["application/json"] for content in answers if "application/json" in content]
        assert not shown or any("example" in body for body in shown), path
        if not path.startswith("/v1"):
            continue
        failures = {status: reply for status, reply in operation["responses"].items() if int(status) >= 400}
        assert "500" in failures, path
        for status, reply in failures.items():
            content = reply["content"]["application/problem+json"]
            for code, example in content["examples"].items():
                assert PROBLEM_TYPES[code].status == int(status)
                assert example == {"$ref": f"#/components/examples/{code}"}
                assert document["components"]["examples"][code]["value"]["type"] == PROBLEM_TYPES[code].uri
        if method == "post" and operation["tags"] == ["observer studies"]:
            assert {"408", "413", "415", "422", "503"} <= set(failures), path
            forms = operation["requestBody"]["content"]
            assert all("example" in body for kind, body in forms.items() if kind.endswith(("json", "form-data"))), path
        elif method == "post" and operation["tags"] == ["batches"]:
            assert {"400", "408", "413", "415", "422", "429", "503", "507"} <= set(failures)
        elif method == "post":
            assert {"400", "406", "408", "409", "413", "415", "422", "429", "503", "507"} <= set(failures)
            form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
            assert form["required"]


def test_every_field_says_what_it_is(document: dict[str, Any]) -> None:
    silent = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, described in schema.get("properties", {}).items()
        if not described.get("description")
    ]
    for path, method, operation in _operations(document):
        silent += [
            f"{method} {path} {given['name']}"
            for given in operation.get("parameters", ())
            if not given.get("description")
        ]
        for body in operation.get("requestBody", {}).get("content", {}).values():
            fields = body["schema"].get("properties", {})
            silent += [f"{method} {path} {field}" for field, given in fields.items() if not given.get("description")]
    assert silent == []


def test_what_a_request_may_prefer_is_described(document: dict[str, Any]) -> None:
    """`Accept` is no parameter in OpenAPI: the media types of the replies say what it may ask for."""
    for path, method, operation in _operations(document):
        if method == "post" and operation["tags"] == ["capabilities"]:
            assert {given["name"].lower() for given in operation["parameters"]} >= {"prefer", "idempotency-key"}, path
            files = set(operation["responses"]["200"]["content"]) - {"application/json"}
            assert files or path in ("/v1/quality-score", "/v1/full-reference-score"), path
            assert "Accept" in operation["responses"]["200"]["description"]


def test_every_problem_type_is_an_answer_of_some_operation(document: dict[str, Any]) -> None:
    shown = {
        code
        for _, _, operation in _operations(document)
        for reply in operation["responses"].values()
        for content in reply.get("content", {}).values()
        for code in content.get("examples", {})
    }
    routing = {"route-unknown", "method-not-allowed"}  # what has no operation
    assert shown | routing == set(PROBLEM_TYPES)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    used = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert used == set(schemas)


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_load_only_from_this_service(client: TestClient, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    assert page.headers["content-security-policy"] == (PAGE_POLICY if path == "/" else DOCS_POLICY)
    for policy in (PAGE_POLICY, DOCS_POLICY):
        assert "http" not in policy
        assert "unsafe-eval" not in policy
    assert "unsafe-inline" not in PAGE_POLICY
    assert not re.search(r"<style|<script>|\son\w+=|\sstyle=", page.text)
    links = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    assert links
    for link in links:
        assert link.startswith("/"), link
        assert client.get(link).status_code == 200, link


def test_scripts_and_styles_name_no_other_host() -> None:
    for path in PAGE_FOLDER.iterdir():
        if path.suffix in (".js", ".css", ".html"):
            hosts = set(re.findall(r"https?://([\w.]+)", path.read_text()))
            assert hosts <= {"www.w3.org"}, path.name  # the name of SVG's vocabulary


def test_the_description_can_be_switched_off(tmp_path: Path) -> None:
    settings = ApiSettings(blob_dir=tmp_path, docs=False, access_log=False)
    with TestClient(create_app(settings, celery=create_celery(settings))) as client:
        for path in ("/docs", "/openapi.json", "/docs/assets/swagger-ui.css"):
            assert client.get(path).status_code == 404
