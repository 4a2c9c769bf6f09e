"""Where the embedded mode keeps everything: one folder, in which the next process goes on."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from workers.batches.store import BatchStore, DurableBatchStore
from workers.blobs.folder import FolderStorage
from workers.blobs.opened import open_blobs, open_storage
from workers.blobs.storage import Storage
from workers.blobs.store import BlobStore
from workers.jobs.durable import DurableJobStore
from workers.jobs.store import JobStore
from workers.keys.opened import opened_keys
from workers.keys.store import KeyStore
from workers.record_file import RecordFile
from workers.settings import BrokerSettings
from workers.studies.durable import DurableStudyStore
from workers.studies.files import StudyFiles
from workers.studies.opened import EMBEDDED
from workers.studies.store import StudyStore
from workers.webhooks.outbox import DurableOutbox, Outbox


@dataclass(frozen=True, slots=True)
class Stores:
    """Job records, the bytes of images and results, observer studies, API keys, webhooks to be sent, and batches."""

    jobs: JobStore
    blobs: BlobStore
    studies: StudyStore
    keys: KeyStore
    outbox: Outbox
    batches: BatchStore


@contextlib.contextmanager
def opened_data_folder(settings: BrokerSettings) -> Iterator[Stores]:
    """The stores below ``data_dir``, which are this process's own until the block ends; files are there too, unless
    the settings name another place for them.

    Raises: RecordFileError if another process has them, or they cannot be read and written; OSError.
    """
    folder = settings.data_dir.absolute()
    named = settings.object_store is not None or settings.blob_folder is not None
    blobs = open_storage(settings) if named else FolderStorage.opened(folder / "blobs")
    studies: Storage = FolderStorage.opened(folder / "studies")
    if settings.object_store is not None:
        studies = blobs.below(EMBEDDED)
    with contextlib.closing(RecordFile(folder / "records.sqlite")) as records, opened_keys(settings) as keys:
        yield Stores(
            DurableJobStore(settings, records),
            open_blobs(settings, blobs),
            DurableStudyStore(settings, StudyFiles(studies), records),
            keys,
            DurableOutbox(records),
            DurableBatchStore(settings, records),
        )
