"""``format=jpeg``: standard files from every kind of photo, small, the same every time."""

import io
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile

from models.errors import ImageSizesDifferError, InvalidParameterError
from models.types import Rgb8, RgbImage
from models.varjpeg.photo import Encoded, PreparedPhoto, encode_jpeg
from models.varjpeg.rate_distortion import (
    Measure,
    choose_beside_protected,
    choose_coefficients,
    round_coefficients,
)
from models.varjpeg.tables import DESIGNS, design_at, photo_settings, standard_table
from models.varjpeg.visibility import block_means, calmed, visibility_weights
from tests.assets.photos import jpeg


def busy_quarter(height: int = 160, width: int = 208, seed: int = 3) -> Rgb8:
    """Smooth colours, a busy quarter, one hard edge."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([128 + 90 * np.sin(x / 37 + y / 23), 120 + 70 * np.cos(y / 31), 100 + x / 3], axis=2)
    base[height // 2 :, width // 2 :] += random.normal(0, 25, (height - height // 2, width - width // 2, 1))
    base[: height // 4, : width // 4] = 20
    return base.clip(0, 255).astype(np.uint8)


def opened(data: bytes) -> JpegImageFile:
    with Image.open(io.BytesIO(data)) as image:
        assert isinstance(image, JpegImageFile)
        image.load()
        return image


def psnr(a: Rgb8 | Image.Image, b: Rgb8 | Image.Image) -> float:
    return float(10 * np.log10(255**2 / np.square(np.asarray(a, float) - np.asarray(b, float)).mean()))


def libjpeg(pixels: Rgb8, quality: int) -> bytes:
    return jpeg(pixels, quality=quality, optimize=True, progressive=True)


SIZES = [(1, 1), (1, 40), (33, 1), (8, 8), (15, 17), (16, 16), (49, 31), (160, 208)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("subsampling", ["420", "444"])
def test_every_size_opens_and_looks_right(size: tuple[int, int], subsampling: str) -> None:
    pixels = busy_quarter(*size)
    decoded = opened(encode_jpeg(pixels, quality=95, subsampling=subsampling).data)
    assert decoded.size == (size[1], size[0])
    assert psnr(decoded.convert("RGB"), pixels) > 30


@pytest.mark.parametrize("program", [["djpeg", "-outfile", "/dev/null"], ["identify", "-regard-warnings"]])
@pytest.mark.parametrize("size", [(1, 1), (15, 17), (160, 208)])
def test_other_decoders_say_nothing(program: list[str], size: tuple[int, int], tmp_path: Path) -> None:
    if shutil.which(program[0]) is None:
        pytest.skip(f"{program[0]} is not installed")
    for name, pixels in {
        "colour": busy_quarter(*size),
        "grey": np.repeat(busy_quarter(*size)[:, :, :1], 3, axis=2),
    }.items():
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(encode_jpeg(pixels, quality=60).data)
        answer = subprocess.run([*program, str(path)], capture_output=True, check=True)
        assert answer.stderr == b""


def test_files_are_progressive_with_one_table_for_each_kind_of_plane() -> None:
    decoded = opened(encode_jpeg(busy_quarter(), quality=75).data)
    assert decoded.info["progressive"]
    assert len(decoded.quantization) == 2


def test_quality_rises_with_quality_and_so_does_size() -> None:
    prepared = PreparedPhoto(busy_quarter())
    encoded = [prepared.encode(q, "420") for q in (5.0, 30.0, 60.0, 80.0, 92.0)]
    sizes = [len(e.data) for e in encoded]
    quality = [psnr(opened(e.data), busy_quarter()) for e in encoded]
    assert sizes == sorted(sizes)
    assert quality == sorted(quality)


def test_smaller_than_libjpeg_at_the_same_error() -> None:
    prepared, pixels = PreparedPhoto(busy_quarter(320, 320)), busy_quarter(320, 320)
    plain = libjpeg(pixels, 75)
    goal = psnr(opened(plain), pixels)
    smallest = min(
        len(e.data) for e in (prepared.encode(q) for q in range(50, 100)) if psnr(opened(e.data), pixels) >= goal
    )
    assert smallest < 0.97 * len(plain)


@pytest.mark.parametrize("quality", [1, 50, 100])
def test_extreme_qualities_work(quality: float) -> None:
    assert opened(encode_jpeg(busy_quarter(), quality=quality).data).size == (208, 160)


@pytest.mark.parametrize("quality", [0.9, 100.1, float("nan")])
def test_other_qualities_are_refused(quality: float) -> None:
    with pytest.raises(InvalidParameterError):
        encode_jpeg(busy_quarter(16, 16), quality=quality)


@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_flat_photos_stay_flat(value: int) -> None:
    pixels = np.full((50, 70, 3), value, np.uint8)
    encoded = encode_jpeg(pixels, quality=50)
    assert encoded.subsampling == "grey"
    assert np.abs(np.asarray(opened(encoded.data).convert("RGB")).astype(int) - pixels).max() <= 3


def test_saturated_noise_stays_inside_the_coefficient_range() -> None:
    pixels = np.random.default_rng(0).choice(np.array([0, 255], np.uint8), (64, 64, 3))
    assert psnr(opened(encode_jpeg(pixels, quality=100, subsampling="444").data), pixels) > 35


def test_grey_photos_get_one_component() -> None:
    assert opened(encode_jpeg(busy_quarter()[:, :, 0], quality=70).data).mode == "L"


def test_same_bytes_every_time_and_from_several_threads() -> None:
    pixels = busy_quarter()
    first = encode_jpeg(pixels, quality=70).data
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda _: encode_jpeg(pixels, quality=70).data, range(8)))
    assert set(again) == {first}


def test_a_prepared_photo_encodes_like_a_single_call() -> None:
    prepared = PreparedPhoto(busy_quarter())
    prepared.encode(30)
    assert prepared.encode(70).data == encode_jpeg(busy_quarter(), quality=70).data


def test_bits_go_where_the_map_says_that_errors_show() -> None:
    pixels = np.random.default_rng(1).normal(128, 20, (128, 128)).clip(0, 255).astype(np.uint8)
    jnd = np.ones((128, 128), np.float32)
    jnd[:, 64:] = 20
    decoded = np.asarray(opened(encode_jpeg(pixels, jnd, quality=60).data)).astype(float)
    error = np.square(decoded - pixels)
    assert error[:, :56].mean() < 0.97 * error[:, 72:].mean()


def masked(height: int, width: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """A mask of whole blocks of halved chroma, and where nothing of it reaches."""
    protect = np.zeros((height, width), bool)
    protect[64:112, 80:144] = True
    far = np.ones((height, width), bool)
    far[48:128, 64:160] = False
    return protect, far


def squared_error(encoded: Encoded, pixels: Rgb8) -> NDArray[np.float64]:
    decoded = np.asarray(opened(encoded.data).convert("RGB")).astype(float)
    error: NDArray[np.float64] = np.square(decoded - pixels).mean(axis=2)
    return error


@pytest.mark.parametrize("subsampling", ["420", "444", "grey"])
@pytest.mark.parametrize("quality", [20, 50, 75, 80])
def test_protected_blocks_are_as_good_as_at_quality_90_and_the_others_as_asked(
    quality: float, subsampling: str
) -> None:
    pixels = busy_quarter(155, 203)
    if subsampling == "grey":
        pixels = np.repeat(pixels[:, :, :1], 3, axis=2)
    protect, far = masked(155, 203)
    kept = encode_jpeg(pixels, quality=quality, subsampling=subsampling, protect=protect)
    plain, fine = (encode_jpeg(pixels, quality=q, subsampling=subsampling) for q in (quality, 90))
    errors, usual, best = (squared_error(encoded, pixels) for encoded in (kept, plain, fine))
    assert errors[protect].mean() == pytest.approx(best[protect].mean(), rel=0.25)
    assert errors[far].mean() ** 0.5 < 1.15 * usual[far].mean() ** 0.5
    assert errors[far].mean() > best[far].mean()
    assert len(plain.data) < len(kept.data) < len(fine.data)
    assert kept.data == encode_jpeg(pixels, quality=quality, subsampling=subsampling, protect=protect).data


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("subsampling", ["420", "444"])
def test_a_mask_works_at_every_size(size: tuple[int, int], subsampling: str) -> None:
    protect = np.zeros(size, np.uint8)
    protect[size[0] // 2, size[1] // 2] = 255
    encoded = encode_jpeg(busy_quarter(*size), quality=40, subsampling=subsampling, protect=protect)
    assert opened(encoded.data).size == (size[1], size[0])


@pytest.mark.parametrize("quality", [30, 60, 89.5, 95])
def test_masks_without_and_with_everything_are_plain_encodings(quality: float) -> None:
    nothing, everything = np.zeros((160, 208), bool), np.ones((160, 208), bool)
    assert (
        encode_jpeg(busy_quarter(), quality=quality, protect=nothing).data
        == encode_jpeg(busy_quarter(), quality=quality).data
    )
    kept = encode_jpeg(busy_quarter(), quality=quality, protect=everything)
    assert squared_error(kept, busy_quarter()).mean() == pytest.approx(
        squared_error(encode_jpeg(busy_quarter(), quality=max(quality, 90)), busy_quarter()).mean(), rel=0.03
    )


def test_chroma_stays_whole_where_the_protected_part_needs_it() -> None:
    pixels = busy_quarter(96, 96)
    pixels[:48, :48] = 128
    pixels[:48, 0:48:2, 2], pixels[:48, 1:48:2, 2] = 60, 220
    protect = np.zeros((96, 96), bool)
    protect[:48, :48] = True
    assert encode_jpeg(pixels, quality=50, protect=protect).subsampling == "444"
    assert encode_jpeg(pixels, quality=50, protect=~protect).subsampling == "420"


def test_saturated_noise_around_a_mask_stays_inside_the_coefficient_range() -> None:
    pixels = np.random.default_rng(0).choice(np.array([0, 255], np.uint8), (64, 64, 3))
    protect = np.zeros((64, 64), bool)
    protect[16:32, 16:32] = True
    for quality in (1, 60):
        error = squared_error(encode_jpeg(pixels, quality=quality, subsampling="444", protect=protect), pixels)
        assert error[protect].mean() < error[~protect].mean()


def test_free_protected_blocks_are_rounded_plainly_on_their_own_grid() -> None:
    coefficients = np.random.default_rng(0).normal(0, 60, (4, 6, 64)).astype(np.float32)
    fine, coarse = standard_table(90), standard_table(40)
    where = np.zeros((4, 6), bool)
    where[1:3, 2:5] = True
    weights = np.ones((4, 6), np.float32)
    chosen = choose_beside_protected(coefficients, Measure(coarse, weights, 1e-9), Measure(fine, weights, 0.0), where)
    assert np.abs(chosen[where] - coefficients[where] / fine).max() < 0.501
    around = coefficients[~where]
    rounded = round_coefficients(coefficients, coarse)[~where] * coarse.astype(float)
    error, usual = (
        np.square(values - around)[:, 1:].mean() for values in (chosen[~where] * fine.astype(float), rounded)
    )
    assert error < usual
    assert not chosen[~where][:, 1:][np.abs(around / coarse)[:, 1:] < 0.499].any()


def test_the_choice_costs_no_more_than_rounding_in_its_own_measure() -> None:
    """With next to no price on bits, nothing is given up."""
    coefficients = np.random.default_rng(0).normal(0, 60, (4, 5, 64)).astype(np.float32)
    table = standard_table(50)
    weights = np.ones((4, 5), np.float32)
    free = choose_coefficients(coefficients, table, weights, multiplier=1e-9)
    np.testing.assert_array_equal(free, round_coefficients(coefficients, table))
    dear = choose_coefficients(coefficients, table, weights, multiplier=1e6)
    assert not dear[:, :, 1:].any()


def test_equal_dc_values_are_chosen_where_a_difference_costs_more_than_the_error() -> None:
    coefficients = np.zeros((1, 40, 64), np.float32)
    coefficients[0, :, 0] = 16 * (10 + 0.51 * (np.arange(40) % 8 == 7))
    chosen = choose_coefficients(coefficients, standard_table(50), np.ones((1, 40), np.float32), multiplier=0.3)
    assert len(set(chosen[0, :, 0].tolist())) == 1
    plain = choose_coefficients(coefficients, standard_table(50), np.ones((1, 40), np.float32), multiplier=1e-6)
    assert set(plain[0, :, 0].tolist()) == {10, 11}


def test_maps_of_another_size_are_refused() -> None:
    with pytest.raises(ImageSizesDifferError):
        encode_jpeg(busy_quarter(32, 32), np.ones((32, 31), np.float32), quality=50)
    with pytest.raises(ImageSizesDifferError):
        encode_jpeg(busy_quarter(32, 32), quality=50, protect=np.ones((3, 3), bool))


def test_block_means_at_the_edge_use_the_pixels_there_are() -> None:
    values = np.arange(90, dtype=float).reshape(9, 10)
    means = block_means(values, 9, 10)
    assert means.shape == (2, 2)
    assert means[1, 1] == pytest.approx(values[8:, 8:].mean())


def test_a_lone_edge_in_a_calm_area_keeps_its_weight() -> None:
    jnd = np.full((5, 9), 2.0, np.float32)
    jnd[2, 4] = 30
    weights = visibility_weights(calmed(jnd), np.full((5, 9), 128.0), jnd_exponent=0.4, darkness_exponent=0.2)
    assert weights[2, 4] == weights[0, 0]


def test_errors_count_more_in_the_dark() -> None:
    mean_luma = np.array([[0.0, 60.0, 128.0, 255.0]], np.float32)
    jnd = np.full((1, 4), 2.0, np.float32)
    weights = visibility_weights(calmed(jnd), mean_luma, jnd_exponent=0.4, darkness_exponent=0.5)
    assert (np.diff(weights[0]) < 0).all()
    level = visibility_weights(calmed(jnd), mean_luma, jnd_exponent=0.4, darkness_exponent=0.0)
    assert (level == level[0, 0]).all()


def test_tables_grow_finer_with_quality() -> None:
    coarse, fine = photo_settings(40), photo_settings(80)
    assert (fine.luma <= coarse.luma).all()
    assert (fine.chroma <= coarse.chroma).all()
    assert photo_settings(100).luma.max() <= 3


def display_p3_like() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def with_profile(pixels: Rgb8) -> RgbImage:
    return RgbImage(pixels[:, :, ::-1].copy(), pixels, icc_profile=display_p3_like())


def test_profile_is_kept_with_the_native_pixels() -> None:
    image = with_profile(busy_quarter())
    decoded = opened(encode_jpeg(image, quality=95).data)
    assert decoded.info["icc_profile"] == image.icc_profile
    assert psnr(decoded, image.native_pixels) > 30


def test_stripping_the_profile_leaves_srgb_pixels() -> None:
    image = with_profile(busy_quarter())
    decoded = opened(encode_jpeg(image, quality=95, metadata="strip").data)
    assert "icc_profile" not in decoded.info
    assert psnr(decoded, image.pixels) > 30


def test_grey_in_a_profile_becomes_grey_in_srgb() -> None:
    grey = np.repeat(busy_quarter()[:, :, :1], 3, axis=2)
    encoded = encode_jpeg(RgbImage(grey, grey, icc_profile=display_p3_like()), quality=80)
    assert encoded.subsampling == "grey"
    assert "icc_profile" not in opened(encoded.data).info


def test_designs_are_met_at_their_scales_and_mixed_between() -> None:
    for scale, design in DESIGNS:
        np.testing.assert_allclose(design_at(scale).numbers(), design.numbers())
    (low, first), (high, second) = DESIGNS[:2]
    np.testing.assert_allclose(
        design_at((low * high) ** 0.5).numbers(), (first.numbers() + second.numbers()) / 2, rtol=1e-9
    )


def test_chroma_stays_whole_where_halving_costs_fine_colours() -> None:
    stripes = np.full((96, 96, 3), 128, np.uint8)
    stripes[:, ::2, 2], stripes[:, 1::2, 2] = 60, 220
    assert encode_jpeg(stripes, quality=90).subsampling == "444"
    assert encode_jpeg(stripes, quality=60).subsampling == "420"
    soft = np.repeat(np.linspace(60, 200, 96).astype(np.uint8)[:, None, None], 96, axis=1)
    assert encode_jpeg(soft * np.array([1, 0, 1], np.uint8), quality=90).subsampling == "420"
