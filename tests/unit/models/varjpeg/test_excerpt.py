"""Large photos: a few places tell where the search has to look, and the whole has the last word."""

import gc
import math
import weakref
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.decode import decode_image
from models.jpeg.coefficients import read_coefficients
from models.sur.observers import find_profile
from models.sur.reference import SurReference, profile_reference
from models.sur.reference_jpeg import encode_reference_jpeg
from models.sur.tiles import TILE
from models.threads import shared
from models.types import Rgb8, RgbImage
from models.varjpeg.optimise import OptimisedPhoto, optimise_photo
from models.varjpeg.options import VarJpegOptions
from models.varjpeg.photo import Encoded, Subsampling
from models.varjpeg.recompress import PreparedJpeg
from models.varjpeg.search.excerpt import cut, cut_coefficients, tiles_for
from models.varjpeg.search.goal_search import search_goal
from models.varjpeg.search.goals import Encoder, Excerpt, Goal, Judgement, Setting
from tests.assets.photos import jpeg, photo

PLACES = ((0, 16), (48, 256), (256, 304))
GOAL = Goal(1.0, 1.05, 1.1, (0.0, 100.0), (-10.0, 10.0), (), "a score of 1")


def large_photo() -> Rgb8:
    """The drawn photo that the page shows at 8.3 megapixels, with grain."""
    with Image.open(Path(__file__).parents[4] / "app" / "page" / "sample.png") as image:
        pixels = np.asarray(image.convert("RGB").resize((3600, 2304), Image.Resampling.BICUBIC))
    grain = np.random.default_rng(0).integers(-5, 6, (256, 240, 3))
    return np.asarray(np.clip(pixels + np.tile(grain, (9, 15, 1)), 0, 255), np.uint8)


@pytest.fixture(scope="module")
def large() -> Rgb8:
    return large_photo()


def optimised(pixels: Rgb8, threads: int) -> OptimisedPhoto:
    with shared(threads):
        return optimise_photo(RgbImage(pixels, pixels), VarJpegOptions(target_sur=0.75))


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:2:2", "4:4:4"])
def test_an_excerpt_has_the_blocks_of_the_whole(subsampling: str) -> None:
    pixels = photo(520, 576)
    whole = read_coefficients(jpeg(pixels, quality=80, subsampling=subsampling))
    excerpt = cut_coefficients(whole, PLACES)
    assert (excerpt.height, excerpt.width) == (3 * TILE, TILE)
    again = read_coefficients(jpeg(cut(pixels, PLACES), quality=80, subsampling=subsampling))
    for number, (one, other) in enumerate(zip(excerpt.components, again.components, strict=True)):
        assert one.blocks.shape == other.blocks.shape
        if number == 0 or subsampling == "4:4:4":
            np.testing.assert_array_equal(one.blocks, other.blocks)


def test_an_excerpt_is_judged_as_its_tiles_are_in_the_whole(large: Rgb8) -> None:
    reference = profile_reference(large, find_profile("aic-3"))
    distorted, finer = (decode_image(encode_reference_jpeg(large, quality)).pixels for quality in (80, 90))
    assert reference.excerpt(96) is None  # which tiles tell most is not known yet
    whole = [reference.log_distance(each) for each in (distorted, finer)]
    found = reference.excerpt(96)
    assert found is not None
    places, excerpt = found
    assert [excerpt.log_distance(cut(each, places)) for each in (distorted, finer)] == pytest.approx(whole, abs=1e-5)
    found = reference.excerpt(24)
    assert found is not None
    places, excerpt = found
    assert len(places) == 24
    assert excerpt.log_distance(cut(distorted, places)) > whole[0]


@pytest.mark.parametrize(
    ("size", "tiles"),
    [((512, 768), 0), ((1000, 1300), 0), ((1200, 1200), 4), ((2000, 2500), 15), ((3000, 4000), 24), ((255, 9000), 0)],
)
def test_an_excerpt_is_a_fifth_of_the_photo_at_most(size: tuple[int, int], tiles: int) -> None:
    assert tiles_for(*size) == tiles


def test_a_tile_that_is_not_whole_makes_no_excerpt() -> None:
    pixels = np.full((900, 900, 3), 255, np.uint8)
    pixels[100:300, 100:300] = photo(200, 200)
    reference = SurReference(pixels)
    reference.log_distance(pixels)
    assert reference.excerpt(4) is None


@pytest.mark.slow
@pytest.mark.parametrize("size", [(100, 13200), (6000, 250)])
@pytest.mark.parametrize("metric", [("ssimulacra2", 60.0), ("butteraugli", 2.0)])
def test_a_narrow_photo_reaches_a_metric(size: tuple[int, int], metric: tuple[str, float]) -> None:
    data = jpeg(photo(*size), quality=95)
    options = VarJpegOptions.model_validate({"target_metric": metric[0], "target_value": metric[1]})
    assert len(optimise_photo(decode_image(data), options, original=data).data) <= len(data)


