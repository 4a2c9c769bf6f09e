"""``limen quality-score`` and ``limen full-reference-score``: one number for a photo."""

from pathlib import Path
from typing import Annotated

import typer

from workers.cli.options import Images, JournalFolder, RunOptions, photo_verb
from workers.cli.verb import work_on
from workers.cli.work import UNREAD

verbs = typer.Typer()


@photo_verb(verbs)
def quality_score(images: Images, *, output: JournalFolder = None, options: RunOptions) -> None:
    """Quality of an image without a reference, MOS 0..100, higher is better."""
    from workers.contracts import QualityScoreRequest

    work_on(QualityScoreRequest(image_key=UNREAD), images, {}, journal=output, options=options)


@photo_verb(verbs)
def full_reference_score(
    reference: Annotated[Path, typer.Argument(help="The undistorted image, or a folder.", metavar="REFERENCE")],
    distorted: Annotated[Path, typer.Argument(help="The image to judge, or a folder.", metavar="DISTORTED")],
    *,
    output: JournalFolder = None,
    options: RunOptions,
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
        options=options,
    )
