"""The thesis' container: salience, formula 13, round trips, and a decoder that damaged bytes cannot hurt."""

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageCms
from scipy.ndimage import gaussian_filter

from models import icc
from models.errors import ContainerInvalidError, ImageSizesDifferError, InvalidParameterError
from models.types import Float32Array, PatchQualityMap, Rgb8, RgbImage
from models.varjpeg.container import decode_varjpeg, encode_varjpeg
from models.varjpeg.container_header import Header, block_quality, parse_header
from models.varjpeg.salience import cluster_centroids, full_resolution, salient_pixels
from models.varjpeg.tables import standard_table
from tests.assets.photos import photo
from tests.benchmarks.fuzz.container_fuzz import fuzz

SIDE_INFORMATION_LIMIT = 64


def quality_map(height: int = 96, width: int = 136) -> Float32Array:
    """Best near one point of the left half."""
    y, x = np.mgrid[0:height, 0:width]
    nearness: Float32Array = np.exp(-((y - height / 2) ** 2 + (x - width / 4) ** 2) / (0.02 * height * width))
    return nearness.astype(np.float32)


def psnr(a: Rgb8, b: Rgb8) -> float:
    return float(10 * np.log10(255**2 / max(1e-3, np.square(a.astype(float) - b).mean())))


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (40, 1), (8, 8), (17, 33), (96, 136)])
@pytest.mark.parametrize("full_chroma", [False, True])
def test_round_trip_of_every_size(size: tuple[int, int], full_chroma: bool) -> None:
    data = encode_varjpeg(photo(*size), quality_map(*size), quality=84, full_chroma=full_chroma)
    decoded = decode_varjpeg(data)
    assert decoded.pixels.shape == (*size, 3)
    assert psnr(decoded.pixels, photo(*size)) > 30


def test_grey_photos_have_one_component() -> None:
    grey = np.repeat(photo(96, 136)[:, :, :1], 3, axis=2)
    data = encode_varjpeg(grey, quality_map(), quality=70)
    assert parse_header(data)[0].grey
    pixels = decode_varjpeg(data).pixels
    assert (pixels[:, :, 0] == pixels[:, :, 2]).all()
    assert psnr(pixels, grey) > 30


def test_same_bytes_every_time() -> None:
    assert encode_varjpeg(photo(96, 136), quality_map(), quality=50) == encode_varjpeg(
        photo(96, 136), quality_map(), quality=50
    )


def test_side_information_is_under_64_bytes() -> None:
    header, end = parse_header(encode_varjpeg(photo(96, 136), quality_map(), quality=50))
    assert len(header.centroids) == 8
    assert end < SIDE_INFORMATION_LIMIT


def test_the_header_survives_the_round_trip() -> None:
    header = Header(300, 200, 60 * 256 + 17, np.array([[1, 2], [65535, 0]], np.uint16), has_profile=True)
    parsed, end = parse_header(header.to_bytes())
    assert end == len(header.to_bytes())
    np.testing.assert_array_equal(parsed.centroids, header.centroids)
    assert parsed.to_bytes() == header.to_bytes()


def test_the_block_quality_is_formula_13() -> None:
    """Against Gaussians blurred by scipy on the pixel grid, normalised and averaged over blocks."""
    height, width, quality = 120, 160, 40.5
    rows, columns = np.array([30, 60, 62]), np.array([40, 100, 108])
    centroids = np.stack([(rows + 0.5) / height, (columns + 0.5) / width], axis=1) * 65536
    header = Header(height, width, round(quality * 256), np.round(centroids).astype(np.uint16))
    impulses = np.zeros((height, width))
    impulses[rows, columns] = 1
    blurred = gaussian_filter(impulses, 0.1 * width, mode="constant", truncate=12)
    blurred = (blurred - blurred.min()) / (blurred.max() - blurred.min())
    means = blurred.reshape(15, 8, 20, 8).mean(axis=(1, 3))
    difference = block_quality(header)[0] - np.floor(quality + 15 * means + 0.5)
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.01


def test_blocks_of_the_clusters_are_at_least_8_better_than_far_ones() -> None:
    header, _ = parse_header(encode_varjpeg(photo(96, 136), quality_map(), quality=50))
    quality = block_quality(header)[0]
    salient = salient_pixels(quality_map(), 96, 136)[4::8, 4::8]
    assert quality[salient].mean() - quality[:, 12:].mean() >= 8
    assert quality.min() == 50
    assert quality.max() >= 64


def test_chroma_blocks_average_over_the_pixels_they_stand_for() -> None:
    header, _ = parse_header(encode_varjpeg(photo(96, 136), quality_map(), quality=50))
    luma, chroma, _ = block_quality(header)
    assert chroma.shape == (6, 9)
    pairs = luma[:, :16].reshape(6, 2, 8, 2).mean(axis=(1, 3))
    assert np.abs(pairs - chroma[:, :8]).max() <= 1


def test_quality_stays_in_the_range_of_the_tables() -> None:
    header = Header(64, 64, 99 * 256, np.array([[30000, 30000]], np.uint16))
    assert block_quality(header)[0].max() == 99


def test_at_most_a_tenth_of_the_pixels_is_salient() -> None:
    values = np.random.default_rng(0).random((50, 70)).astype(np.float32)
    salient = salient_pixels(values, 50, 70)
    assert 0.09 <= salient.mean() <= 0.1
    assert values[salient].min() > values[~salient].max()


