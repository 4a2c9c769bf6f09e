"""What a client prefers: ``Prefer: wait`` and ``handling`` (RFC 7240) and ``Accept`` (RFC 9110, 12.5.1)."""

import re
from collections.abc import Iterable, Sequence

_WAIT = re.compile(r'^wait\s*=\s*"?(\d{1,9})"?$')
_QUALITY = re.compile(r"^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$")


def preferred_wait_s(prefer: Iterable[str], *, cap_s: int) -> int | None:
    """Seconds to hold the request, at most ``cap_s``; None if the client does not ask. The first mention counts.

    ``prefer``: values of all Prefer headers. What cannot be read is ignored, as RFC 7240 has it.
    """
    for value in prefer:
        for preference in value.split(","):
            found = _WAIT.match(preference.split(";")[0].strip().lower())
            if found:
                return min(int(found[1]), cap_s)
    return None


def is_lenient(prefer: Iterable[str]) -> bool:
    """Whether the client asks for ``handling=lenient``. ``prefer``: values of all Prefer headers."""
    preferences = (preference.split(";")[0] for value in prefer for preference in value.split(","))
    return any("".join(preference.split()).lower() == "handling=lenient" for preference in preferences)


def choose_media_type(accept: str | None, offers: Sequence[str]) -> str | None:
    """The offer that the client likes best, the earlier one if two are liked the same; None if it likes none."""
    ranges = _media_ranges(accept or "*/*")
    best, best_quality = None, 0.0
    for offer in offers:
        quality = _liking(offer, ranges)
        if quality > best_quality:
            best, best_quality = offer, quality
    return best


def _media_ranges(accept: str) -> list[tuple[str, float]]:
    ranges = []
    for item in accept.lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        if "/" in name:
            ranges.append((name, _quality(parameters)))
    return ranges


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            return float(parameter[2:]) if _QUALITY.match(parameter[2:]) else 0.0
    return 1.0


def _liking(offer: str, ranges: list[tuple[str, float]]) -> float:
    """Quality of the most specific range that covers ``offer``."""
    for pattern in (offer, f"{offer.split('/')[0]}/*", "*/*"):
        qualities = [quality for name, quality in ranges if name == pattern]
        if qualities:
            return max(qualities)
    return 0.0
