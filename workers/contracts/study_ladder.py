"""``study-ladder``: the distorted versions of a photo of an observer study."""

from typing import ClassVar, Literal

from pydantic import Field

from workers.contracts.base import BlobKey, Request, ResultBody


class StudyLadderResult(ResultBody):
    """Size of the display copy, in pixels."""

    width: int
    height: int

    def summary(self) -> str:
        """Its size."""
        return f"{self.width}x{self.height}"


class StudyLadderRequest(Request):
    """Ask for the distorted versions of a photo of an observer study; they stay in the study's own folder."""

    files: ClassVar = {"image": "upload_key"}
    result: ClassVar = StudyLadderResult

    capability: Literal["study-ladder"] = "study-ladder"
    study_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    photo_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    upload_key: BlobKey
    max_width: int = Field(ge=1)
    max_height: int = Field(ge=1)
