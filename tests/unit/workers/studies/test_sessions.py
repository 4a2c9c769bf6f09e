"""The way of one observer through a study: what is asked next, what is shown, what counts as attentive."""

import pytest

from workers.errors import AnswerConflictError, TrialUnknownError
from workers.studies.record import StudyMethod
from workers.studies.session import NOTHING_SEEN, Answer, Screen, Session, Trial, TrialKind

SCREEN = Screen(css_pixels_per_mm=3.78, viewing_distance_mm=600)
PHOTO = "0123456789abcdef"


def session(*kinds: tuple[TrialKind, int], method: StudyMethod = StudyMethod.ADJUSTMENT) -> Session:
    trials = tuple(Trial(photo_id=PHOTO, kind=kind, jnd=jnd, start_level=50) for kind, jnd in kinds)
    empty = (None,) * len(trials)
    return Session(id="s", observer="o", method=method, screen=SCREEN, created_at=0.0, trials=trials, answers=empty)


def answer(level: int) -> Answer:
    return Answer(level=level, pixels_per_degree=60)


THREE_JNDS = session((TrialKind.SAMPLE, 1), (TrialKind.SAMPLE, 2), (TrialKind.SAMPLE, 3), (TrialKind.SAMPLE, 1))


def test_each_jnd_is_looked_for_from_the_one_before() -> None:
    assert THREE_JNDS.current() == 0
    assert THREE_JNDS.floor(0) == 0
    assert THREE_JNDS.floor(1) is None
    one = THREE_JNDS.answered(0, answer(30))
    assert (one.current(), one.floor(1)) == (1, 30)
    two = one.answered(1, answer(60))
    assert (two.current(), two.floor(2)) == (2, 60)
    assert two.shown_level(2, 60) == 60
    with pytest.raises(TrialUnknownError):
        two.shown_level(2, 59)
    with pytest.raises(AnswerConflictError):
        two.answered(2, answer(60))


@pytest.mark.parametrize("level", [100, NOTHING_SEEN])
def test_where_nothing_lies_beyond_the_next_photo_follows(level: int) -> None:
    one = THREE_JNDS.answered(0, answer(level))
    assert one.current() == 3
    with pytest.raises(TrialUnknownError):
        one.answered(1, answer(NOTHING_SEEN))
    assert one.answered(3, answer(5)).current() is None


def test_answers_come_in_order_and_stay() -> None:
    with pytest.raises(AnswerConflictError):
        THREE_JNDS.answered(3, answer(5))
    one = THREE_JNDS.answered(0, answer(30))
    assert one.answered(0, answer(30)) == one, "sent twice after a lost reply"
    with pytest.raises(AnswerConflictError):
        one.answered(0, answer(31))
    for number in (-1, 4):
        with pytest.raises(TrialUnknownError):
            one.answered(number, answer(5))


def test_checks_show_what_makes_them_checks() -> None:
    checks = session((TrialKind.IDENTICAL, 1), (TrialKind.OBVIOUS, 1))
    assert {checks.shown_level(0, level) for level in range(101)} == {0}
    assert {checks.shown_level(1, level) for level in range(1, 101)} == {100}
    assert checks.shown_level(1, 0) == 0
    assert checks.attention_passed() is None


@pytest.mark.parametrize(
    ("identical", "obvious", "passed"),
    [(NOTHING_SEEN, 1, True), (NOTHING_SEEN, 10, True), (NOTHING_SEEN, 11, False), (100, 1, False), (50, 50, False)],
)
def test_attention(identical: int, obvious: int, passed: bool) -> None:
    checks = session((TrialKind.IDENTICAL, 1), (TrialKind.OBVIOUS, 1))
    assert checks.answered(0, answer(identical)).answered(1, answer(obvious)).attention_passed() is passed


def test_half_of_the_checks_are_judged_before_the_rest_is_answered() -> None:
    checks = session((TrialKind.IDENTICAL, 1), (TrialKind.OBVIOUS, 1))
    assert checks.answered(0, answer(NOTHING_SEEN)).attention_passed() is True


@pytest.mark.parametrize(("level", "passed"), [(NOTHING_SEEN, True), (75, True), (50, True), (49, False), (1, False)])
def test_one_false_alarm_in_a_bisection_is_forgiven(level: int, passed: bool) -> None:
    checks = session((TrialKind.IDENTICAL, 1), method=StudyMethod.BISECTION)
    assert checks.answered(0, answer(level)).attention_passed() is passed
