"""Colours that a file describes without an ICC profile: gamma, chromaticities, code points (ITU-T H.273).

Other primaries than those of sRGB become a small matrix profile, so that all that follows treats them like any other.
Where only the transfer curve differs, samples are brought to sRGB at once, while they still have all their bits.
"""

import struct
from dataclasses import dataclass

Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
Primaries = tuple[float, float, float, float, float, float, float, float]
"""x and y of white, red, green and blue (CIE 1931)."""

_D65 = (0.3127, 0.3290)
SRGB_PRIMARIES: Primaries = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_PRIMARIES: dict[int, Primaries] = {
    1: SRGB_PRIMARIES,
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
"""H.273 table 2. 2 is unspecified; 5, 6 and 7, of standard television, are shown as sRGB."""
_AS_SRGB = {1, 2, 5, 6, 7}
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
_SRGB_TRANSFERS = {1, 2, 6, 13, 14, 15}
"""H.273 table 3. Pictures coded with those of television (1, 6, 14, 15) are shown like sRGB by browsers."""
_HDR = {16: "PQ", 18: "HLG"}

_BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
_D50 = (0.9642, 1.0, 0.8249)
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_SAME = 0.002
"""Chromaticities that differ by no more are the same: files round them."""


@dataclass(frozen=True, slots=True)
class ColourSignal:
    """What such a description comes to. ``profile``: for other primaries than sRGB's; ``gamma``: the exponent of other
    curves beside sRGB's primaries; ``note``: what of it is not honoured."""

    profile: bytes | None = None
    gamma: float | None = None
    note: str | None = None


def from_code_points(primaries: int, transfer: int) -> ColourSignal:
    """As cICP of PNG and nclx of AVIF give them."""
    if transfer in _HDR:
        return ColourSignal(note=f"the picture is HDR ({_HDR[transfer]}); it is read as sRGB without tone mapping")
    if (primaries not in _PRIMARIES and primaries not in _AS_SRGB) or (
        transfer not in _GAMMAS and transfer not in _SRGB_TRANSFERS
    ):
        return ColourSignal(note=f"colour primaries {primaries} and transfer {transfer} are read as sRGB")
    return from_primaries(_PRIMARIES.get(primaries, SRGB_PRIMARIES), _GAMMAS.get(transfer))


def from_primaries(primaries: Primaries, gamma: float | None) -> ColourSignal:
    """``gamma``: the exponent that makes samples light, None for sRGB's curve."""
    if all(abs(one - other) <= _SAME for one, other in zip(primaries, SRGB_PRIMARIES, strict=True)):
        return ColourSignal(gamma=gamma)
    try:
        return ColourSignal(profile=_matrix_profile(primaries, gamma))
    except (ZeroDivisionError, struct.error, OverflowError):
        return ColourSignal(note="the picture's chromaticities describe no colour space; colours are read as sRGB")


def _matrix_profile(primaries: Primaries, gamma: float | None) -> bytes:
    """An ICC profile of version 4: primaries in D50 (ICC.1 annex E), one curve for all channels."""
    white, *corners = (_xyz(primaries[i], primaries[i + 1]) for i in range(0, 8, 2))
    by_corner = _transposed((corners[0], corners[1], corners[2]))
    scale = _times(_inverse(by_corner), white)
    adapt = _adaptation(white)
    colorants = [_times(adapt, _scaled(corner, factor)) for corner, factor in zip(corners, scale, strict=True)]
    chad = b"sf32" + bytes(4) + _fixed(*(number for row in adapt for number in row))
    tags = [(b"desc", _text("RGB")), (b"cprt", _text("CC0")), (b"wtpt", _point(_D50)), (b"chad", chad)]
    tags += [(name, _point(point)) for name, point in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True)]
    return _assembled(tags, _curve(gamma), (b"rTRC", b"gTRC", b"bTRC"))


def _assembled(tags: list[tuple[bytes, bytes]], curve: bytes, curve_names: tuple[bytes, ...]) -> bytes:
    table, body = b"", b""
    start = 128 + 4 + 12 * (len(tags) + len(curve_names))
    for name, data in tags:
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    for name in curve_names:
        table += name + struct.pack(">II", start + len(body), len(curve))
    body += curve + bytes(-len(curve) % 4)
    count = struct.pack(">I", len(tags) + len(curve_names))
    head = struct.pack(">I4s4s4s4s4s", start + len(body), bytes(4), b"\x04\x30\0\0", b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed(*_D50)
    return head.ljust(128, b"\0") + count + table + body


def _curve(gamma: float | None) -> bytes:
    """ICC.1 10.18: a power, or sRGB's five numbers."""
    if gamma is not None:
        return b"para" + bytes(4) + struct.pack(">HH", 0, 0) + _fixed(gamma)
    return b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _fixed(*_SRGB_CURVE)


def _text(words: str) -> bytes:
    coded = words.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II4sII", 1, 12, b"enUS", len(coded), 28) + coded


def _point(xyz: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*xyz)


def _fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def _xyz(x: float, y: float) -> tuple[float, float, float]:
    return x / y, 1.0, (1 - x - y) / y


def _adaptation(white: tuple[float, float, float]) -> Matrix:
    """Bradford's, from ``white`` to D50."""
    ratio = [to / come for to, come in zip(_times(_BRADFORD, _D50), _times(_BRADFORD, white), strict=True)]
    inverse = _inverse(_BRADFORD)
    rows = [[sum(inverse[i][k] * ratio[k] * _BRADFORD[k][j] for k in range(3)) for j in range(3)] for i in range(3)]
    return _matrix(rows)


def _times(matrix: Matrix, vector: tuple[float, float, float]) -> tuple[float, float, float]:
    a, b, c = (sum(row[k] * vector[k] for k in range(3)) for row in matrix)
    return a, b, c


def _scaled(vector: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    return vector[0] * factor, vector[1] * factor, vector[2] * factor


def _transposed(matrix: Matrix) -> Matrix:
    return _matrix([[matrix[j][i] for j in range(3)] for i in range(3)])


def _inverse(m: Matrix) -> Matrix:
    """By cofactors. Raises: ZeroDivisionError."""

    def cofactor(i: int, j: int) -> float:
        rows, columns = [k for k in range(3) if k != i], [k for k in range(3) if k != j]
        minor = m[rows[0]][columns[0]] * m[rows[1]][columns[1]] - m[rows[0]][columns[1]] * m[rows[1]][columns[0]]
        return minor if (i + j) % 2 == 0 else -minor

    determinant = sum(m[0][j] * cofactor(0, j) for j in range(3))
    if abs(determinant) < 1e-9:
        raise ZeroDivisionError("chromaticities on one line")
    return _matrix([[cofactor(j, i) / determinant for j in range(3)] for i in range(3)])


def _matrix(rows: list[list[float]]) -> Matrix:
    a, b, c = ((row[0], row[1], row[2]) for row in rows)
    return a, b, c
