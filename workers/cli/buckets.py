"""A bucket of photos, however many: the workers of a service do the work in batches, beside what others ask of them.

Below the results lies the manifest: one file for each batch that is done, of lines that say from which version of a
photo, by which request and weights a result was made. The same command goes on after it.
"""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import typer

from workers.cli.files import counted, print_json, shown
from workers.cli.names import IMAGE_SUFFIXES, RAW_SUFFIXES, result_name
from workers.cli.options import RunOptions
from workers.cli.pool import INTERRUPTED, POLL_S, stopped_by_sigint

if TYPE_CHECKING:
    from workers.batches.record import Batch, Item
    from workers.blobs.objects import Listed, ObjectStorage
    from workers.contracts import AnyRequest
    from workers.run.celery_app import LimenCelery

SCHEMES = ("s3:", "gs:", "az:")
"""How the address of a bucket begins where it is taken for a path."""
MANIFEST = "limen-manifest"
PHOTOS_OF_A_BATCH = 100
BATCHES_AT_ONCE = 2
"""While the results of one are fetched the workers have another."""
COPIES_AT_ONCE = 8
_NOT_ALL_DONE = 2
_FOLLOW_S = 0.5


class _InterruptedError(Exception):
    """SIGINT came; what the workers were given they do, and the same command finds it done."""


@dataclass(slots=True)
class Totals:
    """What became of the photos. ``failed``: why, by name."""

    done: int = 0
    already: int = 0
    skipped: int = 0
    input_bytes: int = 0
    output_bytes: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def is_bucket(path: Path) -> bool:
    """Whether what was given as a path is the address of a bucket."""
    return path.parts[:1] in [(scheme,) for scheme in SCHEMES]


def work_on_bucket(request: "AnyRequest", source: Path, target: Path, result: str, options: RunOptions) -> None:
    """Have ``request`` answered for every photo of the bucket ``source``; the file ``result`` goes to ``target``.

    Ends the program with 2 if a photo failed, and with 130 after SIGINT. Raises: ValueError; ServiceError.
    """
    run = _BucketRun(request, source, target, result, options)
    stop, totals = threading.Event(), Totals()
    with stopped_by_sigint(stop):
        try:
            run.all(totals, stop)
        except _InterruptedError:
            typer.echo(f"limen: interrupted, {totals.done} done; the same command goes on", err=True)
            raise typer.Exit(INTERRUPTED) from None
    _print(totals, options)
    if totals.failed:
        raise typer.Exit(_NOT_ALL_DONE)


