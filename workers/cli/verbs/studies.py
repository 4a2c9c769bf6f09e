"""``limen calibrate``: from the answers of an observer study to an observer profile."""

from pathlib import Path
from typing import Annotated

import typer

from workers.cli.files import one_line_errors, print_json

verbs = typer.Typer()


@verbs.command()
@one_line_errors()
def calibrate(
    samples: Annotated[Path, typer.Argument(help="Answers of the study, as the service exports them (CSV).")],
    name: Annotated[str, typer.Option(help="What the new observer profile is called: a-z, 0-9 and -.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Profile to write (JSON).")],
    photos: Annotated[
        Path | None, typer.Option(help="Folder with the photos of the study: predicts their distances anew.")
    ] = None,
) -> None:
    """Fit an observer profile to the answers of an observer study; print what it was fitted to, and how well."""
    from workers.studies.calibration import calibrate as calibrated
    from workers.studies.calibration import write_profile
    from workers.studies.samples import read_study

    document = calibrated(read_study(samples), name, photos=photos)
    write_profile(document, output)
    print_json(document["profiles"][name] | document["calibration"])
