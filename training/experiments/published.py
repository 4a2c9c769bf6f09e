"""The papers' tables and figures by name: which experiment makes each, from which data, and where it stands in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.run.errors import RunError


class UnknownTableError(RunError):
    """No paper has a table or a figure of that name here; says which there are."""


@dataclass(frozen=True, slots=True)
class Published:
    """A table or figure: the ``experiment`` whose ``table`` makes it with ``options``.

    ``needs``: folders of SETS that have to be there, one of them where ``any_of``; ``uses``: what makes it the paper's.
    ``keys``: beginnings of the keys of the figures on the way to it, each a level; a level without a key of that
    beginning is gone through whole.
    """

    experiment: str
    keys: tuple[str, ...]
    needs: tuple[str, ...]
    uses: tuple[str, ...] = ()
    any_of: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


KADIS, INCEPTION, VGG13, BEIT = "kadis-700k", "imagenet/inception_v3.pth", "imagenet/vgg13_bn.pth", "beit"
_SUR = (KADIS, INCEPTION)
_DATABASES = ("live", "csiq", "tid2008", "tid2013")


def _sur(data: str, *keys: str, schemes: bool = False) -> Published:
    return Published("sur", (data, *keys), (data,), _SUR, options={"datasets": (data,), "schemes": schemes})


PUBLISHED: dict[str, Published] = {
    "sur-featnet:table-1": _sur("mcl-jci", "table 1"),
    "sur-featnet:table-2": _sur("mcl-jci", "table 2", schemes=True),
    "sur-featnet:table-3": Published("sur", ("", "table 3"), ("mcl-jci", "jnd-pano"), _SUR, options={"schemes": False}),
    "sur-featnet:table-4": _sur("mcl-jci", "table 4"),
    "sur-featnet:table-5": _sur("mcl-jci", "tables 5", "jnd1"),
    "sur-featnet:table-6": _sur("mcl-jci", "tables 5", "jnd2"),
    "sur-featnet:table-7": _sur("mcl-jci", "tables 5", "jnd3"),
    "sur-featnet:table-8": _sur("jnd-pano", "tables 5", "jnd1"),
    "sur-featnet:figure-5": _sur("mcl-jci", "figures 5"),
    "sur-featnet:figure-6": _sur("mcl-jci", "figures 5"),
    "sur-featnet:figure-7": _sur("jnd-pano", "figures 5"),
    "sur-featnet:figure-8": _sur("mcl-jci", "figures 8"),
    "sur-featnet:figure-9": _sur("mcl-jci", "figures 8"),
    "fpsnet:table-1": Published("jnd", ("table_1",), ("shen2020",), ("csiq", "kadid-10k", "live", "mcl-jci", BEIT)),
    "fpsnet:table-2": Published("jnd", ("table_2",), ("shen2020",), (BEIT,)),
    "fpsnet:table-3": Published("jnd", ("table_3",), ("shen2020",), (BEIT,)),
    "dipqa:table-4.1": Published("dipqa", ("", "table 4.1"), ("hmii",)),
    "dipqa:table-4.2": Published("dipqa", ("", "table 4.2"), ("hmii",), (VGG13,)),
    "patchnet-varjpeg:table-1": Published("patch_quality", ("table_1",), ("konpatch",)),
    "patchnet-varjpeg:figure-11": Published("patch_quality", ("figure_11",), ("konpatch",)),
    "patchnet-varjpeg:table-2": Published("quality_score", ("table_2",), ("koniq-10k",), ("konpatch",)),
    "patchnet-varjpeg:table-3": Published("quality_score", ("table_3",), ("koniq-10k",), ("konpatch",)),
    "multiscale-fr-iqa:table-1": Published("full_reference", ("", "table 1"), _DATABASES, any_of=True),
    "multiscale-fr-iqa:table-2": Published("full_reference", ("", "table 2"), _DATABASES, any_of=True),
    "multiscale-fr-iqa:figure-4": Published("full_reference", ("", "figure 4"), _DATABASES, any_of=True),
}
"""By ``PAPER:TABLE``."""


def published(name: str) -> Published:
    """The table or figure of that name. Raises: UnknownTableError."""
    if name not in PUBLISHED:
        raise UnknownTableError(f"no {name}; there are {', '.join(PUBLISHED)}")
    return PUBLISHED[name]


def missing_of(wanted: Published, root: Path) -> tuple[list[str], list[str]]:
    """What keeps ``root`` from making a table, and what it is then made without."""
    missing = [part for part in wanted.needs if not (root / part).exists()]
    if wanted.any_of and len(missing) < len(wanted.needs):
        missing = []
    return missing, [part for part in wanted.uses if not (root / part).exists()]


def part_of_figures(figures: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """What stands in the figures of an experiment under ``keys``, with the keys on the way to it."""
    if not keys:
        return dict(figures)
    found = {name: value for name, value in figures.items() if name.startswith(keys[0])}
    if len(keys) == 1:
        return found
    parts = {name: part_of_figures(value, keys[1:]) for name, value in found.items() if isinstance(value, Mapping)}
    return {name: part for name, part in parts.items() if part}
