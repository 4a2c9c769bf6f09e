"""JSON forms of results, one per capability, as OpenAPI shows them; the workers write their members."""

from typing import Literal

from pydantic import BaseModel, Field

from app.schemas import Result


class ImageResult(Result):
    """What was read, as displayed."""

    height: int = Field(description="pixels, after the rotation that the file asks for")
    width: int
    source_format: str
    bit_depth: int
    warnings: list[str] = Field(description="what was lost or assumed while decoding")


class Grid(BaseModel):
    """Means over at most 32 x 32 areas of equal size, by rows."""

    rows: int
    columns: int
    values: list[list[float]]


class MapResult(ImageResult):
    """A map in short; the map itself is among the artefacts."""

    percentiles: dict[str, float] = Field(description="p1, p10, p50, p90 and p99")
    min: float
    max: float
    mean: float
    grid: Grid
    png_scale: int = Field(description="value times this is a sample of the 16-bit PNG")


class JndMapResult(MapResult):
    """Visibility threshold of each pixel."""

    unit: Literal["8-bit luma levels"]
    overlay_range: list[float] = Field(description="thresholds shown as the ends of the overlay's colours")


class PatchQualityMapResult(MapResult):
    """Local quality; higher is better."""

    scale: Literal["0..1", "dmos 1..5"]
    higher_is_better: Literal[True]
    patch_size: int
    stride: int


class QualityScoreResult(ImageResult):
    """Global quality without a reference; higher is better."""

    mos: float = Field(ge=0, le=100)
    scale: str
    higher_is_better: Literal[True]
    patchnet_mean: float
    fish_mean: float
    fish: float


class PatchScores(BaseModel):
    """Scores of the patches in short."""

    percentiles: dict[str, float]
    min: float
    max: float
    mean: float
    grid: Grid


class FullReferenceScoreResult(ImageResult):
    """Closeness to the reference; higher is better."""

    score: float = Field(ge=0, le=100, description="100 only for identical images")
    higher_is_better: Literal[True]
    psnr_db: float | None = Field(description="null for identical images")
    ssim: float
    ms_ssim: float
    patch_scores: PatchScores


class Gev(BaseModel):
    """Generalised extreme value distribution of the JND on the QF axis; ``shape`` is xi as in Coles."""

    location: float
    scale: float = Field(gt=0)
    shape: float


class SurInterval(BaseModel):
    """Levels between which the two figures lie on ``coverage`` of photos like the training photos."""

    percent_jnd: list[int]
    percent_sur: list[int]
    coverage: float


class SurBand(BaseModel):
    """Shares between which the curve lies, level by level, with probability ``coverage``."""

    low: list[float] = Field(min_length=100, max_length=100)
    high: list[float] = Field(min_length=100, max_length=100)
    coverage: float


class SurCurveResult(ImageResult):
    """Share of viewers who see no difference at each distortion level."""

    sur: list[float] = Field(min_length=100, max_length=100, description="at level 1..100; level n is QF 101 - n")
    gev: Gev
    jnd: int
    percent: float
    observer: str = Field(description="viewing condition; a share of viewers means nothing without it")
    pixels_per_degree: float = Field(description="of the viewer's eye")
    percent_jnd: int = Field(description="the level that `percent` of viewers notice")
    percent_sur: int = Field(description="the highest level at which `percent` of viewers see no difference")
    recommended_quality: int = Field(ge=1, le=100)
    recommended_size_bytes: int
    predicted_bytes: list[int] = Field(
        min_length=100,
        max_length=100,
        description="size of the plain JPEG at level 1..100: as encoded where it was, log-linear between",
    )
    interval: SurInterval
    band: SurBand
    levels: list[int] = Field(description="levels at which the network was asked")
    level_sur: list[float] = Field(description="by its answers, who has noticed nothing up to there")
    residual_rms: float


class Trial(BaseModel):
    """One encoding that was judged."""

    encoder: str
    quality: float
    thrift: float = Field(description="what a bit cost, times what this quality pays for it")
    size_bytes: int
    sur: float | None
    metric: float | None


class VarJpegResult(Result):
    """Figures of the file that was made; the file itself is the first artefact."""

    format: Literal["jpeg", "varjpeg"]
    width: int
    height: int
    size_bytes: int
    input_size_bytes: int | None
    saved_bytes: int | None
    sur: float | None = Field(description="share of viewers predicted to see no difference, for these very bytes")
    metric: float | None = Field(description="value of `target_metric` for these bytes, if one was asked for")
    target_metric: Literal["ssimulacra2", "butteraugli"] | None
    observer: str
    pixels_per_degree: float
    jnd: int
    steering: Literal["jnd", "patchnet", "none"] | None = Field(description="null for a container")
    encoder: Literal["limen", "limen-coefficients", "libjpeg-turbo", "input"] = Field(
        description="from the pixels; from the coefficients of the JPEG that came in; plain; the input, re-coded"
    )
    quality: float
    thrift: float = Field(description="what a bit cost, times what this quality pays for it")
    subsampling: str
    trials: list[Trial]
    original_format_better: bool = Field(description="a drawing, or no smaller than the lossless file that came in")
    warnings: list[str]
