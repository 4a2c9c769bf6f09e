"""``/v1/studies``: an organiser makes an observer study, follows it, takes the answers home and ends it."""

import contextlib
import secrets
from collections.abc import Iterator
from importlib.resources import files as package_files
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.access.gate import KEY_PROBLEMS, ClientDep, QuotasDep, needs
from app.access.quotas import QUOTA_PROBLEMS
from app.dependencies import IMAGE, EarlierDep, Services, ServicesDep, SettingsDep
from app.http.json_body import receive_json
from app.http.problem_types import RequestFault
from app.http.problems import ProblemError, validation_errors
from app.http.uploads import receive_upload
from app.openapi import IMAGE_PROBLEMS, form_body, json_body, problem_responses
from app.studies.export import dataset_zip, samples_csv
from app.studies.schemas import PhotoState, PhotoStatus, StudyCreated, StudyLinks, StudyStatus, moment, observers_of
from workers.contracts import FailureCode, StudyLadderRequest
from workers.errors import (
    BlobStoreFullError,
    BlobStoreUnavailableError,
    BrokerUnavailableError,
    JobExpiredError,
    JobUnknownError,
    QueueFullError,
    ServiceError,
    StudyExpiredError,
    StudyFullError,
    StudyLimitError,
    StudyUnknownError,
)
from workers.jobs.record import JobState
from workers.keys.scope import Scope
from workers.run.signatures import submit
from workers.studies.record import MAX_PHOTOS, Study, StudyOptions, StudyPhoto, new_secret, organiser_link, with_photo

router = APIRouter(prefix="/v1/studies", tags=["observer studies"])

OrganiserKey = Annotated[
    str, Path(max_length=64, description="the secret given when the study was made", examples=["Yw3n…"])
]
_STUDY_PROBLEMS = (
    RequestFault.REQUEST_INVALID,
    StudyUnknownError.code,
    StudyExpiredError.code,
    BrokerUnavailableError.code,
    BlobStoreUnavailableError.code,
    FailureCode.INTERNAL,
)
_BODY_PROBLEMS = (
    RequestFault.UPLOAD_TIMEOUT,
    RequestFault.UPLOAD_TOO_LARGE,
    RequestFault.MEDIA_TYPE_UNSUPPORTED,
    RequestFault.REQUEST_INVALID,
)
_STUDY_EXAMPLE = {
    "title": "Product photos, spring",
    "consent_text": "We store your answers under a random number and nothing else. You may stop at any time.",
    "method": "adjustment-with-flicker",
    "jnds": 1,
    "viewing_condition": "Dimmed room, 60 cm away.",
}


