"""The package ``limen`` as a client: patient with a service that is full or away, and plain about what is wrong."""

import asyncio
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

import limen
from limen import protocol
from tests.assets.photos import noise, png

PROBLEM = {
    "type": "/problems/request-invalid",
    "title": "The request is not valid",
    "status": 422,
    "detail": "See errors.",
    "errors": [{"field": "quality", "message": "too high"}],
}
FIGURES = {
    "format": "jpeg", "width": 4, "height": 3, "size_bytes": 3, "input_size_bytes": 9, "saved_bytes": 6, "sur": 0.76,
    "metric": None, "target_metric": None, "observer": "aic-3", "pixels_per_degree": 38.0, "jnd": 1, "steering": "jnd",
    "encoder": "limen", "quality": 80, "thrift": 1.0, "subsampling": "420", "trials": [],
    "original_format_better": False, "warnings": ["a"], "job": "/v1/jobs/1", "model_versions": {},
    "artefacts": [{"name": "photo.jpg", "media_type": "image/jpeg", "size_bytes": 3, "href": "/v1/jobs/1/artefacts/a"}],
}  # fmt: skip
Reply = httpx2.Response | Exception


def problem(status: int, kind: str = str(PROBLEM["type"]), **headers: str) -> httpx2.Response:
    content = json.dumps(PROBLEM | {"status": status, "type": kind}).encode()
    return httpx2.Response(status, headers={"content-type": "application/problem+json", **headers}, content=content)


class Service:
    """Gives one reply after the other; ``asked`` are the requests, ``slept`` the pauses between them."""

    def __init__(self, *replies: Reply) -> None:
        self._replies: Iterator[Reply] = iter(replies)
        self.asked: list[httpx2.Request] = []
        self.slept: list[float] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        reply = next(self._replies)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


Encode = Callable[..., limen.Encoded]


@pytest.fixture(params=["waiting", "awaited"])
def encode_at(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[Service], Encode]:
    """``encode`` of a client of a service, either kind of client."""

    def waiting(service: Service) -> Encode:
        monkeypatch.setattr("time.sleep", service.slept.append)
        client = limen.Client("http://service", "key")
        client.http._transport = httpx2.MockTransport(service)
        return client.encode

    def awaited(service: Service) -> Encode:
        monkeypatch.setattr("asyncio.sleep", service.sleep)
        client = limen.AsyncClient("http://service", "key")
        client.http._transport = httpx2.MockTransport(service)

        def encode(*arguments: Any, **options: Any) -> limen.Encoded:
            return asyncio.run(client.encode(*arguments, **options))

        return encode

    return waiting if request.param == "waiting" else awaited


def made() -> tuple[httpx2.Response, httpx2.Response]:
    return httpx2.Response(200, json=FIGURES), httpx2.Response(200, content=b"jpg")


def test_a_result_that_is_there_at_once(encode_at: Callable[[Service], Encode]) -> None:
    service = Service(*made())
    encoded = encode_at(service)(b"photo", target_sur=0.9, protect=b"mask")
    assert (encoded.data, encoded.sur, encoded.quality, encoded.warnings) == (b"jpg", 0.76, 80, ["a"])
    posted, fetched = service.asked
    assert (posted.method, posted.url.path, fetched.url.path) == ("POST", "/v1/varjpeg", "/v1/jobs/1/artefacts/a")
    assert {request.headers["Authorization"] for request in service.asked} == {"Bearer key"}
    body = posted.read()
    assert b'name="target_sur"\r\n\r\n0.9\r\n' in body
    assert b'name="image"' in body
    assert b'name="protect"' in body


def test_a_result_that_takes_longer_is_waited_for(encode_at: Callable[[Service], Encode]) -> None:
    accepted = httpx2.Response(202, headers={"Location": "/v1/jobs/1"}, json={})
    unfinished = problem(409, "/problems/job-unfinished")
    service = Service(accepted, unfinished, *made())
    assert encode_at(service)(b"photo").data == b"jpg"
    assert [request.url.path for request in service.asked[1:3]] == ["/v1/jobs/1/result"] * 2


def test_a_job_that_was_cancelled_is_not_waited_for(encode_at: Callable[[Service], Encode]) -> None:
    accepted = httpx2.Response(202, headers={"Location": "/v1/jobs/1"}, json={})
    with pytest.raises(limen.ProblemError) as raised:
        encode_at(Service(accepted, problem(409, "/problems/job-cancelled")))(b"photo")
    assert (raised.value.status, raised.value.code) == (409, "job-cancelled")


