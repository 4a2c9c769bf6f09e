"""Searches over an encoder whose sizes and judgements are known."""

import json
import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from models.errors import TargetUnreachableError
from models.varjpeg.photo import Encoded, Subsampling
from models.varjpeg.search.bracket import QUALITY_STEP
from models.varjpeg.search.goal_search import search_goal, search_max_bytes
from models.varjpeg.search.goals import HIGHEST_QUALITY, LOWEST_QUALITY, Encoder, Goal, Judgement, SearchResult, Setting


def logit(share: float) -> float:
    return math.log(share / (1 - share))


def goal_of(share: float, start: float = 40.0, lambda_slope: float = 0.0) -> Goal:
    """That share, had by common photos at quality ``start``; their shares rise by 1/7 in logit a quality."""
    qualities = (start - 30, start, start + 30)
    scores = tuple(logit(share) + (quality - start) / 7 for quality in qualities)
    return Goal(
        logit(share),
        logit(min(share + 0.012, (1 + share) / 2)),
        logit(min(share + 0.02, (1 + share) / 2)),
        qualities,
        scores,
        ((start, lambda_slope),) if lambda_slope else (),
        f"{share:.0%}",
    )


def sur_of(found: SearchResult) -> float:
    assert found.judgement is not None
    assert found.judgement.sur is not None
    return found.judgement.sur


def an_input(data: bytes) -> Callable[[int | None], SearchResult | None]:
    """The input, where it has no more bytes than are allowed."""
    found = SearchResult(data, Encoder.INPUT, 100.0, "input", Judgement(9.0, sur=1.0))
    return lambda limit: found if limit is None or len(data) <= limit else None


class Bench:
    """Limen and libjpeg-turbo as formulas: a file is its quality in JSON, padded to its size; Limen's quality counts in
    whole ``steps`` alone, ``lambda_scale`` as 4 qualities to an e-fold."""

    def __init__(
        self,
        middle: float = 40.0,
        scale: float = 7.0,
        plain_ratio: float = 1.2,
        plain_middle: float = 40.0,
        steps: float = QUALITY_STEP,
    ) -> None:
        self.middle, self.scale = {"limen": middle, "plain": plain_middle}, scale
        self.plain_ratio, self.steps = plain_ratio, steps
        self.judged = 0

    def encode(self, setting: Setting) -> Encoded:
        quality = setting.quality // self.steps * self.steps - 4 * math.log(setting.lambda_scale)
        return Encoded(self._file("limen", quality, 1.0), setting.quality, Subsampling.HALF)

    def encode_turbo(self, quality: float) -> Encoded:
        return Encoded(self._file("plain", quality, self.plain_ratio), quality, Subsampling.HALF)

    def judge(self, data: bytes) -> Judgement:
        self.judged += 1
        sur = self.sur(*json.loads(data))
        return Judgement(logit(sur), sur=sur)

    def sur(self, kind: str, quality: float) -> float:
        """Logistic: not the straight line that the search hopes for."""
        return 1 / (1 + math.exp(-(quality - self.middle[kind]) / (0.6 * self.scale)))

    def least(self, kind: str, target: float) -> float:
        steps = int(HIGHEST_QUALITY / QUALITY_STEP) + 1
        grid = (i * QUALITY_STEP for i in range(steps)) if kind == "limen" else range(1, 101)
        return min(q for q in grid if self.sur(kind, q) >= target)

    @staticmethod
    def _file(kind: str, quality: float, factor: float) -> bytes:
        size = round(20_000 * factor * math.exp(0.028 * quality))
        return json.dumps([kind, quality]).encode().ljust(size)


@pytest.mark.parametrize("target", [0.1, 0.5, 0.75, 0.95, 0.99])
@pytest.mark.parametrize("middle", [8.0, 25.0, 40.0, 70.0])
def test_the_file_found_satisfies_the_target_and_little_more(target: float, middle: float) -> None:
    bench = Bench(middle=middle)
    found = search_goal(bench.encode, bench.judge, goal_of(target, 45))
    assert target <= sur_of(found) <= target + 0.04 or found.quality == LOWEST_QUALITY
    assert found.quality - max(LOWEST_QUALITY, bench.least("limen", target)) <= 1.5
    assert found.judgement == bench.judge(found.data)


