"""From a verb's request to the work: one photo to one file, or a folder to a folder."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from workers.cli.files import (
    STANDARD_STREAM,
    Destination,
    check_output,
    goes_to_standard_output,
    in_words,
    is_plain,
    print_json,
    progress_bar,
    remove_parts,
    shown,
)
from workers.cli.folders import in_place_note, is_batch, run_all
from workers.cli.journal import JOURNAL
from workers.cli.names import possible_partners, promises_a_file, result_name
from workers.cli.options import RunOptions
from workers.cli.outcomes import Outcomes, bytes_before_and_after, number_of_photos
from workers.cli.photos import PHOTO, Found, Kind, photos_in
from workers.cli.pool import leave_at_once
from workers.cli.work import Item, perform

if TYPE_CHECKING:
    from models.types import Progress
    from workers.contracts import AnyRequest

Answer = TypeVar("Answer")


def work_on(
    request: "AnyRequest",
    images: list[Path],
    outputs: Mapping[str, Destination | None],
    *,
    options: RunOptions,
    photo_field: str = "image_key",
    beside: Mapping[str, Path | None] | None = None,
    journal: Destination | None = None,
    kind: Kind = PHOTO,
    in_place: bool = False,
) -> None:
    """Have ``request`` answered for one photo, or for each photo of a folder.

    ``outputs``: where each file of the result goes, None where it is not wanted; ``beside``: further inputs by the
    request's field, files for a file and folders for a folder; ``journal``: folder of the journal where no file is
    written; ``in_place``: the one file of the result takes its photo's place. Raises: ValueError; OSError.
    """
    wanted = {name: target for name, target in outputs.items() if target is not None}
    others = {field: path for field, path in (beside or {}).items() if path is not None}
    if is_batch(images):
        results = tuple(outputs) if in_place else ()
        _work_on_many(request, images, wanted, others, photo_field, journal, kind, results, options)
        return
    if journal is not None:
        raise ValueError("-o keeps the journal of a folder; one image has none")
    inputs = {photo_field: images[0], **others}
    if in_place:
        item = Item(request, inputs, {name: _own_place(images[0]) for name in outputs}, options.server, in_place=True)
    else:
        files = {name: target.file_for(images[0], name) for name, target in wanted.items()}
        for name, path in files.items():
            check_output(wanted[name], path, name, *inputs.values())
        item = Item(request, inputs, files, options.server)
    _work_on_one(item, options)


def _own_place(photo: Path) -> Path:
    if photo == STANDARD_STREAM or not photo.is_file():
        raise ValueError(f"{photo}: --in-place takes files and folders")
    return photo


def _work_on_one(item: Item, options: RunOptions) -> None:
    outputs = list(item.outputs.values())
    if max(_standard_streams(outputs), list(item.inputs.values()).count(STANDARD_STREAM)) > 1:
        raise ValueError("- can stand for one file only")
    _refuse_twins(outputs)
    if options.dry_run:
        _print_plan(item, options)
        return
    for folder in {path.parent for path in outputs if is_plain(path)}:
        remove_parts(folder)
    note, done = in_place_note(item) if item.in_place else (None, None)
    if done is None:
        label = item.request.capability
        done = interruptible(lambda progress: perform(item, progress, note), outputs, label=label, quiet=options.silent)
    to_stream = _standard_streams(outputs) > 0
    if options.as_json:
        print_json(
            done.result.model_dump(mode="json") | {"files": {name: str(path) for name, path in item.outputs.items()}},
            err=to_stream,
        )
        return
    if options.quiet:
        return
    for warning in done.result.remarks():
        typer.echo(f"limen: {shown(item.photo)}: {warning}", err=True)
    names = ", ".join(shown(path) for path in outputs if not goes_to_standard_output(path))
    summary = done.result.summary()
    typer.echo(f"{names}: {summary}" if names else summary, err=to_stream)


def _standard_streams(paths: Sequence[Path]) -> int:
    return sum(goes_to_standard_output(path) for path in paths)


def _refuse_twins(outputs: Sequence[Path]) -> None:
    """Raises: ValueError if two results would be written to one file, of which one would be lost."""
    plain = [os.path.realpath(path) for path in outputs if is_plain(path)]
    for path in plain:
        if plain.count(path) > 1:
            raise ValueError(f"{path}: two results would be written there")


def _print_plan(item: Item, options: RunOptions) -> None:
    if not item.photo.exists() and item.photo != STANDARD_STREAM:
        raise FileNotFoundError(2, "No such file or folder", str(item.photo))
    files = {name: str(path) for name, path in item.outputs.items()}
    if options.as_json:
        print_json({"planned": [{"photo": str(item.photo), "files": files}]})
    elif not options.quiet:
        typer.echo(f"{shown(item.photo)}: would become {', '.join(map(shown, files.values())) or 'a line of figures'}")


def interruptible(
    work: Callable[["Progress | None"], Answer], outputs: Sequence[Path], *, label: str, quiet: bool
) -> Answer:
    """What ``work`` returns or raises, under a bar; SIGINT ends the program at once, even inside compiled code, and
    nothing of ``outputs`` is left half written.
    """
    future: Future[Answer] = Future()

    def run(progress: "Progress | None") -> None:
        try:
            future.set_result(work(progress))
        except BaseException as error:  # handed on, whatever it is, to the thread that waits
            future.set_exception(error)

    try:
        with progress_bar(label, quiet=quiet) as progress:
            threading.Thread(target=run, args=(progress,), name="limen-work", daemon=True).start()
            return future.result()
    except KeyboardInterrupt:
        typer.echo("limen: interrupted", err=True)
        leave_at_once({path.parent for path in outputs if is_plain(path)})


def _work_on_many(
    request: "AnyRequest",
    images: list[Path],
    wanted: Mapping[str, Destination],
    others: Mapping[str, Path],
    photo_field: str,
    journal: Destination | None,
    kind: Kind,
    results: Sequence[str],
    options: RunOptions,
) -> None:
    """``results``: files of the result that take their photo's place."""
    folders = {name: _folder(target) for name, target in wanted.items()}
    home = next(iter(folders.values()), None) if journal is None else _folder(journal)
    if results:
        home = next((path for path in images if path.is_dir()), images[0].parent)
    for folder in folders.values():
        _refuse_own_folder(folder, images)
    for folder in others.values():
        if not folder.is_dir():
            raise ValueError(f"{folder} is no folder; with a folder of photos goes a folder")
    found = photos_in(images, kind, apart_from=list(folders.values()), excluded=options.exclude or ())
    outcomes = Outcomes(skipped={str(relative): skip for relative, skip in found.skipped.items()})
    items = _items(request, found, folders, others, photo_field, results, options.server, outcomes)
    _refuse_twins([path for item in items.values() for path in item.outputs.values()])
    run_all(
        items,
        outcomes,
        journal=None if home is None else home / JOURNAL,
        options=options,
        totals=bytes_before_and_after if request.capability == "varjpeg" else number_of_photos,
    )


