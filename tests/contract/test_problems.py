"""Every error code has a problem type, and every problem type explains itself."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

import models.errors
import workers.errors
from app.http.problem_types import PROBLEM_TYPES, RequestFault
from app.main import create_app
from app.settings import ApiSettings
from workers.contracts import FailureCode
from workers.run.celery_app import create_celery


def _codes_of(base: type[Exception]) -> Iterator[str]:
    for error in base.__subclasses__():
        if error.__module__.startswith("limen."):  # a client's own, of no job and no problem here
            continue
        yield error.code  # type: ignore[attr-defined]  # every subclass has one, which is what is tested
        yield from _codes_of(error)


def test_every_code_has_a_problem_type() -> None:
    codes = {*FailureCode, *RequestFault, *_codes_of(workers.errors.ServiceError)}
    assert codes == set(PROBLEM_TYPES)


def test_every_domain_error_has_a_failure_code() -> None:
    assert set(_codes_of(models.errors.LimenError)) <= set(FailureCode)


def test_statuses_are_errors_and_clients_are_not_blamed_for_the_service() -> None:
    for code in (FailureCode.INTERNAL, FailureCode.WORKER_LOST, FailureCode.MODEL_INVALID, "broker-unavailable"):
        assert PROBLEM_TYPES[code].status >= 500
    for code in ("image-undecodable", "image-type-unsupported", "image-too-large", "upload-empty", "queue-full"):
        assert 400 <= PROBLEM_TYPES[code].status < 500


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = ApiSettings(blob_dir=tmp_path_factory.mktemp("blobs"), access_log=False)
    celery = create_celery(settings)
    with TestClient(create_app(settings, celery=celery)) as client:
        yield client


@pytest.mark.parametrize("code", sorted(PROBLEM_TYPES))
def test_its_address_leads_to_an_explanation(client: TestClient, code: str) -> None:
    described = client.get(PROBLEM_TYPES[code].uri).json()
    assert described["type"] == f"/problems/{code}"
    assert described["status"] == PROBLEM_TYPES[code].status
    page = client.get(PROBLEM_TYPES[code].uri, headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert described["title"] in page.text or "&#x27;" in page.text


def test_the_list_names_them_all(client: TestClient) -> None:
    assert set(client.get("/problems").json()) == set(PROBLEM_TYPES)
    assert client.get("/problems/no-such-thing").json()["type"] == "/problems/route-unknown"