class _BucketRun:
    """One run of a verb over a bucket."""

    def __init__(self, request: "AnyRequest", source: Path, target: Path, result: str, options: RunOptions) -> None:
        self._request, self._result, self._options = request, result, options
        self._celery, version = _fleet(options)
        self._source, self._target = _opened(source), _opened(target)
        near, far = self._source.url.rstrip("/") + "/", self._target.url.rstrip("/") + "/"
        if near.startswith(far) or far.startswith(near):
            raise ValueError(f"{far} and {near} lie in each other; write to another prefix")
        self._asked = hashlib.sha256(f"{request.identity()} {version}".encode()).hexdigest()

    def all(self, totals: Totals, stop: threading.Event) -> None:
        """Every photo that the manifest does not have. Raises: _InterruptedError."""
        waiting = self._waiting(totals)
        if self._options.dry_run:
            totals.done = sum(1 for _ in waiting)
            return
        with ThreadPoolExecutor(BATCHES_AT_ONCE, "limen-batch") as pool:
            under_way: set[Future[Totals]] = set()
            while not stop.is_set():
                photos = list(islice(waiting, PHOTOS_OF_A_BATCH)) if len(under_way) < BATCHES_AT_ONCE else []
                if photos:
                    under_way.add(pool.submit(self._batch, photos, stop))
                    continue
                if not under_way:
                    return
                ended, under_way = wait(under_way, timeout=POLL_S, return_when=FIRST_COMPLETED)
                try:
                    for future in ended:
                        self._add(totals, future.result())
                except Exception:
                    stop.set()  # so that nothing is waited for any longer
                    raise
        raise _InterruptedError

    def _add(self, totals: Totals, batch: Totals) -> None:
        totals.done += batch.done
        totals.input_bytes += batch.input_bytes
        totals.output_bytes += batch.output_bytes
        totals.failed |= batch.failed
        for name, reason in batch.failed.items():
            typer.echo(f"limen: {shown(name)}: {reason}", err=True)

    def _waiting(self, totals: Totals) -> "Iterator[Listed]":
        """Photos that are not done, as the bucket lists them."""
        done = self._done()
        for photo in self._source.listed():
            path = PurePosixPath(photo.name)
            suffix = path.suffix.lower()
            excluded = any(fnmatch(path.name, one) or fnmatch(photo.name, one) for one in self._options.exclude or ())
            if excluded or path.name.startswith(".") or suffix not in IMAGE_SUFFIXES - RAW_SUFFIXES:
                totals.skipped += 1
            elif done.get(photo.name) == photo.tag:
                totals.already += 1
            else:
                yield photo

    def _done(self) -> dict[str, str]:
        """Version of each photo that has a result by this request and these weights."""
        found = {}
        for file in self._target.below(MANIFEST).listed():
            for line in self._target.get(f"{MANIFEST}/{file.name}").splitlines():
                entry = json.loads(line)
                if entry["asked"] == self._asked:
                    found[entry["photo"]] = entry["tag"]
        return found

    def _batch(self, photos: "list[Listed]", stop: threading.Event) -> Totals:
        """One batch from the photos to its file of the manifest. Raises: _InterruptedError; ServiceError."""
        from workers.batches.record import Batch, Source, new_batch_id

        totals = Totals()
        with ThreadPoolExecutor(COPIES_AT_ONCE, "limen-copy") as pool:
            keys = dict(zip(photos, pool.map(self._sent, photos), strict=True))
            sent = [(photo, key) for photo, key in keys.items() if key is not None]
            totals.failed |= {photo.name: "it went while it was read" for photo, key in keys.items() if key is None}
            batch = Batch(
                id=new_batch_id(),
                client=None,
                capability=self._request.capability,
                fields=self._request.form(),
                observer=self._celery.settings.profile,
                sources=tuple(Source(key=key) for _, key in sent),
                created_at=time.time(),
            )
            items = self._followed(batch, stop) if sent else {}
            asked = [photo for photo, _ in sent]
            ends = list(pool.map(self._fetched, asked, (items[number] for number in range(len(sent)))))
        lines = []
        for photo, end in zip(asked, ends, strict=True):
            if isinstance(end, str):
                totals.failed[photo.name] = end
                continue
            totals.done, totals.input_bytes = totals.done + 1, totals.input_bytes + photo.size_bytes
            totals.output_bytes += end
            line = {"photo": photo.name, "tag": photo.tag, "asked": self._asked, "output_bytes": end}
            lines.append(f"{json.dumps(line)}\n")
        if lines:
            self._target.put(f"{MANIFEST}/{batch.id}.jsonl", "".join(lines).encode())
        return totals

    def _sent(self, photo: "Listed") -> str | None:
        """Key of the photo's bytes in the service's own store; None if the photo is not there any more."""
        from workers.errors import BlobMissingError

        try:
            return self._celery.blobs.put(self._source.get(photo.name))
        except BlobMissingError:
            return None

    def _followed(self, batch: "Batch", stop: threading.Event) -> "dict[int, Item]":
        """What has become of each photo, once all have ended."""
        from workers.errors import BatchLimitError, BrokerUnavailableError

        batches = self._celery.batches
        created = finished = False
        while not finished:
            if stop.wait(_FOLLOW_S if created else 0):
                raise _InterruptedError
            try:
                if not created:
                    batches.create(batch)
                    created = True
                finished = batches.get(batch.id).finished_at is not None
            except (BatchLimitError, BrokerUnavailableError):
                stop.wait(_FOLLOW_S)
        return batches.items(batch.id)

    def _fetched(self, photo: "Listed", item: "Item") -> int | str:
        """Bytes of the result, which is put where it belongs; or why there is none."""
        from workers.blobs.storage import ServedAs

        job = None if item.job_id is None else self._celery.jobs.get(item.job_id)
        if job is None or job.result is None:
            return item.detail or f"its job was {item.state}"
        artefact = next(one for one in job.result.artefacts if one.name == self._result)
        path = PurePosixPath(photo.name)
        name = path.with_name(result_name(path.name, PurePosixPath(self._result).suffix))
        content = self._celery.blobs.get(artefact.key)
        self._target.put(str(name), content, ServedAs(artefact.media_type, name.name))
        return len(content)


def _fleet(options: RunOptions) -> "tuple[LimenCelery, str]":
    """The queue to send work through, and the name of the weights at its other end. Raises: ValueError."""
    from workers.run.celery_app import create_celery
    from workers.settings import WorkerSettings

    if options.server is not None:
        raise ValueError("a bucket is worked on by way of LIMEN_REDIS_URL, not of --server")
    settings = WorkerSettings()
    if settings.embedded:
        raise ValueError(
            "a bucket is worked on by `limen worker`, on any hosts: set LIMEN_REDIS_URL and LIMEN_BLOB_URL"
        )
    celery = create_celery(settings)
    version = celery.jobs.model_version()
    if version is None:
        raise ValueError("no worker has been seen lately: start `limen worker`")
    return celery, version


def _opened(path: Path) -> "ObjectStorage":
    """The bucket at an address that was given as a path. Raises: ValueError if it is none."""
    if not is_bucket(path):
        raise ValueError(f"{path} is no bucket; what is in a bucket goes to a bucket, as s3://bucket/prefix")
    url = str(path).replace(":/", "://", 1)
    from workers.settings import BrokerSettings

    BrokerSettings.model_validate({"blob_url": url})
    from workers.blobs.objects import WORKER, ObjectStorage

    return ObjectStorage(url, WORKER)


def _print(totals: Totals, options: RunOptions) -> None:
    """What became of all, as the options ask for."""
    if options.as_json:
        counts = {name: getattr(totals, name) for name in ("done", "already", "skipped", "input_bytes", "output_bytes")}
        print_json(counts | {"failed": totals.failed})
    elif not options.quiet:
        verb = "would be done" if options.dry_run else "done"
        others = f"{totals.already} already, {totals.skipped} skipped, {len(totals.failed)} failed"
        sizes = "" if options.dry_run else f"; {totals.input_bytes} bytes became {totals.output_bytes}"
        typer.echo(f"{counted(totals.done, 'photo')} {verb}, {others}{sizes}")