def _folder(target: Destination) -> Path:
    """The folder that several photos' results go into. Raises: ValueError if it cannot be one."""
    if goes_to_standard_output(target.path) or (target.path.exists() and not target.path.is_dir()):
        raise ValueError(f"{target.path} is no folder; the results of several photos need one")
    if not target.is_folder and promises_a_file(target.path):
        raise ValueError(f"{target.path} is a file's name; a folder for several photos' results ends with a slash")
    return target.path


def _refuse_own_folder(folder: Path, images: Sequence[Path]) -> None:
    """Results among their own photos would be taken for photos the next time. Raises: ValueError."""
    for image in images:
        if image.is_dir() and folder.is_dir() and folder.samefile(image):
            raise ValueError(f"{folder} is the input; write to another folder")


def _items(
    request: "AnyRequest",
    found: Found,
    folders: Mapping[str, Path],
    others: Mapping[str, Path],
    photo_field: str,
    results: Sequence[str],
    server: str | None,
    outcomes: Outcomes,
) -> dict[str, Item]:
    """What to do with each photo; one that nothing can be done with is put into ``outcomes``."""
    items = {}
    for relative, source in sorted(found.photos.items()):
        outputs = {
            name: folder / relative.with_name(result_name(relative.name, Path(name).suffix))
            for name, folder in folders.items()
        }
        outputs |= dict.fromkeys(results, source)
        try:
            for path in outputs.values() if not results else ():
                _refuse_input(path, source)
            partners = {field: _partner(folder, relative) for field, folder in others.items()}
        except (ValueError, OSError) as error:
            outcomes.failed[str(relative)] = in_words(error)
            continue
        inputs = {photo_field: source, **partners}
        items[str(relative)] = Item(request, inputs, outputs, server, in_place=bool(results))
    return items


def _refuse_input(path: Path, source: Path) -> None:
    if path.exists() and source.exists() and path.samefile(source):
        raise ValueError(f"{path} is the input; write to another folder")


def _partner(folder: Path, relative: Path) -> Path:
    """The file of ``folder`` that goes with a photo: of the same relative path, or else the only one that differs from
    it by its suffixes. Raises: ValueError.
    """
    for candidate in possible_partners(relative):
        if (folder / candidate).is_file():
            return folder / candidate
    stems = {candidate.name for candidate in possible_partners(relative)}
    found = [path for path in _files((folder / relative).parent) if os.path.splitext(path.name)[0] in stems]
    if len(found) != 1:
        raise ValueError(f"{folder} has {len(found) or 'no'} file for {relative}")
    return found[0]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
