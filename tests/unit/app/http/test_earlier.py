"""Images by the job that had them: the same work as with the file, for the job's own client alone."""

import pytest
from fastapi.testclient import TestClient

from tests.assets.photos import noise, png
from tests.unit.app.http.problems import problem

PHOTO = png(noise(24, 32, 1))


def job_of(client: TestClient, data: bytes = PHOTO) -> str:
    reply = client.post("/v1/jnd-map", files={"image": data})
    assert reply.status_code == 202, reply.text
    return str(reply.json()["id"])


@pytest.mark.parametrize("way", ["params", "data"])
def test_the_image_of_an_earlier_job_is_the_same_as_the_file(client: TestClient, way: str) -> None:
    job = job_of(client)
    form = {"image_job": job if way == "params" else f"/v1/jobs/{job}", "quality": "80"}
    if way == "params":
        by_job = client.post("/v1/varjpeg", params=form)
    else:
        by_job = client.post("/v1/varjpeg", files=[(name, (None, value)) for name, value in form.items()])
    by_file = client.post("/v1/varjpeg", files={"image": PHOTO}, data={"quality": "80"})
    jobs = client.app.state.services.jobs  # type: ignore[attr-defined]
    one, other = (jobs.get(reply.json()["id"]).request for reply in (by_job, by_file))
    assert one == other


def test_it_may_stand_beside_a_file(client: TestClient) -> None:
    earlier = job_of(client)
    pair = client.post("/v1/full-reference-score", files={"distorted": PHOTO}, data={"reference_job": earlier})
    assert pair.status_code == 202, pair.text
    both = client.post("/v1/jnd-map", files={"image": PHOTO}, data={"image_job": earlier})
    assert problem(both, 422, "request-invalid")["errors"][0]["field"] == "image_job"


def test_a_job_that_is_not_there_or_whose_image_has_gone_is_named(client: TestClient) -> None:
    gone = job_of(client, png(noise(24, 32, 2)))
    services = client.app.state.services  # type: ignore[attr-defined]
    key = services.jobs.get(gone).request.image_key
    next(services.settings.blob_dir.rglob(key)).unlink()
    for job_id in ("nosuchjob", "x" * 5000, gone):
        reply = client.post("/v1/varjpeg", params={"image_job": job_id})
        errors = problem(reply, 422, "request-invalid")["errors"]
        assert [error["field"] for error in errors] == ["image_job"]
        assert reply.json()["detail"].startswith("image_job: there is no job")
        assert len(reply.text) < 500
