"""Records of one process in a SQLite file: what ``put`` has returned from is there after any end of the process."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from workers.errors import BrokerUnavailableError

LAYOUT = 1
"""Number of the table's layout; a file with a higher one is of a newer Limen."""
_BUSY_S = 2.0
"""How long a start waits for the process before it to let go of the file."""

_PUT = "INSERT INTO records VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET text = excluded.text"


class RecordFileError(ValueError):
    """The file cannot be worked with, and why in words for the person who chose its folder."""


class RecordFile:
    """Texts by kind and key. One process holds the file from opening it on; its threads may share this object.

    With ``shared`` other processes may read and write it too. Raises: RecordFileError if another process has it, it is
    damaged or of a newer Limen, or cannot be written.
    """

    def __init__(self, file: Path, *, shared: bool = False) -> None:
        self._lock = threading.Lock()
        self._shared = shared
        with _errors_in_words(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(file, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            with _errors_in_words(file):
                self._prepare(file)
        except RecordFileError:
            self._connection.close()
            raise

    def _prepare(self, file: Path) -> None:
        if not self._shared:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(
            "PRAGMA synchronous = NORMAL"
        )  # a power cut may take the last records, not their order
        self._connection.execute("PRAGMA secure_delete = ON")  # answers of people are gone when they are deleted
        self._connection.execute("BEGIN IMMEDIATE")
        (layout,) = self._connection.execute("PRAGMA user_version").fetchone()
        if layout > LAYOUT:
            raise RecordFileError(f"{file} is of a newer Limen (layout {layout}, this one knows {LAYOUT})")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS records (kind TEXT, key TEXT, text TEXT, PRIMARY KEY (kind, key))"
        )
        self._connection.execute("SELECT kind, key, text FROM records LIMIT 0")
        self._connection.execute(f"PRAGMA user_version = {LAYOUT}")
        self._connection.execute("COMMIT")
        if self._connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("its pages do not fit together")

    def put(self, *rows: tuple[str, str, str]) -> None:
        """Keep (kind, key, text) of each row, all or none. Raises: BrokerUnavailableError."""
        self._change(_PUT, rows)

    def delete(self, *rows: tuple[str, str]) -> None:
        """Forget (kind, key) of each row, all or none. Raises: BrokerUnavailableError."""
        self._change("DELETE FROM records WHERE kind = ? AND key = ?", rows)

    def get(self, kind: str, key: str) -> str | None:
        """The text of a key, if there is one. Raises: BrokerUnavailableError."""
        try:
            with self._lock:
                query = "SELECT text FROM records WHERE kind = ? AND key = ?"
                found = self._connection.execute(query, (kind, key)).fetchone()
        except sqlite3.Error as error:
            raise BrokerUnavailableError(f"the records cannot be read: {error}") from error
        return None if found is None else str(found[0])

    def all(self, kind: str) -> dict[str, str]:
        """Texts of a kind by key, in the order in which they were first put."""
        with self._lock:
            found = self._connection.execute("SELECT key, text FROM records WHERE kind = ? ORDER BY rowid", (kind,))
            return dict(found.fetchall())

    def close(self) -> None:
        """Let go of the file: another process may go on."""
        with self._lock:
            self._connection.close()

    def _change(self, statement: str, rows: Sequence[tuple[str, ...]]) -> None:
        if not rows:
            return
        try:
            with self._lock:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    self._connection.executemany(statement, rows)
                    self._connection.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):  # a full disc has rolled back by itself
                        self._connection.execute("ROLLBACK")
                    raise
        except sqlite3.Error as error:
            raise BrokerUnavailableError(f"the records cannot be written: {error}") from error


@contextlib.contextmanager
def _errors_in_words(file: Path) -> Iterator[None]:
    """What SQLite and the file system say when a file is opened, as RecordFileError."""
    try:
        yield
    except OSError as error:
        raise RecordFileError(f"{file.parent} cannot be written: {error.strerror}") from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
        if code == sqlite3.SQLITE_BUSY:
            said = f"another Limen works in {file.parent}; LIMEN_DATA_DIR gives this one its own"
        elif code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
            said = f"{file} is damaged ({error}); move it away to begin with an empty one"
        else:
            said = f"{file} cannot be written: {error}"
        raise RecordFileError(said) from error
