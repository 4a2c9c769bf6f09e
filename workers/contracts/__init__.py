"""What travels over the queue, one file per capability: its request, its result, and that in one line for people."""

from typing import Annotated, get_args

from pydantic import Field

from workers.contracts.base import BlobKey, Request, ResultBody
from workers.contracts.failure import Failure, FailureCode
from workers.contracts.full_reference_score import FullReferenceScoreRequest, FullReferenceScoreResult
from workers.contracts.image import ImageResult
from workers.contracts.jnd_map import JndMapRequest, JndMapResult
from workers.contracts.job_result import Artefact, JobResult
from workers.contracts.patch_quality_map import PatchQualityMapRequest, PatchQualityMapResult
from workers.contracts.plain_encoding import PlainEncodingRequest, PlainEncodingResult
from workers.contracts.quality_score import QualityScoreRequest, QualityScoreResult
from workers.contracts.study_ladder import StudyLadderRequest, StudyLadderResult
from workers.contracts.study_profile import StudyCurve, StudyProfileRequest, StudyProfileResult
from workers.contracts.sur_curve import SurCurveRequest, SurCurveResult
from workers.contracts.varjpeg import VarJpegDecodeRequest, VarJpegRequest, VarJpegResult

CapabilityRequest = (
    JndMapRequest
    | PatchQualityMapRequest
    | QualityScoreRequest
    | FullReferenceScoreRequest
    | SurCurveRequest
    | VarJpegRequest
    | VarJpegDecodeRequest
    | PlainEncodingRequest
)
"""What clients ask for; a new capability is added here."""

CAPABILITIES: tuple[type[Request], ...] = get_args(CapabilityRequest)

AnyRequest = Annotated[CapabilityRequest | StudyLadderRequest | StudyProfileRequest, Field(discriminator="capability")]

__all__ = [
    "CAPABILITIES",
    "AnyRequest",
    "Artefact",
    "BlobKey",
    "CapabilityRequest",
    "Failure",
    "FailureCode",
    "FullReferenceScoreRequest",
    "FullReferenceScoreResult",
    "ImageResult",
    "JndMapRequest",
    "JndMapResult",
    "JobResult",
    "PatchQualityMapRequest",
    "PatchQualityMapResult",
    "PlainEncodingRequest",
    "PlainEncodingResult",
    "QualityScoreRequest",
    "QualityScoreResult",
    "Request",
    "ResultBody",
    "StudyCurve",
    "StudyLadderRequest",
    "StudyLadderResult",
    "StudyProfileRequest",
    "StudyProfileResult",
    "SurCurveRequest",
    "SurCurveResult",
    "VarJpegDecodeRequest",
    "VarJpegRequest",
    "VarJpegResult",
]
