"""What an organiser sees of a study: its photos, and the observer profile that fits its answers."""

import csv
import io
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from app.dependencies import Services, ServicesDep
from app.http.problem_types import RequestFault
from app.http.problems import RETRY_AFTER_S, ProblemError
from app.http.stored_files import stored_reply
from app.openapi import problem_responses
from app.replies import successful_result
from app.routes.studies import OrganisedStudy
from app.studies.export import samples_csv, screening_counts
from app.studies.schemas import Screening, StudyProfile
from app.waiting import waited_for
from workers.contracts import FailureCode, StudyProfileRequest, StudyProfileResult
from workers.errors import (
    BlobStoreUnavailableError,
    BrokerUnavailableError,
    QueueFullError,
    StudyExpiredError,
    StudyUnknownError,
)
from workers.run.signatures import submit
from workers.studies.record import MAX_PHOTOS, Study
from workers.studies.samples import FEWEST_SAMPLES

router = APIRouter(prefix="/v1/studies", tags=["observer studies"])

SHOWN_LEVEL = 21
"""Distortion level of the photos on the organiser's page, JPEG quality 80: small, and for looking at them enough."""
_PROBLEMS = (
    RequestFault.REQUEST_INVALID,
    StudyUnknownError.code,
    StudyExpiredError.code,
    BrokerUnavailableError.code,
    BlobStoreUnavailableError.code,
    FailureCode.INTERNAL,
)


@router.get(
    "/{organiser_key}/photos/{photo}",
    summary="A photo of a study, to recognise it by",
    response_class=Response,
    responses={
        200: {"description": "A JPEG.", "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
        **problem_responses((*_PROBLEMS, RequestFault.ROUTE_UNKNOWN, FailureCode.BLOB_MISSING)),
    },
)
def read_study_photo(
    request: Request,
    study: OrganisedStudy,
    photo: Annotated[int, Path(ge=1, le=MAX_PHOTOS, description="its number, from 1")],
    services: ServicesDep,
) -> Response:
    """The photo with that number, as large as it is shown, once its versions are there.

    `curl localhost:8000/v1/studies/KEY/photos/1 -o photo.jpg`
    """
    if photo > len(study.photos):
        raise ProblemError(RequestFault.ROUTE_UNKNOWN, f"The study has {len(study.photos)} photos.")
    file = services.studies.files.version(study.id, study.photos[photo - 1].id, SHOWN_LEVEL)
    return stored_reply(request, file, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


@router.get(
    "/{organiser_key}/profile",
    summary="The observer profile of a study",
    responses=problem_responses(
        (
            *_PROBLEMS,
            RequestFault.STUDY_EMPTY,
            FailureCode.PARAMETER_INVALID,
            QueueFullError.code,
            RequestFault.WAIT_ENDED,
            FailureCode.DEADLINE_EXCEEDED,
        )
    ),
)
async def read_study_profile(
    study: OrganisedStudy,
    request: Request,
    response: Response,
    services: ServicesDep,
    name: Annotated[str, Query(pattern=r"^[a-z0-9-]{1,64}$", description="what the profile shall be called")] = "team",
) -> StudyProfile:
    """Fitted to the answers so far as by `limen calibrate`, for `limen serve --profile`; ten answers are needed.

    `curl localhost:8000/v1/studies/KEY/profile`
    """
    asked, screening = await run_in_threadpool(_asked, study, name, services)
    job, _ = await run_in_threadpool(submit, services.celery, services.jobs, asked)
    job = await waited_for(job, request, services.jobs, services.settings.max_wait_s)
    if not job.finished:
        later = {"Retry-After": str(RETRY_AFTER_S)}
        raise ProblemError(RequestFault.WAIT_ENDED, "The profile is still being fitted: ask again.", headers=later)
    body = successful_result(job).body
    assert isinstance(body, StudyProfileResult)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.json"'
    response.headers["Cache-Control"] = "no-store"
    return StudyProfile(**body.model_dump(include=set(StudyProfileResult.model_fields)), screening=screening)


def _asked(study: Study, name: str, services: Services) -> tuple[StudyProfileRequest, Screening]:
    """The request for the answers so far, and who of the observers counts. Raises: ProblemError."""
    sessions = services.studies.sessions(study.id)
    text, _ = samples_csv(study, sessions, services.studies.files, screened=False)
    first = sum(row["jnd"] == "1" for row in csv.DictReader(io.StringIO(text)))
    if first < FEWEST_SAMPLES:
        detail = f"{first} answers to the first difference were kept so far; a profile needs {FEWEST_SAMPLES}."
        raise ProblemError(RequestFault.STUDY_EMPTY, detail)
    request = StudyProfileRequest(
        study_id=study.id,
        photo_ids=tuple(photo.id for photo in study.photos),
        samples_key=services.studies.files.uploads(study.id).put(text.encode()),
        profile_name=name,
    )
    return request, Screening(**screening_counts(study, sessions))
