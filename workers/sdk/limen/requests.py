"""From the arguments of a call to the request that the API and the queue have for it."""

import hashlib
from collections.abc import Mapping
from typing import Any, Literal, TypedDict, TypeVar

from pydantic import ValidationError

from models.errors import InvalidParameterError
from workers.contracts import JndMapRequest, Request, SurCurveRequest, VarJpegRequest

Asked = TypeVar("Asked", bound=Request)


class EncodeOptions(TypedDict, total=False):
    """Of ``encode``; the API describes each. At most one of the first four is given; without any, a share of 0.75."""

    target_sur: float
    quality: int
    max_bytes: int
    target_metric: Literal["ssimulacra2", "butteraugli"]
    target_value: float
    subsampling: Literal["auto", "420", "444"]
    metadata: Literal["keep-icc", "keep-all", "strip"]
    steering: Literal["jnd", "patchnet", "none"]
    observer: str
    pixels_per_degree: float
    jnd: int


class CurveOptions(TypedDict, total=False):
    """Of ``sur_curve``; the API describes each."""

    jnd: int
    percent: float
    observer: str
    pixels_per_degree: float


def encode_request(
    photo: bytes, options: EncodeOptions, *, protect: bytes | None = None
) -> tuple[VarJpegRequest, Mapping[str, bytes]]:
    """The request and its files by field. Raises: InvalidParameterError."""
    files = {"image_key": photo} if protect is None else {"image_key": photo, "protect_key": protect}
    return _request(VarJpegRequest, files, options), files


def jnd_map_request(photo: bytes) -> tuple[JndMapRequest, Mapping[str, bytes]]:
    """The request and its files by field."""
    files = {"image_key": photo}
    return _request(JndMapRequest, files, {}), files


def sur_curve_request(photo: bytes, options: CurveOptions) -> tuple[SurCurveRequest, Mapping[str, bytes]]:
    """The request and its files by field. Raises: InvalidParameterError."""
    files = {"image_key": photo}
    return _request(SurCurveRequest, files, options), files


def _request(asked: type[Asked], files: Mapping[str, bytes], options: Mapping[str, Any]) -> Asked:
    keys = {field: hashlib.sha256(checked(data)).hexdigest() for field, data in files.items()}
    try:
        return asked.model_validate({**options, **keys})
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'options'}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        ]
        raise InvalidParameterError("; ".join(faults)) from error


def checked(data: object) -> bytes:
    """``data`` itself. Raises: InvalidParameterError for anything but bytes, such as a path or an open file."""
    if isinstance(data, bytes):
        return data
    raise InvalidParameterError(f"the bytes of an image file are needed, not a {type(data).__name__}: read it first")
