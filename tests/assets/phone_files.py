"""Files as phones and cameras write them, made in memory, each of which says in many places where it was taken.

``phone_files()`` lists them; ``place_encodings()`` are the byte strings by which the place would be found again.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np

from models.types import Rgb8
from tests.assets.photos import jpeg, photo, png

DEGREES = (48 + 12 / 60 + 34.56 / 3600, 16 + 22 / 60 + 12.34 / 3600)
RATIONALS = ((48, 1, 12, 1, 3456, 100), (16, 1, 22, 1, 1234, 100))
WORDS = (b"Musterstadt", b"Beispielgasse", b"Nirgendland")
XMP_MARK = b"http://ns.adobe.com/xap/1.0/\0"
COPYRIGHT = b"(c) 2026 A. Photographer"

Entry = tuple[int, int, int, bytes]


@dataclass(frozen=True, slots=True)
class PhoneFile:
    """``kept``: byte strings of the input that keep-all has to keep; ``warned``: words of each warning to be given."""

    name: str
    data: bytes
    kept: tuple[bytes, ...] = ()
    warned: tuple[str, ...] = ()


def place_encodings() -> dict[str, bytes]:
    """The place as rationals of either byte order, as IEEE numbers, as text in degrees or minutes, and in words."""
    found = {word.decode(): word for word in WORDS}
    for n, degrees in enumerate(DEGREES):
        for order in "<>":
            found[f"rationals {n} {order}"] = struct.pack(f"{order}6I", *RATIONALS[n])
            found[f"seconds {n} {order}"] = struct.pack(f"{order}2I", *RATIONALS[n][4:])
            found[f"double {n} {order}"] = struct.pack(f"{order}d", degrees)
        found[f"text {n}"] = f"{degrees:.6f}"[:7].encode()
        found[f"minutes {n}"] = f"{int(degrees)},{degrees % 1 * 60:.4f}".encode()
    return found


def phone_photo(height: int = 96, width: int = 128) -> Rgb8:
    """Smooth colours with a little grain."""
    return photo(height, width, seed=5, grain=4, rise=width / 120)


def phone_jpeg(pixels: Rgb8 | None = None, **options: Any) -> bytes:
    """A JPEG of ``phone_photo()`` or of other pixels."""
    return jpeg(phone_photo() if pixels is None else pixels, **({"quality": 92} | options))


def segment(marker: int, body: bytes) -> bytes:
    """A marker segment."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def beside(data: bytes, *segments: bytes) -> bytes:
    """``data`` with segments after the JFIF header."""
    head = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
    return data[:head] + b"".join(segments) + data[head:]


def tiff(directories: dict[int, list[Entry]], order: str = "<") -> bytes:
    """A TIFF structure: entries of the first directory under 0, of others under the tag that points to them; the
    directory of a thumbnail under 1."""
    sizes = {number: 6 + 12 * (len(entries) + 0) for number, entries in directories.items()}
    pointers = [number for number in directories if number > 1]
    sizes[0] += 12 * len(pointers)
    starts, at = {}, 8
    for number in directories:
        starts[number] = at
        at += sizes[number]
    values, out = b"", (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    for number, entries in directories.items():
        added = [(tag, 4, 1, struct.pack(f"{order}I", starts[tag])) for tag in pointers] if number == 0 else []
        every = sorted([*entries, *added])
        out += struct.pack(f"{order}H", len(every))
        for tag, kind, count, raw in every:
            out += struct.pack(f"{order}HHI", tag, kind, count)
            if len(raw) <= 4:
                out += raw.ljust(4, b"\0")
            else:
                out += struct.pack(f"{order}I", at + len(values))
                values += raw + bytes(len(raw) & 1)
        out += struct.pack(f"{order}I", starts.get(1, 0) if number == 0 else 0)
    return out + values


def gps(order: str = "<") -> list[Entry]:
    """The entries of a GPS directory."""
    north, east = (struct.pack(f"{order}6I", *numbers) for numbers in RATIONALS)
    return [(1, 2, 2, b"N\0"), (2, 5, 3, north), (3, 2, 2, b"E\0"), (4, 5, 3, east)]


def exif(order: str = "<", *, orientation: int = 1, more: tuple[Entry, ...] = ()) -> bytes:
    """An APP1 segment of ``exif_block``."""
    return segment(0xE1, b"Exif\0\0" + exif_block(order, orientation=orientation, more=more))


def exif_block(order: str = "<", *, orientation: int = 1, more: tuple[Entry, ...] = ()) -> bytes:
    """A maker, a copyright, a date, a thumbnail's directory with GPS of its own, and GPS."""
    main = [(0x010F, 2, 6, b"Maker\0"), (0x8298, 2, 25, COPYRIGHT + b"\0")]
    main.append((0x0112, 3, 1, struct.pack(f"{order}H", orientation)))
    taken = [(0x9003, 2, 20, b"2026:11:26 12:00:00\0"), *more]
    return tiff({0: main, 0x8769: taken, 0x8825: gps(order), 1: gps(order)}, order)


def xmp(attributes: str, inner: str = "") -> bytes:
    """An XMP packet with these properties."""
    names = {
        "dc": "http://purl.org/dc/elements/1.1/",
        "exif": "http://ns.adobe.com/exif/1.0/",
        "photoshop": "http://ns.adobe.com/photoshop/1.0/",
        "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
        "GCamera": "http://ns.google.com/photos/1.0/camera/",
        "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/",
        "HDRGainMap": "http://ns.apple.com/HDRGainMap/1.0/",
        "Container": "http://ns.google.com/photos/1.0/container/",
        "Item": "http://ns.google.com/photos/1.0/container/item/",
        "xmpNote": "http://ns.adobe.com/xmp/note/",
        "drone": "http://www.dji.com/drone-dji/1.0/",
    }
    spaces = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in names.items())
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {spaces} {attributes}>{inner}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


