"""Why a job failed."""

from enum import StrEnum

from pydantic import BaseModel


class FailureCode(StrEnum):
    """Why a job failed; each has one problem type in ``app.http.problem_types``."""

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
    BLOB_STORE_UNAVAILABLE = "blob-store-unavailable"
    DEADLINE_EXCEEDED = "deadline-exceeded"
    WORKER_LOST = "worker-lost"
    INTERNAL = "internal"


class Failure(BaseModel):
    """Why a job failed; ``detail`` is safe to show to the client."""

    code: FailureCode
    detail: str
