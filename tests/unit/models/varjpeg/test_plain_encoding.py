"""Files of other encoders: whole, of the asked quality, and the largest that fits."""

import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from models.errors import InvalidParameterError, TargetUnreachableError
from models.types import RgbImage
from models.varjpeg.plain_encoding import encode_plainly
from tests.assets.photos import textured

WIDE = imagecodecs.cms_profile("adobergb")
CODECS = {"jpeg": "JPEG", "jpegli": "JPEG", "webp": "WEBP", "avif": "AVIF"}


def photo(height: int = 96, width: int = 120, *, profile: bytes | None = None) -> RgbImage:
    pixels = textured(height, width)
    return RgbImage(pixels, pixels.copy(), icc_profile=profile)


@pytest.mark.parametrize(("codec", "form"), CODECS.items())
def test_the_file_is_whole_and_looks_like_the_photo(codec: str, form: str) -> None:
    image = photo()
    made = encode_plainly(image, codec, quality=95)
    with Image.open(io.BytesIO(made.data)) as opened:
        assert opened.format == form
        error = np.asarray(opened.convert("RGB"), np.float64) - image.pixels
    assert made.quality == 95
    assert np.abs(error).mean() < 8


@pytest.mark.parametrize("quality", [60, 100])
def test_an_avif_says_which_colours_it_holds_whoever_wrote_it(quality: int) -> None:
    plain, profiled = (encode_plainly(photo(profile=profile), "avif", quality=quality).data for profile in (None, WIDE))
    assert b"colrnclx\x00\x01\x00\x0d\x00\x06" in plain  # BT.709, sRGB, BT.601's matrix
    assert b"colrprof" in profiled
    seen = [np.asarray(Image.open(io.BytesIO(made)).convert("RGB"), np.float64) for made in (plain, profiled)]
    assert np.abs(seen[0] - seen[1]).mean() < 2


@pytest.mark.parametrize("codec", CODECS)
def test_the_highest_quality_that_fits_is_made(codec: str) -> None:
    image = photo()
    sizes = {quality: len(encode_plainly(image, codec, quality=quality).data) for quality in (20, 60, 90)}
    for size in sizes.values():
        made = encode_plainly(image, codec, max_bytes=size)
        assert len(made.data) <= size
        assert made.quality == 100 or len(encode_plainly(image, codec, quality=made.quality + 1).data) > size


@pytest.mark.parametrize("codec", CODECS)
def test_every_limit_is_met_in_few_encodings(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import models.varjpeg.plain_encoding

    image, tries = photo(), 0
    smallest, largest = (len(encode_plainly(image, codec, quality=quality).data) for quality in (1, 100))
    encode = models.varjpeg.plain_encoding._ENCODERS[codec]

    def counted(*arguments: object) -> bytes:
        nonlocal tries
        tries += 1
        return encode(*arguments)  # type: ignore[arg-type]

    monkeypatch.setitem(models.varjpeg.plain_encoding._ENCODERS, codec, counted)
    for limit in np.linspace(smallest, largest + 10, 9).astype(int).tolist():
        tries = 0
        assert len(encode_plainly(image, codec, max_bytes=limit).data) <= limit
        assert tries <= 12
    with pytest.raises(TargetUnreachableError, match="lowest quality"):
        encode_plainly(image, codec, max_bytes=smallest // 2)


@pytest.mark.parametrize("codec", CODECS)
def test_a_colour_profile_is_kept_and_counted(codec: str) -> None:
    image = photo(profile=WIDE)
    made = encode_plainly(image, codec, max_bytes=6000)
    with Image.open(io.BytesIO(made.data)) as opened:
        assert opened.info["icc_profile"] == WIDE
    assert len(made.data) <= 6000


def test_progress_goes_up_and_can_stop_the_search() -> None:
    heard: list[float] = []
    encode_plainly(photo(), "jpeg", max_bytes=3000, progress=heard.append)
    assert heard == sorted(heard)
    assert all(0 < fraction < 1 for fraction in heard)


def test_wrong_wishes_are_refused() -> None:
    with pytest.raises(InvalidParameterError, match="gif is none of"):
        encode_plainly(photo(), "gif")
    wide = np.zeros((1, 16384, 3), np.uint8)
    with pytest.raises(InvalidParameterError, match="16383"):
        encode_plainly(RgbImage(wide, wide), "webp")
