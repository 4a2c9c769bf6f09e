"""The web process: HTTP in, job out. ``create_app`` puts the pieces together and does nothing else."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from app.access.gate import opened_gate
from app.dependencies import Services
from app.http.cors import add_cors
from app.http.metrics import HttpMetrics
from app.http.problems import install_problem_handlers
from app.http.request_log import RequestLog, log_access_to_stderr
from app.http.semantics import HttpSemantics
from app.openapi import install_openapi
from app.routes import (
    batch,
    health,
    jobs,
    maps,
    model_info,
    model_pages,
    observe,
    pages,
    scores,
    studies,
    study_profile,
    sur_curve,
    varjpeg,
    webhooks,
)
from app.settings import ApiSettings
from workers.run.celery_app import LimenCelery, create_celery
from workers.run.tracing import Tracing

DESCRIPTION = """
Where is distortion invisible, who would notice JPEG compression, and the smallest JPEG that a share of viewers cannot
tell from the original. Every `POST` makes a job: `202` with its `Location`, or the result itself with `Prefer: wait=N`.
Every error is `application/problem+json`.
"""


def create_app(
    settings: ApiSettings | None = None, *, celery: LimenCelery | None = None, host: str = "127.0.0.1"
) -> FastAPI:
    """The ASGI application.

    Args: ``settings``: read from the environment if not given; ``celery``: the application to send work through, with
    its job and blob stores; the embedded mode passes its worker's own; ``host``: the address that it is served on.
    Raises: ValueError if there is neither Redis nor an embedded worker, so that nobody would do the work, or if nobody
    has said who may use what ``host`` lets others reach.
    """
    settings = settings or ApiSettings()
    if celery is None and settings.embedded:
        raise ValueError("without LIMEN_REDIS_URL the service needs an embedded worker: start it with `limen serve`")
    celery = celery or create_celery(settings)
    app = FastAPI(
        title="Limen",
        version=version("limen"),
        description=DESCRIPTION.strip(),
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs else None,
        generate_unique_id_function=lambda route: route.name,
        telemetry=_traces(celery.tracing),
    )
    app.state.services = Services(settings, celery)
    app.state.gate = opened_gate(celery.keys, settings, host)
    app.state.metrics = HttpMetrics(celery.jobs)
    app.add_middleware(HttpSemantics)
    add_cors(app, settings.cors_origins)
    app.add_middleware(RequestLog, metrics=app.state.metrics, tracing=celery.tracing)
    install_problem_handlers(app)
    _add_routes(app, with_docs=settings.docs)
    install_openapi(app)
    return app


def _traces(tracing: Tracing) -> TelemetryConfig | None:
    """One span for each request but those of probes; FastAPI's own defaults where traces are off."""
    if tracing.provider is None:
        return None
    return {
        "tracer_provider": tracing.provider,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "exclude": lambda scope: scope["path"].startswith(("/health/", "/metrics")),
    }


def _add_routes(app: FastAPI, *, with_docs: bool) -> None:
    capabilities = (maps, scores, sur_curve, varjpeg)
    studying = (studies, study_profile, observe)
    for module in (*capabilities, jobs, batch, *studying, model_info, model_pages, webhooks, health, pages):
        app.include_router(module.router)
    app.mount("/page", pages.page_assets())
    if with_docs:
        app.include_router(pages.docs_router)
        app.mount("/docs/assets", pages.docs_assets())


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    services: Services = app.state.services
    if services.settings.access_log:
        log_access_to_stderr()
    yield
