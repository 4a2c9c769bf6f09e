"""XMP without the place, and without claims about parts of the file that are no longer there."""

from collections.abc import Iterator
from xml.dom import minidom
from xml.parsers.expat import ExpatError

from models.metadata.places import Places, coordinate_of_text

_MAX_TAGS = 20_000
"""More than the longest edit histories have."""

_PLACE_WORDS = ("gps", "latitude", "longitude", "longtitude", "altitude", "geotag", "geohash", "what3words")
"""Any property whose name has one of these; the misspelling is that of some drones."""

_PLACE_NAMES = {
    "city", "state", "country", "countrycode", "countryname", "province", "provincestate", "sublocation", "worldregion",
    "location", "locationcreated", "locationshown", "locationname", "locationid", "coverage", "street", "streetaddress",
    "postalcode", "address", "venue", "lat", "lon", "long", "alt",
}  # fmt: skip
"""Whole names, of photoshop, Iptc4xmpCore and -Ext, dc, geo and others; where ``ciadr`` begins is the creator's own."""

_CREATORS_ADDRESS = "ciadr"
_VIDEO_NAMES = ("motionphoto", "microvideo")
_SEMANTIC, _LENGTH = "Semantic", "Length"
_EXTENDED = "HasExtendedXMP"


class XmpDamagedError(ValueError):
    """The packet is no XML that can be read safely."""


def cleaned_xmp(packet: bytes, places: Places, *, extended: str | None = None) -> bytes:
    """The packet without properties that name a place, video that was dropped, or text with a known coordinate.

    ``extended``: the digest of the extended packet that goes with it, None if there is none. A packet without any of
    this comes back byte for byte. Raises: XmpDamagedError.
    """
    document = _parsed(packet)
    changed = False
    for element in list(_elements(document)):
        changed |= _clean_attributes(element, places, extended)
        if element.parentNode is None:
            continue
        if _is_video(element):
            _remove_item(element)
            changed = True
        elif element.localName == _EXTENDED and extended is not None:
            changed |= _set_text(element, extended)
        elif _goes(element.tagName, _text(element), places, extended):
            element.parentNode.removeChild(element)
            changed = True
    if not changed:
        return packet
    cleaned = _written(document)
    if places.named_in(cleaned):
        raise XmpDamagedError("a coordinate stands where it cannot be taken out")
    return cleaned


def xmp_coordinates(packet: bytes | None) -> set[tuple[bytes, float]]:
    """Coordinates in properties that name a place."""
    found: set[tuple[bytes, float]] = set()
    try:
        document = _parsed(packet or b"<x/>")
    except XmpDamagedError:
        return found
    for element in _elements(document):
        for name, value in element.attributes.items():
            if names_a_place(name):
                found |= coordinate_of_text(value)
        if names_a_place(element.tagName):
            found |= coordinate_of_text(_text(element))
    return found


def xmp_place_names(packet: bytes | None) -> set[str]:
    """What properties that name a place hold, lists of them too."""
    found: set[str] = set()
    try:
        document = _parsed(packet or b"<x/>")
    except XmpDamagedError:
        return found
    for element in _elements(document):
        found |= {value for name, value in element.attributes.items() if names_a_place(name)}
        if names_a_place(element.tagName):
            found |= {_text(element), *(_text(item) for item in _elements(element))}
    return found


def with_items(packet: bytes, lengths: dict[str, int]) -> bytes:
    """The packet with the sizes of the files behind the picture, by what they are for; those not named go.

    Raises: XmpDamagedError.
    """
    document = _parsed(packet)
    changed = False
    for element in list(_elements(document)):
        meaning = _property(element, _SEMANTIC)
        if meaning is None or meaning == "Primary" or element.localName == _SEMANTIC:
            continue
        if meaning in lengths:
            changed |= _set_property(element, _LENGTH, str(lengths[meaning]))
        else:
            _remove_item(element)
            changed = True
    return _written(document) if changed else packet


