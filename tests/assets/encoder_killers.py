"""JPEGs that decoders show and libjpeg's encoder refuses: its error exit would end the process."""

from tests.assets.phone_files import segment


def flat_jpeg(values: str, *, category: int, where: str) -> bytes:
    """A grey JPEG of 64 x 64 pixels, every block the same bits: DC, AC, end, in codes of two bits each."""
    bits = values * 64
    bits += "1" * (-len(bits) % 8)
    scan = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")

    def codes(kind: int, symbols: list[int]) -> bytes:
        return segment(0xC4, bytes([kind, 0, len(symbols), *[0] * 14, *symbols]))

    head = segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC0, bytes([8, 0, 64, 0, 64, 1, 1, 0x11, 0]))
    tables = codes(0x00, [0, category if where == "dc" else 1]) + codes(0x10, [0, category if where == "ac" else 1])
    return b"\xff\xd8" + head + tables + segment(0xDA, bytes([1, 1, 0, 0, 63, 0])) + scan + b"\xff\xd9"


def out_of_range(category: int, where: str) -> bytes:
    """Decoders show it; libjpeg's encoder says that a coefficient is out of range, and calls exit()."""
    value = "1" + "0" * (category - 1)
    if where == "ac":
        return flat_jpeg("00" + "01" + value + "00", category=category, where=where)
    return flat_jpeg("01" + value + "00", category=category, where=where)


def odd_sampling() -> bytes:
    """Three components of up to 4 x 4 blocks a unit, each in a scan of its own: legal, more than one scan may hold."""
    frame = bytes([8, 0, 64, 0, 64, 3, 1, 0x44, 0, 2, 0x22, 0, 3, 0x44, 0])
    parts = [b"\xff\xd8", segment(0xDB, b"\0" + b"\1" * 64), segment(0xC0, frame)]
    for kind in (0x00, 0x10):
        parts.append(segment(0xC4, bytes([kind, 0, 2, *[0] * 14, 0, 1])))
    for number, blocks in ((1, 64), (2, 16), (3, 64)):
        bits = "0000" * blocks
        scan = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
        parts += [segment(0xDA, bytes([1, number, 0, 0, 63, 0])), scan]
    return b"".join([*parts, b"\xff\xd9"])


KILLERS = {
    "AC of 11 bits": out_of_range(11, "ac"),
    "AC of 15 bits": out_of_range(15, "ac"),
    "DC of 12 bits": out_of_range(12, "dc"),
    "odd sampling": odd_sampling(),
}
