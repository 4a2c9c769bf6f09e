"""``jnd-map``: where distortion is invisible."""

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field

from workers.contracts.base import BlobKey, Request
from workers.contracts.image import Grid, ImageResult, Percentiles, PngScale, image_figures, map_figures

if TYPE_CHECKING:
    from models.map_summary import MapSummary
    from models.types import RgbImage


class JndMapResult(ImageResult):
    """Visibility threshold of each pixel."""

    unit: Literal["8-bit luma levels"] = Field(description="unit of all thresholds")
    png_scale: PngScale
    overlay_range: list[float] = Field(description="thresholds shown as the ends of the overlay's colours")
    percentiles: Percentiles
    min: float = Field(description="lowest threshold")
    max: float = Field(description="highest threshold")
    mean: float = Field(description="mean threshold")
    grid: Grid = Field(description="mean thresholds by place")

    @classmethod
    def of(
        cls, image: "RgbImage", thresholds: "MapSummary", *, png_scale: int, overlay_range: tuple[float, float]
    ) -> Self:
        """The figures of a map; the map itself is among the artefacts."""
        return cls(
            **image_figures(image),
            unit="8-bit luma levels",
            png_scale=png_scale,
            overlay_range=list(overlay_range),
            **map_figures(thresholds),
        )

    def summary(self) -> str:
        """The median threshold, and between which the middle of them lies."""
        found = self.percentiles
        return (
            f"{self.width}x{self.height}: threshold {found['p50']:.1f} luma levels in the median, "
            f"{found['p10']:.1f} to {found['p90']:.1f} for the middle 80 %"
        )


class JndMapRequest(Request):
    """Ask for the visibility threshold of each pixel."""

    files: ClassVar = {"image": "image_key"}
    result: ClassVar = JndMapResult

    capability: Literal["jnd-map"] = "jnd-map"
    image_key: BlobKey
