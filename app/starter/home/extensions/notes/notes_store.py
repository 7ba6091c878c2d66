# SPDX-License-Identifier: Apache-2.0
"""Where the notes are: one SQLite file that the tools and the service share.

Any number of processes and threads may use it at once. Each call opens its own connection, so
nothing here is shared between threads. A call returns when what it wrote is on the disk.
"""

import contextlib
import os
import sqlite3
import time
import unicodedata
from datetime import datetime, timezone
from pathlib import Path

MAX_TEXT = 20_000  # characters in a note
MAX_NOTES = 100_000
MAX_QUERY = 500
MAX_WORDS = 16
MAX_PAGE = 200
MAX_ID = 2**63 - 1
BUSY_SECONDS = 10.0


class NoteError(ValueError):
    """What was asked cannot be done; the text is fit for the asker."""


class NoSuchNote(NoteError):
    """There is no note with this id."""


def data_folder() -> Path:
    """The folder that the house gives this extension for its data, else data/ beside this file."""
    given = os.environ.get("HOLDFAST_DATA")
    return Path(given) if given else Path(__file__).resolve().parent / "data"


class Notes:
    """The notes in one file."""

    def __init__(self, path=None):
        self.path = Path(path) if path else data_folder() / "notes.db"

    def add(self, text):
        """Adds a note and returns it."""
        text = checked_text(text)
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self._writing() as db:
            (count,) = db.execute("SELECT count(*) FROM note").fetchone()
            if count >= MAX_NOTES:
                raise NoteError(f"there are {MAX_NOTES} notes already, which is the limit: delete some first")
            added = db.execute("INSERT INTO note (text, folded, created_at) VALUES (?, ?, ?)", (text, fold(text), now))
        return as_note((added.lastrowid, text, now))

    def list(self, limit=50, before=None):
        """The newest notes, newest first; before is an id, for the page that follows."""
        return self._select([], limit, before)

    def search(self, query, limit=50, before=None):
        """Notes that hold every word of the query, in any case, newest first."""
        return self._select(words_of(query), limit, before)

    def get(self, note_id):
        """One note."""
        with self._reading() as db:
            return find(db, checked_id(note_id))

    def delete(self, note_id):
        """Deletes a note and returns what it was."""
        with self._writing() as db:
            note = find(db, checked_id(note_id))
            db.execute("DELETE FROM note WHERE id = ?", (note["id"],))
        return note

    def count(self):
        """How many notes there are."""
        with self._reading() as db:
            return db.execute("SELECT count(*) FROM note").fetchone()[0]

    def _select(self, words, limit, before):
        limit = checked_number(limit, "limit", 1, MAX_PAGE)
        where, values = ["1"], []
        if before is not None:
            where.append("id < ?")
            values.append(checked_number(before, "before", 1, MAX_ID))
        for word in words:
            # instr, not LIKE: nothing in a query is a pattern.
            where.append("instr(folded, ?) > 0")
            values.append(word)
        query = f"SELECT id, text, created_at FROM note WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?"
        with self._reading() as db:
            return [as_note(row) for row in db.execute(query, [*values, limit])]

    @contextlib.contextmanager
    def _reading(self):
        with contextlib.closing(self._open()) as db:
            yield db

    @contextlib.contextmanager
    def _writing(self):
        with contextlib.closing(self._open()) as db:
            # Taking the write lock first lets a second writer wait, instead of failing later.
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def _open(self):
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                self._prepare(db)
                return db
            except sqlite3.OperationalError as error:
                db.close()
                # The switch to write-ahead logging does not wait for a lock by itself.
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            except BaseException:
                db.close()
                raise

    @staticmethod
    def _prepare(db):
        if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        if db.execute("PRAGMA user_version").fetchone()[0] >= 1:
            return
        db.execute("BEGIN IMMEDIATE")
        db.execute(
            "CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY AUTOINCREMENT,"
            " text TEXT NOT NULL, folded TEXT NOT NULL, created_at TEXT NOT NULL)"
        )
        db.execute("PRAGMA user_version = 1")
        db.execute("COMMIT")


def find(db, note_id):
    row = db.execute("SELECT id, text, created_at FROM note WHERE id = ?", (note_id,)).fetchone()
    if row is None:
        raise NoSuchNote(f"there is no note {note_id}")
    return as_note(row)


def as_note(row):
    return {"id": row[0], "text": row[1], "created_at": row[2]}


def fold(text):
    """The form in which texts are compared: compatible characters as one, without case."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def checked_text(text):
    if not isinstance(text, str):
        raise NoteError("the text of a note must be a string")
    # A page longer than the limit by far is not worth a normal form.
    if len(text) > 4 * MAX_TEXT:
        raise NoteError(f"the note has {len(text)} characters, the limit is {MAX_TEXT}")
    text = unicodedata.normalize("NFC", clean(text, "the note")).strip()
    if not text:
        raise NoteError("the note is empty")
    if len(text) > MAX_TEXT:
        raise NoteError(f"the note has {len(text)} characters, the limit is {MAX_TEXT}")
    return text


def words_of(query):
    if not isinstance(query, str):
        raise NoteError("the query must be a string")
    if len(query) > MAX_QUERY:
        raise NoteError(f"the query has {len(query)} characters, the limit is {MAX_QUERY}")
    words = fold(clean(query, "the query")).split()
    if not words:
        raise NoteError("the query is empty")
    if len(words) > MAX_WORDS:
        raise NoteError(f"the query has {len(words)} words, the limit is {MAX_WORDS}")
    return words


def clean(text, what):
    """Line ends as one kind; refused is what cannot be stored or shown."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for char in text:
        if char < " " and char not in "\n\t":
            raise NoteError(f"{what} holds the control character U+{ord(char):04X}")
        if "\ud800" <= char <= "\udfff":
            raise NoteError(f"{what} holds half a character (U+{ord(char):04X})")
    return text


def checked_id(note_id):
    return checked_number(note_id, "id", 1, MAX_ID)


def checked_number(value, name, low, high):
    if isinstance(value, bool) or not isinstance(value, int):
        raise NoteError(f"{name} must be a whole number")
    if not low <= value <= high:
        raise NoteError(f"{name} must be from {low} to {high}")
    return value
