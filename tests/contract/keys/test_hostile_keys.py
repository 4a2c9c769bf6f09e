"""Hostile uses of keys: whatever is tried, nothing of another client is seen or changed, and nothing is told.

Each use is a request and the problem that answers it.
"""

import base64
import hmac
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.assets.photos import noise, png
from tests.contract.keys.locked_service import PHOTO, LockedService, opened_service
from workers.blobs.folder import FolderStorage
from workers.jobs.record import JobState
from workers.keys import record
from workers.keys.scope import Scope

Use = tuple[int, str, Callable[[LockedService], Any]]
Header = Callable[[LockedService], str | bytes]
INVALID = (401, "key-invalid")
MISSING = (401, "key-missing")
NO_SCOPE = (403, "scope-missing")
UNKNOWN = (404, "job-unknown")


@pytest.fixture(scope="module", params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LockedService]:
    settings = {}
    if request.param == "redis":
        server = request.getfixturevalue("redis_server")
        with server.client() as client:
            client.flushall()
        settings["redis_url"] = server.url
    opened = opened_service(tmp_path_factory.mktemp("locked"), **settings)
    with opened.client:
        yield opened


def asking(header: Header) -> Callable[[LockedService], Any]:
    """A request for the owner's job with an Authorization header of this text."""
    return lambda service: service.client.get(
        f"/v1/jobs/{service.finished}", headers={b"Authorization": _bytes(header(service))}
    )


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def by(name: str, method: str, path: str, **options: Any) -> Callable[[LockedService], Any]:
    """A request by a key; ``{finished}`` and ``{waiting}`` in the path are jobs of the owner."""

    def send(service: LockedService) -> Any:
        headers = service.bearer(name) | options.get("headers", {})
        address = path.format(finished=service.finished, waiting=service.waiting)
        return service.client.request(method, address, **(options | {"headers": headers}))

    return send


def without_header(**options: Any) -> Callable[[LockedService], Any]:
    def send(service: LockedService) -> Any:
        given = {name: value(service) for name, value in options.items()}
        return service.client.get(f"/v1/jobs/{service.finished}", **given)

    return send


def twice(service: LockedService) -> Any:
    header = (b"Authorization", service.bearer("owner")["Authorization"].encode())
    return service.client.get(f"/v1/jobs/{service.finished}", headers=[header, header])


def owner(service: LockedService) -> str:
    return service.texts["owner"]


def _part(service: LockedService, name: str, number: int) -> str:
    return service.texts[name].split("_", 2)[number]


