"""What travels over the queue: each task's request and result, and why it fails. Images go by key, never by bytes."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from models.varjpeg.options import Jnd, Observer, PixelsPerDegree, VarJpegOptions
from models.viewing import DEFAULT_OBSERVER

BlobKey = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the bytes, in hexadecimal")]


def _number(value: Any) -> Any:
    """A whole number that came as the text of a form; a choice of numbers takes no text by itself."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


PatchSize = Annotated[Literal[64, 128], BeforeValidator(_number)]


class FailureCode(StrEnum):
    """Why a job failed; each has one problem type in ``app.http.problems``."""

    IMAGE_TYPE_UNSUPPORTED = "image-type-unsupported"
    IMAGE_UNDECODABLE = "image-undecodable"
    IMAGE_TOO_LARGE = "image-too-large"
    IMAGE_SIZES_DIFFER = "image-sizes-differ"
    PARAMETER_INVALID = "parameter-invalid"
    DISTRIBUTION_INVALID = "distribution-invalid"
    TARGET_UNREACHABLE = "target-unreachable"
    CONTAINER_INVALID = "container-invalid"
    MODEL_INVALID = "model-invalid"
    BLOB_MISSING = "blob-missing"
    DEADLINE_EXCEEDED = "deadline-exceeded"
    WORKER_LOST = "worker-lost"
    INTERNAL = "internal"


class Request(BaseModel):
    """Base of all requests: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class JndMapRequest(Request):
    """Ask for the visibility threshold of each pixel."""

    capability: Literal["jnd-map"] = "jnd-map"
    image_key: BlobKey


class PatchQualityMapRequest(Request):
    """Ask for local quality: no-reference in [0, 1], or DMOS 1..5 against ``reference_key``."""

    capability: Literal["patch-quality-map"] = "patch-quality-map"
    image_key: BlobKey
    reference_key: BlobKey | None = None
    stride: int = Field(default=16, ge=4, le=128)
    patch_size: PatchSize = 64


class QualityScoreRequest(Request):
    """Ask for a global quality score without a reference."""

    capability: Literal["quality-score"] = "quality-score"
    image_key: BlobKey


class FullReferenceScoreRequest(Request):
    """Ask how close ``distorted_key`` looks to ``reference_key``."""

    capability: Literal["full-reference-score"] = "full-reference-score"
    reference_key: BlobKey
    distorted_key: BlobKey


class SurCurveRequest(Request):
    """Ask what share of viewers would notice JPEG compression at each quality."""

    capability: Literal["sur-curve"] = "sur-curve"
    image_key: BlobKey
    jnd: Jnd = 1
    percent: float = Field(default=75.0, gt=0, lt=100)
    observer: Observer = DEFAULT_OBSERVER
    pixels_per_degree: PixelsPerDegree | None = None


class VarJpegRequest(VarJpegOptions, Request):
    """Ask for a smaller file: the options of VarJPEG, and the images they are for."""

    capability: Literal["varjpeg"] = "varjpeg"
    image_key: BlobKey
    protect_key: BlobKey | None = None

    def options(self) -> VarJpegOptions:
        """What is asked for, without the keys of images."""
        return VarJpegOptions(**{name: getattr(self, name) for name in VarJpegOptions.model_fields})


class VarJpegDecodeRequest(Request):
    """Ask for the PNG of a VarJPEG container."""

    capability: Literal["varjpeg-decode"] = "varjpeg-decode"
    image_key: BlobKey


class StudyLadderRequest(Request):
    """Ask for the distorted versions of a photo of an observer study; they stay in the study's own folder."""

    capability: Literal["study-ladder"] = "study-ladder"
    study_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    photo_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    upload_key: BlobKey
    max_width: int = Field(ge=1)
    max_height: int = Field(ge=1)


AnyRequest = Annotated[
    JndMapRequest
    | PatchQualityMapRequest
    | QualityScoreRequest
    | FullReferenceScoreRequest
    | SurCurveRequest
    | VarJpegRequest
    | VarJpegDecodeRequest
    | StudyLadderRequest,
    Field(discriminator="capability"),
]


class Artefact(BaseModel):
    """One file of a result, by content key."""

    name: str
    media_type: str
    key: BlobKey
    size_bytes: int


class JobResult(BaseModel):
    """Result of any task: a small JSON body (under 64 KiB) and files by key. The first artefact is the main one."""

    body: dict[str, Any]
    artefacts: list[Artefact] = []
    model_versions: dict[str, str] = {}


class Failure(BaseModel):
    """Why a job failed; ``detail`` is safe to show to the client."""

    code: FailureCode
    detail: str
