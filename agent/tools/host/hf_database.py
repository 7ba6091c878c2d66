# SPDX-License-Identifier: Apache-2.0
"""core.utils.db for modules that import it: a small connection over DB_* or DATABASE_URL."""

import importlib
import os
import sys
import threading
import urllib.parse

DRIVERS = ("psycopg", "psycopg2", "pg8000.dbapi")


class Database:
    """A small connection over DB_* or DATABASE_URL: rows are dicts, each call commits."""

    def __init__(self):
        self.lock = threading.Lock()
        self.connection = None

    def execute(self, query, params=None):
        """Runs a statement: the rows as a list of dicts, or how many rows it touched."""
        with self.lock:
            return self.run(query, params)

    def execute_one(self, query, params=None):
        """Runs a statement: its first row as a dict, or None."""
        rows = self.execute(query, params)
        return rows[0] if isinstance(rows, list) and rows else None

    def run(self, query, params):
        if self.connection is None:
            self.connection = connect_database()
        connection, mark = self.connection
        cursor = connection.cursor()
        try:
            cursor.execute(query.replace("%s", mark), *([params] if params is not None else []))
            if cursor.description is None:
                connection.commit()
                return cursor.rowcount
            names = [column[0] for column in cursor.description]
            rows = [dict(zip(names, row)) for row in cursor.fetchall()]
            connection.commit()
            return rows
        except BaseException:
            self.abandon()
            raise
        finally:
            try:
                cursor.close()
            except Exception:
                pass

    def abandon(self):
        # A broken or half-done connection is not used again.
        try:
            self.connection[0].close()
        except Exception:
            pass
        self.connection = None

    def close(self):
        with self.lock:
            if self.connection is not None:
                self.abandon()


def connect_database():
    url = os.environ.get("DATABASE_URL", "")
    if url.startswith("sqlite:"):
        import sqlite3

        path = urllib.parse.unquote(urllib.parse.urlsplit(url).path)
        return sqlite3.connect(path, check_same_thread=False), "?"
    settings = database_settings(url)
    for name in DRIVERS:
        try:
            driver = importlib.import_module(name)
        except ImportError:
            continue
        if name == "pg8000.dbapi":
            settings["database"] = settings.pop("dbname")
        return driver.connect(**{k: v for k, v in settings.items() if v}), "%s"
    raise RuntimeError(
        "no PostgreSQL driver is installed for %s: add one of psycopg, psycopg2 or pg8000 to the extension's requirements.txt" % sys.executable
    )


def database_settings(url):
    if url:
        parts = urllib.parse.urlsplit(url)
        found = {
            "host": parts.hostname,
            "port": parts.port,
            "dbname": urllib.parse.unquote(parts.path.lstrip("/")),
            "user": urllib.parse.unquote(parts.username or ""),
            "password": urllib.parse.unquote(parts.password or ""),
        }
    else:
        names = {"host": "DB_HOST", "port": "DB_PORT", "dbname": "DB_NAME", "user": "DB_USER", "password": "DB_PASSWORD"}
        found = {key: os.environ.get(name) for key, name in names.items()}
    if not found["dbname"]:
        raise RuntimeError("no database is configured: set DATABASE_URL, or DB_HOST, DB_PORT, DB_NAME, DB_USER and DB_PASSWORD, and name them in required_secrets")
    found["port"] = int(found["port"] or 5432)
    found["host"] = found["host"] or "127.0.0.1"
    return found
