"""Observer studies: what an organiser asks, what observers answer. Pure records, and the store both modes implement.

A study is reached by two secrets: the organiser's key (progress, export, end) and the observers' token (take part).
Neither is an id of anything else, and only hashes of them are used for look-ups. A study ends at ``expires_at`` or when
its organiser deletes it; its photos and answers go with it. Of an observer nothing is kept but a random number, the
answers, and how large a degree of the visual field was on the screen.

Times are Unix time in seconds by the store's clock.
"""

import hashlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from random import Random

from pydantic import BaseModel, ConfigDict, Field

from workers.contracts import BlobKey
from workers.errors import AnswerConflictError, TrialUnknownError
from workers.settings import BrokerSettings
from workers.studies.files import StudyFiles

MAX_PHOTOS = 50
"""As many as MCL-JCI has."""
MAX_SESSIONS = 1000
HIGHEST_LEVEL = 100
NOTHING_SEEN = 101
"""The answer of an observer who sees no difference even at level 100."""
OBVIOUS_AT_MOST = 10
"""Where every level shows the strongest distortion, an attentive observer notices it at the lowest levels already."""
ONE_FALSE_ALARM = 50
"""Where every level equals the original, a bisection with one false alarm in its seven answers ends here or above."""
TRIALS_PER_CHECK = 10
"""One identical and one obvious pair are mixed in for each ten photos begun; at least one of each."""
LINK_TOMBSTONE_S = 30 * 24 * 3600
"""How long after its end a link is still answered with "expired" instead of "unknown"."""


class StudyMethod(StrEnum):
    """How an observer finds the first level that differs."""

    ADJUSTMENT = "adjustment-with-flicker"
    BISECTION = "bisection"


class StudyOptions(BaseModel):
    """What the organiser decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(min_length=1, max_length=120, examples=["Product photos, spring"])
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


class Screen(BaseModel):
    """How the observer sees the screen, from the bank card held to it and the distance stated; nothing of who it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    css_pixels_per_mm: float = Field(ge=0.5, le=40, description="CSS pixels a millimetre, by a card of 85.60 mm")
    viewing_distance_mm: float = Field(ge=100, le=10_000, description="from eye to screen, as stated")


class TrialKind(StrEnum):
    """What a trial is for; observers are not told."""

    TRAINING = "training"
    SAMPLE = "sample"
    IDENTICAL = "identical"
    OBVIOUS = "obvious"


class Trial(BaseModel):
    """One question: from which level on does the photo differ from its reference?"""

    model_config = ConfigDict(frozen=True)

    photo_id: str
    kind: TrialKind
    jnd: int = 1
    start_level: int


class Answer(BaseModel):
    """The lowest level at which the observer noticed a difference, and image pixels per degree while looking."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: int = Field(
        ge=1, le=NOTHING_SEEN, description=f"lowest level that looked different; {NOTHING_SEEN}: none did"
    )
    pixels_per_degree: float = Field(gt=0, le=1000, description="image pixels a degree, as the page displayed it")


class Session(BaseModel):
    """One observer's way through a study. Each method returns the record after a step and changes nothing."""

    model_config = ConfigDict(frozen=True)

    id: str
    observer: str
    method: StudyMethod
    screen: Screen
    created_at: float
    trials: tuple[Trial, ...]
    answers: tuple[Answer | None, ...]

    def current(self) -> int | None:
        """Number of the next question, from 0; None when all are answered."""
        open_trials = (n for n, answer in enumerate(self.answers) if answer is None and self.floor(n) is not None)
        return next(open_trials, None)

    def floor(self, number: int) -> int | None:
        """Level of the image that trial ``number`` compares with, 0 for the original itself.

        The second JND is looked for from the first one on. None where that is not known, or nothing lies beyond it.
        """
        trial = self.trials[number]
        if trial.jnd == 1:
            return 0
        before = self.answers[number - 1]
        return before.level if before is not None and before.level < HIGHEST_LEVEL else None

    def shown_level(self, number: int, level: int) -> int:
        """Level of the version that trial ``number`` shows as ``level``: what makes a trial a check.

        Raises: TrialUnknownError if there is no such trial, or it does not show that level.
        """
        floor = self._asked(number)
        if not floor <= level <= HIGHEST_LEVEL:
            raise TrialUnknownError(f"this trial shows levels {floor} to {HIGHEST_LEVEL}")
        kind = self.trials[number].kind
        if kind is TrialKind.IDENTICAL:
            return 0
        return HIGHEST_LEVEL if kind is TrialKind.OBVIOUS and level > 0 else level

    def answered(self, number: int, answer: Answer) -> "Session":
        """The session with one more answer. The same answer again changes nothing.

        Raises: TrialUnknownError; AnswerConflictError if the trial is not the current one, or the level not shown.
        """
        floor = self._asked(number)
        if self.answers[number] == answer:
            return self
        if number != self.current():
            raise AnswerConflictError("this trial has been answered, or is not the next one")
        if answer.level <= floor:
            raise AnswerConflictError(f"an answer lies above level {floor}, from where this trial starts")
        answers = (*self.answers[:number], answer, *self.answers[number + 1 :])
        return self.model_copy(update={"answers": answers})

    def attention_passed(self) -> bool | None:
        """Whether every attention check answered so far was passed; None before the first."""
        lowest_identical = ONE_FALSE_ALARM if self.method is StudyMethod.BISECTION else NOTHING_SEEN
        checks = [
            answer.level >= lowest_identical if trial.kind is TrialKind.IDENTICAL else answer.level <= OBVIOUS_AT_MOST
            for trial, answer in zip(self.trials, self.answers, strict=True)
            if answer is not None and trial.kind in (TrialKind.IDENTICAL, TrialKind.OBVIOUS)
        ]
        return all(checks) if checks else None

    def _asked(self, number: int) -> int:
        floor = self.floor(number) if 0 <= number < len(self.trials) else None
        if floor is None:
            raise TrialUnknownError("this session has no such trial, or has not come to it")
        return floor


