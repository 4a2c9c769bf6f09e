"""What routes ask for by type: settings, stores, the received upload, and what the client prefers."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Request

from app.access.gate import ClientDep
from app.http.earlier import EarlierJobs
from app.http.negotiation import choose_media_type, preferred_wait_s
from app.http.uploads import Upload, UploadForm, receive_upload
from app.settings import ApiSettings
from workers.blobs.store import BlobStore
from workers.jobs.store import JobStore
from workers.run.celery_app import LimenCelery
from workers.studies.store import StudyStore


@dataclass(frozen=True, slots=True)
class Services:
    """What ``create_app`` was given; kept as ``app.state.services``. The stores are those of ``celery``."""

    settings: ApiSettings
    celery: LimenCelery

    @property
    def jobs(self) -> JobStore:
        """Job records."""
        return self.celery.jobs

    @property
    def blobs(self) -> BlobStore:
        """Image and result bytes."""
        return self.celery.blobs

    @property
    def studies(self) -> StudyStore:
        """Observer studies and their images."""
        return self.celery.studies


def services_of(request: Request) -> Services:
    """The services of the application that handles ``request``."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]


def _settings(services: ServicesDep) -> ApiSettings:
    return services.settings


def _jobs(services: ServicesDep) -> JobStore:
    return services.jobs


def _blobs(services: ServicesDep) -> BlobStore:
    return services.blobs


SettingsDep = Annotated[ApiSettings, Depends(_settings)]
JobsDep = Annotated[JobStore, Depends(_jobs)]
BlobsDep = Annotated[BlobStore, Depends(_blobs)]


RESULT_FILES = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/avif",
    "image/svg+xml",
    "text/csv",
    "application/x-npz",
    "application/vnd.limen.varjpeg",
)
"""Media types in which results exist beside JSON."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the client prefers: how long to wait (None: not at all), and the media types it accepts."""

    wait_s: int | None
    accept: str | None

    @property
    def files_only(self) -> bool:
        """Whether the client takes files of results but no JSON: the description of a job is of no use to it."""
        takes_files = choose_media_type(self.accept, RESULT_FILES) is not None
        return takes_files and choose_media_type(self.accept, ("application/json",)) is None

    @property
    def applied(self) -> dict[str, str]:
        """The header that says what was done of it (RFC 7240, section 3)."""
        return {} if self.wait_s is None else {"Preference-Applied": f"wait={self.wait_s}"}


def _preferences(
    request: Request,
    settings: SettingsDep,
    prefer: Annotated[
        str | None,
        Header(
            description="`wait=N` holds the request until the result is there, N seconds at most. Who accepts no JSON "
            "waits without it too.",
            examples=["wait=60"],
        ),
    ] = None,
) -> Preferences:
    wait_s = preferred_wait_s(request.headers.getlist("prefer"), cap_s=settings.max_wait_s)
    accepts = request.headers.getlist("accept")
    return Preferences(wait_s, ",".join(accepts) or None)


PreferencesDep = Annotated[Preferences, Depends(_preferences)]

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same key with the same request gives the same job; with another request, a 409 problem.",
    ),
]

IMAGE = UploadForm(required=("image",))
IMAGE_AND_REFERENCE = UploadForm(required=("image",), optional=("reference",))
REFERENCE_AND_DISTORTED = UploadForm(required=("reference", "distorted"))
IMAGE_AND_PROTECT = UploadForm(required=("image",), optional=("protect",))
CONTAINER = UploadForm(required=("image",), images=False)


def _earlier(services: ServicesDep, client: ClientDep) -> EarlierJobs:
    return EarlierJobs(services.jobs, services.blobs, client.id)


EarlierDep = Annotated[EarlierJobs, Depends(_earlier)]


def _received(form: UploadForm) -> Any:
    """The dependency that reads such a form."""

    async def received(request: Request, services: ServicesDep, earlier: EarlierDep) -> Upload:
        return await receive_upload(request, form, services.settings, services.blobs, earlier)

    return Depends(received)


AcceptedImage = Annotated[Upload, _received(IMAGE)]
AcceptedImageAndReference = Annotated[Upload, _received(IMAGE_AND_REFERENCE)]
AcceptedPair = Annotated[Upload, _received(REFERENCE_AND_DISTORTED)]
AcceptedImageAndProtect = Annotated[Upload, _received(IMAGE_AND_PROTECT)]
AcceptedContainer = Annotated[Upload, _received(CONTAINER)]
