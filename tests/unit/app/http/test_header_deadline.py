"""Heads of requests that dribble are not waited for; whatever else takes its time is."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from app.http import header_deadline
from app.http.header_deadline import HeaderDeadline
from tests.assets.pace import in_time

WHOLE = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def slow_app(scope: dict[str, object], receive: object, send: object) -> None:
    """Answers after the deadline."""
    import asyncio

    await asyncio.sleep(0.8)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b"ok"})  # type: ignore[operator]


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(header_deadline, "HEAD_S", 0.4)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(slow_app, http=HeaderDeadline, lifespan="off", log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(10)


def closed_after(connection: socket.socket) -> float:
    began = time.monotonic()
    connection.settimeout(10)
    assert connection.recv(100) == b""
    return time.monotonic() - began


@pytest.mark.parametrize("sent", [b"", b"GET / HT", WHOLE[:-3]])
def test_a_head_that_does_not_end_closes_the_connection(port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(sent)
        assert in_time(closed_after(connection), 2)


def test_a_head_that_dribbles_gets_no_more_time(port: int) -> None:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as connection, contextlib.suppress(ConnectionError):
        for byte in WHOLE:
            connection.sendall(bytes([byte]))
            time.sleep(0.1)
        pytest.fail("it went on for longer than the deadline")
    assert in_time(time.monotonic() - began, 2)


def test_a_request_that_is_answered_late_and_the_next_one_on_its_connection_are_answered(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(10)
        for _ in range(2):
            connection.sendall(WHOLE)
            answer = b""
            while not answer.endswith(b"ok"):  # the head and the body may come apart
                received = connection.recv(1000)
                assert received, answer
                answer += received
            assert answer.startswith(b"HTTP/1.1 200 OK")
            time.sleep(0.6)
        connection.sendall(WHOLE[:9])
        assert in_time(closed_after(connection), 2)