Change = Callable[[Study], Study]
SessionChange = Callable[[Session], Session]


class StudyStore(ABC):
    """Studies and their sessions; their images are in ``files``. Any method may raise BrokerUnavailableError."""

    def __init__(self, settings: BrokerSettings, files: StudyFiles) -> None:
        self.settings = settings
        self.files = files

    @abstractmethod
    def create(self, options: StudyOptions, organiser_key: str) -> Study:
        """A new study. Raises: StudyLimitError when as many are kept as the settings allow."""

    @abstractmethod
    def find(self, link: str) -> Study:
        """The study behind ``organiser_link`` or ``observer_link``. Raises: StudyUnknownError, StudyExpiredError."""

    @abstractmethod
    def exists(self, study_id: str) -> bool:
        """Whether the study is kept."""

    @abstractmethod
    def update(self, study_id: str, change: Change) -> Study:
        """Replace a study in one atomic step. Raises: StudyExpiredError, and what ``change`` raises."""

    @abstractmethod
    def delete(self, study_id: str) -> None:
        """End a study now, with all sessions and images."""

    @abstractmethod
    def add_session(self, study_id: str, session: Session) -> None:
        """Keep a new session until the study ends. Raises: StudyExpiredError, SessionLimitError."""

    @abstractmethod
    def session(self, study_id: str, session_id: str) -> Session:
        """One session of that very study. Raises: SessionUnknownError."""

    @abstractmethod
    def update_session(self, study_id: str, session_id: str, change: SessionChange) -> Session:
        """Replace a session in one atomic step. Raises: SessionUnknownError, and what ``change`` raises."""

    @abstractmethod
    def sessions(self, study_id: str) -> list[Session]:
        """All sessions of a study, oldest first."""

    def sweep(self) -> int:
        """Delete the images of studies that are no more; returns how many studies that were."""
        gone = [study_id for study_id in self.files.study_ids() if not self.exists(study_id)]
        for study_id in gone:
            self.files.delete(study_id)
        return len(gone)


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


def new_session(study: Study, photo_ids: list[str], screen: Screen, now: float, random: Random) -> Session:
    """A session over ``photo_ids`` in random order, after a training round, with attention checks among the trials."""
    trials = _trials(study, photo_ids, random)
    return Session(
        id=new_secret(),
        observer=f"o{secrets.token_hex(4)}",  # a letter first: spreadsheets take 12345e67 for a number
        method=study.options.method,
        screen=screen,
        created_at=now,
        trials=trials,
        answers=(None,) * len(trials),
    )


def _trials(study: Study, photo_ids: list[str], random: Random) -> tuple[Trial, ...]:
    def trial(photo_id: str, kind: TrialKind, jnd: int = 1) -> Trial:
        return Trial(photo_id=photo_id, kind=kind, jnd=jnd, start_level=random.randint(1, HIGHEST_LEVEL))

    order = random.sample(photo_ids, len(photo_ids))
    blocks = [[trial(photo, TrialKind.SAMPLE, jnd + 1) for jnd in range(study.options.jnds)] for photo in order]
    for kind in (TrialKind.IDENTICAL, TrialKind.OBVIOUS):
        for _ in range(-(-len(order) // TRIALS_PER_CHECK)):
            blocks.insert(random.randint(0, len(blocks)), [trial(random.choice(photo_ids), kind)])
    training = [] if study.training is None else [trial(study.training.id, TrialKind.TRAINING)]
    return (*training, *(one for block in blocks for one in block))


def open_study_store(settings: BrokerSettings, blob_folder: Path) -> StudyStore:
    """The store that the settings ask for: Redis if there is a URL, else this process's memory.

    Either has a folder of its own below ``blob_folder``, as it deletes every study that it does not know.
    """
    if settings.redis_url is None:
        from workers.studies.memory import MemoryStudyStore

        return MemoryStudyStore(settings, StudyFiles(blob_folder / "studies-embedded"))
    from workers.studies.redis import RedisStudyStore

    return RedisStudyStore(settings, StudyFiles(blob_folder / "studies"), settings.redis_url.get_secret_value())
