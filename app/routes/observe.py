"""``/v1/observe``: an observer takes part in a study, by its link and without a name."""

from random import SystemRandom
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from app.dependencies import Services, ServicesDep, SettingsDep
from app.http.json_body import receive_json
from app.http.problem_types import RequestFault
from app.http.stored_files import stored_reply
from app.openapi import json_body, problem_responses
from app.routes.studies import photo_status, ready_photos
from app.studies.schemas import Consent, Invitation, PhotoState, SessionView, invitation, session_view
from workers.contracts import FailureCode
from workers.errors import (
    AnswerConflictError,
    BlobStoreUnavailableError,
    BrokerUnavailableError,
    SessionLimitError,
    SessionUnknownError,
    StudyExpiredError,
    StudyUnknownError,
    StudyUnreadyError,
    TrialUnknownError,
)
from workers.studies.record import Study, observer_link
from workers.studies.session import Answer, Session, new_session

router = APIRouter(prefix="/v1/observe", tags=["observer studies"])

Token = Annotated[str, Path(max_length=64, description="the secret in the observers' link", examples=["mN0c…"])]
SessionId = Annotated[str, Path(max_length=64, description="the secret of one's session", examples=["q8Zt…"])]
Number = Annotated[int, Path(ge=0, le=10_000, description="number of the trial, from 0")]
Level = Annotated[int, Path(ge=0, le=100, description="distortion level; 0 is the original")]

_LINK_PROBLEMS = (
    RequestFault.REQUEST_INVALID,
    StudyUnknownError.code,
    StudyExpiredError.code,
    BrokerUnavailableError.code,
    BlobStoreUnavailableError.code,
    FailureCode.INTERNAL,
)
_SESSION_PROBLEMS = (*_LINK_PROBLEMS, SessionUnknownError.code)
_BODY_PROBLEMS = (RequestFault.UPLOAD_TIMEOUT, RequestFault.UPLOAD_TOO_LARGE, RequestFault.MEDIA_TYPE_UNSUPPORTED)
_IMAGE = {"schema": {"type": "string", "format": "binary"}}
_CONSENT_EXAMPLE = {"consent": True, "screen": {"css_pixels_per_mm": 3.78, "viewing_distance_mm": 600}}


def _study(token: Token, services: ServicesDep) -> Study:
    return services.studies.find(observer_link(token))


def _session(session_id: SessionId, study: Annotated[Study, Depends(_study)], services: ServicesDep) -> Session:
    return services.studies.session(study.id, session_id)


ObservedStudy = Annotated[Study, Depends(_study)]
OwnSession = Annotated[Session, Depends(_session)]


@router.get("/{token}", summary="What an observer is asked", responses=problem_responses(_LINK_PROBLEMS))
def read_invitation(study: ObservedStudy, services: ServicesDep, response: Response) -> Invitation:
    """Title, consent text, method and viewing condition; no photo yet.

    `curl localhost:8000/v1/observe/TOKEN`
    """
    response.headers["Cache-Control"] = "no-store"
    return invitation(study, sum(1 for _ in ready_photos(study, services)))


@router.post(
    "/{token}/sessions",
    status_code=201,
    summary="Take part in a study",
    responses=problem_responses((*_LINK_PROBLEMS, *_BODY_PROBLEMS, StudyUnreadyError.code, SessionLimitError.code)),
    openapi_extra={"requestBody": json_body(Consent, _CONSENT_EXAMPLE)},
)
async def begin_session(
    token: Token, study: ObservedStudy, request: Request, settings: SettingsDep, services: ServicesDep
) -> SessionView:
    """A session of one's own after consent: a training round, the photos in random order, attention checks among them.

    Nothing is stored of the observer but a random number, the answers and how the screen is seen.

    `curl -H 'Content-Type: application/json' -d '{"consent": true, "screen": {"css_pixels_per_mm": 3.78,
    "viewing_distance_mm": 600}}' localhost:8000/v1/observe/TOKEN/sessions`
    """
    consent = await receive_json(request, Consent, settings)
    return await run_in_threadpool(_begun, study, token, consent, services)