UPLOAD: dict[str, Any] = {"files": {"image": PHOTO}}
USES: dict[str, Use] = {
    "no header": (*MISSING, without_header()),
    "key in the query": (*MISSING, without_header(params=lambda s: {"key": owner(s), "access_token": owner(s)})),
    "key in a cookie": (*MISSING, without_header(headers=lambda s: {"Cookie": f"key={owner(s)}"})),
    "key in another header": (*MISSING, without_header(headers=lambda s: {"X-Api-Key": owner(s)})),
    "empty header": (*INVALID, asking(lambda s: "")),
    "scheme alone": (*INVALID, asking(lambda s: "Bearer")),
    "scheme and a space": (*INVALID, asking(lambda s: "Bearer ")),
    "key without scheme": (*INVALID, asking(owner)),
    "another scheme": (*INVALID, asking(lambda s: f"Token {owner(s)}")),
    "basic": (*INVALID, asking(lambda s: b"Basic " + base64.b64encode(f"limen:{owner(s)}".encode()))),
    "a word after the key": (*INVALID, asking(lambda s: f"Bearer {owner(s)} x")),
    "two keys in one header": (*INVALID, asking(lambda s: f"Bearer {owner(s)},Bearer {owner(s)}")),
    "two headers": (*INVALID, twice),
    "a tab for the space": (*INVALID, asking(lambda s: f"Bearer\t{owner(s)}")),
    "in capitals": (*INVALID, asking(lambda s: f"Bearer {owner(s).upper()}")),
    "percent encoded": (*INVALID, asking(lambda s: f"Bearer {owner(s).replace('_', '%5F')}")),
    "secret cut": (*INVALID, asking(lambda s: f"Bearer {owner(s)[:-1]}")),
    "secret longer": (*INVALID, asking(lambda s: f"Bearer {owner(s)}A")),
    "last letter changed": (*INVALID, asking(lambda s: f"Bearer {owner(s)[:-1]}{'A' if owner(s)[-1] != 'A' else 'B'}")),
    "id of one, secret of another": (
        *INVALID,
        asking(lambda s: f"Bearer limen_{s.keys['owner'].id}_{s.texts['other'].split('_', 2)[2]}"),
    ),
    "unknown id": (*INVALID, asking(lambda s: f"Bearer limen_{'0' * 16}_{_part(s, 'owner', 2)}")),
    "id alone": (*INVALID, asking(lambda s: f"Bearer limen_{s.keys['owner'].id}")),
    "secret alone": (*INVALID, asking(lambda s: f"Bearer {_part(s, 'owner', 2)}")),
    "digest for the secret": (
        *INVALID,
        asking(lambda s: f"Bearer limen_{s.keys['owner'].id}_{s.keys['owner'].digest}"),
    ),
    "digest cut to the length of a secret": (
        *INVALID,
        asking(lambda s: f"Bearer limen_{s.keys['owner'].id}_{s.keys['owner'].digest[:43]}"),
    ),
    "SQL for the id": (*INVALID, asking(lambda s: f"Bearer limen_' OR '1'='1_{_part(s, 'owner', 2)}")),
    "a pattern for the id": (*INVALID, asking(lambda s: f"Bearer limen_*_{_part(s, 'owner', 2)}")),
    "bytes that are no ASCII": (*INVALID, asking(lambda s: b"Bearer limen_\xb2\xff_" + b"A" * 43)),
    "a long key": (*INVALID, asking(lambda s: "Bearer limen_" + "a" * 8000)),
    "revoked, reading": (*INVALID, by("revoked", "GET", "/v1/jobs/{finished}")),
    "revoked, sending": (*INVALID, by("revoked", "POST", "/v1/quality-score", **UPLOAD)),
    "read key sends work": (*NO_SCOPE, by("read", "POST", "/v1/varjpeg", **UPLOAD)),
    "read key cancels": (*NO_SCOPE, by("read", "DELETE", "/v1/jobs/{waiting}")),
    "submit key reads": (*NO_SCOPE, by("submit", "GET", "/v1/jobs/{finished}/result")),
    "submit key sees the models": (*NO_SCOPE, by("submit", "GET", "/v1/models")),
    "study key sends work": (*NO_SCOPE, by("study", "POST", "/v1/jnd-map", **UPLOAD)),
    "no study key makes a study": (*NO_SCOPE, by("owner", "POST", "/v1/studies", json={})),
    "no admin sees the figures": (*NO_SCOPE, by("owner", "GET", "/metrics")),
    "admin reads a job": (*NO_SCOPE, by("admin", "GET", "/v1/jobs/{finished}")),
    "admin sends work": (*NO_SCOPE, by("admin", "POST", "/v1/sur-curve", **UPLOAD)),
    "another's job": (*UNKNOWN, by("other", "GET", "/v1/jobs/{finished}")),
    "another's result": (*UNKNOWN, by("other", "GET", "/v1/jobs/{finished}/result")),
    "another's result, waiting": (
        *UNKNOWN,
        by("other", "GET", "/v1/jobs/{waiting}/result", headers={"Prefer": "wait=5"}),
    ),
    "another's file": (*UNKNOWN, by("other", "GET", "/v1/jobs/{finished}/artefacts/map.png")),
    "another's file that is not there": (*UNKNOWN, by("other", "GET", "/v1/jobs/{finished}/artefacts/x.png")),
    "another's file, as known": (
        *UNKNOWN,
        by("other", "GET", "/v1/jobs/{finished}/artefacts/map.png", headers={"If-None-Match": "*"}),
    ),
    "a part of another's file": (
        *UNKNOWN,
        by("other", "GET", "/v1/jobs/{finished}/artefacts/map.png", headers={"Range": "bytes=0-1"}),
    ),
    "another's image": (422, "request-invalid", by("other", "POST", "/v1/jnd-map?image_job={finished}")),
    "another's events": (*UNKNOWN, by("other", "GET", "/v1/jobs/{finished}/events")),
    "cancelling another's job": (*UNKNOWN, by("other", "DELETE", "/v1/jobs/{waiting}")),
    "cancelling another's ended job, leniently": (
        *UNKNOWN,
        by("other", "DELETE", "/v1/jobs/{finished}", headers={"Prefer": "handling=lenient"}),
    ),
}


@pytest.mark.parametrize("name", USES)
def test_a_hostile_use_is_refused_and_changes_nothing(service: LockedService, name: str) -> None:
    status, code, send = USES[name]
    before = _kept(service)
    reply = send(service)
    assert (reply.status_code, reply.json()["type"]) == (status, f"/problems/{code}"), reply.text
    assert ("www-authenticate" in reply.headers) == (status == 401)
    assert all(text not in reply.text for text in (*service.texts.values(), service.keys["owner"].digest))
    assert _kept(service) == before


