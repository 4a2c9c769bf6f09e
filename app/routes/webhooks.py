"""``GET /v1/webhooks/dead``: webhooks that nobody took."""

from fastapi import APIRouter, Response

from app.access.gate import KEY_PROBLEMS, needs
from app.dependencies import ServicesDep
from app.openapi import problem_responses
from app.schemas import DeadWebhook, DeadWebhooks
from workers.contracts import FailureCode
from workers.errors import BrokerUnavailableError
from workers.keys.scope import Scope

router = APIRouter(prefix="/v1/webhooks", tags=["service"])


@router.get(
    "/dead",
    summary="Webhooks that nobody took",
    dependencies=[needs(Scope.ADMIN)],
    responses=problem_responses((*KEY_PROBLEMS, BrokerUnavailableError.code, FailureCode.INTERNAL)),
)
def read_dead_webhooks(services: ServicesDep, response: Response) -> DeadWebhooks:
    """Those given up after their last attempt, newest first, a thousand at most.

    `curl localhost:8000/v1/webhooks/dead`
    """
    response.headers["Cache-Control"] = "no-store"
    return DeadWebhooks(webhooks=[DeadWebhook.of(letter) for letter in services.celery.outbox.dead()])
