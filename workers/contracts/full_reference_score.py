"""``full-reference-score``: how close a distorted image looks to its reference."""

import math
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import BaseModel, Field

from workers.contracts.base import BlobKey, Request, rounded
from workers.contracts.image import Grid, ImageResult, image_figures, map_figures

if TYPE_CHECKING:
    from models.full_reference import FullReferenceScore
    from models.map_summary import MapSummary
    from models.types import RgbImage


class PatchScores(BaseModel):
    """Scores of the patches in short."""

    percentiles: dict[str, float] = Field(description="p1, p10, p50, p90 and p99 of the patches")
    min: float = Field(description="lowest score of a patch")
    max: float = Field(description="highest score of a patch")
    mean: float = Field(description="mean score of all patches")
    grid: Grid = Field(description="scores by place")


class FullReferenceScoreResult(ImageResult):
    """Closeness to the reference; higher is better."""

    score: float = Field(ge=0, le=100, description="100 only for identical images")
    higher_is_better: Literal[True] = Field(description="which way is better")
    psnr_db: float | None = Field(description="null for identical images")
    ssim: float = Field(description="structural similarity, at most 1")
    ms_ssim: float = Field(description="structural similarity at several scales, at most 1")
    ssimulacra2: float | None = Field(
        default=None, description="with `perceptual`: 100 for equal pixels, about 90 where nobody sees a difference"
    )
    butteraugli: float | None = Field(
        default=None, description="with `perceptual`: 3-norm; 0 for equal pixels, lower is better"
    )
    patch_scores: PatchScores = Field(description="scores of single patches")

    @classmethod
    def of(
        cls,
        distorted: "RgbImage",
        score: "FullReferenceScore",
        patch_scores: "MapSummary",
        *,
        ssimulacra2: float | None = None,
        butteraugli: float | None = None,
    ) -> Self:
        """The score and the other metrics beside it."""
        return cls(
            **image_figures(distorted),
            score=rounded(score.score),
            higher_is_better=True,
            psnr_db=rounded(score.psnr_db) if math.isfinite(score.psnr_db) else None,
            ssim=rounded(score.ssim),
            ms_ssim=rounded(score.ms_ssim),
            ssimulacra2=None if ssimulacra2 is None else rounded(ssimulacra2),
            butteraugli=None if butteraugli is None else rounded(butteraugli),
            patch_scores=PatchScores(**map_figures(patch_scores)),
        )

    def summary(self) -> str:
        """The score, and two metrics that everybody knows."""
        psnr = "identical" if self.psnr_db is None else f"{self.psnr_db:.2f} dB"
        return f"{self.score:.2f} (PSNR {psnr}, SSIM {self.ssim:.4f})"


class FullReferenceScoreRequest(Request):
    """Ask how close ``distorted_key`` looks to ``reference_key``."""

    files: ClassVar = {"reference": "reference_key", "distorted": "distorted_key"}
    result: ClassVar = FullReferenceScoreResult

    capability: Literal["full-reference-score"] = "full-reference-score"
    reference_key: BlobKey
    distorted_key: BlobKey
    perceptual: bool = Field(default=False, description="also SSIMULACRA2 and butteraugli, which take some seconds")

    def identity(self) -> str:
        """See ``Request.identity``: the field came later, and where it asks for nothing it says nothing."""
        return self.model_dump_json(exclude=None if self.perceptual else {"perceptual"})
