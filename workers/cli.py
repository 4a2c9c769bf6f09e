"""The ``limen`` program: the service, its worker, and each capability on files without a server.

Heavy imports happen inside the verbs, so that ``limen --help`` answers at once.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from workers.cli_files import (
    STANDARD_STREAM,
    check_output,
    decode_named,
    one_line_errors,
    print_json,
    progress_bar,
    read_bytes,
    read_image,
    write_bytes,
)

if TYPE_CHECKING:
    from fastapi import FastAPI

app = typer.Typer(
    name="limen",
    help="Where is distortion invisible, who would notice JPEG compression, and the smallest JPEG that a share of "
    "viewers cannot tell from the original.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Observer(StrEnum):
    """Viewing conditions."""

    MCL_JCI = "mcl-jci"
    FLICKER = "flicker"


class Format(StrEnum):
    """Forms of VarJPEG."""

    JPEG = "jpeg"
    VARJPEG = "varjpeg"


class Subsampling(StrEnum):
    """Resolution of the colour channels."""

    AUTO = "auto"
    HALF = "420"
    FULL = "444"


class Metadata(StrEnum):
    """What of a photo's metadata stays in the file."""

    KEEP_ICC = "keep-icc"
    KEEP_ALL = "keep-all"
    STRIP = "strip"


class PatchSize(StrEnum):
    """Side of a full-reference patch, in pixels."""

    SMALL = "64"
    LARGE = "128"


STOP_S = 20

Image = Annotated[Path, typer.Argument(help="Image file, or - for standard input.", metavar="IN")]
OUTPUT_PNG = typer.Option("--output", "-o", help="PNG to write, or - for standard output.")
Output = Annotated[Path, typer.Option("--output", "-o", help="File to write, or - for standard output.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a summary.")]
ObserverOption = Annotated[Observer, typer.Option(help="Viewing condition that a share of viewers refers to.")]
Jnd = Annotated[int, typer.Option(min=1, max=3, help="First, second or third just noticeable difference.")]


@app.command()
@one_line_errors()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Run a worker in this process when no Redis is set.")
    ] = True,
) -> None:
    """Serve the REST API and the web page; without LIMEN_REDIS_URL with a worker in the same process."""
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
    from workers.celery_app import create_celery
    from workers.process import run_worker

    raise typer.Exit(run_worker(create_celery(settings), settings))


@app.command()
@one_line_errors()
def jnd_map(
    image: Image,
    output: Annotated[Path, OUTPUT_PNG],
    npz: Annotated[Path | None, typer.Option(help="Also write the float32 map as a NumPy archive.")] = None,
    overlay: Annotated[Path | None, typer.Option(help="Also write the photo under the map in colour, PNG.")] = None,
    as_json: Json = False,
) -> None:
    """Visibility threshold of each pixel, in 8-bit luma levels times 256, as a 16-bit PNG."""
    outputs = _checked({"map": output, "npz": npz, "overlay": overlay}, image)
    from models import rendering
    from models.jnd import predict_jnd_map
    from models.reports import image_report, jnd_map_report

    photo = read_image(image, quiet=as_json)
    with progress_bar("JND map", quiet=as_json) as progress:
        jnd = predict_jnd_map(photo, progress=progress)
    write_bytes(output, rendering.grey16_png(jnd.values, scale=rendering.JND_PNG_SCALE))
    if npz is not None:
        write_bytes(npz, rendering.npz(jnd.values))
    if overlay is not None:
        low, high = rendering.JND_OVERLAY_RANGE
        write_bytes(overlay, rendering.overlay_png(photo.pixels, jnd.values, low=low, high=high))
    body = image_report(photo) | jnd_map_report(jnd)
    middle = body["percentiles"]
    _report(
        body,
        outputs,
        f"{photo.width}x{photo.height}: threshold {middle['p50']:.1f} luma levels in the median, "
        f"{middle['p10']:.1f} to {middle['p90']:.1f} for the middle 80 %",
        as_json=as_json,
    )