@pytest.mark.slow
def test_the_share_said_of_a_photo_with_a_mask_is_that_of_the_file() -> None:
    pixels, profile = photo(1300, 1400, grain=4), find_profile("aic-3")
    protect = np.zeros((1300, 1400), np.uint8)
    protect[:300, :300] = 1
    found = optimise_photo(RgbImage(pixels, pixels), VarJpegOptions(), protect=protect)
    assert found.chosen.judgement is not None
    share = profile_reference(pixels, profile).sur(decode_image(found.data).pixels, profile)
    assert found.chosen.judgement.sur == pytest.approx(share, abs=1e-5)


def test_a_large_photo_is_encoded_whole_a_few_times_and_judged_as_a_whole(large: Rgb8) -> None:
    found = optimised(large, 2)
    assert found.chosen.judgement is not None
    assert found.chosen.judgement.sur is not None
    assert 0.75 <= found.chosen.judgement.sur <= 0.76
    assert sum(trial.encoder is Encoder.LIMEN for trial in found.chosen.trials) <= 3
    share = profile_reference(large, find_profile("aic-3")).sur(decode_image(found.data).pixels, find_profile("aic-3"))
    assert share == pytest.approx(found.chosen.judgement.sur, abs=1e-4)
    assert optimised(large, 1).data == found.data


@pytest.mark.parametrize("target", [{"target_sur": 0.75}, {"quality": 80.0}])
def test_a_request_leaves_nothing_for_the_garbage_collector(target: dict[str, float]) -> None:
    data = jpeg(photo(256, 256), quality=92)
    image = decode_image(data)
    pixels = weakref.ref(image.pixels)
    gc.disable()
    try:
        optimise_photo(image, VarJpegOptions.model_validate(target), original=data)
        del image
        assert pixels() is None
    finally:
        gc.enable()


def test_an_input_far_larger_than_the_result_is_not_re_coded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: PreparedJpeg) -> bytes:
        raise AssertionError("re-coded for nothing")

    data = jpeg(photo(256, 256, grain=3), quality=98)
    monkeypatch.setattr(PreparedJpeg, "lossless", refuse)
    options = VarJpegOptions(target_sur=0.5)
    assert len(optimise_photo(decode_image(data), options, original=data).data) < len(data) / 2


class Line:
    """An encoder whose score rises by .2 a quality, a file as a number of bytes; ``lower`` on the whole."""

    def __init__(self, lower: float, bytes_a_quality: float = 1000.0) -> None:
        self.lower, self.bytes_a_quality, self.encoded, self.finished = lower, bytes_a_quality, 0, 0

    def encode(self, setting: Setting) -> Encoded:
        self.encoded += 1
        score = math.tanh((setting.quality - 60) / 20) * 5 - self.lower
        return Encoded(
            str(score).encode().ljust(round(self.bytes_a_quality * setting.quality)),
            setting.quality,
            Subsampling.HALF,
            self._finish,
        )

    def _finish(self) -> bytes:
        self.finished += 1
        return b" " * 5

    @staticmethod
    def judge(data: bytes) -> Judgement:
        return Judgement(float(data))


def test_what_the_excerpt_foresees_is_tried_next() -> None:
    whole, part = Line(0.3), Line(0.0)
    alone = search_goal(whole.encode, whole.judge, GOAL)
    tried_alone, whole.encoded = whole.encoded, 0
    found = search_goal(whole.encode, whole.judge, GOAL, excerpt=lambda: Excerpt(part.judge, part.encode))
    assert whole.encoded == len(found.trials) == 2 < tried_alone
    assert found.judgement is not None
    assert GOAL.wanted <= found.judgement.score <= GOAL.enough
    assert abs(found.quality - alone.quality) <= 0.5


def test_a_rival_that_loses_on_the_excerpt_is_not_encoded_whole() -> None:
    whole, part, rival, rival_part = Line(0.0), Line(0.0), Line(0.0), Line(0.0, 1200.0)
    excerpt = Excerpt(part.judge, part.encode, encode_coefficients=rival_part.encode, encode_turbo=rival_part.encode)
    found = search_goal(
        whole.encode,
        whole.judge,
        GOAL,
        encode_coefficients=rival.encode,
        encode_turbo=lambda quality: rival.encode(Setting(quality)),
        excerpt=lambda: excerpt,
    )
    assert rival.encoded == 0
    assert {trial.encoder for trial in found.trials} == {Encoder.LIMEN}


def test_only_the_file_that_is_sent_is_re_coded() -> None:
    steep = Goal(1.0, 1.0001, 1.0002, (0.0, 100.0), (-10.0, 10.0), (), "a score of 1")
    whole = Line(0.0)
    search_goal(
        whole.encode,
        whole.judge,
        steep,
        encode_turbo=lambda quality: Encoded(b"9".ljust(10**7), quality, Subsampling.HALF),
    )
    assert whole.encoded >= 4
    assert whole.finished == 1
