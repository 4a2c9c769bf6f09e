"""``sur-curve``: who would notice JPEG compression at each quality."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import BaseModel, Field

from models.varjpeg.options import Jnd, Observer, PixelsPerDegree
from models.viewing import DEFAULT_OBSERVER
from workers.contracts.base import BlobKey, Request, rounded
from workers.contracts.image import ImageResult, image_figures

if TYPE_CHECKING:
    from models.sur.prediction import SurPrediction
    from models.types import RgbImage

SHARE_DIGITS = 6


class Gev(BaseModel):
    """Generalised extreme value distribution of the JND on the QF axis; ``shape`` is xi as in Coles."""

    location: float = Field(description="location of the distribution, in distortion levels")
    scale: float = Field(gt=0, description="its scale, in distortion levels")
    shape: float = Field(description="its shape, xi as in Coles")


class SurInterval(BaseModel):
    """Levels between which the two figures lie on ``coverage`` of photos like the training photos."""

    percent_jnd: list[int] = Field(description="lowest and highest level for `percent_jnd`")
    percent_sur: list[int] = Field(description="lowest and highest level for `percent_sur`")
    coverage: float = Field(description="probability that both lie inside")


class SurBand(BaseModel):
    """Shares between which the curve lies, level by level, with probability ``coverage``."""

    low: list[float] = Field(min_length=100, max_length=100, description="lower end at level 1..100")
    high: list[float] = Field(min_length=100, max_length=100, description="upper end at level 1..100")
    coverage: float = Field(description="probability, at each level, that the share lies inside")


class SurCurveResult(ImageResult):
    """Share of viewers who see no difference at each distortion level."""

    sur: list[float] = Field(min_length=100, max_length=100, description="at level 1..100; level n is QF 101 - n")
    gev: Gev = Field(description="distribution of the levels at which viewers notice")
    jnd: int = Field(description="first, second or third just noticeable difference")
    percent: float = Field(description="share of viewers that was asked for")
    observer: str = Field(description="viewing condition; a share of viewers means nothing without it")
    pixels_per_degree: float = Field(description="of the viewer's eye")
    percent_jnd: int = Field(description="the level that `percent` of viewers notice")
    percent_sur: int = Field(description="the highest level at which `percent` of viewers see no difference")
    recommended_quality: int = Field(ge=1, le=100, description="JPEG quality at `percent_sur`")
    recommended_size_bytes: int = Field(description="size of the plain JPEG of that quality")
    predicted_bytes: list[int] = Field(
        min_length=100,
        max_length=100,
        description="size of the plain JPEG at level 1..100: as encoded where it was, log-linear between",
    )
    interval: SurInterval = Field(description="how sure the two levels are")
    band: SurBand = Field(description="how sure the curve is")
    levels: list[int] = Field(description="levels at which the network was asked")
    level_sur: list[float] = Field(description="by its answers, who has noticed nothing up to there")
    residual_rms: float = Field(description="how far the distribution lies from the answers of the network")

    @classmethod
    def of(cls, image: "RgbImage", found: "SurPrediction") -> Self:
        """The curve, its GEV on the QF axis, and what it recommends."""
        gev, interval, band = found.gev, found.interval, found.band
        return cls(
            **image_figures(image),
            sur=_shares(found.sur),
            gev=Gev(location=rounded(gev.location), scale=rounded(gev.scale), shape=rounded(gev.shape)),
            jnd=found.jnd,
            percent=found.percent,
            observer=found.observer,
            pixels_per_degree=found.pixels_per_degree,
            percent_jnd=found.percent_jnd,
            percent_sur=found.percent_sur,
            recommended_quality=found.recommended_quality,
            recommended_size_bytes=found.recommended_size_bytes,
            predicted_bytes=found.predicted_bytes.tolist(),
            interval=SurInterval(
                percent_jnd=list(interval.percent_jnd),
                percent_sur=list(interval.percent_sur),
                coverage=interval.coverage,
            ),
            band=SurBand(low=_shares(band.low), high=_shares(band.high), coverage=band.coverage),
            levels=list(found.levels),
            level_sur=_shares(found.level_sur),
            residual_rms=rounded(found.residual_rms, SHARE_DIGITS),
        )

    def summary(self) -> str:
        """The quality that it recommends."""
        low, high = sorted(101 - level for level in self.interval.percent_sur)
        return (
            f"JPEG quality {self.recommended_quality} ({low} to {high}) satisfies {self.percent:g} % of viewers, "
            f"{self.recommended_size_bytes} bytes (JND {self.jnd}, observer {self.observer})"
        )


def _shares(values: Iterable[float]) -> list[float]:
    return [rounded(value, SHARE_DIGITS) for value in values]


class SurCurveRequest(Request):
    """Ask what share of viewers would notice JPEG compression at each quality."""

    files: ClassVar = {"image": "image_key"}
    result: ClassVar = SurCurveResult

    capability: Literal["sur-curve"] = "sur-curve"
    image_key: BlobKey
    jnd: Jnd = 1
    percent: float = Field(default=75.0, gt=0, lt=100, description="share of viewers, in per cent")
    observer: Observer = DEFAULT_OBSERVER
    pixels_per_degree: PixelsPerDegree | None = None
