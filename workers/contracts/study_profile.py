"""``study-profile``: the observer profile that fits the answers of a study."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from workers.contracts.base import BlobKey, Request, ResultBody


class StudyCurve(BaseModel):
    """Share of viewers who see no difference in the study's photos, in the mean over them."""

    sur: list[float] = Field(min_length=100, max_length=100, description="at level 1..100; level n is QF 101 - n")
    low: list[float] = Field(min_length=100, max_length=100, description="lower end of the interval, by level")
    high: list[float] = Field(min_length=100, max_length=100, description="upper end of the interval, by level")
    coverage: float = Field(description="of the interval: how far it goes for another draw of as many observers")


class StudyProfileResult(ResultBody):
    """What `limen serve --profile` takes, what it was fitted to, and what it says of the study's own photos."""

    distance_version: str = Field(description="the weights that it is worth something with")
    profiles: dict[str, Any] = Field(description="the profile by its name, as `limen calibrate` writes it")
    calibration: dict[str, Any] = Field(description="observers, warnings, and the fit of each photo and JND")
    curve: StudyCurve

    def summary(self) -> str:
        """Its name, and how many observers it was fitted to."""
        return f"{', '.join(self.profiles)}: {self.calibration['observers']} observers"


class StudyProfileRequest(Request):
    """Ask for the profile called ``profile_name`` of the answers in ``samples_key``, a CSV as the study exports it."""

    files: ClassVar = {"samples": "samples_key"}
    result: ClassVar = StudyProfileResult

    capability: Literal["study-profile"] = "study-profile"
    study_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    photo_ids: tuple[str, ...] = Field(description="of the photos whose curve is wanted")
    samples_key: BlobKey
    profile_name: str = Field(pattern=r"^[a-z0-9-]{1,64}$")
