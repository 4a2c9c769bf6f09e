"""Webhooks of a running service: signed, sent once, tried again, given up, and never to where they must not go."""

import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.assets.fleet.http_server import serving
from tests.assets.photos import noise, png
from tests.assets.service_process import ServiceProcess
from workers.webhooks.record import signing_secret

pytestmark = pytest.mark.slow
MASTER = "a secret of this test"
VERIFIER = Webhook(signing_secret(MASTER, None))
PATHS = ("/good", "/flaky", "/bad", "/away")


class Receiver(BaseHTTPRequestHandler):
    """Takes what comes to /good at once, to /flaky at the third attempt, to /bad never; /away leads elsewhere."""

    received: list[tuple[str, dict[str, str], bytes]] = []  # noqa: RUF012 - of one server of one test module

    def do_POST(self) -> None:
        path = self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        earlier = sum(seen == self.path for seen, _, _ in self.received)
        status = {"/good": 204, "/flaky": 503 if earlier < 3 else 200, "/bad": 500, "/away": 307}[path]
        self.send_response(status)
        if status == 307:
            self.send_header("Location", "/good?redirected")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def receiver() -> Iterator[str]:
    Receiver.received.clear()
    with serving(Receiver) as url:
        yield url


@pytest.fixture(scope="module")
def service(redis_url: str | None, receiver: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(
        tmp_path_factory.mktemp("webhooks"),
        redis_url=redis_url,
        webhook_secret=MASTER,
        webhook_hosts=f"{receiver},http://localhost:1,*",
        outbound_networks="127.0.0.1/32",
        webhook_retry_s=0.02,
    ) as running:
        yield running


def until(condition: Callable[[], Any], timeout_s: float = 60) -> Any:
    end = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return value


def submitted(service: ServiceProcess, seed: int, url: str) -> str:
    photo = png(noise(24, 24, seed))
    reply = service.client.post("/v1/quality-score", files={"image": photo}, data={"callback_url": url})
    assert reply.status_code == 202, reply.text
    return str(reply.json()["id"])


def to(path: str) -> list[tuple[str, dict[str, str], bytes]]:
    return [one for one in Receiver.received if one[0].startswith(path)]


def test_twenty_letters_reach_who_waits_and_one_server_that_fails_stops_none(
    service: ServiceProcess, receiver: str
) -> None:
    Receiver.received.clear()
    bad = submitted(service, 1000, f"{receiver}/bad")
    jobs = {submitted(service, seed, f"{receiver}/good?{seed}"): seed for seed in range(20)}
    until(lambda: len(to("/good")) >= 20)
    told = [VERIFIER.verify(body, headers) for _, headers, body in to("/good")]
    assert sorted(message["data"]["id"] for message in told) == sorted(jobs)
    assert {message["type"] for message in told} == {"job.ended"}
    assert {message["data"]["state"] for message in told} == {"succeeded"}
    assert len({headers["webhook-id"] for _, headers, _ in to("/good")}) == 20
    for message in told:
        assert service.client.get(message["data"]["result"]).status_code == 200
    (dead,) = until(lambda: service.client.get("/v1/webhooks/dead").json()["webhooks"], 120)
    assert (dead["job"], dead["attempts"], dead["error"]) == (f"/v1/jobs/{bad}", 6, "it answered 500")
    assert len(to("/bad")) == 6
    assert len({headers["webhook-id"] for _, headers, _ in to("/bad")}) == 1


def test_a_forged_letter_is_refused_by_the_verifier(service: ServiceProcess, receiver: str) -> None:
    submitted(service, 2000, f"{receiver}/good?forged")
    _, headers, body = until(lambda: to("/good?forged"))[0]
    VERIFIER.verify(body, headers)
    old = str(int(headers["webhook-timestamp"]) - 3600)
    forgeries: list[tuple[Webhook, bytes, dict[str, str]]] = [
        (VERIFIER, body.replace(b"succeeded", b"cancelled"), headers),
        (VERIFIER, body, headers | {"webhook-id": "msg_other"}),
        (VERIFIER, body, headers | {"webhook-timestamp": old}),
        (VERIFIER, body, headers | {"webhook-signature": "v1,AAAA"}),
        (Webhook(signing_secret(MASTER, "another key")), body, headers),
    ]
    for verifier, forged, claimed in forgeries:
        with pytest.raises(WebhookVerificationError):
            verifier.verify(forged, claimed)


def test_a_server_that_comes_back_gets_its_letter(service: ServiceProcess, receiver: str) -> None:
    submitted(service, 3000, f"{receiver}/flaky")
    until(lambda: len(to("/flaky")) >= 3)
    time.sleep(1)
    assert len(to("/flaky")) == 3


def test_a_redirect_is_a_refusal(service: ServiceProcess, receiver: str) -> None:
    job = submitted(service, 4000, f"{receiver}/away")
    until(lambda: any(dead["job"].endswith(job) for dead in service.client.get("/v1/webhooks/dead").json()["webhooks"]))
    assert to("/good?redirected") == []


def test_asked_twice_it_is_sent_once_and_of_a_finished_job_at_once(service: ServiceProcess, receiver: str) -> None:
    submitted(service, 5000, f"{receiver}/good?twice")
    until(lambda: to("/good?twice"))
    submitted(service, 5000, f"{receiver}/good?late")
    until(lambda: to("/good?late"), 5)
    assert json.loads(to("/good?late")[0][2])["data"] == json.loads(to("/good?twice")[0][2])["data"]


def test_a_cancelled_job_is_told_of_too(service: ServiceProcess, receiver: str) -> None:
    photo = png(noise(24, 400, 6000))
    reply = service.client.post(
        "/v1/quality-score", files={"image": photo}, data={"callback_url": f"{receiver}/good?gone"}
    )
    service.client.delete(reply.headers["location"], headers={"Prefer": "handling=lenient"})
    _, _, body = until(lambda: to("/good?gone"))[0]
    assert json.loads(body)["data"]["state"] in ("cancelled", "succeeded")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "https://127.0.0.2/", "https://169.254.169.254/latest", "https://[::1]/", "nonsense"]
)
def test_an_address_that_must_not_be_is_refused_with_the_request(service: ServiceProcess, url: str) -> None:
    reply = service.client.post("/v1/jnd-map", files={"image": png(noise(4, 4, 1))}, data={"callback_url": url})
    assert (reply.status_code, reply.json()["type"]) == (422, "/problems/address-refused")


def test_a_service_that_is_not_set_up_for_it_says_so(tmp_path: Path) -> None:
    with ServiceProcess(tmp_path) as plain:
        sent = {"callback_url": "https://hooks.example.com/"}
        reply = plain.client.post("/v1/jnd-map", files={"image": png(noise(4, 4, 1))}, data=sent)
        assert (reply.status_code, reply.json()["type"]) == (422, "/problems/address-refused")
        assert "sends no webhooks" in reply.json()["detail"]
