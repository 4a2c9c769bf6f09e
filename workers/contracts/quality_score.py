"""``quality-score``: how good an image looks, without a reference."""

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field

from workers.contracts.base import BlobKey, Request, rounded
from workers.contracts.image import ImageResult, image_figures

if TYPE_CHECKING:
    from models.quality_score import QualityScore
    from models.types import RgbImage


class QualityScoreResult(ImageResult):
    """Global quality without a reference; higher is better."""

    mos: float = Field(ge=0, le=100, description="predicted mean opinion score")
    scale: str = Field(description="what the score means")
    higher_is_better: Literal[True] = Field(description="which way is better")
    patchnet_mean: float = Field(description="mean of the local quality map, 0..1")
    fish_mean: float = Field(description="mean of the local sharpness")
    fish: float = Field(description="sharpness of the whole image")

    @classmethod
    def of(cls, image: "RgbImage", score: "QualityScore") -> Self:
        """The score, and the plain means beside it."""
        return cls(
            **image_figures(image),
            mos=rounded(score.mos),
            scale="mos 0..100",
            higher_is_better=True,
            patchnet_mean=rounded(score.patchnet_mean),
            fish_mean=rounded(score.fish_mean),
            fish=rounded(score.fish),
        )

    def summary(self) -> str:
        """The score."""
        return f"{self.mos:.1f} of 100"


class QualityScoreRequest(Request):
    """Ask for a global quality score without a reference."""

    files: ClassVar = {"image": "image_key"}
    result: ClassVar = QualityScoreResult

    capability: Literal["quality-score"] = "quality-score"
    image_key: BlobKey
