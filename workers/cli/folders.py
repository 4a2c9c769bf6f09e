"""A verb over many photos: several at once, a journal to go on from, and a table that accounts for every file."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path

import typer

from workers.cli.files import counted, in_words, progress_bar, remove_parts, shown
from workers.cli.journal import JOURNAL, Done, Entry, done_before, fingerprint, read_journal
from workers.cli.options import RunOptions
from workers.cli.outcomes import Outcomes, print_outcomes, print_plan
from workers.cli.photos import Skip, warnings_about
from workers.cli.pool import CLIENT_THREADS, INTERRUPTED, finished, leave_at_once, stopped_by_sigint
from workers.cli.work import Item, LeftOutError, Note

NOT_ALL_DONE = 2


def is_batch(inputs: Sequence[Path]) -> bool:
    """Whether a verb was given a folder or several files."""
    return len(inputs) > 1 or inputs[0].is_dir()


def run_all(
    items: Mapping[str, Item],
    outcomes: Outcomes,
    *,
    journal: Path | None,
    options: RunOptions,
    totals: Callable[[Outcomes], str],
) -> None:
    """Do every item that the journal does not have, and print what became of all.

    ``outcomes``: what is known beforehand of files that are no items. Ends the program with 2 unless all is done, and
    with 130 after SIGINT; the same command then goes on where it stopped.
    """
    for line in warnings_about({Path(name): skip for name, skip in outcomes.skipped.items()}) if options.quiet else ():
        typer.echo(f"limen: {line}", err=True)
    for error in outcomes.failed.values():
        typer.echo(f"limen: {error}", err=True)
    computer = options.server or _weights()
    _note_what_was_done(outcomes, items, journal, computer)
    if options.dry_run:
        print_plan(outcomes, items, options)
        raise typer.Exit(0 if outcomes.all_done else NOT_ALL_DONE)
    stop = threading.Event()
    waiting = {name: item for name, item in items.items() if name not in outcomes.done}
    folders = _prepared_folders(items, journal)
    notes = {name: None if journal is None else Note(journal, name, computer) for name in waiting}
    label = counted(len(items), "photo")
    with progress_bar(label, quiet=options.silent) as progress, stopped_by_sigint(stop):
        for name, future in finished(waiting, notes, options, stop):
            _note(outcomes, name, future)
            if name in outcomes.done and not options.silent:
                _tell_warnings(name, outcomes.done[name])
            if progress is not None:
                progress((len(outcomes.done) + len(outcomes.failed)) / len(items))
    print_outcomes(outcomes, items, totals, options)
    if stop.is_set():
        _end_interrupted(outcomes, items, folders)
    if not outcomes.all_done:
        raise typer.Exit(NOT_ALL_DONE)


def _weights() -> str:
    from models.graphs.artefacts import load_manifest

    return " ".join(sorted(entry.sha256 for entry in load_manifest().values()))


def _note_what_was_done(outcomes: Outcomes, items: Mapping[str, Item], journal: Path | None, computer: str) -> None:
    """Put what the journal has into ``outcomes``. A file that cannot be read is left for the work to fail on."""
    known = read_journal(journal)
    for name, item in items.items():
        done = _done_already(item, known[name], computer) if name in known else None
        if done is not None:
            outcomes.done[name] = done
            outcomes.already.add(name)


def _done_already(item: Item, entry: Entry, computer: str) -> Done | None:
    if not all(path.is_file() for path in item.inputs.values()):
        return None
    with suppress(OSError):
        contents = {name: path.read_bytes() for name, path in item.inputs.items()}
        return done_before(entry, item.request, fingerprint(item.request, contents, computer), item.outputs)
    return None


def in_place_note(item: Item) -> tuple[Note, Done | None]:
    """Where the end of a photo that is worked on in place is written down, and what is there of an earlier one.

    It is the journal of the photo's folder, so that neither the same command nor one for the whole folder works on a
    result once more, which would only lose. Raises: OSError.
    """
    note = Note(item.photo.parent / JOURNAL, item.photo.name, item.server or _weights())
    entry = read_journal(note.journal).get(note.photo)
    return note, None if entry is None else _done_already(item, entry, note.computer)


def _prepared_folders(items: Mapping[str, Item], journal: Path | None) -> set[Path]:
    """The folders of all results, without what a killed run left there. Raises: OSError for that of the journal."""
    if journal is not None:
        journal.parent.mkdir(parents=True, exist_ok=True)
    folders = {path.parent for item in items.values() for path in item.outputs.values()}
    for folder in folders:
        remove_parts(folder)
    return folders


def _end_interrupted(outcomes: Outcomes, items: Mapping[str, Item], folders: Iterable[Path]) -> None:
    """Say how far it came and end, without waiting for threads that a server keeps busy."""
    text = f"limen: interrupted, {len(outcomes.done)} of {len(items)} done; the same command goes on"
    typer.echo(text, err=True)
    for folder in folders:
        remove_parts(folder)
    if any(thread.name.startswith(CLIENT_THREADS) for thread in threading.enumerate()):
        leave_at_once(folders)
    raise typer.Exit(INTERRUPTED)


def _note(outcomes: Outcomes, name: str, future: "Future[Done]") -> None:
    try:
        outcomes.done[name] = future.result()
    except BrokenProcessPool:
        outcomes.failed[name] = f"{shown(name)}: the process that worked on it died"
        typer.echo(f"limen: {outcomes.failed[name]}", err=True)
    except Exception as error:  # one photo's trouble, whatever it is, ends no other photo's work
        said = in_words(error)
        if isinstance(error, LeftOutError):
            outcomes.skipped[name] = Skip(said)
        else:
            outcomes.failed[name] = said
        typer.echo(f"limen: {said}", err=True)


def _tell_warnings(name: str, done: Done) -> None:
    """What a result has lost or guessed, as for a single photo; the table has no room for it."""
    for warning in done.result.remarks():
        typer.echo(f"limen: {shown(name)}: {warning}", err=True)