@app.command()
@one_line_errors()
def patch_quality_map(
    image: Image,
    output: Annotated[Path, OUTPUT_PNG],
    reference: Annotated[Path | None, typer.Option(help="Undistorted image: gives DMOS 1..5 instead of 0..1.")] = None,
    stride: Annotated[int, typer.Option(min=4, max=128, help="Pixels between patches.")] = 16,
    patch_size: Annotated[PatchSize, typer.Option(help="Side of a patch when there is a reference.")] = PatchSize.SMALL,
    overlay: Annotated[Path | None, typer.Option(help="Also write the photo under the map in colour, PNG.")] = None,
    npz: Annotated[Path | None, typer.Option(help="Also write the float32 map as a NumPy archive.")] = None,
    as_json: Json = False,
) -> None:
    """Quality of each patch as a 16-bit PNG: 0..1 without a reference, DMOS 1..5 with one; higher is better."""
    outputs = _checked({"map": output, "npz": npz, "overlay": overlay}, image, reference)
    from models import rendering
    from models.patch_quality import predict_patch_dmos_map, predict_patch_quality_map
    from models.reports import image_report, patch_quality_report

    photo = read_image(image, quiet=as_json)
    original = None if reference is None else read_image(reference, quiet=as_json)
    with progress_bar("patch quality", quiet=as_json) as progress:
        if original is None:
            quality = predict_patch_quality_map(photo, stride=stride, progress=progress)
            scale, png_scale, low, high = "0..1", rendering.NO_REFERENCE_PNG_SCALE, 0.0, 1.0
        else:
            quality = predict_patch_dmos_map(
                original, photo, patch_size=int(patch_size), stride=stride, progress=progress
            )
            scale, png_scale, low, high = "dmos 1..5", rendering.DMOS_PNG_SCALE, 1.0, 5.0
    write_bytes(output, rendering.grey16_png(quality.values, scale=png_scale))
    if npz is not None:
        write_bytes(npz, rendering.npz(quality.values))
    if overlay is not None:
        spread = rendering.spread_over_photo(quality, photo.height, photo.width)
        write_bytes(overlay, rendering.overlay_png(photo.pixels, spread, low=low, high=high))
    body = image_report(photo) | patch_quality_report(quality, scale=scale, png_scale=png_scale)
    _report(body, outputs, f"mean {body['mean']:.3f} ({scale}), worst patch {body['min']:.3f}", as_json=as_json)


@app.command()
@one_line_errors()
def quality_score(image: Image, as_json: Json = False) -> None:
    """Quality of an image without a reference, MOS 0..100, higher is better."""
    from models.quality_score import predict_quality_score
    from models.reports import image_report, quality_score_report

    photo = read_image(image, quiet=as_json)
    with progress_bar("quality", quiet=as_json) as progress:
        score = predict_quality_score(photo, progress=progress)
    body = image_report(photo) | quality_score_report(score)
    _report(body, {}, f"{body['mos']:.1f} of 100", as_json=as_json)


@app.command()
@one_line_errors()
def full_reference_score(
    reference: Annotated[Path, typer.Argument(help="The undistorted image.", metavar="REFERENCE")],
    distorted: Annotated[Path, typer.Argument(help="The image to judge.", metavar="DISTORTED")],
    as_json: Json = False,
) -> None:
    """How close an image looks to its reference, higher is better; PSNR, SSIM and MS-SSIM beside it."""
    from models.full_reference import predict_full_reference_score
    from models.reports import full_reference_report, image_report

    first, second = read_image(reference, quiet=as_json), read_image(distorted, quiet=as_json)
    with progress_bar("full-reference score", quiet=as_json) as progress:
        score = predict_full_reference_score(first, second, progress=progress)
    body = image_report(second) | full_reference_report(score)
    psnr = "identical" if body["psnr_db"] is None else f"{body['psnr_db']:.2f} dB"
    _report(body, {}, f"{body['score']:.2f} (PSNR {psnr}, SSIM {body['ssim']:.4f})", as_json=as_json)


@app.command()
@one_line_errors()
def sur_curve(
    image: Image,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Plot to write, .svg or .png; - for SVG on standard output.")
    ] = None,
    jnd: Jnd = 1,
    percent: Annotated[float, typer.Option(help="Share of viewers, in %, for the p% JND and p% SUR.")] = 75.0,
    observer: ObserverOption = Observer.MCL_JCI,
    as_json: Json = False,
) -> None:
    """Share of viewers who would notice JPEG compression at each quality, and the quality that satisfies most."""
    outputs = _checked({"plot": output}, image)
    form: Literal["svg", "png"] = "png" if output is not None and output.suffix.lower() == ".png" else "svg"
    if output not in (None, STANDARD_STREAM) and output.suffix.lower() not in (".svg", ".png"):
        raise ValueError(f"{output}: a plot is written as .svg or .png")
    if not 0 < percent < 100:
        raise ValueError(f"--percent lies between 0 and 100, not at {percent:g}")
    from models.rendering import sur_plot
    from models.reports import image_report, sur_curve_report
    from models.sur_prediction import predict_sur_curve

    photo = read_image(image, quiet=as_json)
    with progress_bar("SUR curve", quiet=as_json) as progress:
        prediction = predict_sur_curve(photo, jnd=jnd, percent=percent, observer=observer.value, progress=progress)
    if output is not None:
        write_bytes(output, sur_plot(prediction, form))
    body = image_report(photo) | sur_curve_report(prediction)
    low, high = sorted(101 - level for level in prediction.interval.percent_sur)
    _report(
        body,
        outputs,
        f"JPEG quality {prediction.recommended_quality} ({low} to {high}) satisfies {percent:g} % of viewers, "
        f"{prediction.recommended_size_bytes} bytes (JND {jnd}, observer {prediction.observer})",
        as_json=as_json,
    )