@pytest.mark.parametrize(("start", "most"), [(5.0, 7), (35.0, 5), (42.0, 4), (50.0, 5), (60.0, 5), (90.0, 7)])
def test_few_trials_are_enough(start: float, most: int) -> None:
    bench = Bench()
    found = search_goal(bench.encode, bench.judge, goal_of(0.75, start))
    assert len(found.trials) <= most
    assert sur_of(found) <= 0.77


@pytest.mark.parametrize("middle", [33.0, 38.5, 41.0, 46.0])
@pytest.mark.parametrize("slope", [0.5, 0.95, 1.5])
def test_thrift_reaches_what_lies_between_two_tables(middle: float, slope: float) -> None:
    bench = Bench(middle=middle, steps=0.75)
    found = search_goal(bench.encode, bench.judge, goal_of(0.75, lambda_slope=slope))
    assert 0.75 <= sur_of(found) <= 0.77
    assert len(found.trials) <= 5
    chosen = next(trial for trial in found.trials if trial.size_bytes == len(found.data))
    assert (chosen.quality, chosen.lambda_scale) == (found.quality, found.lambda_scale)


class WaveringBench(Bench):
    """As a photo of one or two tiles is judged: from one setting to the next by up to 0.02 of viewers more or less."""

    def sur(self, kind: str, quality: float) -> float:
        return super().sur(kind, quality) + 0.02 * math.sin(5 * quality)


def test_where_judgements_waver_more_is_tried_before_too_much_is_accepted() -> None:
    middles = [30 + n / 3 for n in range(60)]
    found = [
        search_goal(bench.encode, bench.judge, goal_of(0.75, lambda_slope=0.5))
        for bench in (WaveringBench(middle=middle) for middle in middles)
    ]
    assert all(0.75 <= sur_of(one) < 0.8 for one in found)
    assert sum(sur_of(one) > 0.77 for one in found) <= 10
    assert sum(len(one.trials) for one in found) / len(found) <= 5.5


def test_thrift_is_left_alone_where_it_is_no_choice() -> None:
    bench = Bench(steps=2.0)
    found = search_goal(bench.encode, bench.judge, goal_of(0.75))
    assert {trial.lambda_scale for trial in found.trials} == {1.0}


def test_an_easy_photo_gets_the_quality_that_it_needs_however_low() -> None:
    bench = Bench(middle=5.0)
    found = search_goal(bench.encode, bench.judge, goal_of(0.75, lambda_slope=0.95))
    assert found.quality < 22
    assert sur_of(found) == pytest.approx(0.75, abs=0.02)


def test_every_judgement_is_listed() -> None:
    bench = Bench(plain_ratio=1.0)
    found = search_goal(bench.encode, bench.judge, goal_of(0.75, 60), encode_turbo=bench.encode_turbo)
    assert len(found.trials) == bench.judged
    assert found.trials[-1].encoder is Encoder.LIBJPEG_TURBO


@pytest.mark.parametrize("target", [0.3, 0.75, 0.97])
@pytest.mark.parametrize(("ratio", "plain_middle"), [(1.2, 40.0), (1.0, 40.0), (1.0, 30.0), (0.5, 40.0), (1.0, 10.0)])
def test_never_larger_than_libjpeg_at_the_same_share(target: float, ratio: float, plain_middle: float) -> None:
    bench = Bench(plain_ratio=ratio, plain_middle=plain_middle)
    found = search_goal(bench.encode, bench.judge, goal_of(target), encode_turbo=bench.encode_turbo)
    assert sur_of(found) >= target
    assert len(found.data) <= len(bench.encode_turbo(bench.least("plain", sur_of(found))).data)
    assert sur_of(found) <= target + 0.04


