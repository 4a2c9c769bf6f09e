"""Bodies of the study operations, for organisers and for observers."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from workers.contracts import StudyCurve
from workers.studies.files import Ladder
from workers.studies.record import Study, StudyMethod, StudyOptions
from workers.studies.session import Screen, Session, TrialKind


class StudyLinks(BaseModel):
    """Pages to open, as paths of this service; the fragment after # is never sent to a server."""

    organiser_page: str = Field(description="page of the organiser, with the key in its fragment")
    observer_page: str = Field(description="what to give to observers")


class PhotoState(StrEnum):
    """How far a photo is."""

    PREPARING = "preparing"
    READY = "ready"
    FAILED = "failed"


class PhotoStatus(BaseModel):
    """One photo of a study; ``number`` is the ``image`` of the export."""

    number: int = Field(description="from 1, in the order in which they were added")
    name: str = Field(description="what exports call it")
    sha256: str = Field(description="of its file")
    state: PhotoState = Field(description="whether it can be shown")
    progress: float = Field(ge=0, le=1, description="how much of its versions is done")
    width: int | None = Field(default=None, description="of the display copy, in pixels")
    height: int | None = Field(default=None, description="of the display copy, in pixels")
    detail: str | None = Field(default=None, description="why it failed; it is left out of the study")


class Observers(BaseModel):
    """How many took part."""

    started: int = Field(description="observers who have begun")
    finished: int = Field(description="observers who have answered everything")
    attention_failed: int = Field(description="observers who missed an attention check so far")
    answers: int = Field(description="samples so far, training and checks not counted")


class StudyStatus(BaseModel):
    """A study as its organiser sees it."""

    id: str = Field(description="names the study in exports; opens nothing")
    options: StudyOptions = Field(description="what the organiser chose")
    created_at: datetime = Field(description="when it was made")
    expires_at: datetime = Field(description="when it is deleted")
    photos: list[PhotoStatus] = Field(description="its photos")
    observers: Observers = Field(description="how far observers are")
    links: StudyLinks = Field(description="its pages")


class StudyCreated(StudyStatus):
    """A new study and its two secrets; the organiser's key is shown this once."""

    organiser_key: str = Field(description="secret of the organiser, shown this once")
    observer_token: str = Field(description="secret in the observers' link")


class Screening(BaseModel):
    """What became of the observers who answered."""

    kept: int = Field(description="whose answers count")
    attention: int = Field(description="left out: missed an attention check")
    outlier: int = Field(description="left out by the rule of ITU-R BT.500")


class StudyProfile(BaseModel):
    """An observer profile as `limen serve --profile` takes it, with what it was fitted to."""

    distance_version: str = Field(description="the weights that the profile belongs to")
    profiles: dict[str, Any] = Field(description="the profile by its name, with a threshold for each JND")
    calibration: dict[str, Any] = Field(description="how well it fits the answers")
    curve: StudyCurve = Field(description="share of the observers who see no difference, by quality")
    screening: Screening = Field(description="what became of the observers")


class Invitation(BaseModel):
    """What an observer reads before taking part."""

    title: str = Field(description="title of the study")
    consent_text: str = Field(description="what observers agree to")
    method: StudyMethod = Field(description="how they are asked")
    viewing_condition: str = Field(description="how they are to look")
    photos: int = Field(description="how many photos are ready")
    jnds: int = Field(description="how many just noticeable differences are asked for each")
    expires_at: datetime = Field(description="when the study is deleted")


class Consent(BaseModel):
    """An observer agrees to the consent text, and says how the screen is seen."""

    model_config = ConfigDict(extra="forbid")

    consent: Literal[True] = Field(description="that the consent text was read and agreed to")
    screen: Screen = Field(description="how the screen is seen")


class TrialView(BaseModel):
    """The question to answer next."""

    number: int = Field(description="number of the trial, from 0")
    training: bool = Field(description="practice; its answer is no sample")
    jnd: int = Field(description="which just noticeable difference is asked for")
    photo: int = Field(description="number of the photo, 0 for the one that is practised on")
    width: int = Field(description="of its images, in pixels")
    height: int = Field(description="of its images, in pixels")
    lowest_level: int = Field(description="the level of the reference")
    start_level: int = Field(description="where to put the slider first, drawn at random against anchoring")
    reference: str = Field(description="path of the image to compare with")
    levels: str = Field(description="path of the image at a level, with {level} to be filled in")


class SessionView(BaseModel):
    """Where a session stands; it can be taken up again from here."""

    session: str = Field(description="secret of this session")
    observer: str = Field(description="random; all that is known of the observer")
    total: int = Field(description="trials in all")
    done: int = Field(description="trials answered")
    trial: TrialView | None = Field(description="null when all is answered")


def moment(seconds: float) -> datetime:
    """Unix time as UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def invitation(study: Study, photos: int) -> Invitation:
    """What observers may know of a study."""
    options = study.options
    return Invitation(
        title=options.title,
        consent_text=options.consent_text,
        method=options.method,
        viewing_condition=options.viewing_condition,
        photos=photos,
        jnds=options.jnds,
        expires_at=moment(study.expires_at),
    )


def observers_of(sessions: list[Session]) -> Observers:
    """How many took part, and how much they answered."""
    return Observers(
        started=len(sessions),
        finished=sum(session.current() is None for session in sessions),
        attention_failed=sum(session.attention_passed() is False for session in sessions),
        answers=sum(
            answer is not None and trial.kind is TrialKind.SAMPLE
            for session in sessions
            for trial, answer in zip(session.trials, session.answers, strict=True)
        ),
    )


def session_view(study: Study, session: Session, token: str, ladders: dict[str, Ladder]) -> SessionView:
    """Where ``session`` stands; ``ladders`` by photo id."""
    number = session.current()
    return SessionView(
        session=session.id,
        observer=session.observer,
        total=len(session.trials),
        done=len(session.trials) if number is None else number,
        trial=None if number is None else _trial_view(study, session, number, token, ladders),
    )


def _trial_view(study: Study, session: Session, number: int, token: str, ladders: dict[str, Ladder]) -> TrialView:
    trial, floor = session.trials[number], session.floor(number) or 0
    numbers = {photo.id: place for place, photo in enumerate(study.photos, start=1)}
    levels = f"/v1/observe/{token}/sessions/{session.id}/trials/{number}/levels"
    return TrialView(
        number=number,
        training=trial.kind is TrialKind.TRAINING,
        jnd=trial.jnd,
        photo=numbers.get(trial.photo_id, 0),
        width=ladders[trial.photo_id].width,
        height=ladders[trial.photo_id].height,
        lowest_level=floor + 1,
        start_level=max(floor + 1, trial.start_level),
        reference=f"{levels}/{floor}",
        levels=f"{levels}/{{level}}",
    )
