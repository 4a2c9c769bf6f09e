"""Who looks, and from where, where a request says so by name: the standard library alone, for everybody's options."""

from typing import Any

DEFAULT_OBSERVER = "aic-3"
"""Who judges where a request names nobody: people who compare closely on a desktop monitor."""

VIEWING = {"desktop": 38, "laptop": 55, "television-4k": 93, "phone": 120}
"""Pixels per degree of the viewer's eye, a photo shown pixel for pixel: a 24-inch FullHD monitor from 60 cm, a 14-inch
FullHD laptop from 50 cm, a 65-inch 4K television from 2 m, a phone of 460 pixels an inch from 38 cm."""


def pixels_per_degree_of(value: Any) -> Any:
    """A viewing condition's number by its name; anything else as it is, text as the number that it says."""
    if not isinstance(value, str):
        return value
    return VIEWING[value] if value in VIEWING else float(value)