PLACE_IN_XMP = (
    f'exif:GPSLatitude="48,{12.576:.4f}N" exif:GPSLongitude="16,{22 + 12.34 / 60:.4f}E" photoshop:City="Musterstadt" '
    f'photoshop:Country="Nirgendland" drone:GpsLatitude="+{DEGREES[0]:.6f}"'
)
PLACE_INSIDE_XMP = (
    "<Iptc4xmpCore:Location>Beispielgasse 12</Iptc4xmpCore:Location><dc:rights><rdf:Alt>"
    f'<rdf:li xml:lang="x-default">{COPYRIGHT.decode()}</rdf:li></rdf:Alt></dc:rights>'
)


def iptc() -> bytes:
    """An APP13 segment: creator, caption, city, street, country, and a thumbnail of Photoshop's."""

    def dataset(number: int, value: bytes) -> bytes:
        return bytes([0x1C, 2, number]) + struct.pack(">H", len(value)) + value

    values = {80: b"A. Photographer", 90: WORDS[0], 92: WORDS[1], 101: WORDS[2], 116: COPYRIGHT, 120: b"A caption"}
    body = b"".join(dataset(number, value) for number, value in values.items())
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(body)) + body + bytes(len(body) & 1)
    copy = tiff({0: [], 0x8825: gps(">")}, ">")
    again = b"8BIM\x04\x22\0\0" + struct.pack(">I", len(copy)) + copy + bytes(len(copy) & 1)
    return segment(0xED, b"Photoshop 3.0\0" + again + resource)


def video() -> bytes:
    """An MP4 file with the place where phones write it."""

    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body) + 8) + kind + body

    place = f"+{DEGREES[0]:.4f}+{DEGREES[1]:08.4f}/".encode()
    movie = box(b"udta", box(b"\xa9xyz", struct.pack(">HH", len(place), 0x15C7) + place))
    return box(b"ftyp", b"mp42\0\0\0\0isommp42") + box(b"moov", movie) + box(b"mdat", bytes(2000))


def with_images(primary: bytes, images: list[bytes], *, attributes: int = 0) -> bytes:
    """``primary`` with a multi-picture index and images behind it."""

    def index(size: int, start: int) -> bytes:
        entries, offset = struct.pack("<IIIHH", 0x20030000, size, 0, 0, 0), size - start
        for image in images:
            entries += struct.pack("<IIIHH", attributes, len(image), offset & 0xFFFFFFFF, 0, 0)
            offset += len(image)
        tags = struct.pack("<HHI4s", 0xB000, 7, 4, b"0100") + struct.pack("<HHII", 0xB001, 4, 1, 1 + len(images))
        tags += struct.pack("<HHII", 0xB002, 7, len(entries), 50)
        return b"MPF\0II*\0" + struct.pack("<IH", 8, 3) + tags + bytes(4) + entries

    head = 4 + int.from_bytes(primary[4:6], "big") if primary[2:4] == b"\xff\xe0" else 2
    size = len(primary) + len(segment(0xE2, index(0, 0)))
    return beside(primary, segment(0xE2, index(size, head + 8))) + b"".join(images)


def gain_map(properties: str) -> bytes:
    """A small grey JPEG that says it is a gain map, with EXIF that says where."""
    grey = phone_jpeg(phone_photo(48, 64)[:, :, 0])
    return beside(grey, exif(">"), segment(0xE1, XMP_MARK + xmp(f"{properties} {PLACE_IN_XMP}")))