def test_a_service_that_is_full_or_away_is_asked_again_with_the_same_key(
    encode_at: Callable[[Service], Encode],
) -> None:
    lost = httpx2.ConnectError("refused")
    dated = {"Retry-After": "Fri, 27 Nov 2026 12:00:00 GMT"}
    service = Service(lost, problem(429, **{"Retry-After": "7"}), problem(503, **dated), lost, *made())
    assert encode_at(service)(b"photo").data == b"jpg"
    assert service.slept == [1.0, 7.0, 1.0, 2.0]
    assert len({request.headers["Idempotency-Key"] for request in service.asked[:5]}) == 1


def test_a_problem_is_an_error_that_says_all_of_it(encode_at: Callable[[Service], Encode]) -> None:
    with pytest.raises(limen.ProblemError, match=r"The request is not valid: quality: too high") as raised:
        encode_at(Service(problem(422)))(b"photo")
    error = raised.value
    assert (error.status, error.code, error.type) == (422, "request-invalid", "/problems/request-invalid")
    assert (error.detail, error.errors[0]["field"]) == ("See errors.", "quality")
    assert isinstance(error, limen.LimenError)


def test_what_is_no_service_of_limen_is_said(encode_at: Callable[[Service], Encode]) -> None:
    with pytest.raises(limen.ProblemError, match="status 500") as raised:
        encode_at(Service(httpx2.Response(500, text="<html>")))(b"photo")
    assert raised.value.code == "no-problem"


def test_nobody_at_the_address(encode_at: Callable[[Service], Encode]) -> None:
    service = Service(*[httpx2.ConnectError("refused")] * protocol.TRANSPORT_TRIES)
    with pytest.raises(limen.UnreachableError, match=r"http://service.*refused"):
        encode_at(service)(b"photo")


def test_patience_ends(encode_at: Callable[[Service], Encode], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "PATIENCE_S", 0.0)
    with pytest.raises(limen.ProblemError, match="not valid"):
        encode_at(Service(problem(503)))(b"photo")


def test_wrong_options_are_named_before_anything_is_sent(encode_at: Callable[[Service], Encode]) -> None:
    for options, said in (({"target_sur": 75}, "target_sur"), ({"quality": 5, "max_bytes": 5}, "at most one")):
        with pytest.raises(limen.LimenError, match=said) as raised:
            encode_at(Service())(b"photo", **options)
        assert raised.value.code == "parameter-invalid"


@pytest.mark.parametrize("photo", ["photo.png", Path("photo.png"), io.BytesIO(b"x"), bytearray(b"x"), None])
def test_what_is_no_bytes_is_said(encode_at: Callable[[Service], Encode], photo: Any) -> None:
    with pytest.raises(limen.LimenError, match=f"not a {type(photo).__name__}: read it first"):
        encode_at(Service())(photo)


@pytest.mark.parametrize("kind", [limen.Client, limen.AsyncClient])
def test_what_can_be_no_address_or_key_is_said_at_once(kind: type[limen.Client]) -> None:
    for url in ("", "ftp://x", "http://", "http://a b", "localhost://8000"):
        with pytest.raises(limen.LimenError, match="no address of a service"):
            kind(url)
    for key in ("a\nb", "é"):
        with pytest.raises(limen.LimenError, match="a key is one line") as raised:
            kind("http://service", key)
        assert key not in str(raised.value)
    assert str(kind("localhost:8123").http.base_url) == "http://localhost:8123"


def test_photos_whose_headers_are_wrong_are_not_sent_and_stop_no_other() -> None:
    sound = png(noise(8, 8))
    status = {"links": {"self": "/v1/batch/1"}}
    failed = {"number": 0, "state": "failed", "job": None, "failure": {"title": "no"}}
    service = Service(httpx2.Response(202, json=status), httpx2.Response(200, json={"items": [failed]}))
    client = limen.Client("http://service")
    client.http = httpx2.Client(base_url="http://service", transport=httpx2.MockTransport(service))
    found = dict(client.encode_many([b"text", sound, sound[:20]]))
    assert sorted(found) == [0, 1, 2]
    errors = [each for _, each in sorted(found.items()) if isinstance(each, limen.LimenError)]
    assert [error.code for error in errors] == ["image-type-unsupported", "no-problem", "image-undecodable"]
    assert service.asked[0].content.count(b"PNG") == 1
    assert service.asked[0].headers["Idempotency-Key"]
    assert list(client.encode_many([b"text"])) != []
