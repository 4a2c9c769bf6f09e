"""Observer studies: what an organiser asks. Pure records; ``store`` keeps them.

A study is reached by two secrets: the organiser's key (progress, export, end) and the observers' token (take part).
Neither is an id of anything else, and only hashes of them are used for look-ups. A study ends at ``expires_at`` or when
its organiser deletes it; its photos and answers go with it. Of an observer nothing is kept but a random number, the
answers, and how large a degree of the visual field was on the screen.

Times are Unix time in seconds by the store's clock.
"""

import hashlib
import secrets
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from workers.contracts import BlobKey

MAX_PHOTOS = 50
"""As many as MCL-JCI has."""
HIGHEST_LEVEL = 100


class StudyMethod(StrEnum):
    """How an observer finds the first level that differs."""

    ADJUSTMENT = "adjustment-with-flicker"
    BISECTION = "bisection"


class StudyOptions(BaseModel):
    """What the organiser decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(
        min_length=1, max_length=120, examples=["Product photos, spring"], description="shown to observers"
    )
    consent_text: str = Field(
        min_length=1,
        max_length=5000,
        description="what an observer agrees to before anything is stored",
        examples=["We store your answers under a random number and nothing else about you. You may stop at any time."],
    )
    method: StudyMethod = Field(
        default=StudyMethod.ADJUSTMENT,
        description="a slider over the distortion levels with both images in alternation at 8 Hz; or MCL-JCI's "
        "bisection with both images side by side",
    )
    jnds: int = Field(default=1, ge=1, le=3, description="how many just noticeable differences are asked per photo")
    viewing_condition: str = Field(
        default="",
        max_length=300,
        description="what observers are asked to keep to: room, screen, distance",
        examples=["Dimmed room, 24-inch screen at full brightness, 60 cm away."],
    )
    expires_in_days: int = Field(default=14, ge=1, le=60, description="then everything of the study is deleted")
    display_width: int = Field(default=1920, ge=160, le=1920, description="photos are shown no wider, in pixels")
    display_height: int = Field(default=1080, ge=120, le=1080, description="photos are shown no higher, in pixels")


class StudyPhoto(BaseModel):
    """One uploaded photo; ``key`` is the SHA-256 of the upload, ``job_id`` the job that makes its versions."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    key: BlobKey
    job_id: str


class Study(BaseModel):
    """One study. ``training`` is the photo that observers practise on; its answers are not kept as samples."""

    model_config = ConfigDict(frozen=True)

    id: str
    options: StudyOptions
    observer_token: str
    created_at: float
    expires_at: float
    training: StudyPhoto | None = None
    photos: tuple[StudyPhoto, ...] = ()

    def photo(self, photo_id: str) -> StudyPhoto | None:
        """The photo of that id, the one for training included."""
        everything = (*self.photos, self.training)
        return next((photo for photo in everything if photo is not None and photo.id == photo_id), None)


def new_study(options: StudyOptions, now: float) -> Study:
    """A study without photos; its id and its observers' token are random, 128 and 256 bits."""
    return Study(
        id=secrets.token_hex(16),
        options=options,
        observer_token=new_secret(),
        created_at=now,
        expires_at=now + options.expires_in_days * 24 * 3600,
    )


def new_secret() -> str:
    """256 random bits, safe in a URL."""
    return secrets.token_urlsafe(32)


def organiser_link(key: str) -> str:
    """What the organiser's key is looked up by; the key itself is stored nowhere."""
    return hashlib.sha256(f"organiser {key}".encode()).hexdigest()


def observer_link(token: str) -> str:
    """What the observers' token is looked up by; never equal to an ``organiser_link``."""
    return hashlib.sha256(f"observer {token}".encode()).hexdigest()


def with_photo(study: Study, photo: StudyPhoto) -> Study:
    """The study with one more photo; ``MAX_PHOTOS`` is for the caller to hold."""
    return study.model_copy(update={"photos": (*study.photos, photo)})
