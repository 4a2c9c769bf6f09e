"""``patch-quality-map``: how good each part of an image looks."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from workers.contracts.base import BlobKey, Request
from workers.contracts.image import Grid, ImageResult, Percentiles, PngScale, image_figures, map_figures

if TYPE_CHECKING:
    from models.map_summary import MapSummary
    from models.types import PatchQualityMap, RgbImage

Scale = Literal["0..1", "dmos 1..5"]


def _number(value: Any) -> Any:
    """A whole number that came as the text of a form; a choice of numbers takes no text by itself."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


ALONE: Literal[64] = 64
"""Pixels: the only side of a patch that is judged without a reference."""

PatchSize = Annotated[Literal[64, 128], BeforeValidator(_number)]


class PatchQualityMapResult(ImageResult):
    """Local quality; higher is better."""

    scale: Scale = Field(description="what the values mean")
    higher_is_better: Literal[True] = Field(description="which way is better")
    patch_size: int = Field(description="side of a patch in pixels")
    stride: int = Field(description="pixels from patch to patch")
    png_scale: PngScale
    percentiles: Percentiles
    min: float = Field(description="lowest value")
    max: float = Field(description="highest value")
    mean: float = Field(description="mean value")
    grid: Grid = Field(description="mean values by place")

    @classmethod
    def of(
        cls, image: "RgbImage", quality: "PatchQualityMap", values: "MapSummary", *, scale: Scale, png_scale: int
    ) -> Self:
        """The figures of a map; ``values`` in short, on ``scale``. The map itself is among the artefacts."""
        return cls(
            **image_figures(image),
            scale=scale,
            higher_is_better=True,
            patch_size=quality.patch_size,
            stride=quality.stride,
            png_scale=png_scale,
            **map_figures(values),
        )

    def summary(self) -> str:
        """The mean, and the worst patch."""
        return f"mean {self.mean:.3f} ({self.scale}), worst patch {self.min:.3f}"


class PatchQualityMapRequest(Request):
    """Ask for local quality: no-reference in [0, 1], or DMOS 1..5 against ``reference_key``."""

    files: ClassVar = {"image": "image_key", "reference": "reference_key"}
    result: ClassVar = PatchQualityMapResult

    capability: Literal["patch-quality-map"] = "patch-quality-map"
    image_key: BlobKey
    reference_key: BlobKey | None = None
    stride: int = Field(default=16, ge=4, le=128, description="pixels from patch to patch")
    patch_size: PatchSize = Field(default=ALONE, description="side of a patch in pixels; 128 with a reference only")

    @model_validator(mode="after")
    def _size_is_served(self) -> Self:
        if self.reference_key is None and self.patch_size != ALONE:
            raise ValueError("patch_size 128 needs a reference")
        return self
