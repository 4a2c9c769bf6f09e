"""``limen serve`` as it is started by everybody, with its real models: every endpoint, and every hostile upload."""

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from app.schemas import reply_model
from tests.assets.browser import Browser
from tests.assets.draw_sample import draw_sample
from tests.assets.hostile_images import Expect, HostileImage, hostile_images
from tests.assets.look_page import LookPage
from tests.assets.pace import in_time
from tests.assets.photos import encoded
from tests.assets.service_process import ServiceProcess
from workers.contracts import (
    FullReferenceScoreResult,
    ImageResult,
    JndMapResult,
    PatchQualityMapResult,
    QualityScoreResult,
    ResultBody,
    SurCurveResult,
    VarJpegResult,
)

pytestmark = pytest.mark.slow
WAIT = {"Prefer": "wait=60"}


@pytest.fixture(scope="module")
def service(redis_url: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("service")
    with ServiceProcess(folder, redis_url=redis_url, real=True, max_tasks_per_child=100_000) as running:
        yield running


@pytest.fixture(scope="module")
def photo() -> bytes:
    return encoded(draw_sample()[150:390, 300:620], "PNG")


@pytest.mark.parametrize(
    ("path", "fields", "result"),
    [
        ("/v1/jnd-map", {}, JndMapResult),
        ("/v1/patch-quality-map", {"stride": "32"}, PatchQualityMapResult),
        ("/v1/quality-score", {}, QualityScoreResult),
        ("/v1/sur-curve", {"percent": "75"}, SurCurveResult),
        ("/v1/varjpeg", {"target_sur": "0.75"}, VarJpegResult),
        ("/v1/varjpeg", {"quality": "40", "format": "varjpeg"}, VarJpegResult),
    ],
)
def test_results_are_as_described(
    service: ServiceProcess, photo: bytes, path: str, fields: dict[str, str], result: type[ResultBody]
) -> None:
    headers = WAIT | {"Accept": "application/json"}
    reply = service.client.post(path, files={"image": photo}, data=fields, headers=headers)
    assert reply.status_code == 200, reply.text
    body = reply_model(result).model_validate(reply.json())
    assert body.model_extra == {}, "members that the description does not have"
    assert body.model_versions
    for artefact in body.artefacts:
        file = service.client.get(artefact.href)
        assert file.headers["content-type"].split(";")[0] == artefact.media_type
        assert len(file.content) == artefact.size_bytes


def test_a_pair_is_compared(service: ServiceProcess, photo: bytes) -> None:
    distorted = encoded(draw_sample()[150:390, 300:620], "JPEG", quality=10)
    for path, first, second in (
        ("/v1/full-reference-score", "reference", "distorted"),
        ("/v1/patch-quality-map", "reference", "image"),
    ):
        reply = service.client.post(path, files={first: photo, second: distorted}, headers=WAIT)
        assert reply.status_code == 200, reply.text
        result: type[ResultBody] = FullReferenceScoreResult if second == "distorted" else PatchQualityMapResult
        assert reply_model(result).model_validate(reply.json()).model_extra == {}


def test_a_container_comes_back_as_a_picture(service: ServiceProcess, photo: bytes) -> None:
    container = "application/vnd.limen.varjpeg"
    wishes, headers = {"quality": "60", "format": "varjpeg"}, WAIT | {"Accept": container}
    made = service.client.post("/v1/varjpeg", files={"image": photo}, data=wishes, headers=headers)
    assert made.headers["content-type"] == container
    headers = WAIT | {"Accept": "image/png"}
    reply = service.client.post("/v1/varjpeg/decode", files={"image": made.content}, headers=headers)
    with Image.open(io.BytesIO(reply.content)) as picture:
        assert (picture.format, picture.size) == ("PNG", (320, 240))
    figures = service.client.get(reply.headers["content-location"], headers={"Accept": "application/json"})
    assert reply_model(ImageResult).model_validate(figures.json()).model_extra == {}
    damaged = service.client.post("/v1/varjpeg/decode", files={"image": made.content[:50]}, headers=WAIT)
    assert damaged.json()["type"] == "/problems/container-invalid"


def test_models_say_what_they_are(service: ServiceProcess) -> None:
    told = service.client.get("/v1/models").json()
    assert told["model_version"]
    (worker,) = told["workers"]
    names = {model["name"] for model in worker["models"]}
    assert {"fpsnet", "sur_features", "sur_head", "patchnet", "quality_score", "full_reference"} <= names
    assert all(model["provider"].endswith("ExecutionProvider") for model in worker["models"])


@pytest.mark.parametrize("metadata", ["keep-icc", "keep-all"])
@pytest.mark.parametrize("image", hostile_images(), ids=lambda image: image.name)
def test_hostile_uploads_get_a_result_or_a_typed_problem_in_time(
    service: ServiceProcess, image: HostileImage, metadata: str
) -> None:
    """The same processes as before stand afterwards, those of the worker's pool too."""
    processes = service.family()
    began = time.monotonic()
    files = {"image": (image.file_name, image.data, "image/jpeg")}
    fields, headers = {"quality": "50", "metadata": metadata}, WAIT | {"Accept": "image/jpeg"}
    reply = service.client.post("/v1/varjpeg", files=files, data=fields, headers=headers)
    assert in_time(time.monotonic() - began, 2)
    assert service.family() == processes
    if reply.status_code == 200:
        assert image.expect is not Expect.REFUSED
        with Image.open(io.BytesIO(reply.content)) as made:
            made.load()
            assert image.size in (None, made.size)
    else:
        assert 400 <= reply.status_code < 500, reply.text
        assert image.expect is not Expect.DECODES, reply.text
        assert reply.json()["type"].startswith("/problems/")


def test_the_page_shows_the_sample(chromium: str, service: ServiceProcess, tmp_path: Path) -> None:
    with Browser(chromium, tmp_path / "profile") as browser:
        page = LookPage(browser, service.url)
        page.open("?sample")
        page.until_done()
        assert page.text("photo-name") == "raccoon.jpg"
        assert browser.complaints == []
