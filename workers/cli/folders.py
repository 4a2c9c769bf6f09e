"""A verb over many photos: several at once, a journal to go on from, and a table that accounts for every file."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Any, NoReturn

import typer

from workers.cli.files import counted, in_words, print_json, progress_bar, remove_parts, shown
from workers.cli.journal import JOURNAL, Done, Entry, done_before, fingerprint, read_journal
from workers.cli.photos import Skip, warnings_about
from workers.cli.summaries import SUMMARY
from workers.cli.work import Item, LeftOutError, Note, perform

INTERRUPTED = 130
NOT_ALL_DONE = 2
GRACE_S = 0.6
"""How long photos under way may still take after SIGINT."""
POLL_S = 0.1
"""How soon SIGINT is seen."""
_THREADS = "limen-client"


@dataclass(frozen=True, slots=True)
class Manners:
    """How a verb goes about its work, whatever the work is; ``excluded``: patterns of files to leave out."""

    jobs: int = 1
    server: str | None = None
    as_json: bool = False
    quiet: bool = False
    dry_run: bool = False
    excluded: Sequence[str] = ()

    @property
    def silent(self) -> bool:
        """Whether nobody is to see a bar or a table."""
        return self.quiet or self.as_json


@dataclass(slots=True)
class Run:
    """What became of each file, by its name in the folder; ``already``: the photos among ``done`` that were so."""

    done: dict[str, Done] = field(default_factory=dict)
    already: set[str] = field(default_factory=set)
    skipped: dict[str, Skip] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def all_done(self) -> bool:
        """Whether every file is done but those that were left out on purpose."""
        return not self.failed and all(skip.on_purpose for skip in self.skipped.values())


def is_batch(inputs: Sequence[Path]) -> bool:
    """Whether a verb was given a folder or several files."""
    return len(inputs) > 1 or inputs[0].is_dir()


def run_all(
    items: Mapping[str, Item],
    run: Run,
    *,
    journal: Path | None,
    manners: Manners,
    totals: Callable[[Run], str],
) -> None:
    """Do every item that the journal does not have, and print what became of all.

    ``run``: what is known beforehand of files that are no items. Ends the program with 2 unless all is done, and with
    130 after SIGINT; the same command then goes on where it stopped.
    """
    for line in warnings_about({Path(name): skip for name, skip in run.skipped.items()}) if manners.quiet else ():
        typer.echo(f"limen: {line}", err=True)
    for error in run.failed.values():
        typer.echo(f"limen: {error}", err=True)
    computer = manners.server or _weights()
    _note_what_was_done(run, items, journal, computer)
    if manners.dry_run:
        _print_plan(run, items, manners)
        raise typer.Exit(0 if run.all_done else NOT_ALL_DONE)
    stop = threading.Event()
    waiting = {name: item for name, item in items.items() if name not in run.done}
    folders = _prepared_folders(items, journal)
    notes = {name: None if journal is None else Note(journal, name, computer) for name in waiting}
    label = counted(len(items), "photo")
    with progress_bar(label, quiet=manners.silent) as progress, _stopped_by_sigint(stop):
        for name, future in _finished(waiting, notes, manners, stop):
            _note(run, name, future)
            if name in run.done and not manners.silent:
                _tell_warnings(name, run.done[name])
            if progress is not None:
                progress((len(run.done) + len(run.failed)) / len(items))
    _print(run, items, totals, manners)
    if stop.is_set():
        _end_interrupted(run, items, folders)
    if not run.all_done:
        raise typer.Exit(NOT_ALL_DONE)


def _weights() -> str:
    from models.graphs.artefacts import load_manifest

    return " ".join(sorted(entry.sha256 for entry in load_manifest().values()))


def _note_what_was_done(run: Run, items: Mapping[str, Item], journal: Path | None, computer: str) -> None:
    """Put what the journal has into ``run``. A file that cannot be read is left for the work to fail on."""
    known = read_journal(journal)
    for name, item in items.items():
        done = _done_already(item, known[name], computer) if name in known else None
        if done is not None:
            run.done[name] = done
            run.already.add(name)


def _done_already(item: Item, entry: Entry, computer: str) -> Done | None:
    if not all(path.is_file() for path in item.inputs.values()):
        return None
    with suppress(OSError):
        contents = {name: path.read_bytes() for name, path in item.inputs.items()}
        return done_before(entry, fingerprint(item.request, contents, computer), item.outputs)
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


def _finished(
    waiting: Mapping[str, Item], notes: Mapping[str, Note | None], manners: Manners, stop: threading.Event
) -> Iterator[tuple[str, "Future[Done]"]]:
    """Each item's future as it ends. Once ``stop`` is set nothing more is begun, and ``GRACE_S`` later all is left.

    A process that dies takes all photos with it that wait for the same processes: those that may have been its ruin are
    then tried again, each alone, and after them the others.
    """
    left = list(waiting)
    while left and not stop.is_set():
        lost = []
        for name, future in _tried(left, waiting, notes, manners, stop):
            if _has_lost_its_process(future) and not stop.is_set():
                lost.append(name)
            else:
                yield name, future
        suspects, left = sorted(lost, key=left.index)[: manners.jobs], sorted(lost, key=left.index)[manners.jobs :]
        for suspect in suspects:
            alone = Manners(server=manners.server)
            yield from _tried([suspect], waiting, notes, alone, stop)


def _has_lost_its_process(future: "Future[Done]") -> bool:
    return not future.cancelled() and isinstance(future.exception(), BrokenProcessPool)


def _tried(
    names: Sequence[str],
    waiting: Mapping[str, Item],
    notes: Mapping[str, Note | None],
    manners: Manners,
    stop: threading.Event,
) -> Iterator[tuple[str, "Future[Done]"]]:
    """Each named item's future as it ends, all done by one set of workers."""
    executor = process_pool(manners.jobs) if manners.server is None else ThreadPoolExecutor(manners.jobs, _THREADS)
    try:
        with _sigint_left_to_this_process():
            futures = {executor.submit(perform, waiting[name], None, notes[name]): name for name in names}
        pending, end = set(futures), None
        while pending and (end is None or time.monotonic() < end):
            ended, pending = wait(pending, timeout=POLL_S, return_when=FIRST_COMPLETED)
            for future in ended:
                yield futures[future], future
            if stop.is_set():
                end = end or time.monotonic() + GRACE_S
                pending = {future for future in pending if not future.cancel()}
    finally:
        if stop.is_set():
            _kill_children()
        executor.shutdown(wait=not stop.is_set(), cancel_futures=True)