def _kept(service: LockedService) -> object:
    jobs, blobs = service.celery.jobs, service.celery.blobs
    assert isinstance(blobs.storage, FolderStorage)
    files = sorted(path.name for path in blobs.storage.folder.rglob("*") if path.is_file())
    return jobs.get(service.finished), jobs.get(service.waiting), jobs.unfinished(), files


def test_a_job_of_another_looks_as_if_there_were_none(service: LockedService) -> None:
    replies = [
        service.client.get(f"/v1/jobs/{job}", headers=service.bearer("other")) for job in (service.finished, "f" * 32)
    ]
    bodies = [reply.text.replace(service.finished, "ID").replace("f" * 32, "ID") for reply in replies]
    assert bodies[0] == bodies[1]
    names = [{name for name in reply.headers if name != "x-request-id"} for reply in replies]
    assert names[0] == names[1]
    assert service.client.head(f"/v1/jobs/{service.finished}", headers=service.bearer("other")).status_code == 404


def test_equal_photos_and_equal_idempotency_keys_of_two_keys_are_two_jobs(service: LockedService) -> None:
    photo = png(noise(4, 4, 3))
    mine, yours = (service.posted(name, photo, **{"Idempotency-Key": "1"}) for name in ("owner", "other"))
    assert mine != yours
    assert service.posted("owner", photo, **{"Idempotency-Key": "1"}) == mine
    assert service.client.get(f"/v1/jobs/{mine}", headers=service.bearer("owner")).status_code == 200
    # an idempotency key that names another client does not reach into that client's
    forged = service.posted("other", photo, **{"Idempotency-Key": f"{service.keys['owner'].id}/1"})
    assert forged != mine


def test_a_refused_upload_is_not_read(service: LockedService) -> None:
    pieces: list[int] = []

    def body() -> Iterator[bytes]:
        for number in range(1000):
            pieces.append(number)
            yield b"x" * 10_000

    before = _kept(service)
    headers = {"Authorization": "Bearer nonsense", "Content-Type": "image/png"}
    assert service.client.post("/v1/varjpeg", content=body(), headers=headers).status_code == 401
    assert _kept(service) == before


def test_a_wrong_secret_is_compared_in_constant_time_and_so_is_one_of_an_unknown_id(
    service: LockedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[str, str]] = []
    compare = hmac.compare_digest

    def noted(one: str, other: str) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    for key_id in (service.keys["owner"].id, service.keys["revoked"].id, "0" * 16):
        header = {"Authorization": f"Bearer limen_{key_id}_{'A' * 43}"}
        assert service.client.get("/v1/models", headers=header).json()["type"] == "/problems/key-invalid"
    assert [len(one) == len(other) == 64 for one, other in compared] == [True] * 3


def test_the_time_of_a_refusal_tells_nothing_of_the_secret() -> None:
    """Of a key whose digest begins as the right one, and of one that begins otherwise: the medians are alike."""
    key, text = record.new_key("shop", frozenset({Scope.READ}), 1.0)
    secret = text.split("_", 2)[2]
    near, far = secret[:-1] + ("A" if secret[-1] != "A" else "B"), "A" * 43

    def median_s(tried: str, known: record.ApiKey | None) -> float:
        times = []
        for _ in range(3000):
            began = time.perf_counter()
            record.opens(known, tried)
            times.append(time.perf_counter() - began)
        return statistics.median(times)

    for known in (key, None):
        assert 0.5 < median_s(near, known) / median_s(far, known) < 2
    assert 0.5 < median_s(near, key) / median_s(near, None) < 2


def test_a_key_ends_at_once(service: LockedService) -> None:
    service.make_key("short", Scope.READ)
    assert service.client.get("/v1/models", headers=service.bearer("short")).status_code == 200
    service.celery.keys.put(service.keys["short"].revoked(2.0))
    assert service.client.get("/v1/models", headers=service.bearer("short")).status_code == 401


def test_losing_every_key_opens_nothing(tmp_path: Path) -> None:
    service = opened_service(tmp_path)
    service.celery.keys.__dict__["_keys"].clear()
    assert service.client.get("/v1/models").status_code == 401


def test_the_owner_is_served(service: LockedService) -> None:
    job, headers = f"/v1/jobs/{service.finished}", service.bearer("owner")
    assert service.client.get(job, headers=headers).json()["state"] == JobState.SUCCEEDED
    assert service.client.get(f"{job}/artefacts/map.png", headers=headers).content == PHOTO
    assert "succeeded" in service.client.get(f"{job}/events", headers=headers).text
    lower = {"Authorization": f"bearer {service.texts['owner']}"}
    assert service.client.get(f"{job}/result", headers=lower).json()["mos"] == 50.0
    assert service.client.get("/metrics", headers=service.bearer("admin")).status_code == 200
