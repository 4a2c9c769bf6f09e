"""``/health/live``, ``/health/ready`` and ``/metrics``."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app.access.gate import KEY_PROBLEMS, needs
from app.dependencies import Services, ServicesDep
from app.openapi import problem_responses
from app.schemas import Live, Readiness
from workers.errors import BlobStoreFullError, BlobStoreUnavailableError, BrokerUnavailableError, ServiceError
from workers.keys.scope import Scope

router = APIRouter(tags=["service"])


@router.get("/health/live", summary="The process answers")
async def live() -> Live:
    """Always 200 while the process can answer at all; restart it when this does not.

    `curl localhost:8000/health/live`
    """
    return Live()


@router.get(
    "/health/ready",
    summary="New work would be done",
    responses={503: {"model": Readiness, "description": "Something is missing; `checks` says what."}},
)
def ready(services: ServicesDep, response: Response) -> Readiness:
    """200 when queue and store answer and a worker has been seen lately, else 503.

    `curl localhost:8000/health/ready`
    """
    checks = {"queue": _queue(services), "blobs": _blobs(services), "worker": _worker(services)}
    is_ready = all(check == "ok" for check in checks.values())
    response.status_code = 200 if is_ready else 503
    response.headers["Cache-Control"] = "no-store"
    return Readiness(status="ready" if is_ready else "not-ready", checks=checks)


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    dependencies=[needs(Scope.ADMIN)],
    responses={
        200: {"description": "The text format of Prometheus.", "content": {"text/plain": {}}},
        **problem_responses((*KEY_PROBLEMS, BrokerUnavailableError.code)),
    },
)
def metrics(request: Request) -> Response:
    """Requests, their durations, uploads, and the queue.

    `curl localhost:8000/metrics`
    """
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _queue(services: Services) -> str:
    try:
        services.jobs.now()
    except ServiceError as error:
        return str(error)
    return "ok"


def _blobs(services: Services) -> str:
    try:
        services.blobs.storage.check()
    except (BlobStoreFullError, BlobStoreUnavailableError, OSError) as error:
        return f"cannot be written: {type(error).__name__}"
    return "ok"


def _worker(services: Services) -> str:
    try:
        return "ok" if services.jobs.workers() else "none seen lately"
    except ServiceError:
        return "unknown while the queue is away"
