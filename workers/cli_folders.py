"""A verb over many photos: what to read and write, several at once, a journal to go on from, and a table at the end."""

import hashlib
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

import typer

from workers.cli_files import STANDARD_STREAM, in_words, print_json, progress_bar
from workers.cli_summaries import SUMMARY
from workers.cli_work import Done, Item, perform

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".gif"})
CONTAINER_SUFFIXES = frozenset({".vjpg", ".varjpeg"})
JOURNAL = "limen.jsonl"
INTERRUPTED = 130
FAILED = 2
POLL_S = 0.2
"""How soon SIGINT is seen."""


@dataclass(slots=True)
class Run:
    """What became of each photo, by its name in the folder."""

    done: dict[str, Done] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)


def is_batch(inputs: Sequence[Path]) -> bool:
    """Whether a verb was given a folder or several files."""
    return len(inputs) > 1 or inputs[0].is_dir()


def photos_in(inputs: Sequence[Path], suffixes: frozenset[str], *, apart_from: Path | None) -> dict[Path, Path]:
    """Photos by the relative path that their results get; folders are searched to the bottom, hidden files left out.

    ``apart_from``: the folder of the results, which may lie inside. Raises: ValueError if there is none, or if two have
    the same relative path; OSError.
    """
    found: dict[Path, Path] = {}
    for path in inputs:
        if path == STANDARD_STREAM:
            raise ValueError("- stands for one photo; it does not go with others")
        if not path.exists():
            raise FileNotFoundError(2, "No such file or folder", str(path))
        for source in _files_below(path, suffixes, apart_from) if path.is_dir() else [path]:
            relative = source.relative_to(path) if path.is_dir() else Path(source.name)
            if relative in found:
                raise ValueError(f"{found[relative]} and {source} would both be written as {relative}")
            found[relative] = source
    if not found:
        raise ValueError(f"{', '.join(map(str, inputs))}: no {', '.join(sorted(suffixes))} file")
    return found


def _files_below(folder: Path, suffixes: frozenset[str], apart_from: Path | None) -> Iterator[Path]:
    own = None if apart_from is None else apart_from.resolve()
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        inside = own is not None and own in path.resolve().parents and own != folder.resolve()
        if path.is_file() and path.suffix.lower() in suffixes and not hidden and not inside:
            yield path


def renamed(photos: Mapping[Path, Path], folder: Path, suffix: str) -> dict[Path, Path]:
    """Where each photo's result goes: the same relative path with another suffix, which two photos may not share.

    ``a.png`` and ``a.webp`` become ``a.png.jpg`` and ``a.webp.jpg``. Raises: ValueError if a result would replace its
    photo.
    """
    plain = {relative: relative.with_suffix(suffix) for relative in photos}
    wanted = list(plain.values())
    targets = {
        relative: folder / (name if wanted.count(name) == 1 else relative.with_name(relative.name + suffix))
        for relative, name in plain.items()
    }
    for relative, target in targets.items():
        if target.exists() and target.samefile(photos[relative]):
            raise ValueError(f"{target} is the input; write to another folder")
    return targets


def run_all(
    items: Mapping[str, Item], *, journal: Path | None, jobs: int, as_json: bool, totals: Callable[[Run], str]
) -> None:
    """Do every item that the journal does not have, write it down as it ends, and print what became of all.

    Ends the program with 2 if an item failed and 130 after SIGINT; the same command then goes on where it stopped.
    """
    run = Run()
    known = _read_journal(journal)
    prints = {name: _fingerprint(item) for name, item in items.items()}
    for name, item in items.items():
        entry = known.get(name)
        if entry is not None and entry["fingerprint"] == prints[name] and _still_there(item, entry):
            run.done[name] = Done(entry["body"], entry["input_bytes"], entry["output_bytes"])
            run.skipped.add(name)
    waiting = {name: item for name, item in items.items() if name not in run.done}
    stop = threading.Event()
    with progress_bar(f"{len(items)} photos", quiet=as_json) as progress, _stopped_by_sigint(stop):
        for name, future in _finished(waiting, jobs, stop):
            _note(run, name, future)
            if journal is not None and name in run.done:
                _append(journal, name, prints[name], run.done[name])
            if progress is not None:
                progress((len(run.done) + len(run.failed)) / len(items))
    _print(run, items, totals, as_json=as_json)
    if stop.is_set():
        typer.echo(f"limen: interrupted, {len(run.done)} of {len(items)} done; the same command goes on", err=True)
        raise typer.Exit(INTERRUPTED)
    if run.failed:
        raise typer.Exit(FAILED)


