"""``POST /v1/patch-quality-map``: how good each part of an image looks."""

from fastapi import APIRouter, Request, Response

from app.dependencies import (
    IMAGE_AND_REFERENCE,
    AcceptedImageAndReference,
    IdempotencyKey,
    ServicesDep,
    WishesDep,
)
from app.http.openapi import IMAGE_PROBLEMS, upload_operation
from app.result_schemas import PatchQualityMapResult
from app.submission import submit_job
from workers.contracts import PatchQualityMapRequest

router = APIRouter(prefix="/v1", tags=["capabilities"])


@router.post(
    "/patch-quality-map",
    summary="How good each part of an image looks",
    **upload_operation(
        PatchQualityMapRequest,
        IMAGE_AND_REFERENCE,
        result=PatchQualityMapResult,
        files=("image/png", "application/x-npz"),
        problems=(*IMAGE_PROBLEMS, "image-sizes-differ"),
        example={"stride": 32},
    ),
)
async def create_patch_quality_map(
    upload: AcceptedImageAndReference,
    request: Request,
    services: ServicesDep,
    wishes: WishesDep,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Local quality in [0, 1], higher is better; with `reference`, DMOS 1..5 against it, 5 is no visible difference.

    By default the reply is JSON.

    `curl -F image=@photo.jpg -F stride=32 -H 'Prefer: wait=60' localhost:8000/v1/patch-quality-map`
    """
    return await submit_job(
        PatchQualityMapRequest,
        upload,
        request=request,
        services=services,
        wishes=wishes,
        idempotency_key=idempotency_key,
    )
