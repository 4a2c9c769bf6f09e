"""``plain-encoding``: what another encoder makes of the photo, to compare with."""

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from models.varjpeg.choices import PlainCodec
from workers.contracts.base import BlobKey, Request
from workers.contracts.image import ImageResult, image_figures

if TYPE_CHECKING:
    from models.types import RgbImage
    from models.varjpeg.plain_encoding import PlainEncoding

PLAIN_FILES = {
    "jpeg": ("plain.jpg", "image/jpeg"),
    "jpegli": ("plain.jpg", "image/jpeg"),
    "webp": ("plain.webp", "image/webp"),
    "avif": ("plain.avif", "image/avif"),
}
"""Name and media type of the file by its encoder."""


class PlainEncodingResult(ImageResult):
    """The file is the first artefact."""

    codec: PlainCodec = Field(description="encoder that made the file")
    quality: int = Field(description="on that encoder's own scale, 1..100")
    size_bytes: int = Field(description="size of the file")

    @classmethod
    def of(cls, image: "RgbImage", codec: PlainCodec, encoding: "PlainEncoding") -> Self:
        """Everything but the bytes."""
        return cls(**image_figures(image), codec=codec, quality=encoding.quality, size_bytes=len(encoding.data))

    def summary(self) -> str:
        """Encoder, quality and size."""
        return f"{self.codec} of quality {self.quality}, {self.size_bytes} bytes"


class PlainEncodingRequest(Request):
    """Ask for the file of another encoder."""

    files: ClassVar = {"image": "image_key"}
    result: ClassVar = PlainEncodingResult

    capability: Literal["plain-encoding"] = "plain-encoding"
    image_key: BlobKey
    codec: PlainCodec = Field(default="jpeg", description="libjpeg-turbo (4:2:0, progressive), jpegli, WebP or AVIF")
    quality: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="on the encoder's own scale; 75 if neither this nor `max_bytes` is given",
    )
    max_bytes: int | None = Field(default=None, ge=1, description="the highest quality that fits is made")

    @model_validator(mode="after")
    def _one_wish(self) -> Self:
        if self.quality is not None and self.max_bytes is not None:
            raise ValueError("give quality or max_bytes, not both")
        return self