def ultra_hdr(picture: bytes | None = None, *, behind: bytes = b"", items: str = "") -> bytes:
    """Google's: a picture with a gain map by index and by XMP; ``behind`` it whatever else."""
    mapped = gain_map('hdrgm:Version="1.0" hdrgm:GainMapMax="2.0"')
    listed = (
        '<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" '
        'Item:Mime="image/jpeg"/></rdf:li><rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" '
        f'Item:Mime="image/jpeg" Item:Length="{len(mapped)}"/></rdf:li>{items}</rdf:Seq></Container:Directory>'
    )
    packet = xmp(f'hdrgm:Version="1.0" {PLACE_IN_XMP}', listed + PLACE_INSIDE_XMP)
    return with_images(beside(picture or phone_jpeg(), exif(), segment(0xE1, XMP_MARK + packet)), [mapped]) + behind


def fifty_megapixels() -> bytes:
    """A JPEG of 8160 x 6120 pixels, smooth, as the largest that phones take: a megabyte."""
    down, across = np.linspace(0, 120, 6120)[:, None], np.linspace(0, 130, 8160)
    pixels = np.empty((6120, 8160, 3), np.uint8)
    for channel in range(3):
        pixels[:, :, channel] = down * (1 - channel / 3) + across * (channel + 1) / 3
    return phone_jpeg(pixels, quality=90)


def described_png() -> bytes:
    """A PNG with all that programs write into its chunks of text, the place among it, and EXIF as ImageMagick does."""
    packet = xmp(PLACE_IN_XMP, PLACE_INSIDE_XMP)
    profile = b"Exif\0\0" + exif_block()
    digits = f"\nexif\n{len(profile):8}\n{profile.hex()}\n".encode()
    decimal = f"{DEGREES[0]:.6f}, {DEGREES[1]:.6f}".encode()
    chunks = [
        (b"tEXt", b"Copyright\0" + COPYRIGHT),
        (b"zTXt", b"Description\0\0" + zlib.compress(b"A caption")),
        (b"iTXt", b"Title\0\1\0de\0Titel\0" + zlib.compress("Füße".encode())),
        (b"tEXt", b"Comment\0taken at " + decimal),
        (b"tEXt", b"exif:GPSLatitude\0" + b"48/1, 12/1, 3456/100"),
        (b"tEXt", b"City\0" + WORDS[0]),
        (b"tEXt", b"Source\0near " + f"{DEGREES[0]:.5f}".encode()),
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(digits)),
        (b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(f"\nxmp\n{len(packet):8}\n{packet.hex()}\n".encode())),
        (b"zTXt", b"Broken\0\0no deflate"),
    ]
    return png_with(chunks)


