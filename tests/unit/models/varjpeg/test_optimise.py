"""The main job, end to end on small photos: targets, JPEG input, steering, metadata, gain maps."""

import io
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.MpoImagePlugin import MpoImageFile
from pydantic import ValidationError

from models.decode import decode_image
from models.errors import InvalidParameterError, TargetUnreachableError
from models.image_files.jpeg import GAIN_MAP_NOTE
from models.jpeg.coefficients import read_coefficients
from models.jpeg.pixels import decode_jpeg
from models.metadata.carried import segment
from models.metrics.butteraugli import ButteraugliReference
from models.metrics.ssimulacra2 import Ssimulacra2Reference
from models.types import Progress, Rgb8
from models.varjpeg.optimise import OptimisedPhoto, optimise_photo
from models.varjpeg.options import VarJpegOptions
from models.varjpeg.recompress import PreparedJpeg
from models.varjpeg.search.goals import Encoder, SearchResult, Trial
from tests.assets.photos import jpeg, photo, png


def half_calm(height: int = 128, width: int = 160) -> Rgb8:
    return photo(height, width, grain=3, calm=width // 2 + 1)


def sample_photo() -> Rgb8:
    """A corner of the drawn photo that the page shows."""
    with Image.open(Path(__file__).parents[4] / "app" / "page" / "sample.png") as image:
        return np.asarray(image.convert("RGB"))[:256, :320]


def optimised(
    data: bytes, *, protect: NDArray[np.generic] | None = None, progress: Progress | None = None, **asked: Any
) -> OptimisedPhoto:
    options = VarJpegOptions(**asked)
    return optimise_photo(decode_image(data), options, original=data, protect=protect, progress=progress)


def sur_of(found: SearchResult | Trial) -> float:
    assert found.judgement is not None
    assert found.judgement.sur is not None
    return found.judgement.sur


def metric_of(found: SearchResult | Trial) -> float:
    assert found.judgement is not None
    assert found.judgement.metric is not None
    return found.judgement.metric


PNG = png(half_calm())
JPEG = jpeg(half_calm(), quality=88)


@pytest.mark.parametrize("value", [50.0, 70.0, 85.0])
def test_a_ssimulacra2_is_reached_and_little_exceeded(value: float) -> None:
    sample = sample_photo()
    result = optimised(png(sample), target_metric="ssimulacra2", target_value=value)
    measured = Ssimulacra2Reference(sample).score(decode_jpeg(result.data))
    assert value <= measured <= value + 2
    assert metric_of(result.chosen) == pytest.approx(measured, abs=1e-3)
    assert result.target_metric == "ssimulacra2"
    assert sur_of(result.chosen) > 0
    assert all(metric_of(trial) for trial in result.chosen.trials)


def test_a_butteraugli_norm_is_reached() -> None:
    result = optimised(PNG, target_metric="butteraugli", target_value=1.0)
    assert 0.8 <= ButteraugliReference(half_calm()).norm(decode_jpeg(result.data)) <= 1.0


@pytest.mark.parametrize(
    "wishes",
    [
        {"target_metric": "ssimulacra2"},
        {"target_value": 80.0},
        {"target_metric": "ssimulacra2", "target_value": 80.0, "quality": 70},
        {"target_metric": "ssimulacra2", "target_value": 101.0},
        {"target_metric": "butteraugli", "target_value": -1.0},
        {"target_sur": 0.5, "max_bytes": 1000},
    ],
)
def test_targets_that_make_no_sense_are_refused(wishes: dict[str, Any]) -> None:
    with pytest.raises((InvalidParameterError, ValidationError)):
        optimised(PNG, **wishes)


def test_a_share_of_viewers_takes_few_encodes() -> None:
    result = optimised(png(sample_photo()), target_sur=0.75)
    assert len(result.chosen.trials) <= 8
    assert 0.75 <= sur_of(result.chosen) <= 0.76


@pytest.mark.parametrize("target", [{"target_sur": 0.75}, {"target_metric": "ssimulacra2", "target_value": 85.0}])
def test_a_jpeg_never_grows(target: dict[str, Any]) -> None:
    for quality in (20, 60, 95):
        data = jpeg(half_calm(), quality=quality)
        assert len(optimised(data, **target).data) < len(data)


@pytest.mark.parametrize("size", [(128, 160), (121, 163)])
def test_a_turned_jpeg_comes_upright_and_never_grows(size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = jpeg(half_calm(*size), quality=40, exif=exif)
    result = optimised(data, target_metric="ssimulacra2", target_value=80.0)
    assert decode_jpeg(result.data).shape == (size[1], size[0], 3)
    if size == (128, 160):  # whole units: its own coefficients are turned
        assert len(result.data) < len(data)
        assert result.chosen.encoder in (Encoder.COEFFICIENTS, Encoder.INPUT)
        untouched = optimised(data, target_metric="ssimulacra2", target_value=99.9)
        assert untouched.chosen.encoder is Encoder.INPUT
        assert Ssimulacra2Reference(decode_image(data).pixels).score(decode_jpeg(untouched.data)) > 94


def test_a_jpeg_that_nothing_beats_is_passed_through_and_that_is_said() -> None:
    data = jpeg(half_calm(), quality=30)
    result = optimised(data, target_metric="ssimulacra2", target_value=99.9)
    assert result.chosen.encoder is Encoder.INPUT
    np.testing.assert_array_equal(decode_jpeg(result.data), decode_jpeg(data))
    assert any("losslessly" in warning for warning in result.warnings)
    assert sur_of(result.chosen) == 1.0


def test_coefficients_of_a_jpeg_are_thinned_out_on_their_own_grid() -> None:
    source = read_coefficients(JPEG)
    prepared = PreparedJpeg(source, None)
    fine, coarse = prepared.encode(99.0), prepared.encode(40.0)
    again = read_coefficients(fine.data)
    for before, after in zip(source.components, again.components, strict=True):
        np.testing.assert_array_equal(before.table, after.table)
        assert (np.abs(after.blocks) <= np.abs(before.blocks)).mean() > 0.999
    for before, after in zip(source.components, read_coefficients(coarse.data).components, strict=True):
        assert (after.table % before.table == 0).all()
    assert len(coarse.data) < len(fine.data) < len(JPEG)


def test_at_the_highest_quality_coefficients_hardly_change() -> None:
    fine = PreparedJpeg(read_coefficients(JPEG), None).encode(100.0)
    assert Ssimulacra2Reference(decode_jpeg(JPEG)).score(decode_jpeg(fine.data)) > 97


@pytest.mark.parametrize("wishes", [{"quality": 70}, {"max_bytes": 4000}, {"target_sur": 0.9}])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_every_kind_of_jpeg_is_taken(wishes: dict[str, Any], subsampling: str) -> None:
    data = jpeg(half_calm(99, 131), quality=90, subsampling=subsampling)
    result = optimised(data, **wishes)
    assert decode_jpeg(result.data).shape == (99, 131, 3)
    assert len(result.data) < len(data)


def test_grey_jpeg() -> None:
    data = jpeg(half_calm()[:, :, 0], quality=85)
    assert decode_jpeg(optimised(data, quality=60).data).shape == (128, 160, 3)


def test_too_few_bytes_for_any_encoder() -> None:
    with pytest.raises(TargetUnreachableError):
        optimised(JPEG, max_bytes=100)


def middle(height: int, width: int) -> NDArray[np.bool_]:
    protect = np.zeros((height, width), bool)
    protect[height // 3 : height // 2, width // 3 : width // 2] = True
    return protect


@pytest.mark.parametrize("wishes", [{"target_sur": 0.75, "observer": "mcl-jci"}, {"max_bytes": 5500}, {"quality": 40}])
def test_a_mask_keeps_its_part_near_the_photo_whatever_is_asked(wishes: dict[str, Any]) -> None:
    sample = sample_photo()
    protect = middle(*sample.shape[:2])
    kept, plain = optimised(png(sample), protect=protect, **wishes), optimised(png(sample), **wishes)
    inside = [np.abs(decode_jpeg(r.data).astype(float) - sample)[protect].mean() for r in (kept, plain)]
    assert inside[0] < 0.85 * inside[1]
    assert len(kept.data) <= wishes.get("max_bytes", np.inf)
    if "target_sur" in wishes:
        assert sur_of(kept.chosen) >= 0.75


def test_too_few_bytes_for_what_is_protected() -> None:
    sample = sample_photo()
    with pytest.raises(TargetUnreachableError):
        optimised(png(sample), protect=np.ones(sample.shape[:2], bool), max_bytes=3000)


def test_an_empty_mask_changes_nothing() -> None:
    assert optimised(PNG, protect=np.zeros((128, 160), bool)).data == optimised(PNG).data


@pytest.mark.parametrize("quality", [20.0, 70.0])
def test_protected_coefficients_of_a_jpeg_stay_as_they_are(quality: float) -> None:
    source = read_coefficients(jpeg(half_calm(), quality=75))
    protect = np.zeros((128, 160), bool)
    protect[32:64, 64:112] = True
    kept = read_coefficients(PreparedJpeg(source, None, protect=protect).encode(quality).data)
    for number, (before, after) in enumerate(zip(source.components, kept.components, strict=True)):
        blocks = (
            np.s_[2:4, 4:7] if number and after.blocks.shape != kept.components[0].blocks.shape else np.s_[4:8, 8:14]
        )
        np.testing.assert_array_equal(before.blocks[blocks] * before.table, after.blocks[blocks] * after.table)
        assert number or not np.array_equal(before.blocks, after.blocks)


@pytest.mark.parametrize("steering", ["jnd", "patchnet", "none"])
def test_steering_moves_bits(steering: str) -> None:
    result = optimised(PNG, quality=60, steering=steering)
    assert result.steering == steering
    others = [optimised(PNG, quality=60, steering=other).data for other in {"jnd", "patchnet", "none"} - {steering}]
    assert result.data not in others


def test_a_stripped_profile_is_never_passed_through_with_the_wrong_colours() -> None:
    profile = imagecodecs.cms_profile("adobergb")
    data = jpeg(half_calm(), quality=30, icc_profile=profile)
    shown = decode_image(data).pixels.astype(float)
    stripped = optimised(data, quality=30, metadata="strip")
    assert stripped.chosen.encoder is Encoder.LIMEN
    assert b"ICC_PROFILE" not in stripped.data
    assert np.abs(decode_jpeg(stripped.data) - shown).mean() < 8
    resort = optimised(data, quality=95, metadata="strip")  # sRGB pixels would take more bytes than came in
    assert len(resort.data) <= len(data)
    np.testing.assert_array_equal(decode_image(resort.data).pixels, decode_image(data).pixels)
    assert any("its colour profile" in warning for warning in resort.warnings)
    kept = optimised(data, quality=95)
    assert kept.chosen.encoder is not Encoder.LIMEN
    with Image.open(io.BytesIO(kept.data)) as image:
        assert image.info["icc_profile"] == profile


def ultra_hdr() -> tuple[bytes, bytes]:
    """A JPEG with a gain map behind it as ISO 21496-1 lays it out, and that gain map."""
    gain_map = jpeg(half_calm(64, 80)[:, :, 0], quality=70)
    primary = JPEG
    iso = segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4))
    head = len(primary) + len(iso)

    def index(size: int, offset: int) -> bytes:
        entries = struct.pack(">IIIHH", 0x20030000, size, 0, 0, 0) + struct.pack(
            ">IIIHH", 0, len(gain_map), offset, 0, 0
        )
        tags = struct.pack(">HHI4s", 0xB000, 7, 4, b"0100") + struct.pack(">HHII", 0xB001, 4, 1, 2)
        tags += struct.pack(">HHII", 0xB002, 7, 32, 8 + 2 + 3 * 12 + 4)
        return segment(0xE2, b"MPF\0MM\0*" + struct.pack(">I", 8) + struct.pack(">H", 3) + tags + bytes(4) + entries)

    size = head + len(index(0, 0))
    start = 20 + len(iso) + 8  # after the start marker, the JFIF header, the version segment, and "MPF"
    data = primary[:20] + iso + index(size, size - start) + primary[20:] + gain_map
    return data, gain_map


def test_a_gain_map_is_kept_with_all_metadata() -> None:
    data, gain_map = ultra_hdr()
    result = optimised(data, quality=60, metadata="keep-all")
    assert GAIN_MAP_NOTE not in result.warnings
    assert result.data.endswith(gain_map)
    with Image.open(io.BytesIO(result.data)) as image:
        assert image.format == "MPO"
        assert isinstance(image, MpoImageFile)
        assert image.n_frames == 2
        image.seek(1)
        assert image.size == (80, 64)
        image.load()
    assert decode_jpeg(result.data).shape == (128, 160, 3)
    assert GAIN_MAP_NOTE in decode_image(result.data).warnings


@pytest.mark.parametrize("metadata", ["keep-icc", "strip"])
def test_otherwise_a_dropped_gain_map_is_said(metadata: str) -> None:
    data, gain_map = ultra_hdr()
    result = optimised(data, quality=60, metadata=metadata)
    assert GAIN_MAP_NOTE in result.warnings
    assert gain_map not in result.data


def test_a_gain_map_of_a_turned_picture_is_dropped_and_said() -> None:
    data, gain_map = ultra_hdr()
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = data[:20] + segment(0xE1, exif.tobytes()) + data[20:]
    result = optimised(turned, quality=60, metadata="keep-all")
    assert gain_map not in result.data
    assert any("gain map" in warning for warning in result.warnings)


def test_a_target_out_of_reach_for_halved_chroma_is_met_by_full_chroma() -> None:
    random = np.random.default_rng(3)
    sample = sample_photo()[:96, :96].copy()
    sample[:, :, 2] = random.integers(0, 256, (96, 96))
    data = png(sample)
    with pytest.raises(TargetUnreachableError):
        optimised(data, target_metric="ssimulacra2", target_value=88.0, subsampling="420")
    result = optimised(data, target_metric="ssimulacra2", target_value=88.0)
    assert result.chosen.subsampling == "444"
    assert metric_of(result.chosen) >= 88.0
