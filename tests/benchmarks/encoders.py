"""Every JPEG encoder found on this machine, called alike."""

import io
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mozjpeg_lossless_optimization
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.varjpeg.photo import PreparedPhoto
from tests.benchmarks.codec_size import jnd_map

QUALITIES = (28, 40, 55, 67, 76, 83, 88, 91, 94, 97)
GUETZLI_QUALITIES = (84, 90, 95)
RECOMPRESS_TARGETS = (0.98, 0.99, 0.999, 0.9995, 0.9999, 0.99995, 0.99999)
PLAIN = "libjpeg-turbo 4:2:0 (Pillow)"
LIMEN = "limen"

Pixels = NDArray[np.uint8]
Encode = Callable[[Pixels, Path, float], bytes]
"""Pixels, a folder that holds them as ``photo.ppm`` and ``photo.png``, and the quality; gives the file."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """One way to make a JPEG, at the settings from ``qualities``."""

    name: str
    encode: Encode
    qualities: tuple[float, ...] = QUALITIES
    slow: bool = False


def found_encoders() -> list[Encoder]:
    """Everything that can be measured here, libjpeg-turbo first."""
    encoders = [Encoder(PLAIN, _pillow("4:2:0")), Encoder("libjpeg-turbo 4:4:4 (Pillow)", _pillow("4:4:4"))]
    encoders += [Encoder(name, _cjpeg(path)) for name, path in _cjpegs().items()]
    programs = {
        "cjpegli": Encoder("cjpegli", _with_files("cjpegli", "{png}", "{out}", "-q", "{quality:g}")),
        "jpeg-recompress": Encoder(
            "jpeg-recompress",
            _with_files(
                "jpeg-recompress",
                "--quiet",
                "--ppm",
                "--min",
                "20",
                "--max",
                "99",
                "--target",
                "{quality}",
                "{ppm}",
                "{out}",
            ),
            RECOMPRESS_TARGETS,
        ),
        "guetzli": Encoder(
            "guetzli",
            _with_files("guetzli", "--nomemlimit", "--quality", "{quality:g}", "{png}", "{out}"),
            GUETZLI_QUALITIES,
            slow=True,
        ),
    }
    encoders += [encoder for program, encoder in programs.items() if shutil.which(program)]
    return [*encoders, *_packages(), Encoder(LIMEN, _limen())]


def _pillow(subsampling: str) -> Encode:
    def encode(pixels: Pixels, folder: Path, quality: float) -> bytes:
        buffer = io.BytesIO()
        options = {"quality": round(quality), "subsampling": subsampling, "optimize": True, "progressive": True}
        Image.fromarray(pixels).save(buffer, "JPEG", **options)
        return buffer.getvalue()

    return encode


def _limen() -> Encode:
    prepared: dict[int, PreparedPhoto] = {}

    def encode(pixels: Pixels, folder: Path, quality: float) -> bytes:
        if id(pixels) not in prepared:  # one photo at a time; the map's network is timed by none of the encoders
            prepared.clear()
            prepared[id(pixels)] = PreparedPhoto(pixels, jnd_map(pixels))
        return prepared[id(pixels)].encode(quality).data

    return encode


def _cjpegs() -> dict[str, str]:
    """Programs called cjpeg by what they say they are."""
    found: dict[str, str] = {}
    for name in ("cjpeg", "mozcjpeg", "/opt/mozjpeg/bin/cjpeg"):
        path = shutil.which(name)
        if path is None:
            continue
        run = subprocess.run([path, "-version"], capture_output=True, text=True, check=False)
        said = (run.stdout + run.stderr).strip().splitlines()
        label = " ".join(said[0].split("(")[0].split()) if said else name
        found.setdefault(f"cjpeg, {label}", path)
    return found


def _cjpeg(path: str) -> Encode:
    options = ("-quality", "{quality:g}", "-sample", "2x2", "-optimize", "-progressive", "-outfile", "{out}", "{ppm}")
    return _with_files(path, *options)


def _with_files(program: str, *arguments: str) -> Encode:
    def encode(pixels: Pixels, folder: Path, quality: float) -> bytes:
        out = folder / "out.jpg"
        out.unlink(missing_ok=True)
        places = {"ppm": folder / "photo.ppm", "png": folder / "photo.png", "out": out, "quality": quality}
        command = [program, *(argument.format(**places) for argument in arguments)]
        subprocess.run(command, check=True, capture_output=True)
        return out.read_bytes()

    return encode


def _packages() -> list[Encoder]:
    """Encoders of Python packages that are installed."""
    found = []
    try:
        import pyjpegli

        def jpegli(pixels: Pixels, folder: Path, quality: float) -> bytes:
            return bytes(pyjpegli.encode(pixels.tobytes(), pixels.shape[1], pixels.shape[0], round(quality)))

        def jpegli_recoded(pixels: Pixels, folder: Path, quality: float) -> bytes:
            return bytes(mozjpeg_lossless_optimization.optimize(jpegli(pixels, folder, quality)))

        found += [Encoder("pyjpegli", jpegli), Encoder("pyjpegli + mozjpeg-lossless-optimization", jpegli_recoded)]
    except ImportError:
        pass
    try:
        import pyvips

        def vips(pixels: Pixels, folder: Path, quality: float) -> bytes:
            image = pyvips.Image.new_from_memory(pixels.tobytes(), pixels.shape[1], pixels.shape[0], 3, "uchar")
            flags = dict.fromkeys(("optimize_coding", "interlace", "trellis_quant", "overshoot_deringing"), True)
            return bytes(image.jpegsave_buffer(Q=round(quality), optimize_scans=True, quant_table=3, **flags))

        found.append(Encoder("pyvips (mozjpeg, trellis)", vips))
    except (ImportError, OSError):
        pass
    return found
