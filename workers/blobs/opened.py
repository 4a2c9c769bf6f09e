"""The storage that the settings ask for, and images and results in it."""

from workers.blobs.folder import FolderStorage
from workers.blobs.storage import Storage
from workers.blobs.store import BlobStore
from workers.settings import BrokerSettings


def open_storage(settings: BrokerSettings) -> Storage:
    """A folder or a bucket; what is in it is shared by all processes that are told of it.

    Raises: ValueError if the settings name neither; OSError if a folder cannot be made.
    """
    if settings.object_store is not None:
        from workers.blobs import objects  # obstore is an extra

        return objects.ObjectStorage(settings.object_store, objects.WEB)
    folder = settings.blob_folder
    if folder is None:
        raise ValueError("neither blob_dir nor blob_url is set, and no storage was given")
    return FolderStorage.opened(folder)


def open_blobs(settings: BrokerSettings, storage: Storage) -> BlobStore:
    """Images and results in ``storage``; in a bucket apart from the photos of studies, so that these are not listed
    whenever blobs are swept.
    """
    place = storage if settings.object_store is None else storage.below("blobs")
    return BlobStore(place, expiry_s=settings.blob_expiry_s)
