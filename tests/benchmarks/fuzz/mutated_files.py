"""Files with one to four random bytes changed, through all of the work: no process may end, no error lack a type.

    python -m tests.benchmarks.fuzz.mutated_files [--way WAY] [--count 3000] [--others 1000] [--seed 13] [--start 0]

``--count`` JPEGs and ``--others`` each of PNG, WebP, AVIF, HEIC, TIFF, GIF and BMP, each the same whenever it is asked
for: made by a generator seeded with seed, format and number. Every second PNG has its checksums made good again, or no
decoder would come further. They are optimised one after the other in a process of its own for each format, which must
be there at the end, by ``--way``: the function itself; the command line, a file a call; a folder with 1 or 2 jobs;
uploads to a service, embedded or on Redis. A result must never be larger than a JPEG that came in.
"""

import argparse
import io
import multiprocessing
import struct
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from functools import cache

import imagecodecs
import numpy as np
import pillow_heif
from PIL import Image

from models.decode import decode_image
from models.errors import LimenError
from models.image_files.png import chunk_spans
from models.varjpeg.optimise import optimise_photo
from models.varjpeg.options import VarJpegOptions
from tests.assets.phone_files import (
    beside,
    described_png,
    exif,
    exif_block,
    iptc,
    phone_jpeg,
    phone_photo,
    segment,
    ultra_hdr,
    xmp,
)
from tests.assets.photos import encoded
from tests.benchmarks.fuzz.mutated_ways import Outcome, by_command_line, by_folder, by_service
from tests.benchmarks.machine import describe_machine

WAYS = ("function", "cli", "folder-1", "folder-2", "embedded", "redis")
OTHERS = ("PNG", "WEBP", "AVIF", "HEIC", "TIFF", "GIF", "BMP")
MAX_PIXELS = 60_000
"""What a changed header is believed; the sound files have 2,240 pixels."""

TIME_LIMIT_S = 20.0
"""For one small file, on a machine that may be busy."""


@cache
def sound_files(image_format: str) -> tuple[bytes, ...]:
    """Small files of a format, of several makes each."""
    small = phone_photo(40, 56)
    if image_format == "JPEG":
        made = [
            phone_jpeg(small, **options)
            for options in ({}, {"progressive": True}, {"subsampling": 0}, {"optimize": True})
        ]
        packet = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp('photoshop:City="Nowhere"'))
        restarts = bytes(imagecodecs.jpeg8_encode(small, level=80, subsampling="422"))
        cmyk = encoded(Image.fromarray(small).convert("CMYK"), "JPEG")
        profile = phone_jpeg(small, icc_profile=imagecodecs.cms_profile("adobergb"))
        described = beside(made[0], exif(orientation=6), packet, iptc())
        return (*made, phone_jpeg(small[:, :, 0]), restarts, cmyk, profile, described, ultra_hdr())
    picture = Image.fromarray(small)
    if image_format == "PNG":
        plain = [encoded(picture.convert(mode), "PNG", compress_level=0) for mode in ("RGB", "RGBA", "L", "P", "1")]
        return (*plain, encoded(picture, "PNG"), described_png())
    if image_format == "TIFF":
        kinds = (None, "tiff_lzw", "jpeg", "tiff_deflate", "packbits")
        return tuple(encoded(picture, "TIFF", compression=kind) for kind in kinds)
    if image_format == "HEIC":
        return _heic(picture, 0), _heic(picture.convert("RGBA"), 0), _heic(picture, 32)
    if image_format == "WEBP":
        return (
            encoded(picture, "WEBP"),
            encoded(picture, "WEBP", lossless=True),
            encoded(picture.convert("RGBA"), "WEBP"),
        )
    return encoded(picture, image_format), encoded(
        picture.convert("RGBA" if image_format == "AVIF" else "P"), image_format
    )


def _heic(picture: Image.Image, tiles: int) -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(picture).save(file, exif=exif_block(orientation=6), tile_size=tiles)
    return file.getvalue()


def mutated(image_format: str, number: int, seed: int) -> bytes:
    """File ``number``: one of the sound ones with one to four bytes changed."""
    random = np.random.Generator(np.random.PCG64([seed, *image_format.encode(), number]))
    files = sound_files(image_format)
    data = bytearray(files[number % len(files)])
    for _ in range(int(random.integers(1, 5))):
        data[int(random.integers(len(data)))] = int(random.integers(256))
    return _with_checksums(bytes(data)) if image_format == "PNG" and number % 2 else bytes(data)


