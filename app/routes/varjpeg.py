"""``POST /v1/varjpeg``: the smallest file that a given share of viewers cannot tell from the original; and what another
encoder makes of it.
"""

from fastapi import APIRouter, Response

from app.access.gate import needs
from app.dependencies import (
    CONTAINER,
    IMAGE,
    IMAGE_AND_PROTECT,
    AcceptedContainer,
    AcceptedImage,
    AcceptedImageAndProtect,
)
from app.openapi import IMAGE_PROBLEMS, upload_operation
from app.submission import SubmitDep
from workers.contracts import FailureCode, PlainEncodingRequest, VarJpegDecodeRequest, VarJpegRequest
from workers.keys.scope import Scope

router = APIRouter(prefix="/v1", tags=["capabilities"], dependencies=[needs(Scope.SUBMIT, makes_work=True)])


@router.post(
    "/varjpeg",
    summary="The smallest JPEG that a share of viewers cannot tell from the original",
    **upload_operation(
        VarJpegRequest,
        IMAGE_AND_PROTECT,
        files=("image/jpeg", "application/vnd.limen.varjpeg"),
        problems=(
            *IMAGE_PROBLEMS,
            FailureCode.IMAGE_SIZES_DIFFER,
            FailureCode.DISTRIBUTION_INVALID,
            FailureCode.TARGET_UNREACHABLE,
        ),
        example={"target_sur": 0.75},
    ),
)
async def create_varjpeg(upload: AcceptedImageAndProtect, submit: SubmitDep) -> Response:
    """A JPEG that any decoder opens, with the share of satisfied viewers predicted for those very bytes.

    Give at most one of `quality`, `target_sur`, `target_metric` and `max_bytes`; without any, `target_sur` is 0.75.
    `target_metric` goes with `target_value`: at least this SSIMULACRA2, or at most this butteraugli 3-norm. `steering`
    says what tells visible from invisible: the JND map, the thesis' salience (`patchnet`), or nothing. `protect` is a
    mask of the image's size: each block of 8x8 pixels (in colour 16x16) with white in it is as good as at quality 90,
    and what is asked for decides how good the others are. `metadata`: `keep-icc` keeps the
    colour profile, `keep-all` also EXIF without the place, XMP and an HDR gain map, `strip` nothing; the picture is
    upright in each case. Of a JPEG its own coefficients are coded anew where that is smaller, and it is given back as
    it is, losslessly re-coded, where nothing smaller reaches the target. With `Prefer: wait` the
    reply has all figures; with `Accept: image/jpeg` as well it is the file itself, and its figures are in the headers
    `Limen-Sur`, `Limen-Quality` and `Limen-Warnings`.

    `curl -f -F image=@photo.png -F target_sur=0.75 -H 'Prefer: wait=60' -H 'Accept: image/jpeg'
    localhost:8000/v1/varjpeg -o out.jpg`
    """
    return await submit(VarJpegRequest, upload)


@router.post(
    "/varjpeg/decode",
    summary="The picture in a VarJPEG container",
    **upload_operation(
        VarJpegDecodeRequest,
        CONTAINER,
        files=("image/png",),
        problems=(FailureCode.CONTAINER_INVALID,),
    ),
)
async def decode_varjpeg(upload: AcceptedContainer, submit: SubmitDep) -> Response:
    """A PNG of what `format=varjpeg` of `/v1/varjpeg` made; with `Accept: image/png`, the PNG itself.

    `curl -f -F image=@photo.vjpg -H 'Prefer: wait=60' -H 'Accept: image/png'
    localhost:8000/v1/varjpeg/decode -o photo.png`
    """
    return await submit(VarJpegDecodeRequest, upload)


@router.post(
    "/plain-encoding",
    summary="What another encoder makes of the photo",
    **upload_operation(
        PlainEncodingRequest,
        IMAGE,
        files=("image/jpeg", "image/webp", "image/avif"),
        problems=(*IMAGE_PROBLEMS, FailureCode.TARGET_UNREACHABLE),
        example={"codec": "jpegli", "max_bytes": 100_000},
    ),
)
async def create_plain_encoding(upload: AcceptedImage, submit: SubmitDep) -> Response:
    """The file of libjpeg-turbo, jpegli, WebP or AVIF, to compare with Limen's: of a `quality`, or with `max_bytes` of
    the highest quality that fits. No share of viewers is predicted for it.

    `curl -f -F image=@photo.png -F codec=avif -F max_bytes=100000 -H 'Prefer: wait=60' -H 'Accept: image/avif'
    localhost:8000/v1/plain-encoding -o plain.avif`
    """
    return await submit(PlainEncodingRequest, upload)
