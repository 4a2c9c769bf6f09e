"""Colour profiles that a test can do without a file for."""

import struct
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image, ImageCms


def profile(name: str, **options: Any) -> bytes:
    return bytes(imagecodecs.cms_profile(name, **options))


def wide_gamut_profile() -> bytes:
    """Display P3's primaries with gamma 2.2."""
    primaries = [0.68, 0.32, 1, 0.265, 0.69, 1, 0.15, 0.06, 1]
    return profile("rgb", whitepoint=[0.3127, 0.329, 1], primaries=primaries, gamma=2.2)


def ink_profile() -> bytes:
    """The smallest valid CMYK output profile: an 8-bit A2B0 table of 2 points a channel, inks absorbing in Lab."""
    grid = np.stack(np.meshgrid(*[np.array([0.0, 1.0])] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    light = np.clip((1 - grid[:, :3]) * (1 - grid[:, 3:]), 0, 1)
    lab = ImageCms.createProfile("LAB")
    srgb = Image.fromarray((light * 255).astype(np.uint8)[None])
    transform = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), lab, "RGB", "LAB")
    table = np.asarray(ImageCms.applyTransform(srgb, transform)).reshape(-1, 3).copy()
    table[:, 1:] ^= 0 if table[0, 1] > 100 else 128
    identity = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + identity * 4 + table.tobytes() + identity * 3
    lut += bytes(-len(lut) % 4)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    text = b"text" + bytes(4) + b"none\0" + bytes(3)
    desc = b"desc" + bytes(4) + struct.pack(">I", 4) + b"ink\0" + bytes(79)
    tags, body, start = b"", b"", 128 + 4 + 4 * 12
    for name, content in ((b"A2B0", lut), (b"wtpt", white), (b"cprt", text), (b"desc", desc)):
        tags += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4sI4s4s4s", 0, b"test", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    blob = header.ljust(128, b"\0") + struct.pack(">I", 4) + tags + body
    return struct.pack(">I", len(blob)) + blob[4:]
