"""One observer's way through a study: the trials, the answers, and the checks of attention among them. Pure records."""

import secrets
from enum import StrEnum
from random import Random

from pydantic import BaseModel, ConfigDict, Field

from workers.errors import AnswerConflictError, TrialUnknownError
from workers.studies.record import HIGHEST_LEVEL, Study, StudyMethod, new_secret

NOTHING_SEEN = 101
"""The answer of an observer who sees no difference even at level 100."""
OBVIOUS_AT_MOST = 10
"""Where every level shows the strongest distortion, an attentive observer notices it at the lowest levels already."""
ONE_FALSE_ALARM = 50
"""Where every level equals the original, a bisection with one false alarm in its seven answers ends here or above."""
TRIALS_PER_CHECK = 10
"""One identical and one obvious pair are mixed in for each ten photos begun; at least one of each."""


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
