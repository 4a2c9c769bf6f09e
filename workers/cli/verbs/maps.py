"""``limen jnd-map`` and ``limen patch-quality-map``: values for each place of a photo."""

from pathlib import Path
from typing import Annotated

import typer

from workers.cli.options import Images, Npz, Output, Overlay, RunOptions, photo_verb
from workers.cli.verb import work_on
from workers.cli.work import UNREAD

verbs = typer.Typer()


@photo_verb(verbs)
def jnd_map(images: Images, output: Output, *, npz: Npz = None, overlay: Overlay = None, options: RunOptions) -> None:
    """Visibility threshold of each pixel, in 8-bit luma levels times 256, as a 16-bit PNG."""
    from workers.contracts import JndMapRequest

    outputs = {"jnd-map.png": output, "jnd-map.npz": npz, "overlay.png": overlay}
    work_on(JndMapRequest(image_key=UNREAD), images, outputs, options=options)


@photo_verb(verbs)
def patch_quality_map(
    images: Images,
    output: Output,
    *,
    reference: Annotated[
        Path | None, typer.Option(help="Undistorted image or folder: gives DMOS 1..5 instead of 0..1.")
    ] = None,
    stride: Annotated[int, typer.Option(min=4, max=128, help="Pixels between patches.")] = 16,
    patch_size: Annotated[int, typer.Option(help="Side of a patch when there is a reference: 64 or 128.")] = 64,
    overlay: Overlay = None,
    npz: Npz = None,
    options: RunOptions,
) -> None:
    """Quality of each patch as a 16-bit PNG: 0..1 without a reference, DMOS 1..5 with one; higher is better."""
    from workers.contracts import PatchQualityMapRequest

    keys = {"image_key": UNREAD} | ({} if reference is None else {"reference_key": UNREAD})
    request = PatchQualityMapRequest.model_validate(
        {**keys, "stride": stride, "patch_size": patch_size}  # the request says which sizes there are, and when
    )
    outputs = {"patch-quality-map.png": output, "patch-quality-map.npz": npz, "overlay.png": overlay}
    work_on(request, images, outputs, beside={"reference_key": reference}, options=options)
