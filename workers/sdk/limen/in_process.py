"""The work done here, by the models that the package brings: no service, no queue."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack, cast

from limen.answers import Encoded, JndMap
from limen.requests import CurveOptions, EncodeOptions, encode_request, jnd_map_request, sur_curve_request
from workers.contracts import Request, SurCurveResult

if TYPE_CHECKING:
    from workers.capabilities import Outcome


def encode(photo: bytes, *, protect: bytes | None = None, **options: Unpack[EncodeOptions]) -> Encoded:
    """The smallest JPEG that a share of viewers cannot tell from ``photo``, the bytes of an image file.

    ``protect``: an image of the same size; where it is light, the photo gets at least quality 90. Raises: LimenError;
    ImportError if the packages of a worker are missing.
    """
    outcome = _computed(*encode_request(photo, options, protect=protect))
    return Encoded(outcome.files[0].render(), cast(Any, outcome.result))


def jnd_map(photo: bytes) -> JndMap:
    """Where distortion of ``photo``, the bytes of an image file, is invisible. Raises: as ``encode``."""
    outcome = _computed(*jnd_map_request(photo))
    files = {file.name: file for file in outcome.files}
    return JndMap(files["jnd-map.png"].render(), files["jnd-map.npz"].render(), cast(Any, outcome.result))


def sur_curve(photo: bytes, **options: Unpack[CurveOptions]) -> SurCurveResult:
    """The share of viewers who see no difference at each JPEG quality of ``photo``. Raises: as ``encode``."""
    return cast(SurCurveResult, _computed(*sur_curve_request(photo, options)).result)


def _computed(request: Request, files: Mapping[str, bytes]) -> "Outcome":
    try:
        from workers.capabilities import Inputs, compute
    except ModuleNotFoundError as error:
        raise ImportError(
            f"to work in this process needs the packages of a worker: pip install 'limen[worker]' ({error})"
        ) from error
    from workers.settings import WorkerSettings

    by_key = {getattr(request, field): data for field, data in files.items()}
    return compute(cast(Any, request), Inputs.under(WorkerSettings(), by_key.__getitem__), None)
