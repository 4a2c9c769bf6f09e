"""``varjpeg`` and ``varjpeg-decode``: the smaller file, and the picture in a container."""

import json
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, Field, WithJsonSchema

from models.varjpeg.choices import Format, Metric, Steering
from models.varjpeg.options import VarJpegOptions
from workers.contracts.base import BlobKey, Request, ResultBody, rounded
from workers.contracts.image import ImageResult

if TYPE_CHECKING:
    from models.varjpeg.optimise import OptimisedPhoto
    from models.varjpeg.search.goals import Judgement
    from models.varjpeg.search.goals import Trial as FoundTrial

Quality = Annotated[int | float, WithJsonSchema({"type": "number"})]
"""Whole where a whole quality was asked for."""
LambdaScale = Annotated[float, Field(description="what a bit cost, times what this quality pays for it")]


class Trial(BaseModel):
    """One encoding that was judged."""

    encoder: str = Field(description="what made the file of this trial")
    quality: Quality = Field(description="JPEG quality of this trial")
    thrift: LambdaScale
    size_bytes: int = Field(description="size of its file")
    sur: float | None = Field(description="share of viewers predicted to see no difference")
    metric: float | None = Field(description="value of `target_metric`")

    @classmethod
    def of(cls, trial: "FoundTrial") -> Self:
        """A trial of the search."""
        return cls(
            encoder=trial.encoder.value,
            quality=trial.quality,
            thrift=trial.lambda_scale,
            size_bytes=trial.size_bytes,
            sur=_share(trial.judgement),
            metric=_metric(trial.judgement),
        )


class VarJpegResult(ResultBody):
    """Figures of the file that was made; the file itself is the first artefact."""

    format: Format = Field(description="form of the file")
    width: int = Field(description="pixels")
    height: int = Field(description="pixels")
    size_bytes: int = Field(description="size of the file")
    input_size_bytes: int | None = Field(description="size of the file that came in, if it was a JPEG")
    saved_bytes: int | None = Field(description="how much smaller that is")
    sur: float | None = Field(description="share of viewers predicted to see no difference, for these very bytes")
    metric: float | None = Field(description="value of `target_metric` for these bytes, if one was asked for")
    target_metric: Metric | None = Field(description="measure that was asked for")
    observer: str = Field(description="viewing condition; a share of viewers means nothing without it")
    pixels_per_degree: float = Field(description="of the viewer's eye")
    jnd: int = Field(description="first, second or third just noticeable difference")
    steering: Steering | None = Field(description="null for a container")
    encoder: Literal["limen", "limen-coefficients", "libjpeg-turbo", "input"] = Field(
        description="from the pixels; from the coefficients of the JPEG that came in; plain; the input, re-coded"
    )
    quality: Quality = Field(description="JPEG quality of the file")
    thrift: LambdaScale
    subsampling: str = Field(description="chroma subsampling of the file")
    trials: list[Trial] = Field(description="every trial of the search")
    original_format_better: bool = Field(description="a drawing, or no smaller than the lossless file that came in")
    warnings: list[str] = Field(description="what was lost or assumed")

    @classmethod
    def of(cls, photo: "OptimisedPhoto") -> Self:
        """Everything but the bytes; shares rounded to 1e-4 so that every machine says the same."""
        size, before, chosen = len(photo.data), photo.input_size_bytes, photo.chosen
        return cls(
            format=photo.format,
            width=photo.width,
            height=photo.height,
            size_bytes=size,
            input_size_bytes=before,
            saved_bytes=None if before is None else before - size,
            sur=_share(chosen.judgement),
            metric=_metric(chosen.judgement),
            target_metric=photo.target_metric,
            observer=photo.observer,
            pixels_per_degree=photo.pixels_per_degree,
            jnd=photo.jnd,
            steering=photo.steering,
            encoder=chosen.encoder.value,
            quality=chosen.quality,
            thrift=chosen.lambda_scale,
            subsampling=chosen.subsampling,
            trials=[Trial.of(trial) for trial in chosen.trials],
            original_format_better=photo.original_format_better,
            warnings=list(photo.warnings),
        )

    def summary(self) -> str:
        """The sizes, and who sees no difference."""
        share = "an unknown share" if self.sur is None else f"{100 * self.sur:.1f} %"
        return (
            f"{self.size_bytes} bytes instead of {self.input_size_bytes}: {share} of viewers are "
            f"predicted to see no difference (JND {self.jnd}, observer {self.observer})"
        )

    def remarks(self) -> list[str]:
        """What was lost, and what would be better."""
        return self.warnings


def _share(judgement: "Judgement | None") -> float | None:
    return None if judgement is None or judgement.sur is None else rounded(judgement.sur)


def _metric(judgement: "Judgement | None") -> float | None:
    return None if judgement is None or judgement.metric is None else rounded(judgement.metric)


class VarJpegRequest(VarJpegOptions, Request):
    """Ask for a smaller file: the options of VarJPEG, and the images they are for."""

    files: ClassVar = {"image": "image_key", "protect": "protect_key"}
    result: ClassVar = VarJpegResult

    capability: Literal["varjpeg"] = "varjpeg"
    image_key: BlobKey
    protect_key: BlobKey | None = None

    def options(self) -> VarJpegOptions:
        """What is asked for, without the keys of images."""
        return VarJpegOptions(**{name: getattr(self, name) for name in VarJpegOptions.model_fields})

    def identity(self) -> str:
        """See ``Request.identity``: the mask's key stands where it has stood from the beginning, after the format."""
        said = self.model_dump(mode="json")
        options = list(VarJpegOptions.model_fields)
        place = options.index("format") + 1
        order = ["capability", "image_key", *options[:place], "protect_key", *options[place:]]
        return json.dumps({name: said[name] for name in order}, separators=(",", ":"))


class VarJpegDecodeRequest(Request):
    """Ask for the PNG of a VarJPEG container."""

    files: ClassVar = {"image": "image_key"}
    result: ClassVar = ImageResult

    capability: Literal["varjpeg-decode"] = "varjpeg-decode"
    image_key: BlobKey

    @classmethod
    def path(cls) -> str:
        """Below that of ``varjpeg``."""
        return "/v1/varjpeg/decode"
