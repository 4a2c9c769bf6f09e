"""``GET /v1/models``: what runs, where, on which provider, trained on what, and how good."""

from fastapi import APIRouter

from app.access.gate import KEY_PROBLEMS, needs
from app.dependencies import JobsDep, SettingsDep
from app.openapi import problem_responses
from app.schemas import ModelsInService
from workers.contracts import FailureCode
from workers.errors import BrokerUnavailableError
from workers.keys.scope import Scope

router = APIRouter(prefix="/v1", tags=["service"])


@router.get(
    "/models",
    summary="What runs, and how good it is",
    dependencies=[needs(Scope.READ)],
    responses=problem_responses((*KEY_PROBLEMS, BrokerUnavailableError.code, FailureCode.INTERNAL)),
)
def read_models(jobs: JobsDep, settings: SettingsDep) -> ModelsInService:
    """The live workers with their models and observer profiles, as they last told.

    `curl localhost:8000/v1/models`
    """
    return ModelsInService(
        model_version=jobs.model_version(), default_observer=settings.profile, workers=jobs.workers()
    )
