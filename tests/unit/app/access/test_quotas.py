"""What a key may ask for in a minute and in an hour: exactly so much, over a window that moves."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.access.quotas import Quotas
from app.http.problems import ProblemError
from app.settings import ApiSettings
from tests.assets.photos import noise, png
from tests.contract.keys.locked_service import LockedService, opened_service
from workers.keys.record import ApiKey, new_key
from workers.keys.scope import Scope


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    if request.param == "memory":
        return {"blob_dir": tmp_path}
    server = request.getfixturevalue("redis_server")
    with server.client() as client:
        client.flushall()
    return {"blob_dir": tmp_path, "redis_url": server.url}


def key(**own: int) -> ApiKey:
    return new_key("shop", frozenset({Scope.SUBMIT}), 1.0, **own)[0]


def refused(quotas: Quotas, name: str, *given: Any) -> ProblemError | None:
    try:
        getattr(quotas, name)(*given)
    except ProblemError as error:
        return error
    return None


def test_a_key_may_send_exactly_its_requests(settings: dict[str, Any]) -> None:
    quotas, mine, yours = Quotas(ApiSettings(key_requests_per_minute=20, **settings)), key(), key(requests_per_minute=3)
    answers = [refused(quotas, "count_request", mine) for _ in range(50)]
    assert [answer is None for answer in answers] == [True] * 20 + [False] * 30
    assert all(answer.code == "request-limit" for answer in answers if answer)
    assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in answers if answer)
    assert [refused(quotas, "count_request", yours) is None for _ in range(4)] == [True, True, True, False]


def test_web_processes_count_together_in_redis(settings: dict[str, Any]) -> None:
    if "redis_url" not in settings:
        pytest.skip("memory is of one process")
    one, other, mine = *(Quotas(ApiSettings(key_requests_per_minute=4, **settings)) for _ in range(2)), key()
    for quotas in (one, other, one, other):
        quotas.count_request(mine)
    assert refused(one, "count_request", mine)
    assert refused(other, "count_request", mine)


def test_megapixels_count_whole_and_an_image_beyond_all_of_them_is_refused(settings: dict[str, Any]) -> None:
    quotas, mine = Quotas(ApiSettings(key_megapixels_per_hour=10, **settings)), key()
    too_large = refused(quotas, "count_pixels", mine, 10_000_001)
    assert too_large is not None
    assert too_large.code == "pixel-limit"
    assert int(too_large.headers["Retry-After"]) >= 1
    for pixels in (1, 4_000_000, 4_000_001):  # 1, 4 and 5
        assert refused(quotas, "count_pixels", mine, pixels) is None
    assert refused(quotas, "count_pixels", mine, 1)
    assert refused(quotas, "count_pixels", mine, 0) is None
    assert refused(quotas, "count_pixels", key(megapixels_per_hour=20), 20_000_000) is None


def test_the_window_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    quotas, mine = Quotas(ApiSettings(key_requests_per_minute=2)), key()
    for moment, expected in ((1000, True), (1030, True), (1059, False), (1061, True), (1062, False), (1091, True)):
        now[0] = float(moment)
        assert (refused(quotas, "count_request", mine) is None) == expected, moment


def test_without_limits_or_without_a_key_nothing_is_counted() -> None:
    for quotas, who in ((Quotas(ApiSettings()), key()), (Quotas(ApiSettings(key_requests_per_minute=1)), None)):
        for _ in range(5):
            quotas.count_request(who)
            quotas.count_pixels(who, 10**9)


@pytest.fixture
def service(settings: dict[str, Any]) -> Iterator[LockedService]:
    opened = opened_service(settings.pop("blob_dir"), **settings)
    with opened.client:
        yield opened


def test_the_api_answers_429_and_says_when_to_come_again(service: LockedService) -> None:
    service.make_key("small", Scope.SUBMIT, requests_per_minute=2)
    service.make_key("tiny", Scope.SUBMIT, megapixels_per_hour=1)
    for name, code in (("small", "request-limit"), ("tiny", "pixel-limit")):
        replies = [
            service.client.post("/v1/jnd-map", files={"image": png(noise(4, 4, seed))}, headers=service.bearer(name))
            for seed in range(3)
        ]
        assert replies[0].status_code == 202
        assert (replies[2].status_code, replies[2].json()["type"]) == (429, f"/problems/{code}")
        assert int(replies[2].headers["retry-after"]) >= 1
    assert service.client.get("/health/live").status_code == 200
