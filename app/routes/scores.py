"""``POST /v1/quality-score`` and ``/v1/full-reference-score``: one number for an image."""

from fastapi import APIRouter, Response

from app.access.gate import needs
from app.dependencies import IMAGE, REFERENCE_AND_DISTORTED, AcceptedImage, AcceptedPair
from app.openapi import IMAGE_PROBLEMS, upload_operation
from app.submission import SubmitDep
from workers.contracts import FailureCode, FullReferenceScoreRequest, QualityScoreRequest
from workers.keys.scope import Scope

router = APIRouter(prefix="/v1", tags=["capabilities"], dependencies=[needs(Scope.SUBMIT, makes_work=True)])


@router.post(
    "/quality-score",
    summary="How good an image looks",
    **upload_operation(QualityScoreRequest, IMAGE),
)
async def create_quality_score(upload: AcceptedImage, submit: SubmitDep) -> Response:
    """A mean opinion score from 0 to 100, higher is better, and the plain means of the maps it was made from.

    `curl -F image=@photo.jpg -H 'Prefer: wait=60' localhost:8000/v1/quality-score`
    """
    return await submit(QualityScoreRequest, upload)


@router.post(
    "/full-reference-score",
    summary="How close a distorted image looks to its reference",
    **upload_operation(
        FullReferenceScoreRequest,
        REFERENCE_AND_DISTORTED,
        problems=(*IMAGE_PROBLEMS, FailureCode.IMAGE_SIZES_DIFFER),
    ),
)
async def create_full_reference_score(upload: AcceptedPair, submit: SubmitDep) -> Response:
    """A score, higher is better, with the score of each patch and the classical metrics beside it.

    `perceptual=true` adds SSIMULACRA2 and the 3-norm of butteraugli.

    `curl -F reference=@photo.png -F distorted=@photo.jpg -H 'Prefer: wait=60' localhost:8000/v1/full-reference-score`
    """
    return await submit(FullReferenceScoreRequest, upload)