@app.command()
@one_line_errors()
def varjpeg(
    image: Image,
    output: Output,
    quality: Annotated[int | None, typer.Option(min=1, max=100, help="JPEG quality factor, 1..100.")] = None,
    target_sur: Annotated[
        float | None, typer.Option(help="Share of viewers in (0, 1) who must not see a difference; default 0.75.")
    ] = None,
    max_bytes: Annotated[int | None, typer.Option(min=1, help="Largest size; the best that fits is made.")] = None,
    form: Annotated[Format, typer.Option("--format", help="A standard JPEG, or the thesis' container.")] = Format.JPEG,
    subsampling: Annotated[Subsampling, typer.Option(help="Resolution of the colour channels.")] = Subsampling.AUTO,
    metadata: Annotated[Metadata, typer.Option(help="What stays in the file.")] = Metadata.KEEP_ICC,
    protect: Annotated[
        Path | None, typer.Option(help="Image of the same size; where it is not black, nothing is thinned out.")
    ] = None,
    observer: ObserverOption = Observer.MCL_JCI,
    jnd: Jnd = 1,
    as_json: Json = False,
) -> None:
    """The smallest JPEG that a share of viewers cannot tell from the photo; any program opens it."""
    outputs = _checked({"file": output}, image, protect)
    if sum(value is not None for value in (quality, target_sur, max_bytes)) > 1:
        raise ValueError("give at most one of --quality, --target-sur and --max-bytes")
    if target_sur is not None and not 0 < target_sur < 1:
        raise ValueError(f"--target-sur is a share between 0 and 1, such as 0.75, not {target_sur:g}")
    from models.reports import image_report
    from models.varjpeg_request import optimise_photo

    original = read_bytes(image)
    photo = decode_named(original, image, quiet=as_json)
    mask = None if protect is None else read_image(protect, quiet=as_json).pixels.max(axis=2)
    with progress_bar("VarJPEG", quiet=as_json) as progress:
        optimised = optimise_photo(
            photo,
            original=original,
            quality=quality,
            target_sur=target_sur,
            max_bytes=max_bytes,
            format=form.value,
            protect=mask,
            subsampling=subsampling.value,
            metadata=metadata.value,
            observer=observer.value,
            jnd=jnd,
            progress=progress,
        )
    write_bytes(output, optimised.data)
    body = image_report(photo) | optimised.body()
    _report(
        body,
        outputs,
        f"{body['size_bytes']} bytes instead of {len(original)}: {100 * body['sur']:.1f} % of viewers are predicted to "
        f"see no difference (JND {jnd}, observer {body['observer']})",
        as_json=as_json,
    )


@app.command()
@one_line_errors()
def varjpeg_decode(image: Image, output: Annotated[Path, OUTPUT_PNG], as_json: Json = False) -> None:
    """A VarJPEG container as PNG."""
    outputs = _checked({"image": output}, image)
    from models.rendering import rgb_png
    from models.reports import image_report
    from models.varjpeg import decode_varjpeg

    photo = decode_varjpeg(read_bytes(image))
    write_bytes(output, rgb_png(photo.native_pixels, icc_profile=photo.icc_profile))
    _report(image_report(photo), outputs, f"{photo.width}x{photo.height}", as_json=as_json)


@app.command()
@one_line_errors()
def models(as_json: Json = False) -> None:
    """The shipped weights: version, size, what they learned from, how good they are."""
    from dataclasses import asdict

    from models.artefacts import WEIGHTS, load_manifest

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


def _checked(outputs: dict[str, Path | None], *inputs: Path | None) -> dict[str, str]:
    """The files that will be written, by name, after a look at whether they can be. Raises: ValueError."""
    wanted = {name: path for name, path in outputs.items() if path is not None}
    for path in wanted.values():
        check_output(path, *inputs)
    if list(wanted.values()).count(STANDARD_STREAM) > 1 or list(inputs).count(STANDARD_STREAM) > 1:
        raise ValueError("- can stand for one file only")
    return {name: str(path) for name, path in wanted.items()}


def _report(body: dict[str, Any], outputs: dict[str, str], summary: str, *, as_json: bool) -> None:
    """JSON, or the summary with the files; on standard error where a file went to standard output."""
    to_stream = str(STANDARD_STREAM) in outputs.values()
    if as_json:
        print_json(body | {"files": outputs}, err=to_stream)
    else:
        names = ", ".join(path for path in outputs.values() if path != str(STANDARD_STREAM))
        typer.echo(f"{names}: {summary}" if names else summary, err=to_stream)


def _serve_with_worker(host: str, port: int) -> None:
    """The embedded mode: job records in memory, files in a folder that goes when the service ends."""
    from app.main import create_app
    from app.settings import ApiSettings
    from workers.blobs import BlobStore
    from workers.embedded import EmbeddedWorker
    from workers.memory_jobs import MemoryJobStore
    from workers.settings import WorkerSettings, temporary_blob_dir

    settings = WorkerSettings()
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
    """The console script."""
    app()


if __name__ == "__main__":
    main()
