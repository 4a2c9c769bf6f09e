"""What can be asked of VarJPEG: spelled once, and read by the API, the queue, the command line and Python alike.

Only pydantic is needed here, so that the web process reads it without a model's libraries.
"""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from models.varjpeg.choices import ChromaSubsampling, Format, MetadataPolicy, Metric, Steering
from models.viewing import DEFAULT_OBSERVER, VIEWING, pixels_per_degree_of

Quality = Annotated[int, Field(ge=1, le=100, description="JPEG quality factor, higher is better")]
Jnd = Annotated[int, Field(ge=1, le=3, description="first, second or third just noticeable difference")]
Observer = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$", description="observer profile, e.g. aic-3")]
PixelsPerDegree = Annotated[
    float,
    Field(ge=20, le=120, description="pixels per degree of the viewer's eye, or " + ", ".join(VIEWING)),
    BeforeValidator(pixels_per_degree_of),
]


class VarJpegOptions(BaseModel):
    """At most one of ``quality``, ``target_sur``, ``target_metric`` and ``max_bytes``; none means target_sur 0.75.

    ``quality``: on average as good as libjpeg's QF; ``target_sur``: the share of viewers that must not notice;
    ``target_value``: at least this SSIMULACRA2, or at most this butteraugli 3-norm; ``max_bytes``: the best that fits;
    ``observer``, ``jnd``: whose eyes; ``pixels_per_degree``: of them, None for the profile's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    quality: Quality | None = None
    target_sur: float | None = Field(
        default=None, gt=0, lt=1, description="share of viewers who must not see a difference"
    )
    target_metric: Metric | None = Field(default=None, description="measure that `target_value` is of")
    target_value: float | None = Field(
        default=None, ge=-50, le=100, description="at least this SSIMULACRA2, or at most this butteraugli 3-norm"
    )
    max_bytes: int | None = Field(default=None, ge=1, description="the best file that is no larger")
    format: Format = Field(default="jpeg", description="a JPEG, or the container of the thesis")
    steering: Steering = Field(default="jnd", description="what tells visible from invisible")
    subsampling: ChromaSubsampling = Field(default="auto", description="chroma subsampling")
    metadata: MetadataPolicy = Field(default="keep-icc", description="what is kept of the metadata")
    observer: Observer = DEFAULT_OBSERVER
    pixels_per_degree: PixelsPerDegree | None = None
    jnd: Jnd = 1

    @model_validator(mode="after")
    def _one_target(self) -> "VarJpegOptions":
        targets = (self.quality, self.target_sur, self.target_metric, self.max_bytes)
        if sum(value is not None for value in targets) > 1:
            raise ValueError("give at most one of quality, target_sur, target_metric and max_bytes")
        if (self.target_metric is None) != (self.target_value is None):
            raise ValueError("target_metric and target_value go together")
        return self
