"""``POST /v1/jnd-map``: where distortion is invisible."""

from fastapi import APIRouter, Request, Response

from app.dependencies import IMAGE, AcceptedImage, IdempotencyKey, ServicesDep, WishesDep
from app.http.openapi import upload_operation
from app.result_schemas import JndMapResult
from app.submission import submit_job
from workers.contracts import JndMapRequest

router = APIRouter(prefix="/v1", tags=["capabilities"])


@router.post(
    "/jnd-map",
    summary="Where distortion is invisible",
    **upload_operation(JndMapRequest, IMAGE, result=JndMapResult, files=("image/png", "application/x-npz")),
)
async def create_jnd_map(
    upload: AcceptedImage,
    request: Request,
    services: ServicesDep,
    wishes: WishesDep,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """The visibility threshold of each pixel, in 8-bit luma levels: what changes less than this, nobody sees.

    By default the reply is JSON; its `artefacts` are pictures of the map and the values themselves.

    `curl -f -F image=@photo.png -H 'Prefer: wait=60' -H 'Accept: image/png' localhost:8000/v1/jnd-map -o jnd.png`
    """
    return await submit_job(
        JndMapRequest, upload, request=request, services=services, wishes=wishes, idempotency_key=idempotency_key
    )
