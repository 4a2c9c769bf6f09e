"""Who is left out of a study: the rule of BT.500 on made-up observers."""

import random

from app.studies.screening import FEWEST_OTHERS, Sample, outliers

QUESTIONS = [(image, 1) for image in range(1, 31)]
RANDOM = random.Random(3)


def careful(observer: str, shift: float = 0.0, deviation: float = 6.0) -> list[Sample]:
    return [
        Sample(observer, question, round(min(100, max(1, RANDOM.gauss(45 + shift, deviation)))))
        for question in QUESTIONS
    ]


def everybody(count: int = 20) -> list[Sample]:
    return [sample for number in range(count) for sample in careful(f"careful {number}")]


def test_who_answers_at_random_is_left_out() -> None:
    erratic = [Sample("erratic", question, RANDOM.choice((3, 98))) for question in QUESTIONS]
    assert outliers(everybody() + erratic) == {"erratic"}


def test_who_is_always_stricter_stays() -> None:
    strict = careful("strict", shift=-25)
    assert outliers(everybody() + strict) == set()


def test_careful_observers_stay() -> None:
    assert len(outliers(everybody(30))) <= 1


def test_where_few_answered_nobody_is_far_off() -> None:
    few = [sample for number in range(FEWEST_OTHERS - 1) for sample in careful(f"careful {number}")]
    erratic = [Sample("erratic", question, RANDOM.choice((1, 100))) for question in QUESTIONS]
    assert outliers(few + erratic) == set()


def test_answers_that_are_all_the_same_are_no_fault() -> None:
    samples = [Sample(str(number), question, 50) for number in range(10) for question in QUESTIONS]
    assert outliers(samples) == set()
    assert outliers([]) == set()


def test_one_question_alone_leaves_nobody_out() -> None:
    """Far off once is far off to one side."""
    samples = [Sample(str(number), (1, 1), 50 + number % 3) for number in range(20)] + [Sample("far", (1, 1), 100)]
    assert outliers(samples) == set()
