"""``POST /v1/quality-score``: how good an image looks, without a reference."""

from fastapi import APIRouter, Request, Response

from app.dependencies import IMAGE, AcceptedImage, IdempotencyKey, ServicesDep, WishesDep
from app.http.openapi import upload_operation
from app.result_schemas import QualityScoreResult
from app.submission import submit_job
from workers.contracts import QualityScoreRequest

router = APIRouter(prefix="/v1", tags=["capabilities"])


@router.post(
    "/quality-score",
    summary="How good an image looks",
    **upload_operation(QualityScoreRequest, IMAGE, result=QualityScoreResult),
)
async def create_quality_score(
    upload: AcceptedImage,
    request: Request,
    services: ServicesDep,
    wishes: WishesDep,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """A mean opinion score from 0 to 100, higher is better, and the plain means of the maps it was made from.

    `curl -F image=@photo.jpg -H 'Prefer: wait=60' localhost:8000/v1/quality-score`
    """
    return await submit_job(
        QualityScoreRequest, upload, request=request, services=services, wishes=wishes, idempotency_key=idempotency_key
    )