def test_a_flat_map_has_salience_everywhere() -> None:
    assert salient_pixels(np.full((20, 20), 0.4, np.float32), 20, 20).all()


def test_maps_of_another_size_are_refused() -> None:
    with pytest.raises(ImageSizesDifferError):
        encode_varjpeg(photo(96, 136), quality_map(10, 10), quality=50)


def test_window_values_stand_at_their_centres_and_fade_to_zero_padding() -> None:
    window = PatchQualityMap(np.array([[1, 2, 3], [4, 5, 6]], np.float32), patch_size=64, stride=16)
    full = full_resolution(window, 64 + 16, 64 + 32)
    assert full[31:33, 31:33].mean() == pytest.approx(1.0, abs=0.15)
    assert full[47:49, 63:65].mean() == pytest.approx(6.0, abs=0.15)
    assert full[39:41, 31:33].mean() == pytest.approx(2.5, abs=0.05)
    assert not full[:31].any()
    assert not full[:, 65:].any()


def test_a_photo_smaller_than_a_patch_keeps_its_value() -> None:
    window = PatchQualityMap(np.full((1, 1), 0.7, np.float32), patch_size=64, stride=16)
    np.testing.assert_allclose(full_resolution(window, 20, 30), 0.7)


def test_clusters_lie_in_the_middle_of_their_pixels() -> None:
    salient = np.zeros((40, 90), bool)
    salient[4:7, 10:13] = salient[30:33, 70:73] = True
    np.testing.assert_allclose(cluster_centroids(salient, clusters=2), [[5.5, 11.5], [31.5, 71.5]])


def test_fewer_pixels_than_clusters() -> None:
    salient = np.zeros((5, 5), bool)
    salient[1, 2] = True
    np.testing.assert_array_equal(cluster_centroids(salient, clusters=8), [[1.5, 2.5]])


def test_profile_is_carried() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    decoded = decode_varjpeg(
        encode_varjpeg(RgbImage(photo(96, 136), photo(96, 136), icc_profile=profile), quality_map(), quality=80)
    )
    assert decoded.icc_profile == profile
    assert psnr(decoded.pixels, photo(96, 136)) > 30


def test_a_wide_profile_keeps_its_colours_beside_those_for_the_models() -> None:
    profile = imagecodecs.cms_profile("adobergb")
    native = photo(96, 136)
    source = RgbImage(icc.to_srgb(native, profile), native, icc_profile=profile)
    decoded = decode_varjpeg(encode_varjpeg(source, quality_map(), quality=90))
    assert psnr(decoded.native_pixels, native) > 30
    assert psnr(decoded.pixels, source.pixels) > 30
    assert psnr(decoded.pixels, native) < 30


def test_a_broken_profile_is_refused() -> None:
    for profile in (b"no profile at all", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()[:200]):
        with pytest.raises(ContainerInvalidError):
            decode_varjpeg(
                encode_varjpeg(RgbImage(photo(96, 136), photo(96, 136), icc_profile=profile), quality_map(), quality=80)
            )


@pytest.mark.parametrize("quality", [0.5, 99.5, float("nan")])
def test_qualities_outside_the_thesis_range_are_refused(quality: float) -> None:
    with pytest.raises(InvalidParameterError):
        encode_varjpeg(photo(96, 136), quality_map(), quality=quality)


def test_tables_follow_rfc_2435() -> None:
    assert standard_table(50)[:4].tolist() == [16, 11, 12, 14]
    assert standard_table(75)[0] == 8
    assert standard_table(99, chroma=True).max() == 2
    assert standard_table(1).min() == 255


WHOLE = encode_varjpeg(photo(40, 56), quality_map(40, 56), quality=60)


@pytest.mark.parametrize(
    "data", [b"", b"VJPG", b"VJPG\x01", b"\xff\xd8\xff\xe0", WHOLE[:13], WHOLE[:45], WHOLE + b"\x00"]
)
def test_what_is_no_whole_container_is_refused(data: bytes) -> None:
    with pytest.raises(ContainerInvalidError):
        decode_varjpeg(data)


@pytest.mark.parametrize("end", range(0, len(WHOLE), 37))
def test_truncated_containers_are_refused(end: int) -> None:
    with pytest.raises(ContainerInvalidError):
        decode_varjpeg(WHOLE[:end])


def test_huge_sizes_are_refused_before_anything_is_allocated() -> None:
    huge = bytearray(WHOLE)
    huge[6:10] = b"\x1f\x40\x1f\x40"  # 8000 x 8000 within a kilobyte
    with pytest.raises(ContainerInvalidError):
        decode_varjpeg(bytes(huge))
    with pytest.raises(ContainerInvalidError):
        decode_varjpeg(WHOLE, max_pixels=1000)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutated_containers_decode_or_are_refused(data: st.DataObject) -> None:
    block = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 5))):
        block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = decode_varjpeg(bytes(block), max_pixels=1_000_000)
    except ContainerInvalidError:
        return
    header, _ = parse_header(bytes(block))
    assert decoded.pixels.shape == (header.height, header.width, 3)


def test_the_first_inputs_of_the_fuzzing_command_do_no_harm() -> None:
    findings = fuzz(3000, seed=7, memory_every=29)
    assert findings.failures == []
    assert findings.inputs == 3000
    assert findings.memory_checked > 100
    assert findings.outcomes["decoded"] > 100


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes_after_a_good_header_decode_or_are_refused(tail: bytes) -> None:
    try:
        decode_varjpeg(WHOLE[:45] + tail)
    except ContainerInvalidError:
        return
