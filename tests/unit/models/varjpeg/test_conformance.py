"""Every kind of photo through the main job, and every decoder that is installed on what comes out."""

import io
import re
import shutil
import subprocess
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageOps

from models.decode import decode_image
from models.graphs.artefacts import load_model
from models.jnd import predict_jnd_map
from models.jpeg.pixels import decode_jpeg
from models.varjpeg.choices import MetadataPolicy
from models.varjpeg.optimise import optimise_photo
from models.varjpeg.options import VarJpegOptions
from models.varjpeg.photo import encode_jpeg
from models.varjpeg.search.goals import Encoder
from tests.assets.browser import find_browser
from tests.assets.photos import encoded, photo

DECODERS = {
    "libjpeg-turbo": ("djpeg", "-outfile", "/dev/null"),
    "mozjpeg": ("mozdjpeg", "-outfile", "/dev/null"),
    "mozjpeg in its own folder": ("/opt/mozjpeg/bin/djpeg", "-outfile", "/dev/null"),
    "ImageMagick": ("identify", "-regard-warnings", "-verbose"),
}
SHOWN = "onload=()=>document.body.textContent='shown='+[...document.images].filter(i=>i.naturalWidth>0).length"


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F] = "Maker"
    tags.get_ifd(0x8825)[2] = (47.0, 40.0, 0.0)
    return tags


COLOUR = Image.fromarray(photo(70, 101))
INPUTS = {
    "png": encoded(COLOUR, "PNG"),
    "one pixel": encoded(COLOUR.crop((0, 0, 1, 1)), "PNG"),
    "one row": encoded(COLOUR.crop((0, 0, 101, 1)), "PNG"),
    "odd jpeg": encoded(COLOUR.crop((0, 0, 33, 17)), "JPEG", quality=92),
    "grey": encoded(COLOUR.convert("L"), "PNG"),
    "grey jpeg": encoded(COLOUR.convert("L"), "JPEG", quality=92),
    "cmyk jpeg": encoded(COLOUR.convert("CMYK"), "JPEG", quality=92),
    "alpha": encoded(Image.merge("RGBA", (*COLOUR.split(), COLOUR.split()[0])), "PNG"),
    "sixteen bits": bytes(imagecodecs.png_encode(photo(70, 101).astype(np.uint16) * 257)),
    "palette": encoded(COLOUR.quantize(64), "GIF"),
    "webp": encoded(COLOUR, "WEBP", quality=90),
    "wide gamut": encoded(COLOUR, "JPEG", quality=92, icc_profile=imagecodecs.cms_profile("adobergb")),
    "turned": encoded(COLOUR, "JPEG", quality=92, exif=exif(6)),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the main job makes of each input, as files."""
    folder = tmp_path_factory.mktemp("outputs")
    for number, data in enumerate(INPUTS.values()):
        made = optimise_photo(decode_image(data), VarJpegOptions(quality=75), original=data)
        (folder / f"{number}.jpg").write_bytes(made.data)
    return folder


def test_every_input_keeps_its_size_and_looks(files: Path) -> None:
    for number, data in enumerate(INPUTS.values()):
        image, decoded = decode_image(data), decode_image((files / f"{number}.jpg").read_bytes())
        assert decoded.pixels.shape == image.pixels.shape
        assert np.abs(decoded.pixels.astype(int) - image.pixels).mean() < 8


@pytest.mark.parametrize("decoder", DECODERS)
def test_decoders_have_nothing_to_complain_of(decoder: str, files: Path) -> None:
    program, *options = DECODERS[decoder]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    for path in sorted(files.iterdir()):
        answer = subprocess.run([program, *options, str(path)], capture_output=True, text=True, check=False)
        assert (answer.returncode, answer.stderr) == (0, ""), path.name


@pytest.mark.skipif(find_browser() is None, reason="needs a Chromium")
def test_a_browser_shows_them_all(files: Path) -> None:
    pictures = "".join(f'<img src="{path.name}">' for path in sorted(files.glob("*.jpg")))
    page = files / "page.html"
    page.write_text(f"<body>{pictures}<script>{SHOWN}</script>")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=20000",
        "--dump-dom",
        page.as_uri(),
    ]
    program = find_browser()
    assert program is not None
    run = subprocess.run([program, *options], capture_output=True, text=True, check=True, timeout=120)
    page.unlink()
    assert re.findall(r"shown=(\d+)", run.stdout)[-1:] == [str(len(INPUTS))]


def test_the_same_bytes_on_one_thread_and_on_two() -> None:
    pixels = photo(300, 401)
    maps = [predict_jnd_map(pixels, load_model("fpsnet", threads=threads)).values for threads in (1, 2)]
    assert encode_jpeg(pixels, maps[0], quality=60).data == encode_jpeg(pixels, maps[1], quality=60).data


def with_all_metadata() -> bytes:
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
    )
    return encoded(COLOUR, "JPEG", quality=92, exif=exif(6), icc_profile=imagecodecs.cms_profile("adobergb"), xmp=xmp)


@pytest.mark.parametrize(
    ("policy", "profile", "tags", "packet"),
    [("keep-icc", True, False, False), ("keep-all", True, True, True), ("strip", False, False, False)],
)
@pytest.mark.parametrize("quality", [60, 99])
def test_metadata_are_kept_as_asked_and_the_picture_upright(
    policy: MetadataPolicy, profile: bool, tags: bool, packet: bool, quality: int
) -> None:
    data = with_all_metadata()
    result = optimise_photo(decode_image(data), VarJpegOptions(quality=quality, metadata=policy), original=data)
    with Image.open(io.BytesIO(result.data)) as image:
        assert dict(image.getexif().get_ifd(0x8825)) == {}
        if result.chosen.encoder is Encoder.INPUT:  # nothing is smaller: it comes back turned by its tag, and says so
            assert ImageOps.exif_transpose(image).size == (70, 101)
            assert result.warnings
            return
        assert image.size == (70, 101)
        assert ("icc_profile" in image.info) == profile
        found = image.getexif()
        assert (found.get(0x010F) == "Maker") == tags
        assert found.get(0x0112, 1) == 1
        assert dict(found.get_ifd(0x8825)) == {}
        assert ("xmp" in image.info) == packet
    shown, expected = decode_image(result.data).pixels.astype(int), decode_image(data).pixels
    assert np.abs(shown - expected).mean() < 5


@pytest.mark.slow
def test_eight_thousand_by_six_thousand_pixels(tmp_path: Path) -> None:
    tile = photo(600, 800)
    pixels = np.tile(tile, (10, 10, 1))
    data = encode_jpeg(pixels, quality=60).data
    assert decode_jpeg(data).shape == (6000, 8000, 3)
