"""``limen serve`` and ``limen worker``: the service and what works for it."""

import contextlib
import difflib
import errno
import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workers.cli.files import one_line_errors

if TYPE_CHECKING:
    from fastapi import FastAPI

    from app.settings import ApiSettings
    from workers.settings import BrokerSettings

STOP_S = 20
NEARLY = 0.8
"""From which likeness on (``difflib``) a variable's name is taken for another one that is misspelt."""

verbs = typer.Typer()


@verbs.command()
@one_line_errors()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Run a worker in this process when no Redis is set.")
    ] = True,
    profile: Annotated[
        str | None,
        typer.Option(help="Observer profile of requests that name none: its name, or the file from limen calibrate."),
    ] = None,
) -> None:
    """Serve the REST API and the web page; without LIMEN_REDIS_URL with a worker in the same process."""
    from app.settings import ApiSettings
    from workers.run.logs import write_json_lines
    from workers.settings import WorkerSettings

    observers = {} if profile is None else chosen_observers(profile)
    settings = ApiSettings() if profile is None else ApiSettings(profile=observers["profile"])
    if settings.embedded and not worker:
        raise ValueError("--no-worker needs LIMEN_REDIS_URL: without Redis no other process can do the work")
    _say_misspelt_settings(ApiSettings, WorkerSettings)
    write_json_lines()
    if settings.embedded:
        _serve_with_worker(settings, observers, host, port)
    else:
        from app.main import create_app

        with listening(host, port) as sockets:
            _run_server(create_app(settings, host=host), sockets)


@verbs.command()
@one_line_errors()
def worker(
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=64, help="Jobs run at once; instead of LIMEN_CONCURRENCY.")
    ] = None,
) -> None:
    """Run jobs that arrive over Redis (LIMEN_REDIS_URL)."""
    from workers.settings import WorkerSettings

    settings = WorkerSettings() if concurrency is None else WorkerSettings(concurrency=concurrency)
    if settings.embedded:
        raise ValueError("LIMEN_REDIS_URL is not set: a worker of its own needs Redis; `limen serve` has one inside")
    from workers.run.celery_app import create_celery
    from workers.run.process import run_worker

    _say_misspelt_settings(WorkerSettings)
    raise typer.Exit(run_worker(create_celery(settings), settings))


def _say_misspelt_settings(*kinds: "type[BrokerSettings]") -> None:
    """A line for each variable that is nearly a setting: its default would else stay in force without a word.

    Others are let be: Kubernetes itself sets some that begin so for a Service of that name.
    """
    known = {name.upper() for kind in kinds for name in kind.model_fields}
    for variable in sorted(os.environ):
        prefix, _, name = variable.upper().partition("LIMEN_")
        if prefix or name in known:
            continue
        for meant in difflib.get_close_matches(name, known, n=1, cutoff=NEARLY):
            typer.echo(f"limen: {variable} means nothing; is LIMEN_{meant} meant?", err=True)


def chosen_observers(profile: str) -> dict[str, Any]:
    """Settings of a worker that make an observer profile the default: its name, or the file that holds it.

    Raises: ValueError if the file holds no single profile; OSError.
    """
    if not profile.endswith(".json"):
        return {"profile": profile}
    path = Path(profile)
    document = json.loads(path.read_text())
    names = list(document.get("profiles", {})) if isinstance(document, dict) else []
    if len(names) != 1:
        raise ValueError(f"{path} holds {len(names)} observer profiles; give the name of one in LIMEN_PROFILES")
    return {"profile": names[0], "profiles": path.resolve().parent}


def _serve_with_worker(api: "ApiSettings", observers: dict[str, Any], host: str, port: int) -> None:
    """The embedded mode: job records, studies and files in one folder, where the next process goes on."""
    from app.main import create_app
    from models.sur.observers import find_profile
    from workers.run.data_folder import opened_data_folder
    from workers.run.embedded import EmbeddedWorker
    from workers.settings import WorkerSettings

    settings = WorkerSettings(**observers)
    find_profile(settings.profile, settings.profiles)
    with opened_data_folder(settings) as stores, listening(host, port) as sockets:
        folder, elsewhere = settings.data_dir.resolve(), settings.blob_url or settings.blob_dir
        kept = "jobs, studies and files" if elsewhere is None else f"files are kept in {elsewhere}, jobs"
        typer.echo(f"Limen: {kept} are kept in {folder}", err=True)
        embedded = EmbeddedWorker(settings, stores)
        application = create_app(api, celery=embedded.celery, host=host)
        embedded.start()
        try:
            _run_server(application, sockets)
        finally:
            embedded.stop()


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Sockets at all addresses of ``host``, which take connections once the server runs.

    Raises: ValueError if the port is taken, or the address is none of this machine's.
    """
    with contextlib.ExitStack() as opened:
        sockets: list[socket.socket] = []
        try:
            for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                one = opened.enter_context(socket.socket(family, kind, protocol))  # asyncio asks for TCP by its number
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family is socket.AF_INET6:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                try:
                    one.bind(address)
                except OSError as error:
                    if error.errno != errno.EADDRNOTAVAIL or not sockets:  # a name's IPv6 on a machine that has none
                        raise
                else:
                    sockets.append(one)
        except OSError as error:
            raise ValueError(f"cannot listen on {host}, port {port}: {str(error.strerror).lower()}") from error
        yield sockets


def _run_server(application: "FastAPI", sockets: list[socket.socket]) -> None:
    """Serve until SIGINT or SIGTERM; requests under way get ``STOP_S`` to end."""
    import signal

    import uvicorn

    from app.http.header_deadline import HeaderDeadline

    # The server ends by the signal that stopped it; without a handler that would skip all clean-up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    host, port = sockets[0].getsockname()[:2]
    typer.echo(f"Limen: http://{f'[{host}]' if ':' in host else host}:{port}/", err=True)
    config = uvicorn.Config(
        application,
        http=HeaderDeadline,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=STOP_S,
    )
    server = uvicorn.Server(config)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=sockets)
    if not server.started:
        raise typer.Exit(3)