def png_with(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A PNG of ``phone_photo()`` with chunks behind its header."""
    data = png(phone_photo(40, 56))
    made = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return data[:33] + made + data[33:]


def described_tiff(order: str = "<") -> bytes:
    """A TIFF of one grey strip with EXIF, GPS, XMP, IPTC, a density and a maker note."""
    rows = phone_photo(40, 56)[:, :, 0].tobytes()

    def short(number: int) -> bytes:
        return struct.pack(f"{order}H", number)

    captions = iptc()[18:]
    captions = captions[captions.index(b"\x1c") :]
    main: list[Entry] = [(tag, 3, 1, short(n)) for tag, n in ((256, 56), (257, 40), (258, 8), (259, 1), (262, 1))]
    main += [(277, 3, 1, short(1)), (278, 3, 1, short(40)), (279, 4, 1, struct.pack(f"{order}I", len(rows)))]
    main += [(0x0112, 3, 1, short(1)), (0x010F, 2, 6, b"Maker\0"), (0x8298, 2, 25, COPYRIGHT + b"\0")]
    main += [(282 + n, 5, 1, struct.pack(f"{order}2I", 300, 1)) for n in (0, 1)] + [(296, 3, 1, short(2))]
    packet = xmp(PLACE_IN_XMP, PLACE_INSIDE_XMP)
    main += [(700, 1, len(packet), packet), (33723, 7, len(captions), captions), (273, 4, 1, bytes(4))]
    note = (0x927C, 7, 40, b"MAKERNOTE with no coordinates at all   \0")
    taken: list[Entry] = [(0x9003, 2, 20, b"2026:11:26 12:00:00\0"), note]
    block = bytearray(tiff({0: main, 0x8769: taken, 0x8825: gps(order)}, order))
    at = block.index(struct.pack(f"{order}HHI", 273, 4, 1)) + 8
    block[at : at + 4] = struct.pack(f"{order}I", len(block))
    return bytes(block) + rows


def phone_files() -> tuple[PhoneFile, ...]:
    """All of them."""
    motion = (
        f'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="MotionPhoto" Item:Mime="video/mp4" '
        f'Item:Length="{len(video())}"/></rdf:li>'
    )
    motion_xmp = xmp(f'GCamera:MotionPhoto="1" GCamera:MicroVideo="1" GCamera:MicroVideoOffset="{len(video())}"')
    trailer = b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data" + f"{DEGREES[0]:.6f}".encode() + b"SEFH" + bytes(20) + b"SEFT"
    apple = gain_map('HDRGainMap:HDRGainMapVersion="65536"')
    preview = beside(phone_jpeg(phone_photo(48, 64)), exif())
    maker = ((0x927C, 7, 40, b"MAKERNOTE with no coordinates at all   \0"),)
    placed = ((0x927C, 7, 64, b"Panasonic\0\0\0" + WORDS[0].ljust(52, b"\0")),)
    hidden = ((0x9286, 7, 32, b"ASCII\0\0\0" + f"{DEGREES[0]:.5f} N".encode().ljust(24, b" ")),)
    p3 = imagecodecs.cms_profile("displayp3") if _has_p3() else imagecodecs.cms_profile("adobergb")
    date, kept = b"2026:11:26 12:00:00", (COPYRIGHT, b"2026:11:26 12:00:00")
    return (
        PhoneFile("plain", beside(phone_jpeg(), exif(more=maker)), (*kept, b"MAKERNOTE with")),
        PhoneFile("big-endian", beside(phone_jpeg(), exif(">")), kept),
        PhoneFile("maker note of a place", beside(phone_jpeg(), exif(more=placed)), kept, ("maker note",)),
        PhoneFile("comment of a place", beside(phone_jpeg(), exif(more=hidden)), kept, ("0x9286",)),
        PhoneFile("Ultra HDR", ultra_hdr(), (*kept, b"hdrgm:GainMapMax")),
        PhoneFile("Ultra HDR with video", ultra_hdr(behind=video(), items=motion), (b"hdrgm:GainMapMax",), ("video",)),
        PhoneFile(
            "motion photo",
            beside(phone_jpeg(), exif(), segment(0xE1, XMP_MARK + motion_xmp)) + video(),
            kept,
            ("video",),
        ),
        PhoneFile(
            "iPhone MPO with HDR",
            with_images(beside(phone_jpeg(), exif(">")), [apple, preview]),
            (*kept, b"HDRGainMapVersion"),
            ("1 more images",),
        ),
        PhoneFile("Samsung trailer", beside(phone_jpeg(), exif()) + trailer, kept, ("behind the end",)),
        PhoneFile("XMP, IPTC and comment", _described(), (COPYRIGHT, b"A caption", b"a comment")),
        PhoneFile("wide gamut", phone_jpeg(icc_profile=p3), (p3[40:],)),
        PhoneFile("dots per inch", beside(phone_jpeg(dpi=(300, 300)), exif()), (*kept, b"\x01\x01,\x01,")),
        PhoneFile("date in the GPS directory's place", beside(phone_jpeg(), _same_pointer()), (date,)),
        *(PhoneFile(f"orientation {n}", beside(phone_jpeg(), exif(orientation=n)), kept) for n in range(1, 9)),
    )


def _has_p3() -> bool:
    try:
        return bool(imagecodecs.cms_profile("displayp3"))
    except (ValueError, RuntimeError):
        return False


def _described() -> bytes:
    packet = segment(0xE1, XMP_MARK + xmp(PLACE_IN_XMP, PLACE_INSIDE_XMP))
    comments = segment(0xFE, b"a comment"), segment(0xFE, f"at {DEGREES[0]:.5f}".encode())
    return beside(phone_jpeg(), packet, iptc(), *comments)


def _same_pointer() -> bytes:
    """EXIF whose GPS pointer names the Exif directory: nothing in it may be lost."""
    taken = [(0x9003, 2, 20, b"2026:11:26 12:00:00\0")]
    block = bytearray(tiff({0: [(0x8825, 4, 1, bytes(4))], 0x8769: taken}))
    pointer = struct.pack("<HHI", 0x8769, 4, 1)
    start = bytes(block[block.index(pointer) + 8 :][:4])
    at = block.index(struct.pack("<HHI", 0x8825, 4, 1)) + 8
    block[at : at + 4] = start
    return segment(0xE1, b"Exif\0\0" + bytes(block))
