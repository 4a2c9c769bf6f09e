"""What the routes and the tasks rely on when they keep bytes."""

import errno
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workers.blobs import BlobStore
from workers.errors import BlobMissingError, BlobStoreFullError


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs", expiry_s=3600)


def files(store: BlobStore) -> list[Path]:
    return [path for path in store.folder.rglob("*") if path.is_file()]


def test_bytes_come_back_under_their_sha256(store: BlobStore) -> None:
    content = os.urandom(300_000)
    key = store.put(content)
    assert key == hashlib.sha256(content).hexdigest()
    assert store.get(key) == content
    assert b"".join(store.chunks(key, size_bytes=1000)) == content
    assert store.path(key).read_bytes() == content
    assert store.size_bytes(key) == len(content)
    assert store.exists(key)


def test_the_same_bytes_are_kept_once(store: BlobStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(store.put, [b"same"] * 50))) == 1
    assert len(files(store)) == 1


def test_a_writer_hashes_while_it_receives(store: BlobStore) -> None:
    with store.writer() as writer:
        for _ in range(10):
            writer.write(b"x" * 1000)
        assert not store.exists(hashlib.sha256(b"x" * 10_000).hexdigest())
        key = writer.commit()
    assert writer.size_bytes == 10_000
    assert store.get(key) == b"x" * 10_000


def test_an_aborted_or_broken_upload_leaves_nothing(store: BlobStore) -> None:
    writer = store.writer()
    writer.write(b"half")
    writer.abort()
    with pytest.raises(ConnectionError), store.writer() as broken:  # noqa: PT012 - the error comes from inside
        broken.write(b"half")
        raise ConnectionError
    assert files(store) == []


@pytest.mark.parametrize("key", ["0" * 64, "../../etc/passwd", "", "A" * 64, "0" * 63 + "/"])
def test_a_missing_or_malformed_key_is_missing(store: BlobStore, key: str) -> None:
    for read in (store.get, store.path, store.size_bytes, lambda key: list(store.chunks(key))):
        with pytest.raises(BlobMissingError):
            read(key)


def test_a_full_disk_is_named_and_leaves_nothing(store: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(Path, "replace", no_room)
    with pytest.raises(BlobStoreFullError):
        store.put(b"content")
    assert files(store) == []


def test_old_blobs_and_parts_are_swept_and_a_new_put_keeps_a_blob(store: BlobStore) -> None:
    old, kept = store.put(b"old"), store.put(b"kept")
    part = store.folder / ".part-left"
    part.write_bytes(b"left by a killed process")
    for path in (store.path(old), store.path(kept), part):
        os.utime(path, (0, 0))
    store.put(b"kept")
    assert store.sweep() == 2
    assert not store.exists(old)
    assert store.exists(kept)
    assert len(files(store)) == 1
