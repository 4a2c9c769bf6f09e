"""``limen plain-encoding``: what another encoder makes of a photo."""

from typing import Annotated

import typer

from models.varjpeg.choices import PlainCodec
from workers.cli.options import Images, Output, RunOptions, photo_verb
from workers.cli.verb import work_on
from workers.cli.work import UNREAD

verbs = typer.Typer()


@photo_verb(verbs)
def plain_encoding(
    images: Images,
    output: Output,
    *,
    codec: Annotated[
        PlainCodec, typer.Option(help="libjpeg-turbo (4:2:0, progressive), jpegli, WebP or AVIF.")
    ] = "jpeg",
    quality: Annotated[int | None, typer.Option(min=1, max=100, help="On the encoder's own scale; default 75.")] = None,
    max_bytes: Annotated[int | None, typer.Option(min=1, help="Largest size; the highest quality that fits.")] = None,
    options: RunOptions,
) -> None:
    """What another encoder makes of the photo, to compare with: libjpeg-turbo, jpegli, WebP or AVIF."""
    from workers.contracts.plain_encoding import PLAIN_FILES, PlainEncodingRequest

    request = PlainEncodingRequest(image_key=UNREAD, codec=codec, quality=quality, max_bytes=max_bytes)
    work_on(request, images, {PLAIN_FILES[codec][0]: output}, options=options)
