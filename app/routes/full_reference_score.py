"""``POST /v1/full-reference-score``: how close a distorted image looks to its reference."""

from fastapi import APIRouter, Request, Response

from app.dependencies import REFERENCE_AND_DISTORTED, AcceptedPair, IdempotencyKey, ServicesDep, WishesDep
from app.http.openapi import IMAGE_PROBLEMS, upload_operation
from app.result_schemas import FullReferenceScoreResult
from app.submission import submit_job
from workers.contracts import FullReferenceScoreRequest

router = APIRouter(prefix="/v1", tags=["capabilities"])


@router.post(
    "/full-reference-score",
    summary="How close a distorted image looks to its reference",
    **upload_operation(
        FullReferenceScoreRequest,
        REFERENCE_AND_DISTORTED,
        result=FullReferenceScoreResult,
        problems=(*IMAGE_PROBLEMS, "image-sizes-differ"),
    ),
)
async def create_full_reference_score(
    upload: AcceptedPair,
    request: Request,
    services: ServicesDep,
    wishes: WishesDep,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """A score, higher is better, with the score of each patch and the classical metrics beside it.

    `curl -F reference=@photo.png -F distorted=@photo.jpg -H 'Prefer: wait=60' localhost:8000/v1/full-reference-score`
    """
    return await submit_job(
        FullReferenceScoreRequest,
        upload,
        request=request,
        services=services,
        wishes=wishes,
        idempotency_key=idempotency_key,
    )