@router.get(
    "/{token}/sessions/{session_id}", summary="Where a session stands", responses=problem_responses(_SESSION_PROBLEMS)
)
def read_session(
    token: Token, study: ObservedStudy, session: OwnSession, services: ServicesDep, response: Response
) -> SessionView:
    """What has been answered and what is asked next: a session interrupted goes on from here.

    `curl localhost:8000/v1/observe/TOKEN/sessions/SESSION`
    """
    response.headers["Cache-Control"] = "no-store"
    return _view(study, session, token, services)


@router.get(
    "/{token}/sessions/{session_id}/trials/{number}/levels/{level}",
    summary="An image of a trial",
    response_class=Response,
    responses={
        200: {"description": "PNG of the original, else JPEG.", "content": {"image/png": _IMAGE, "image/jpeg": _IMAGE}},
        **problem_responses((*_SESSION_PROBLEMS, TrialUnknownError.code, FailureCode.BLOB_MISSING)),
    },
)
def read_trial_image(
    request: Request, study: ObservedStudy, session: OwnSession, number: Number, level: Level, services: ServicesDep
) -> Response:
    """What this trial shows as `level`; an attention check shows another one, which the address does not tell.

    `curl localhost:8000/v1/observe/TOKEN/sessions/SESSION/trials/0/levels/42 -o shown.jpg`
    """
    shown = session.shown_level(number, level)
    file = services.studies.files.version(study.id, session.trials[number].photo_id, shown)
    headers = {"Cache-Control": "private, max-age=3600"}
    return stored_reply(request, file, media_type="image/png" if shown == 0 else "image/jpeg", headers=headers)


@router.post(
    "/{token}/sessions/{session_id}/trials/{number}",
    summary="Answer a trial",
    responses=problem_responses(
        (*_SESSION_PROBLEMS, *_BODY_PROBLEMS, TrialUnknownError.code, AnswerConflictError.code)
    ),
    openapi_extra={"requestBody": json_body(Answer, {"level": 42, "pixels_per_degree": 60.5})},
)
async def answer_trial(
    token: Token,
    study: ObservedStudy,
    session: OwnSession,
    number: Number,
    request: Request,
    settings: SettingsDep,
    services: ServicesDep,
) -> SessionView:
    """The lowest level that looked different from the reference, 101 if none did; the reply is what is asked next.

    `curl -H 'Content-Type: application/json' -d '{"level": 42, "pixels_per_degree": 60.5}'
    localhost:8000/v1/observe/TOKEN/sessions/SESSION/trials/0`
    """
    answer = await receive_json(request, Answer, settings)

    def answered() -> SessionView:
        changed = services.studies.update_session(study.id, session.id, lambda one: one.answered(number, answer))
        return _view(study, changed, token, services)

    return await run_in_threadpool(answered)


def _begun(study: Study, token: str, consent: Consent, services: Services) -> SessionView:
    states = [photo_status(study, photo, number, services).state for number, photo in enumerate(study.photos, start=1)]
    if study.training is None or services.studies.files.ladder(study.id, study.training.id) is None:
        raise StudyUnreadyError("the picture to practise on is still being prepared")
    if PhotoState.PREPARING in states or PhotoState.READY not in states:
        raise StudyUnreadyError(f"{states.count(PhotoState.READY)} of {len(states)} photos are ready")
    photo_ids = [photo.id for photo in ready_photos(study, services)]
    session = new_session(study, photo_ids, consent.screen, services.jobs.now(), SystemRandom())
    services.studies.add_session(study.id, session)
    return _view(study, session, token, services)


def _view(study: Study, session: Session, token: str, services: Services) -> SessionView:
    photo_ids = {trial.photo_id for trial in session.trials}
    found = {photo_id: services.studies.files.ladder(study.id, photo_id) for photo_id in photo_ids}
    return session_view(study, session, token, {key: ladder for key, ladder in found.items() if ladder is not None})
