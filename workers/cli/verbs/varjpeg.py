"""``limen varjpeg`` and ``limen varjpeg-decode``: the smaller file, and the picture in a container."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from models.varjpeg.choices import ChromaSubsampling, Format, MetadataPolicy, Metric, Steering
from models.viewing import DEFAULT_OBSERVER
from workers.cli.buckets import is_bucket, work_on_bucket
from workers.cli.files import Destination
from workers.cli.options import (
    FILE_OR_FOLDER,
    Images,
    Jnd,
    Observer,
    Output,
    PixelsPerDegree,
    RunOptions,
    out_option,
    photo_verb,
)
from workers.cli.photos import CONTAINER
from workers.cli.verb import work_on
from workers.cli.work import UNREAD

verbs = typer.Typer()


@dataclass(frozen=True, slots=True)
class VarJpegArguments:
    """``models.varjpeg.options.VarJpegOptions`` with a sentence for each, and the mask; a test holds the two equal."""

    quality: Annotated[int | None, typer.Option(min=1, max=100, help="JPEG quality factor, 1..100.")] = None
    target_sur: Annotated[
        float | None, typer.Option(help="Share of viewers in (0, 1) who must not see a difference; default 0.75.")
    ] = None
    target_metric: Annotated[
        Metric | None, typer.Option(help="Metric that must reach --target-value instead of a share of viewers.")
    ] = None
    target_value: Annotated[
        float | None, typer.Option(help="Least SSIMULACRA2, such as 80, or largest butteraugli 3-norm, such as 1.")
    ] = None
    max_bytes: Annotated[int | None, typer.Option(min=1, help="Largest size; the best that fits is made.")] = None
    format: Annotated[Format, typer.Option(help="A standard JPEG, or the thesis' container.")] = "jpeg"
    subsampling: Annotated[ChromaSubsampling, typer.Option(help="Resolution of the colour channels.")] = "auto"
    metadata: Annotated[MetadataPolicy, typer.Option(help="What stays in the file.")] = "keep-icc"
    protect: Annotated[
        Path | None,
        typer.Option(help="Image of the same size, or a folder: where it is light, the photo gets quality 90."),
    ] = None
    steering: Annotated[
        Steering, typer.Option(help="What says where errors show: the JND map, the thesis' salience, or nothing.")
    ] = "jnd"
    observer: Observer = DEFAULT_OBSERVER
    pixels_per_degree: PixelsPerDegree = None
    jnd: Jnd = 1


@photo_verb(verbs)
def varjpeg(
    images: Images,
    *,
    output: Annotated[Destination | None, out_option("OUT", FILE_OR_FOLDER)] = None,
    in_place: Annotated[
        bool,
        typer.Option(
            "--in-place",
            help="Instead of -o: each JPEG becomes its own, smaller result, once; limen.jsonl beside it says so.",
        ),
    ] = False,
    arguments: VarJpegArguments,
    options: RunOptions,
) -> None:
    """The smallest JPEG that a share of viewers cannot tell from the photo; any program opens it."""
    from models.varjpeg.options import VarJpegOptions
    from workers.contracts import VarJpegRequest

    asked = {name: getattr(arguments, name) for name in VarJpegOptions.model_fields}
    request = VarJpegRequest(image_key=UNREAD, **asked)
    if (output is None) != in_place:
        raise ValueError("give either -o, or --in-place for JPEGs that become smaller where they are")
    if in_place and arguments.format != "jpeg":
        raise ValueError("--in-place leaves each file a JPEG; it does not go with --format varjpeg")
    name = "photo.jpg" if arguments.format == "jpeg" else "photo.vjpg"
    if any(map(is_bucket, images)):
        if len(images) > 1 or output is None or arguments.protect is not None:
            raise ValueError("a bucket goes alone, with -o s3://bucket/prefix, and without --protect")
        work_on_bucket(request, images[0], output.path, name, options)
        return
    work_on(
        request, images, {name: output}, beside={"protect_key": arguments.protect}, in_place=in_place, options=options
    )


@photo_verb(verbs)
def varjpeg_decode(images: Images, output: Output, options: RunOptions) -> None:
    """A VarJPEG container as PNG."""
    from workers.contracts import VarJpegDecodeRequest

    work_on(VarJpegDecodeRequest(image_key=UNREAD), images, {"decoded.png": output}, kind=CONTAINER, options=options)
