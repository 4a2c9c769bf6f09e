"""``limen sur-curve``: who would notice JPEG compression at each quality."""

from typing import Annotated

import typer

from models.viewing import DEFAULT_OBSERVER
from workers.cli.files import Destination, is_plain
from workers.cli.folders import is_batch
from workers.cli.options import Images, Jnd, Observer, PixelsPerDegree, RunOptions, out_option, photo_verb
from workers.cli.verb import work_on
from workers.cli.work import UNREAD

verbs = typer.Typer()

CurveOutput = Annotated[
    Destination | None, out_option("OUT", "Plot .svg or .png, or table .csv; for a folder a folder of plots.")
]


@photo_verb(verbs)
def sur_curve(
    images: Images,
    *,
    output: CurveOutput = None,
    jnd: Jnd = 1,
    percent: Annotated[float, typer.Option(help="Share of viewers, in %, for the p% JND and p% SUR.")] = 75.0,
    observer: Observer = DEFAULT_OBSERVER,
    pixels_per_degree: PixelsPerDegree = None,
    options: RunOptions,
) -> None:
    """Share of viewers who would notice JPEG compression at each quality, and the quality that satisfies most."""
    suffix = ".svg"
    if output is not None and not is_batch(images) and not output.is_folder and is_plain(output.path):
        suffix = output.path.suffix.lower()
    if suffix not in (".svg", ".png", ".csv"):
        raise ValueError(f"{output}: a curve is written as .svg, .png or .csv")
    from workers.contracts import SurCurveRequest

    request = SurCurveRequest(
        image_key=UNREAD, jnd=jnd, percent=percent, observer=observer, pixels_per_degree=pixels_per_degree
    )
    work_on(request, images, {f"sur-curve{suffix}": output}, options=options)