def process_pool(jobs: int) -> Executor:
    """Processes that do the work, so that none of them can end this program. They are spawned, for ONNX Runtime and
    numba have threads of their own, and end when this one does.
    """
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_begin_beside, initargs=(jobs,))


def _begin_beside(jobs: int) -> None:
    """First thing in one of so many processes that share the processors."""
    os.environ.setdefault("LIMEN_THREADS", str(max(1, (os.cpu_count() or 1) // jobs)))
    _end_with_parent()


def _end_with_parent() -> None:
    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            wait_for([parent.sentinel])
            os._exit(INTERRUPTED)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


@contextmanager
def _sigint_left_to_this_process() -> Iterator[None]:
    """Processes started inside never see SIGINT, which a terminal sends to all: they inherit what is blocked."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _stopped_by_sigint(stop: threading.Event) -> Iterator[None]:
    """SIGINT sets ``stop``, so that no result is lost halfway; a second one ends the program at once."""

    def first(number: int, frame: object) -> None:
        stop.set()
        signal.signal(number, second)

    def second(number: int, frame: object) -> None:
        _kill_children()
        os._exit(INTERRUPTED)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _kill_children() -> None:
    for child in active_children():
        child.kill()
        child.join(GRACE_S)


def _end_interrupted(run: Run, items: Mapping[str, Item], folders: Iterable[Path]) -> None:
    """Say how far it came and end, without waiting for threads that a server keeps busy."""
    text = f"limen: interrupted, {len(run.done)} of {len(items)} done; the same command goes on"
    typer.echo(text, err=True)
    for folder in folders:
        remove_parts(folder)
    if any(thread.name.startswith(_THREADS) for thread in threading.enumerate()):
        leave_at_once(folders)
    raise typer.Exit(INTERRUPTED)


def leave_at_once(folders: Iterable[Path]) -> NoReturn:
    """End the program by SIGINT's status though threads of it still work; nothing of theirs stays in ``folders``."""
    for folder in folders:
        remove_parts(folder, of_this_process=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)


def _note(run: Run, name: str, future: "Future[Done]") -> None:
    try:
        run.done[name] = future.result()
    except BrokenProcessPool:
        run.failed[name] = f"{shown(name)}: the process that worked on it died"
        typer.echo(f"limen: {run.failed[name]}", err=True)
    except Exception as error:  # one photo's trouble, whatever it is, ends no other photo's work
        said = in_words(error)
        if isinstance(error, LeftOutError):
            run.skipped[name] = Skip(said)
        else:
            run.failed[name] = said
        typer.echo(f"limen: {said}", err=True)


def _tell_warnings(name: str, done: Done) -> None:
    """What a result has lost or guessed, as for a single photo; the table has no room for it."""
    for warning in done.body.get("warnings", ()):
        typer.echo(f"limen: {shown(name)}: {warning}", err=True)


def _print(run: Run, items: Mapping[str, Item], totals: Callable[[Run], str], manners: Manners) -> None:
    if manners.as_json:
        photos = [_photo_body(name, item, run) for name, item in items.items() if name in run.done]
        print_json({"photos": photos} | _others_body(run) | {"left": _left(run, items)})
    elif not manners.quiet:
        states = {
            name: f"done     {SUMMARY[item.request.capability](run.done[name].body)}"
            for name, item in items.items()
            if name in run.done
        }
        states |= dict.fromkeys(_left(run, items), "left     interrupted before it was done")
        _print_table(states, run, f"{totals(run)}{_counts(run)}")


def _left(run: Run, items: Mapping[str, Item]) -> list[str]:
    """Photos that SIGINT came before."""
    return [name for name in items if name not in run.done.keys() | run.skipped.keys() | run.failed.keys()]


def _photo_body(name: str, item: Item, run: Run) -> dict[str, Any]:
    done = run.done[name]
    return done.body | {
        "photo": str(item.photo),
        "input_bytes": done.input_bytes,
        "files": {key: str(path) for key, path in item.outputs.items()},
        "already_done": name in run.already,
    }


def _others_body(run: Run) -> dict[str, Any]:
    return {
        "skipped": [
            {"photo": name, "reason": skip.reason, "on_purpose": skip.on_purpose} for name, skip in run.skipped.items()
        ],
        "failed": [{"photo": name, "error": error} for name, error in run.failed.items()],
    }


def _print_table(states: Mapping[str, str], run: Run, last_line: str) -> None:
    """One line for each file, whatever became of it."""
    lines = dict(states)
    lines |= {name: f"skipped  {skip.reason}" for name, skip in run.skipped.items()}
    lines |= {name: f"failed   {error}" for name, error in run.failed.items()}
    width = max(len(shown(name)) for name in lines) if lines else 0
    for name in sorted(lines):
        typer.echo(f"{shown(name):{width}}  {lines[name]}")
    typer.echo(last_line)


def _print_plan(run: Run, items: Mapping[str, Item], manners: Manners) -> None:
    """What would be done, of which nothing has been."""
    planned = {name: item for name, item in items.items() if name not in run.done}
    if manners.as_json:
        plan = [
            {"photo": str(item.photo), "files": {key: str(path) for key, path in item.outputs.items()}}
            for item in planned.values()
        ]
        there = [_photo_body(name, items[name], run) for name in run.done]
        print_json({"planned": plan, "photos": there} | _others_body(run))
        return
    if manners.quiet:
        return
    states = {
        name: f"to do    {', '.join(shown(path) for path in item.outputs.values())}".rstrip()
        for name, item in planned.items()
    }
    states |= dict.fromkeys(run.done, "done     there already")
    _print_table(states, run, f"{counted(len(planned), 'photo')} to do; nothing was written{_counts(run)}")


def _counts(run: Run) -> str:
    was = "was" if len(run.already) == 1 else "were"
    parts = [f"{len(run.already)} {was} there already"] if run.already else []
    parts += [f"{len(run.skipped)} skipped"] if run.skipped else []
    parts += [f"{len(run.failed)} failed"] if run.failed else []
    return f" ({', '.join(parts)})" if parts else ""


def bytes_before_and_after(run: Run) -> str:
    """What a folder weighed and weighs now."""
    before = sum(done.input_bytes for done in run.done.values())
    after = sum(sum(done.output_bytes.values()) for done in run.done.values())
    saved = f", {100 * (1 - after / before):.1f} % saved" if before else ""
    return f"{counted(len(run.done), 'photo')}: {before} bytes before, {after} bytes after{saved}"


def number_of_photos(run: Run) -> str:
    """For verbs that make no smaller file."""
    return counted(len(run.done), "photo")
