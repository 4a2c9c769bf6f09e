"""Settings of who may come in, and of where the service goes: one function each, for ``test_settings``."""

import socket
import time
from typing import Any

import pytest

from app.http.uploads import LimitedBody
from app.main import create_app
from app.settings import ApiSettings
from tests.contract.settings.bench import REQUEST, Bench, png
from workers.keys.scope import Scope
from workers.run.celery_app import create_celery
from workers.run.courier import Courier
from workers.settings import BrokerSettings
from workers.webhooks.record import letter_for


def turning_allow_anonymous(bench: Bench) -> None:
    settings = ApiSettings(blob_dir=bench.folder, allow_anonymous=True)
    create_app(settings, celery=create_celery(settings), host="0.0.0.0")
    with pytest.raises(ValueError, match="LIMEN_ALLOW_ANONYMOUS"):
        bench.closed()


def turning_key_requests_per_minute(bench: Bench) -> None:
    client, headers = bench.closed(Scope.SUBMIT, key_requests_per_minute=1)
    statuses = [client.post("/v1/jnd-map", files={"image": png(4, 4)}, headers=headers).status_code for _ in range(2)]
    assert statuses == [202, 429]


def turning_key_megapixels_per_hour(bench: Bench) -> None:
    client, headers = bench.closed(Scope.SUBMIT, key_megapixels_per_hour=1)
    statuses = [client.post("/v1/jnd-map", files={"image": png(4, 4)}, headers=headers).status_code for _ in range(2)]
    assert statuses == [202, 429]


def turning_cors_origins(bench: Bench) -> None:
    bench.patch.setenv("LIMEN_CORS_ORIGINS", "https://a.example,https://b.example")
    with bench.service() as client:
        reply = client.get("/health/live", headers={"Origin": "https://b.example"})
    assert reply.headers["access-control-allow-origin"] == "https://b.example"


def _callback(bench: Bench, url: str, **settings: Any) -> int:
    with bench.service(**settings) as client:
        sent = {"callback_url": url}
        return int(client.post("/v1/jnd-map", files={"image": png(4, 4)}, data=sent).status_code)


def turning_webhook_secret(bench: Bench) -> None:
    assert _callback(bench, "https://a.example/", webhook_hosts="*") == 422
    assert _callback(bench, "https://a.example/", webhook_hosts="*", webhook_secret="s" * 16) == 202


def turning_webhook_hosts(bench: Bench) -> None:
    for url, status in (("https://a.example/", 202), ("https://b.example/", 422)):
        assert _callback(bench, url, webhook_hosts="a.example", webhook_secret="s" * 16) == status


def turning_outbound_networks(bench: Bench) -> None:
    for networks, status in (("", 422), ("10.0.0.0/8", 202)):
        settings = {"webhook_hosts": "10.0.0.1", "webhook_secret": "s" * 16, "outbound_networks": networks}
        assert _callback(bench, "https://10.0.0.1/", **settings) == status


def turning_fetch_hosts(bench: Bench) -> None:
    for hosts, said in (("", "fetches no images"), ("b.example", "not on the list")):
        with bench.service(fetch_hosts=hosts) as client:
            reply = client.post("/v1/jnd-map", params={"image_url": "https://a.example/photo.png"})
            assert said in reply.json()["detail"]


def turning_fetch_limit_s(bench: Bench) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        turned = {"fetch_hosts": address, "outbound_networks": "127.0.0.0/8", "fetch_limit_s": 0.1}
        with bench.service(**turned) as client:
            reply = client.post("/v1/jnd-map", params={"image_url": f"{address}/photo.png"})
    assert reply.json()["detail"] == "image_url: no file within 0.1 s."


def _batch(bench: Bench, **settings: Any) -> Any:
    with bench.service(**settings) as client:
        return client.post("/v1/batch", files={"image": png(4, 4)}, data={"capability": "jnd-map"})


def turning_batch_limit(bench: Bench) -> None:
    assert [_batch(bench, batch_limit=limit).status_code for limit in (0, 1)] == [429, 202]


def turning_max_batch_bytes(bench: Bench) -> None:
    assert _batch(bench, max_batch_bytes=1024, max_upload_bytes=1024).status_code == 202
    with bench.service(max_batch_bytes=1024) as client:
        many = [("image", png(40, 40)) for _ in range(9)]
        reply = client.post("/v1/batch", files=many, data={"capability": "jnd-map"})
    assert reply.json()["type"] == "/problems/upload-too-large"


def turning_batch_receive_s(bench: Bench) -> None:
    ends: list[float | None] = []

    def noted(*given: Any, total_s: float) -> Any:
        ends.append(total_s)
        return LimitedBody(*given, total_s=total_s)

    bench.patch.setattr("app.http.batch_upload.LimitedBody", noted)
    _batch(bench, batch_receive_s=7)
    assert ends == [7]


def turning_webhook_retry_s(bench: Bench) -> None:
    settings = BrokerSettings(webhook_secret="s" * 16, webhook_hosts="*", webhook_retry_s=7)  # type: ignore[arg-type]
    app = create_celery(settings)
    job = app.jobs.cancel(app.jobs.create(REQUEST)[0].id)
    letter = letter_for(job, "https://127.0.0.1/", 1.0)
    Courier(app)._deliver(letter)
    ((_, kept),) = app.outbox._letters.items()  # type: ignore[attr-defined]
    assert kept.due_at - time.time() == pytest.approx(7, abs=2)


def turning_otlp_endpoint(bench: Bench) -> None:
    assert create_celery(BrokerSettings()).tracing.provider is None
    provider = create_celery(BrokerSettings(otlp_endpoint="http://127.0.0.1:9")).tracing.provider
    assert provider is not None
    provider.shutdown()
