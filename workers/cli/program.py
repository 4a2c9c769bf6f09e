"""The ``limen`` program: the service, its worker, and each capability on files and folders.

A verb turns its options into the request that the REST API would make of them; ``cli_work`` has it answered by this
machine or by a server. Heavy imports happen inside functions, so that ``limen --help`` answers at once.
"""

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from models.viewing import DEFAULT_OBSERVER, pixels_per_degree_of
from workers.cli.files import (
    Destination,
    check_output,
    choose_profile,
    destination,
    is_plain,
    one_line_errors,
    print_json,
    write_bytes,
)
from workers.cli.folders import Manners, is_batch
from workers.cli.photos import CONTAINER
from workers.cli.server import server_address
from workers.cli.verb import interruptible, work_on
from workers.cli.work import UNREAD

if TYPE_CHECKING:
    from fastapi import FastAPI

app = typer.Typer(
    name="limen",
    help="Where is distortion invisible, who would notice JPEG compression, and the smallest JPEG that a share of "
    "viewers cannot tell from the original.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

STATUS = (
    "A folder is searched to the bottom; hidden files and links to folders are left out, and what is an image by its "
    "content or its name is worked on. Every file is listed: done, skipped and why, or failed and why. Exit status: "
    "0, all is done but hidden and excluded files; 2, something was skipped, a file that is no image too, or failed; "
    "130, interrupted, and the same command goes on."
)
STOP_S = 20

Images = Annotated[
    list[Path], typer.Argument(help="Image files or folders of them, or - for standard input.", metavar="IN...")
]
Output = Annotated[
    Destination,
    typer.Option(
        "--output",
        "-o",
        parser=destination,
        metavar="OUT",
        help="File to write, or - for standard output; a folder, for one image too: OUT/ makes it.",
    ),
]
OptionalOutput = Annotated[
    Destination | None,
    typer.Option(
        "--output",
        "-o",
        parser=destination,
        metavar="FOLDER",
        help="With a folder: where to keep the journal that resumes it.",
    ),
]
Overlay = Annotated[
    Destination | None,
    typer.Option(parser=destination, metavar="OUT", help="Also write the photo under the map in colour, PNG."),
]
Npz = Annotated[
    Destination | None,
    typer.Option(parser=destination, metavar="OUT", help="Also write the float32 map as a NumPy archive."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a summary.")]
Observer = Annotated[
    str, typer.Option(help="Viewing condition that a share of viewers refers to.", envvar="LIMEN_PROFILE")
]
PixelsPerDegree = Annotated[
    float | None,
    typer.Option(
        parser=pixels_per_degree_of,
        metavar="NUMBER|NAME",
        help="Of the viewer's eye, 20..120, or desktop, laptop, television-4k, phone; else the observer's own.",
    ),
]
Jnd = Annotated[int, typer.Option(min=1, max=3, help="First, second or third just noticeable difference.")]
Jobs = Annotated[int, typer.Option(min=1, max=64, help="Photos of a folder that are worked on at once.")]
Server = Annotated[
    str | None,
    typer.Option(
        parser=server_address,
        metavar="ADDRESS",
        help="Address of a running service that does the work, such as localhost:8000.",
        envvar="LIMEN_SERVER",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but what went wrong.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be written where, and write nothing.")]
Exclude = Annotated[
    list[str] | None,
    typer.Option(metavar="PATTERN", help="Leave such files of a folder out, as '*.txt'; may be given more than once."),
]


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version as installed_version

        typer.echo(f"limen {installed_version('limen')}")
        raise typer.Exit


@app.callback(epilog=STATUS)
def program(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Options of the program itself."""


@app.command()
@one_line_errors()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Run a worker in this process when no Redis is set.")
    ] = True,
    profile: Annotated[
        str | None,
        typer.Option(
            help="Observer profile of requests that name none: its name, or the file from limen-train calibrate."
        ),
    ] = None,
) -> None:
    """Serve the REST API and the web page; without LIMEN_REDIS_URL with a worker in the same process."""
    if profile is not None:
        choose_profile(profile)
    from app.settings import ApiSettings

    settings = ApiSettings()
    if settings.embedded and not worker:
        raise ValueError("--no-worker needs LIMEN_REDIS_URL: without Redis no other process can do the work")
    if settings.embedded:
        _serve_with_worker(host, port)
    else:
        from app.main import create_app

        _run_server(create_app(settings), host, port)


@app.command()
@one_line_errors()
def worker(
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=64, help="Jobs run at once; instead of LIMEN_CONCURRENCY.")
    ] = None,
) -> None:
    """Run jobs that arrive over Redis (LIMEN_REDIS_URL)."""
    from workers.settings import WorkerSettings

    settings = WorkerSettings() if concurrency is None else WorkerSettings(concurrency=concurrency)
    if settings.embedded:
        raise ValueError("LIMEN_REDIS_URL is not set: a worker of its own needs Redis; `limen serve` has one inside")
    from workers.run.celery_app import create_celery
    from workers.run.process import run_worker

    raise typer.Exit(run_worker(create_celery(settings), settings))


@app.command(epilog=STATUS)
@one_line_errors()
def jnd_map(
    images: Images,
    output: Output,
    npz: Npz = None,
    overlay: Overlay = None,
    jobs: Jobs = 1,
    server: Server = None,
    as_json: Json = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
    exclude: Exclude = None,
) -> None:
    """Visibility threshold of each pixel, in 8-bit luma levels times 256, as a 16-bit PNG."""
    from workers.contracts import JndMapRequest

    work_on(
        JndMapRequest(image_key=UNREAD),
        images,
        {"jnd-map.png": output, "jnd-map.npz": npz, "overlay.png": overlay},
        manners=Manners(jobs, server, as_json, quiet, dry_run, exclude or ()),
    )


@app.command(epilog=STATUS)
@one_line_errors()
def patch_quality_map(
    images: Images,
    output: Output,
    reference: Annotated[
        Path | None, typer.Option(help="Undistorted image or folder: gives DMOS 1..5 instead of 0..1.")
    ] = None,
    stride: Annotated[int, typer.Option(min=4, max=128, help="Pixels between patches.")] = 16,
    patch_size: Annotated[int, typer.Option(help="Side of a patch when there is a reference: 64 or 128.")] = 64,
    overlay: Overlay = None,
    npz: Npz = None,
    jobs: Jobs = 1,
    server: Server = None,
    as_json: Json = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
    exclude: Exclude = None,
) -> None:
    """Quality of each patch as a 16-bit PNG: 0..1 without a reference, DMOS 1..5 with one; higher is better."""
    from workers.contracts import PatchQualityMapRequest

    fields = {"image_key": UNREAD, "stride": stride, "patch_size": patch_size}
    work_on(
        PatchQualityMapRequest.model_validate(fields),
        images,
        {"patch-quality-map.png": output, "patch-quality-map.npz": npz, "overlay.png": overlay},
        beside={"reference_key": reference},
        manners=Manners(jobs, server, as_json, quiet, dry_run, exclude or ()),
    )


@app.command(epilog=STATUS)
@one_line_errors()
def quality_score(
    images: Images,
    output: OptionalOutput = None,
    jobs: Jobs = 1,
    server: Server = None,
    as_json: Json = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
    exclude: Exclude = None,
) -> None:
    """Quality of an image without a reference, MOS 0..100, higher is better."""
    from workers.contracts import QualityScoreRequest

    work_on(
        QualityScoreRequest(image_key=UNREAD),
        images,
        {},
        journal=output,
        manners=Manners(jobs, server, as_json, quiet, dry_run, exclude or ()),
    )


@app.command(epilog=STATUS)
@one_line_errors()
def full_reference_score(
    reference: Annotated[Path, typer.Argument(help="The undistorted image, or a folder.", metavar="REFERENCE")],
    distorted: Annotated[Path, typer.Argument(help="The image to judge, or a folder.", metavar="DISTORTED")],
    output: OptionalOutput = None,
    jobs: Jobs = 1,
    server: Server = None,
    as_json: Json = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
    exclude: Exclude = None,
) -> None:
    """How close an image looks to its reference, higher is better; PSNR, SSIM and MS-SSIM beside it."""
    from workers.contracts import FullReferenceScoreRequest

    work_on(
        FullReferenceScoreRequest(reference_key=UNREAD, distorted_key=UNREAD),
        [distorted],
        {},
        photo_field="distorted_key",
        beside={"reference_key": reference},
        journal=output,
        manners=Manners(jobs, server, as_json, quiet, dry_run, exclude or ()),
    )


@app.command(epilog=STATUS)
@one_line_errors()
def sur_curve(
    images: Images,
    output: Annotated[
        Destination | None,
        typer.Option(
            "--output",
            "-o",
            parser=destination,
            metavar="OUT",
            help="Plot .svg or .png, or table .csv; for a folder a folder of plots.",
        ),
    ] = None,
    jnd: Jnd = 1,
    percent: Annotated[float, typer.Option(help="Share of viewers, in %, for the p% JND and p% SUR.")] = 75.0,
    observer: Observer = DEFAULT_OBSERVER,
    pixels_per_degree: PixelsPerDegree = None,
    jobs: Jobs = 1,
    server: Server = None,
    as_json: Json = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
    exclude: Exclude = None,
) -> None:
    """Share of viewers who would notice JPEG compression at each quality, and the quality that satisfies most."""
    suffix = ".svg"
    if output is not None and not is_batch(images) and not output.is_folder and is_plain(output.path):
        suffix = output.path.suffix.lower()
    if suffix not in (".svg", ".png", ".csv"):
        raise ValueError(f"{output}: a curve is written as .svg, .png or .csv")
    from workers.contracts import SurCurveRequest

    work_on(
        SurCurveRequest(
            image_key=UNREAD, jnd=jnd, percent=percent, observer=observer, pixels_per_degree=pixels_per_degree
        ),
        images,
        {f"sur-curve{suffix}": output},
        manners=Manners(jobs, server, as_json, quiet, dry_run, exclude or ()),
    )


@app.command(epilog=STATUS)
@one_line_errors()
def varjpeg(
    images: Images,
    output: Annotated[
        Destination | None,
        typer.Option(
            "--output",
            "-o",
            parser=destination,
            metavar="OUT",
            help="File to write, or - for standard output; a folder, for one image too: OUT/ makes it.",
        ),
    ] = None,
    in_place: Annotated[
        bool,
        typer.Option(
            "--in-place",
            help="Instead of -o: each JPEG becomes its own, smaller result, once; limen.jsonl beside it says so.",
        ),
    ] = False,
    quality: Annotated[int | None, typer.Option(min=1, max=100, help="JPEG quality factor, 1..100.")] = None,
    target_sur: Annotated[
        float | None, typer.Option(help="Share of viewers in (0, 1) who must not see a difference; default 0.75.")
    ] = None,
    target_metric: Annotated[
        Literal["ssimulacra2", "butteraugli"] | None,
        typer.Option(help="Metric that must reach --target-value instead of a share of viewers."),
    ] = None,
    target_value: Annotated[
        float | None, typer.Option(help="Least SSIMULACRA2, such as 80, or largest butteraugli 3-norm, such as 1.")
    ] = None,
    max_bytes: Annotated[int | None, typer.Option(min=1, help="Largest size; the best that fits is made.")] = None,
    form: Annotated[
        Literal["jpeg", "varjpeg"], typer.Option("--format", help="A standard JPEG, or the thesis' container.")
    ] = "jpeg",
    subsampling: Annotated[
        Literal["auto", "420", "444"], typer.Option(help="Resolution of the colour channels.")
    ] = "auto",
    metadata: Annotated[
        Literal["keep-icc", "keep-all", "strip"], typer.Option(help="What stays in the file.")
    ] = "keep-icc",
    protect: Annotated[
        Path | None,
        typer.Option(help="Image of the same size, or a folder: where it is light, the photo gets quality 90."),
    ] = None,
    steering: Annotated[
        Literal["jnd", "patchnet", "none"],
        typer.Option(help="What says where errors show: the JND map, the thesis' salience, or nothing."),
    ] = "jnd",
    observer: Observer = DEFAULT_OBSERVER,
    pixels_per_degree: PixelsPerDegree = None,
    jnd: Jnd = 1,
    jobs: Jobs = 1,
    server: Server = None,
    as_json: Json = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
    exclude: Exclude = None,
) -> None:
    """The smallest JPEG that a share of viewers cannot tell from the photo; any program opens it."""
    from workers.contracts import VarJpegRequest

    request = VarJpegRequest(
        image_key=UNREAD,
        quality=quality,
        target_sur=target_sur,
        target_metric=target_metric,
        target_value=target_value,
        max_bytes=max_bytes,
        format=form,
        steering=steering,
        subsampling=subsampling,
        metadata=metadata,
        observer=observer,
        pixels_per_degree=pixels_per_degree,
        jnd=jnd,
    )
    if (output is None) != in_place:
        raise ValueError("give either -o, or --in-place for JPEGs that become smaller where they are")
    if in_place and form != "jpeg":
        raise ValueError("--in-place leaves each file a JPEG; it does not go with --format varjpeg")
    name = "photo.jpg" if form == "jpeg" else "photo.vjpg"
    work_on(
        request,
        images,
        {name: output},
        beside={"protect_key": protect},
        in_place=in_place,
        manners=Manners(jobs, server, as_json, quiet, dry_run, exclude or ()),
    )


@app.command(epilog=STATUS)
@one_line_errors()
def varjpeg_decode(
    images: Images,
    output: Output,
    jobs: Jobs = 1,
    server: Server = None,
    as_json: Json = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
    exclude: Exclude = None,
) -> None:
    """A VarJPEG container as PNG."""
    from workers.contracts import VarJpegDecodeRequest

    work_on(
        VarJpegDecodeRequest(image_key=UNREAD),
        images,
        {"decoded.png": output},
        kind=CONTAINER,
        manners=Manners(jobs, server, as_json, quiet, dry_run, exclude or ()),
    )


@app.command()
@one_line_errors()
def report(
    image: Annotated[Path, typer.Argument(help="Image file, or - for standard input.", metavar="IN")],
    output: Annotated[
        Destination,
        typer.Option(
            "--output",
            "-o",
            parser=destination,
            metavar="OUT",
            help="HTML to write, or - for standard output; OUT/ is a folder for it.",
        ),
    ],
    target_sur: Annotated[float, typer.Option(help="Share of viewers in (0, 1) who must not see a difference.")] = 0.75,
    observer: Observer = DEFAULT_OBSERVER,
    jnd: Jnd = 1,
    server: Server = None,
    quiet: Quiet = False,
) -> None:
    """A photo's JND map, SUR curve and VarJPEG result in one HTML file that needs nothing else."""
    from workers.cli.report import report_on

    path = output.file_for(image, "report.html")
    check_output(output, path, "report.html", image)
    text = interruptible(
        lambda progress: report_on(
            image, target_sur=target_sur, observer=observer, jnd=jnd, server=server, progress=progress
        ),
        [path],
        label="report",
        quiet=quiet,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, text.encode())


@app.command()
@one_line_errors()
def models(as_json: Json = False) -> None:
    """The shipped weights: version, size, what they learned from, how good they are."""
    from dataclasses import asdict

    from models.graphs.artefacts import WEIGHTS, load_manifest

    entries = sorted(load_manifest().values(), key=lambda entry: entry.name)
    if as_json:
        print_json({"models": [asdict(entry) for entry in entries]})
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "version", "preset", "size", "learned from", box=None)
    for entry in entries:
        size = (WEIGHTS / entry.file).stat().st_size
        table.add_row(entry.name, entry.version, entry.preset, f"{size / 1e6:.1f} MB", entry.training_data)
    Console().print(table)


def _serve_with_worker(host: str, port: int) -> None:
    """The embedded mode: job records in memory, files in a folder that goes when the service ends."""
    from app.main import create_app
    from app.settings import ApiSettings
    from models.sur.observers import find_profile
    from workers.blobs import BlobStore
    from workers.jobs.memory import MemoryJobStore
    from workers.run.embedded import EmbeddedWorker
    from workers.settings import WorkerSettings, temporary_blob_dir

    settings = WorkerSettings()
    find_profile(settings.profile)
    with temporary_blob_dir() as temporary:
        blobs = BlobStore(settings.blob_dir or Path(temporary), expiry_s=settings.blob_expiry_s)
        embedded = EmbeddedWorker(settings, MemoryJobStore(settings), blobs)
        embedded.start()
        try:
            _run_server(create_app(ApiSettings(), celery=embedded.celery), host, port)
        finally:
            embedded.stop()


def _run_server(application: "FastAPI", host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM; requests under way get ``STOP_S`` to end."""
    import signal

    import uvicorn

    # The server ends by the signal that stopped it; without a handler that would skip all clean-up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    typer.echo(f"Limen: http://{host}:{port}/", err=True)
    uvicorn.run(
        application, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=STOP_S
    )


def main() -> None:
    """The console script. What a terminal cannot show is printed escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()


if __name__ == "__main__":
    main()