def _with_checksums(png: bytes) -> bytes:
    """A PNG whose pixels and chunks, as they are, pass the checks that decoders make first."""
    chunks = [(kind, png[start + 8 : end - 4]) for kind, start, end in chunk_spans(png) if end <= len(png)]
    chunks = [(kind, _with_adler(body) if kind == b"IDAT" else body) for kind, body in chunks]
    parts = [struct.pack(">I", len(body)) + kind + body for kind, body in chunks]
    return png[:8] + b"".join(part + struct.pack(">I", zlib.crc32(part[4:])) for part in parts)


def _with_adler(stream: bytes) -> bytes:
    """A zlib stream with the sum of what it holds, if it can be unpacked."""
    try:
        unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(stream[2:-4])
    except zlib.error:
        return stream
    return stream[:-4] + struct.pack(">I", zlib.adler32(unpacked))


def outcome(image_format: str, data: bytes) -> str:
    """What came of one file: who made the result, or the code of the error."""
    try:
        image = decode_image(data, max_pixels=MAX_PIXELS)
        result = optimise_photo(image, VarJpegOptions(quality=70, metadata="keep-all", steering="none"), original=data)
    except LimenError as error:
        return error.code
    if image_format == "JPEG" and len(result.data) > len(data):
        return f"LARGER: {len(data)} -> {len(result.data)}"
    return f"done: {result.chosen.encoder.value}"


def outcomes(image_format: str, numbers: range, seed: int, way: str = "function") -> Iterator[Outcome]:
    """Those of many files, with whatever was raised that has no type."""

    def made(number: int) -> bytes:
        return mutated(image_format, number, seed)

    suffix = image_format.lower().replace("jpeg", "jpg")
    if way == "function":
        return _by_function(image_format, numbers, seed)
    if way == "cli":
        return by_command_line(made, numbers, suffix)
    if way.startswith("folder"):
        return by_folder(made, numbers, suffix, jobs=int(way[-1]))
    return by_service(made, numbers, suffix, with_redis=way == "redis")


def _by_function(image_format: str, numbers: range, seed: int) -> Iterator[Outcome]:
    for number in numbers:
        began = time.process_time()
        try:
            found = outcome(image_format, mutated(image_format, number, seed))
        except Exception as error:  # what this looks for
            found = f"RAISED {type(error).__name__}: {error}"
        if time.process_time() - began > TIME_LIMIT_S:
            found = f"SLOW: {time.process_time() - began:.0f} s"
        yield number, found


def _run(image_format: str, numbers: range, seed: int, way: str) -> None:
    began, seen = time.perf_counter(), Counter[str]()
    for number, found in outcomes(image_format, numbers, seed, way):
        seen[found.split(":")[0] if found[:6].isupper() else found] += 1
        if found.split(":")[0].split()[0].isupper():
            print(f"{image_format} {number}: {found}", flush=True)
    print(
        f"{image_format} by {way}: {len(numbers)} files in {time.perf_counter() - began:.0f} s: {dict(seen)}",
        flush=True,
    )
    raise SystemExit(int(any(found.split()[0].isupper() for found in seen)))


def main() -> None:
    """Print what was seen; exit with 1 if a process ended or anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=3000, help="JPEGs")
    parser.add_argument("--others", type=int, default=1000, help="files of each other format")
    parser.add_argument("--way", choices=WAYS, default="function")
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--start", type=int, default=0, help="number of the first file")
    options = parser.parse_args()
    print(describe_machine(), flush=True)
    failed = False
    for image_format in ("JPEG", *OTHERS):
        count = options.count if image_format == "JPEG" else options.others
        numbers = range(options.start, options.start + count)
        arguments = image_format, numbers, options.seed, options.way
        process = multiprocessing.get_context("spawn").Process(target=_run, args=arguments)
        process.start()
        process.join()
        failed = failed or process.exitcode != 0
        if process.exitcode not in (0, 1):
            print(f"{image_format}: the process ended with {process.exitcode}", flush=True)
    raise SystemExit(int(failed))


if __name__ == "__main__":
    main()
