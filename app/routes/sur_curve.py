"""``POST /v1/sur-curve``: who would notice JPEG compression at each quality."""

from fastapi import APIRouter, Response

from app.access.gate import needs
from app.dependencies import IMAGE, AcceptedImage
from app.openapi import IMAGE_PROBLEMS, upload_operation
from app.submission import SubmitDep
from workers.contracts import FailureCode, SurCurveRequest
from workers.keys.scope import Scope

router = APIRouter(prefix="/v1", tags=["capabilities"], dependencies=[needs(Scope.SUBMIT, makes_work=True)])


@router.post(
    "/sur-curve",
    summary="Who would notice JPEG compression at each quality",
    **upload_operation(
        SurCurveRequest,
        IMAGE,
        files=("image/svg+xml", "image/png", "text/csv"),
        problems=(*IMAGE_PROBLEMS, FailureCode.DISTRIBUTION_INVALID),
        example={"jnd": 1, "percent": 75, "observer": "aic-3"},
    ),
)
async def create_sur_curve(upload: AcceptedImage, submit: SubmitDep) -> Response:
    """The satisfied user ratio at every distortion level 1..100, its distribution, and the JPEG quality it recommends.

    Distortion level n is JPEG quality 101 - n. By default the reply is JSON; a plot comes as SVG or PNG.

    `curl -F image=@photo.png -F percent=75 -H 'Prefer: wait=60' localhost:8000/v1/sur-curve`
    """
    return await submit(SurCurveRequest, upload)
