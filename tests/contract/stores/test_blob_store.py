"""What the routes and the tasks rely on when they keep bytes, in a folder and in a bucket."""

import errno
import hashlib
import os
import pickle
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import obstore
import pytest

from tests.assets.fleet.s3_server import S3Server
from workers.blobs import objects
from workers.blobs.folder import FolderStorage
from workers.blobs.objects import WEB, ObjectStorage
from workers.blobs.storage import ServedAs, Storage
from workers.blobs.store import BlobStore
from workers.errors import BlobMissingError, BlobStoreFullError, BlobStoreUnavailableError

PHOTO = ServedAs("image/jpeg", "photo.jpg")


@pytest.fixture
def bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> ObjectStorage:
    """A prefix of its own in a bucket."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return ObjectStorage(f"{s3_server.url}/{uuid.uuid4().hex}", WEB)


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return FolderStorage(tmp_path / "blobs")
    found: ObjectStorage = request.getfixturevalue("bucket")
    return found


@pytest.fixture
def store(storage: Storage) -> BlobStore:
    return BlobStore(storage, expiry_s=3600)


@pytest.fixture
def folder_store(tmp_path: Path) -> BlobStore:
    return BlobStore(FolderStorage(tmp_path / "blobs"), expiry_s=3600)


def files(storage: Storage) -> list[str]:
    """Names of everything that is kept."""
    if isinstance(storage, FolderStorage):
        return [str(path.relative_to(storage.folder)) for path in storage.folder.rglob("*") if path.is_file()]
    assert isinstance(storage, ObjectStorage)
    return [item["path"] for page in obstore.list(storage.opened) for item in page]


def local_parts(folder: Path) -> list[str]:
    """Files of this process below a folder, also those without a name."""
    opened = [Path(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
    return [str(path.readlink()) for path in opened if path.is_symlink() and path.readlink().is_relative_to(folder)]


@pytest.fixture
def parts_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_bytes_come_back_under_their_sha256(store: BlobStore) -> None:
    content = os.urandom(300_000)
    key = store.put(content, PHOTO)
    assert key == hashlib.sha256(content).hexdigest()
    assert store.get(key) == content
    assert b"".join(store.chunks(key, size_bytes=30_000)) == content
    assert b"".join(store.file(key).pieces(5, 2005, size_bytes=999)) == content[5:2005]
    assert store.file(key).size_bytes == store.size_bytes(key) == len(content)
    assert store.exists(key)


def test_a_large_file_comes_back_too(store: BlobStore, parts_folder: Path) -> None:
    content = os.urandom(2 * objects.MULTIPART_BYTES + 1)
    with store.writer() as writer:
        writer.write(content)
        with writer.open() as file:
            assert file.read(100) == content[:100]
        key = writer.commit()
    assert b"".join(store.chunks(key)) == content
    assert files(store.storage) == [f"{key[:2]}/{key}"]
    assert local_parts(parts_folder) == os.listdir(parts_folder) == []


def test_the_same_bytes_are_kept_once(store: BlobStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(store.put, [b"same"] * 50))) == 1
    assert len(files(store.storage)) == 1


def test_a_writer_hashes_while_it_receives(store: BlobStore) -> None:
    with store.writer() as writer:
        for _ in range(10):
            writer.write(b"x" * 1000)
        assert not store.exists(hashlib.sha256(b"x" * 10_000).hexdigest())
        key = writer.commit()
    assert writer.size_bytes == 10_000
    assert store.get(key) == b"x" * 10_000


def test_an_aborted_or_broken_upload_leaves_nothing(store: BlobStore, parts_folder: Path) -> None:
    writer = store.writer()
    writer.write(b"half")
    writer.abort()
    with pytest.raises(ConnectionError), store.writer() as broken:  # noqa: PT012 - the error comes from inside
        broken.write(b"half")
        raise ConnectionError
    assert files(store.storage) == local_parts(parts_folder) == os.listdir(parts_folder) == []


@pytest.mark.parametrize("key", ["0" * 64, "../../etc/passwd", "", "A" * 64, "0" * 63 + "/"])
def test_a_missing_or_malformed_key_is_missing(store: BlobStore, key: str) -> None:
    for read in (store.get, store.file, store.size_bytes, lambda key: list(store.chunks(key))):
        with pytest.raises(BlobMissingError):
            read(key)
    assert not store.exists("0" * 64)


def test_a_file_that_went_while_it_is_read_is_missing(store: BlobStore) -> None:
    file = store.file(store.put(b"content"))
    with pytest.raises(BlobMissingError):
        list(replace(file, name=f"00/{'0' * 64}").pieces())


def test_old_blobs_are_swept_and_a_new_put_keeps_a_blob(storage: Storage) -> None:
    store = BlobStore(storage, expiry_s=2.1)
    old, kept = store.put(b"old"), store.put(b"kept")
    time.sleep(3.2)  # a bucket knows times to a second
    store.put(b"kept")
    assert store.sweep() == 1
    assert not store.exists(old)
    assert store.exists(kept)


def test_folders_are_begun_listed_and_deleted_with_all_that_is_in_them(storage: Storage) -> None:
    inner = storage.below("studies")
    for name in ("one", "two"):
        inner.make_folder(name)
        inner.put(f"{name}/deep/file", b"content")
    assert inner.folders() == ["one", "two"]
    inner.delete_folder("one")
    inner.delete_folder("one")
    assert inner.folders() == ["two"]
    assert (inner.has_folder("one"), inner.has_folder("two")) == (False, True)
    assert inner.get("two/deep/file") == b"content"
    with pytest.raises(BlobMissingError):
        inner.get("one/deep/file")


def test_a_storage_travels_to_another_process(storage: Storage) -> None:
    inner = storage.below("inner")
    inner.make_folder("one")
    inner.put("one/name", b"content")
    assert pickle.loads(pickle.dumps(inner)).folders() == ["one"]
    assert pickle.loads(pickle.dumps(storage.patient())).get("inner/one/name") == b"content"
    storage.check()


def test_a_full_disk_is_named_and_leaves_nothing(folder_store: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(Path, "replace", no_room)
    with pytest.raises(BlobStoreFullError):
        folder_store.put(b"content")
    assert files(folder_store.storage) == []


def test_parts_left_by_a_killed_process_are_swept(folder_store: BlobStore, tmp_path: Path) -> None:
    folder_store.put(b"content")
    part = tmp_path / "blobs" / ".part-left"
    part.write_bytes(b"left by a killed process")
    os.utime(part, (0, 0))
    assert folder_store.sweep() == 1
    assert len(files(folder_store.storage)) == 1


def test_a_full_local_disk_is_named_before_anything_is_sent(
    bucket: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr("workers.blobs.objects.tempfile.TemporaryFile", no_room)
    with pytest.raises(BlobStoreFullError):
        BlobStore(bucket, expiry_s=1).writer()


def test_a_bucket_is_swept_by_one_of_many_processes(bucket: ObjectStorage) -> None:
    first, second = BlobStore(bucket, expiry_s=-60), BlobStore(pickle.loads(pickle.dumps(bucket)), expiry_s=-60)
    first.put(b"one")
    assert first.sweep() == 1
    second.put(b"two")
    assert second.sweep() == 0
    assert bucket.below("studies").folders() == []


def test_a_link_gives_the_file_as_it_is_to_be_served(bucket: ObjectStorage) -> None:
    store = BlobStore(bucket, expiry_s=3600)
    key = store.put(b"content", PHOTO)
    link = store.link(key, PHOTO, expires_s=60)
    assert link is not None
    with urlopen(link) as reply:
        assert reply.read() == b"content"
        assert reply.headers["content-type"] == "image/jpeg"
        assert reply.headers["content-disposition"] == 'inline; filename="photo.jpg"'
    assert store.link(key, ServedAs("image/jpeg", "other.jpg"), expires_s=60) is None
    with pytest.raises(BlobMissingError):
        store.link("0" * 64, PHOTO, expires_s=60)


def test_a_folder_gives_no_links(folder_store: BlobStore) -> None:
    assert folder_store.link(folder_store.put(b"content", PHOTO), PHOTO, expires_s=60) is None


def test_a_bucket_that_is_missing_is_no_missing_blob(bucket: ObjectStorage) -> None:
    nowhere = BlobStore(ObjectStorage("s3://no-such-bucket/prefix", WEB), expiry_s=1)
    with pytest.raises(BlobStoreUnavailableError):
        nowhere.put(b"content")
