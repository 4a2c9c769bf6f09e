"""What is said of every image that was read, and of every map in short."""

from typing import TYPE_CHECKING, Annotated, TypedDict

from pydantic import BaseModel, Field

from workers.contracts.base import ResultBody, rounded

if TYPE_CHECKING:
    from models.map_summary import MapSummary
    from models.types import RgbImage

Percentiles = Annotated[dict[str, float], Field(description="p1, p10, p50, p90 and p99")]
PngScale = Annotated[int, Field(description="value times this is a sample of the 16-bit PNG")]


class ImageResult(ResultBody):
    """What was read, as displayed."""

    height: int = Field(description="pixels, after the rotation that the file asks for")
    width: int = Field(description="pixels, after the rotation that the file asks for")
    source_format: str = Field(description="format of the file that was read")
    bit_depth: int = Field(description="bits of a sample in the file")
    warnings: list[str] = Field(description="what was lost or assumed while decoding")

    def summary(self) -> str:
        """Its size."""
        return f"{self.width}x{self.height}"

    def remarks(self) -> list[str]:
        """What was lost or assumed while decoding."""
        return self.warnings


class Grid(BaseModel):
    """Means over at most 32 x 32 areas of equal size, by rows."""

    rows: int = Field(description="areas from top to bottom")
    columns: int = Field(description="areas from left to right")
    values: list[list[float]] = Field(description="means, row by row")


class ImageFigures(TypedDict):
    """Members of ``ImageResult``."""

    height: int
    width: int
    source_format: str
    bit_depth: int
    warnings: list[str]


class MapFigures(TypedDict):
    """A map in short."""

    percentiles: dict[str, float]
    min: float
    max: float
    mean: float
    grid: Grid


def image_figures(image: "RgbImage") -> ImageFigures:
    """What a result says of the image it is about."""
    return {
        "height": image.height,
        "width": image.width,
        "source_format": image.source_format,
        "bit_depth": image.bit_depth,
        "warnings": list(image.warnings),
    }


def map_figures(summary: "MapSummary") -> MapFigures:
    """What a result says of a map."""
    means = [[rounded(value, 2) for value in row] for row in summary.grid]
    return {
        "percentiles": {f"p{percent}": rounded(value) for percent, value in summary.percentiles.items()},
        "min": rounded(summary.low),
        "max": rounded(summary.high),
        "mean": rounded(summary.mean),
        "grid": Grid(rows=len(means), columns=len(means[0]), values=means),
    }
