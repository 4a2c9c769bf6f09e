"""``POST /v1/jnd-map`` and ``/v1/patch-quality-map``: where distortion is invisible, and where an image looks good."""

from fastapi import APIRouter, Response

from app.access.gate import needs
from app.dependencies import IMAGE, IMAGE_AND_REFERENCE, AcceptedImage, AcceptedImageAndReference
from app.openapi import IMAGE_PROBLEMS, upload_operation
from app.submission import SubmitDep
from workers.contracts import FailureCode, JndMapRequest, PatchQualityMapRequest
from workers.keys.scope import Scope

router = APIRouter(prefix="/v1", tags=["capabilities"], dependencies=[needs(Scope.SUBMIT, makes_work=True)])


@router.post(
    "/jnd-map",
    summary="Where distortion is invisible",
    **upload_operation(JndMapRequest, IMAGE, files=("image/png", "application/x-npz")),
)
async def create_jnd_map(upload: AcceptedImage, submit: SubmitDep) -> Response:
    """The visibility threshold of each pixel, in 8-bit luma levels: what changes less than this, nobody sees.

    By default the reply is JSON; its `artefacts` are pictures of the map and the values themselves.

    `curl -f -F image=@photo.png -H 'Prefer: wait=60' -H 'Accept: image/png' localhost:8000/v1/jnd-map -o jnd.png`
    """
    return await submit(JndMapRequest, upload)


@router.post(
    "/patch-quality-map",
    summary="How good each part of an image looks",
    **upload_operation(
        PatchQualityMapRequest,
        IMAGE_AND_REFERENCE,
        files=("image/png", "application/x-npz"),
        problems=(*IMAGE_PROBLEMS, FailureCode.IMAGE_SIZES_DIFFER),
        example={"stride": 32},
    ),
)
async def create_patch_quality_map(upload: AcceptedImageAndReference, submit: SubmitDep) -> Response:
    """Local quality in [0, 1], higher is better; with `reference`, DMOS 1..5 against it, 5 is no visible difference.

    By default the reply is JSON.

    `curl -F image=@photo.jpg -F stride=32 -H 'Prefer: wait=60' localhost:8000/v1/patch-quality-map`
    """
    return await submit(PatchQualityMapRequest, upload)