def _finished(waiting: Mapping[str, Item], jobs: int, stop: threading.Event) -> Iterator[tuple[str, "Future[Done]"]]:
    """Each item's future as it ends. Once ``stop`` is set nothing more is begun, and what is under way is finished."""
    remote = any(item.server is not None for item in waiting.values())
    with _executor(jobs, in_threads=remote or jobs == 1) as executor:
        futures = {executor.submit(perform, item): name for name, item in waiting.items()}
        pending = set(futures)
        while pending:
            ended, pending = wait(pending, timeout=POLL_S, return_when=FIRST_COMPLETED)
            for future in ended:
                yield futures[future], future
            if stop.is_set():
                pending = {future for future in pending if not future.cancel()}


@contextmanager
def _stopped_by_sigint(stop: threading.Event) -> Iterator[None]:
    """SIGINT sets ``stop``, so that no result is lost halfway; a second one ends the program at once."""

    def first(number: int, frame: object) -> None:
        stop.set()
        signal.signal(number, second)

    def second(number: int, frame: object) -> None:
        for child in active_children():
            child.kill()
        os._exit(INTERRUPTED)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _executor(jobs: int, *, in_threads: bool) -> Iterator[Executor]:
    """Threads where a server does the work or one photo is done at a time; else processes, spawned, for ONNX Runtime
    and numba have threads of their own.
    """
    if in_threads:
        with ThreadPoolExecutor(jobs) as threads:
            yield threads
    else:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_leave_sigint_to_parent) as pool:
            yield pool


def _leave_sigint_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _note(run: Run, name: str, future: "Future[Done]") -> None:
    try:
        run.done[name] = future.result()
    except Exception as error:  # one photo's trouble, whatever it is, ends no other photo's work
        run.failed[name] = in_words(error)
        typer.echo(f"limen: {run.failed[name]}", err=True)


def _fingerprint(item: Item) -> str:
    """SHA-256 over what the result depends on: the request, the bytes of its files, and who does the work."""
    digest = hashlib.sha256(item.request.model_dump_json().encode())
    for field_name, path in item.inputs.items():
        digest.update(field_name.encode())
        digest.update(path.read_bytes() if path.is_file() else b"")
    digest.update((item.server or _weights()).encode())
    return digest.hexdigest()


def _weights() -> str:
    from models.artefacts import load_manifest

    return " ".join(sorted(entry.sha256 for entry in load_manifest().values()))


def _read_journal(journal: Path | None) -> dict[str, dict[str, Any]]:
    """Last line of each photo; a line cut off by a crash is left out."""
    entries: dict[str, dict[str, Any]] = {}
    if journal is None or not journal.is_file():
        return entries
    for line in journal.read_text().splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        entries[entry["photo"]] = entry
    return entries


def _append(journal: Path, name: str, fingerprint: str, done: Done) -> None:
    entry = {
        "photo": name,
        "fingerprint": fingerprint,
        "input_bytes": done.input_bytes,
        "output_bytes": done.output_bytes,
        "body": done.body,
    }
    with journal.open("a") as file:
        file.write(json.dumps(entry) + "\n")


def _still_there(item: Item, entry: Mapping[str, Any]) -> bool:
    sizes: dict[str, int] = entry["output_bytes"]
    return sizes.keys() == item.outputs.keys() and all(
        path.is_file() and path.stat().st_size == sizes[name] for name, path in item.outputs.items()
    )


def _print(run: Run, items: Mapping[str, Item], totals: Callable[[Run], str], *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "photos": [
                    run.done[name].body
                    | {
                        "photo": str(items[name].photo),
                        "input_bytes": run.done[name].input_bytes,
                        "files": {key: str(path) for key, path in items[name].outputs.items()},
                        "already_done": name in run.skipped,
                    }
                    for name in items
                    if name in run.done
                ],
                "failed": [{"photo": name, "error": error} for name, error in run.failed.items()],
            }
        )
        return
    width = max(map(len, items))
    for name, item in items.items():
        if name in run.done:
            typer.echo(f"{name:{width}}  {SUMMARY[item.request.capability](run.done[name].body)}")
    typer.echo(f"{totals(run)}{_counts(run)}")


def _counts(run: Run) -> str:
    parts = [f"{len(run.skipped)} were there already"] if run.skipped else []
    parts += [f"{len(run.failed)} failed"] if run.failed else []
    return f" ({', '.join(parts)})" if parts else ""


def bytes_before_and_after(run: Run) -> str:
    """What a folder weighed and weighs now."""
    before = sum(done.input_bytes for done in run.done.values())
    after = sum(sum(done.output_bytes.values()) for done in run.done.values())
    saved = f", {100 * (1 - after / before):.1f} % saved" if before else ""
    return f"{len(run.done)} photos: {before} bytes before, {after} bytes after{saved}"


def number_of_photos(run: Run) -> str:
    """For verbs that make no smaller file."""
    return f"{len(run.done)} photos"