class PhotoFields(BaseModel):
    """What may come with a photo."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(
        default=None, max_length=100, pattern=r"^[\w][\w .()-]*$", description="what exports call the photo"
    )


def _study(organiser_key: OrganiserKey, services: ServicesDep) -> Study:
    return services.studies.find(organiser_link(organiser_key))


OrganisedStudy = Annotated[Study, Depends(_study)]


@router.post(
    "",
    status_code=201,
    summary="Make an observer study",
    dependencies=[needs(Scope.STUDY, makes_work=True)],
    responses=problem_responses(
        (
            *KEY_PROBLEMS,
            RequestFault.REQUEST_LIMIT,
            *_BODY_PROBLEMS,
            StudyLimitError.code,
            QueueFullError.code,
            BrokerUnavailableError.code,
            BlobStoreFullError.code,
            BlobStoreUnavailableError.code,
            FailureCode.INTERNAL,
        )
    ),
    openapi_extra={"requestBody": json_body(StudyOptions, _STUDY_EXAMPLE)},
)
async def create_study(
    request: Request, settings: SettingsDep, services: ServicesDep, client: ClientDep
) -> StudyCreated:
    """A study without photos yet, and its two secrets: the organiser's key, shown this once, and the observers' link.

    Everything of it is deleted when it expires, or before that by `DELETE`.

    `curl -H 'Content-Type: application/json' -d '{"title": "Spring", "consent_text": "Answers are stored under a
    random number."}' localhost:8000/v1/studies`
    """
    options = await receive_json(request, StudyOptions, settings)
    return await run_in_threadpool(_created, options, services, client.id)


@router.get("/{organiser_key}", summary="Progress of a study", responses=problem_responses(_STUDY_PROBLEMS))
def read_study(organiser_key: OrganiserKey, study: OrganisedStudy, services: ServicesDep) -> StudyStatus:
    """Its photos, how far they are, how many observers took part, and its links.

    `curl localhost:8000/v1/studies/KEY`
    """
    return _status(study, organiser_key, services)


@router.post(
    "/{organiser_key}/photos",
    status_code=202,
    summary="Add a photo to a study",
    dependencies=[needs(Scope.STUDY, makes_work=True)],
    responses=problem_responses(
        (
            *KEY_PROBLEMS,
            *QUOTA_PROBLEMS,
            *_STUDY_PROBLEMS,
            *_BODY_PROBLEMS[:3],
            *IMAGE_PROBLEMS,
            RequestFault.UPLOAD_MALFORMED,
            RequestFault.UPLOAD_EMPTY,
            StudyFullError.code,
            QueueFullError.code,
            FailureCode.BLOB_MISSING,
            BlobStoreFullError.code,
        )
    ),
    openapi_extra={"requestBody": form_body(PhotoFields, IMAGE, {"name": "Chair (blue)"})},
)
async def add_study_photo(
    organiser_key: OrganiserKey,
    study: OrganisedStudy,
    request: Request,
    services: ServicesDep,
    client: ClientDep,
    quotas: QuotasDep,
    earlier: EarlierDep,
) -> PhotoStatus:
    """The photo is reduced to the display size of the study and compressed at all 100 distortion levels by a worker.

    At most 50 photos. Some 20 MB of disc each at 1920x1080, until the study ends.

    `curl -F image=@photo.png localhost:8000/v1/studies/KEY/photos`
    """
    if len(study.photos) >= MAX_PHOTOS:
        raise StudyFullError(f"a study takes {MAX_PHOTOS} photos")
    uploads = await run_in_threadpool(services.studies.files.uploads, study.id)
    upload = await receive_upload(request, IMAGE, services.settings, uploads, earlier)
    fields = _photo_fields(upload.fields)

    def added() -> PhotoStatus:
        quotas.count_pixels(client.key, upload.pixels)
        return _added(study, fields.name, upload.keys["image"], services, client.id)

    return await run_in_threadpool(added)


@router.get(
    "/{organiser_key}/samples",
    summary="The answers of a study as CSV",
    response_class=Response,
    responses={
        200: {"description": "One line per answer.", "content": {"text/csv": {"schema": {"type": "string"}}}},
        **problem_responses((*_STUDY_PROBLEMS, RequestFault.STUDY_EMPTY)),
    },
)
def export_samples(
    study: OrganisedStudy,
    services: ServicesDep,
    screened: Annotated[
        bool, Query(description="also the answers of observers who were left out, and why in `screening`")
    ] = False,
) -> Response:
    """JND samples in the layout that `limen calibrate` and the reader of MCL-JCI take: image, jnd, observer, qf.

    Left out are observers who missed an attention check, and outliers by the rule of ITU-R BT.500.

    `curl localhost:8000/v1/studies/KEY/samples -o samples.csv`
    """
    text, count = samples_csv(study, services.studies.sessions(study.id), services.studies.files, screened=screened)
    if not count:
        raise ProblemError(RequestFault.STUDY_EMPTY, "No answer has been kept so far.")
    return Response(text, media_type="text/csv", headers=_download("samples.csv"))


@router.get(
    "/{organiser_key}/dataset",
    summary="A study as a data set",
    response_class=Response,
    responses={
        200: {"description": "A ZIP archive.", "content": {"application/zip": {"schema": {"format": "binary"}}}},
        **problem_responses(_STUDY_PROBLEMS),
    },
)
def export_dataset(study: OrganisedStudy, services: ServicesDep) -> Response:
    """The answers kept, and every photo as shown with its 100 versions, in the layout of MCL-JCI.

    `curl localhost:8000/v1/studies/KEY/dataset -o study.zip`
    """
    pieces = dataset_zip(study, services.studies.sessions(study.id), services.studies.files)
    return StreamingResponse(pieces, media_type="application/zip", headers=_download("study.zip"))


@router.delete("/{organiser_key}", status_code=204, summary="End a study", responses=problem_responses(_STUDY_PROBLEMS))
def delete_study(study: OrganisedStudy, services: ServicesDep) -> None:
    """Delete its photos, sessions and answers now; its links answer `410` from then on.

    `curl -X DELETE localhost:8000/v1/studies/KEY`
    """
    for photo in (*study.photos, *((study.training,) if study.training else ())):
        with contextlib.suppress(ServiceError):
            services.jobs.cancel(photo.job_id)
    services.studies.delete(study.id)


def ready_photos(study: Study, services: Services) -> Iterator[StudyPhoto]:
    """Photos, the one for training not among them, whose versions are all there."""
    return (photo for photo in study.photos if services.studies.files.ladder(study.id, photo.id) is not None)


def photo_status(study: Study, photo: StudyPhoto, number: int, services: Services) -> PhotoStatus:
    """How far one photo is."""
    status = PhotoStatus(number=number, name=photo.name, sha256=photo.key, state=PhotoState.READY, progress=1.0)
    ladder = services.studies.files.ladder(study.id, photo.id)
    if ladder is not None:
        return status.model_copy(update={"width": ladder.width, "height": ladder.height})
    try:
        job = services.jobs.get(photo.job_id)
    except (JobUnknownError, JobExpiredError):
        return status.model_copy(update={"state": PhotoState.FAILED, "progress": 0.0, "detail": "its job was lost"})
    if job.state in (JobState.FAILED, JobState.CANCELLED):
        detail = "cancelled" if job.failure is None else job.failure.detail
        return status.model_copy(update={"state": PhotoState.FAILED, "progress": 0.0, "detail": detail})
    return status.model_copy(update={"state": PhotoState.PREPARING, "progress": min(job.progress, 0.99)})


def _created(options: StudyOptions, services: Services, client: str | None) -> StudyCreated:
    key = new_secret()
    study = services.studies.create(options, key)
    try:
        sample = (package_files("app") / "page" / "sample.png").read_bytes()
        training = _prepared(study, "practice", services.studies.files.uploads(study.id).put(sample), services, client)
    except ServiceError:
        services.studies.delete(study.id)
        raise
    study = services.studies.update(study.id, lambda found: found.model_copy(update={"training": training}))
    status = _status(study, key, services)
    return StudyCreated(**dict(status), organiser_key=key, observer_token=study.observer_token)


def _added(study: Study, name: str | None, key: str, services: Services, client: str | None) -> PhotoStatus:
    photo = _prepared(study, name, key, services, client)

    def change(found: Study) -> Study:
        if len(found.photos) >= MAX_PHOTOS:
            raise StudyFullError(f"a study takes {MAX_PHOTOS} photos")
        return with_photo(found, photo)

    changed = services.studies.update(study.id, change)
    number = 1 + [one.id for one in changed.photos].index(photo.id)
    return photo_status(changed, photo, number, services)


def _prepared(study: Study, name: str | None, key: str, services: Services, client: str | None) -> StudyPhoto:
    """A photo whose versions a worker begins to make."""
    photo_id = secrets.token_hex(8)
    request = StudyLadderRequest(
        study_id=study.id,
        photo_id=photo_id,
        upload_key=key,
        max_width=study.options.display_width,
        max_height=study.options.display_height,
    )
    job, _ = submit(services.celery, services.jobs, request, client=client)
    return StudyPhoto(id=photo_id, name=name or f"photo {len(study.photos) + 1}", key=key, job_id=job.id)


def _status(study: Study, key: str, services: Services) -> StudyStatus:
    photos = [photo_status(study, photo, number, services) for number, photo in enumerate(study.photos, start=1)]
    return StudyStatus(
        id=study.id,
        options=study.options,
        created_at=moment(study.created_at),
        expires_at=moment(study.expires_at),
        photos=photos,
        observers=observers_of(services.studies.sessions(study.id)),
        links=StudyLinks(organiser_page=f"/study#{key}", observer_page=f"/study/{study.observer_token}"),
    )


def _photo_fields(fields: dict[str, str]) -> PhotoFields:
    try:
        return PhotoFields.model_validate(fields)
    except ValidationError as error:
        found = validation_errors(list(error.errors(include_url=False, include_context=False, include_input=False)))
        raise ProblemError.of_inputs(found) from error


def _download(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