def test_an_input_that_is_small_enough_is_passed_through() -> None:
    bench = Bench()
    small = search_goal(bench.encode, bench.judge, goal_of(0.75), unchanged=an_input(b"tiny"))
    assert (small.encoder, small.data, sur_of(small)) == (Encoder.INPUT, b"tiny", 1.0)
    large = search_goal(bench.encode, bench.judge, goal_of(0.75), unchanged=an_input(bytes(10**6)))
    assert large.encoder is Encoder.LIMEN


def test_a_share_that_no_quality_reaches() -> None:
    bench = Bench(middle=150.0, plain_middle=150.0)
    with pytest.raises(TargetUnreachableError):
        search_goal(bench.encode, bench.judge, goal_of(0.75), encode_turbo=bench.encode_turbo)
    assert len(search_goal(bench.encode, bench.judge, goal_of(0.75), unchanged=an_input(b"x")).data) == 1


def test_full_chroma_is_asked_where_half_does_not_reach() -> None:
    bench = Bench(middle=150.0)

    def encode_full(setting: Setting) -> Encoded:
        return bench.encode(replace(setting, quality=setting.quality + 60))

    found = search_goal(bench.encode, bench.judge, goal_of(0.75), encode_full_chroma=encode_full)
    assert found.data == encode_full(Setting(found.quality, found.lambda_scale)).data
    easy = Bench()
    assert search_goal(easy.encode, easy.judge, goal_of(0.75), encode_full_chroma=encode_full).quality < 60


def test_a_judge_who_wavers_does_not_break_the_search() -> None:
    bench = Bench()
    wavering = iter([0.2, 0.9, 0.3, 0.8, 0.1, 0.9, 0.5, 0.76, 0.2, 0.2, 0.2, 0.2])
    found = search_goal(
        bench.encode,
        lambda data: Judgement(next(wavering)),
        replace(goal_of(0.75), wanted=0.75, enough=0.76, tolerable=0.77),
    )
    assert found.judgement is not None
    assert found.judgement.score >= 0.75


@pytest.mark.parametrize(
    ("ratio", "encoder"), [(0.9, Encoder.COEFFICIENTS), (0.99, Encoder.COEFFICIENTS), (1.1, Encoder.LIMEN)]
)
def test_the_second_encoder_is_taken_where_it_is_smaller(ratio: float, encoder: Encoder) -> None:
    bench = Bench()
    other = Bench(middle=39.0)

    def encode_coefficients(setting: Setting) -> Encoded:
        encoded = other.encode(setting)
        named = json.dumps(["limen", setting.quality]).encode()
        return replace(encoded, draft=named.ljust(round(ratio * len(encoded.data))))

    found = search_goal(bench.encode, bench.judge, goal_of(0.75), encode_coefficients=encode_coefficients)
    assert found.encoder is encoder
    assert sur_of(found) >= 0.75
    assert {trial.encoder for trial in found.trials} == {Encoder.LIMEN, Encoder.COEFFICIENTS}


@pytest.mark.parametrize("max_bytes", [21_500, 40_000, 90_000, 200_000, 10**7])
@pytest.mark.parametrize("start", [10.0, 75.0])
def test_the_best_that_fits(max_bytes: int, start: float) -> None:
    bench = Bench()
    found = search_max_bytes(bench.encode, max_bytes, start_quality=start)
    assert len(found.data) <= max_bytes
    assert len(found.data) >= 0.97 * max_bytes or found.quality == HIGHEST_QUALITY
    assert len(found.trials) <= 7


def test_too_few_bytes_for_anything() -> None:
    bench = Bench()
    with pytest.raises(TargetUnreachableError):
        search_max_bytes(bench.encode, 1000)


def test_the_lowest_quality_is_tried_before_giving_up() -> None:
    bench = Bench()
    found = search_max_bytes(bench.encode, len(bench.encode(Setting(LOWEST_QUALITY)).data), start_quality=98)
    assert found.quality == LOWEST_QUALITY


def test_progress_rises_to_one_and_may_stop_the_search() -> None:
    bench = Bench()
    seen: list[float] = []
    search_goal(bench.encode, bench.judge, goal_of(0.75, 60), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0

    def stop(_: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        search_max_bytes(bench.encode, 60_000, start_quality=90, progress=stop)