def _parsed(packet: bytes) -> minidom.Document:
    if packet.count(b"<") > _MAX_TAGS or b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:
        raise XmpDamagedError("XMP of a kind that is not read")
    try:
        return minidom.parseString(packet.strip(b"\0 \t\r\n"))
    except (ExpatError, ValueError, LookupError, RecursionError) as error:
        raise XmpDamagedError("XMP that is no XML") from error


def _written(document: minidom.Document) -> bytes:
    try:
        return "".join(node.toxml() for node in document.childNodes).encode()
    except (RecursionError, ValueError) as error:
        raise XmpDamagedError("XMP that cannot be written again") from error


def _elements(document: minidom.Document | minidom.Element) -> Iterator[minidom.Element]:
    """All elements, outer ones first; not by recursion, since a packet may be nested as deeply as it likes."""
    waiting = [node for node in document.childNodes if isinstance(node, minidom.Element)]
    while waiting:
        element = waiting.pop()
        yield element
        waiting += [node for node in element.childNodes if isinstance(node, minidom.Element)]


def _clean_attributes(element: minidom.Element, places: Places, extended: str | None) -> bool:
    changed = False
    for name, value in list(element.attributes.items()):
        local = name.split(":")[-1]
        if local == _EXTENDED and extended is not None:
            changed |= value != extended
            element.setAttribute(name, extended)
        elif not name.startswith("xmlns") and _goes(name, value, places, extended):
            element.removeAttribute(name)
            changed = True
    return changed


def _is_video(element: minidom.Element) -> bool:
    """Whether an element stands for a file behind the picture that is a video."""
    meaning = _property(element, _SEMANTIC)
    return meaning is not None and meaning.lower() in _VIDEO_NAMES and element.localName != _SEMANTIC


def _goes(name: str, text: str, places: Places, extended: str | None) -> bool:
    local = name.split(":")[-1].lower()
    if names_a_place(name) or local.startswith(_VIDEO_NAMES):
        return True
    if local == _EXTENDED.lower() and extended is None:
        return True
    return places.told_by(text.encode("utf-8", "replace"))


def names_a_place(name: str) -> bool:
    """Whether a property of this name, with or without a prefix, says where a photo was taken."""
    prefix, _, local = name.lower().rpartition(":")
    if prefix in ("xml", "xmlns", "rdf"):
        return False
    return local in _PLACE_NAMES or local.startswith(_CREATORS_ADDRESS) or any(word in local for word in _PLACE_WORDS)


def _text(element: minidom.Element) -> str:
    return "".join(node.data for node in element.childNodes if isinstance(node, minidom.Text))


def _property(element: minidom.Element, local: str) -> str | None:
    """A property of an item, an attribute or a child element."""
    for name, value in element.attributes.items():
        if name.split(":")[-1] == local:
            return str(value)
    for node in element.childNodes:
        if isinstance(node, minidom.Element) and node.localName == local:
            return _text(node)
    return None


def _set_property(element: minidom.Element, local: str, value: str) -> bool:
    for name, before in element.attributes.items():
        if name.split(":")[-1] == local:
            element.setAttribute(name, value)
            return str(before) != value
    for node in element.childNodes:
        if isinstance(node, minidom.Element) and node.localName == local:
            return _set_text(node, value)
    return False


def _set_text(element: minidom.Element, text: str) -> bool:
    if _text(element) == text:
        return False
    for child in list(element.childNodes):
        element.removeChild(child)
    document = element.ownerDocument
    if document is not None:
        element.appendChild(document.createTextNode(text))
    return True


def _remove_item(element: minidom.Element) -> None:
    """An item of a list, with the list's entry that has nothing else."""
    parent = element.parentNode
    if parent is None:
        return
    parent.removeChild(element)
    others = [node for node in parent.childNodes if isinstance(node, minidom.Element)]
    if parent.localName == "li" and not others and parent.parentNode is not None:
        parent.parentNode.removeChild(parent)
