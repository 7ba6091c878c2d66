# SPDX-License-Identifier: Apache-2.0
"""core.utils.db for modules that import it: a few connections over DATABASE_URL or DB_*."""

import contextlib
import importlib
import os
import re
import select
import sys
import threading
import urllib.parse

DRIVERS = ("psycopg", "psycopg2", "pg8000.dbapi", "pg8000")
MAX_CONNECTIONS = 4  # of a process
POOL_SECONDS = 30.0  # to wait for one of them
CONNECT_SECONDS = 10


class Database:
    """Connections that are made when they are needed: rows are dicts, each call commits."""

    def __init__(self):
        self.lock, self.free = threading.Lock(), threading.BoundedSemaphore(MAX_CONNECTIONS)
        self.idle, self.owner, self.foreign = [], os.getpid(), []

    def execute(self, query, params=None):
        """Runs a statement and commits: the rows as a list of dicts, or how many rows it touched."""
        with self.transaction() as work:
            return work.execute(query, params)

    def execute_one(self, query, params=None):
        """Runs a statement and commits: its first row as a dict, or None."""
        rows = self.execute(query, params)
        return rows[0] if isinstance(rows, list) and rows else None

    @contextlib.contextmanager
    def transaction(self):
        """All that is executed in the block happens together, or, when it raises, not at all."""
        if not self.free.acquire(timeout=POOL_SECONDS):
            raise RuntimeError("all %d connections to the database are in use since %d s" % (MAX_CONNECTIONS, POOL_SECONDS))
        link = None
        try:
            link = self.take()
            yield link
            link.connection.commit()
            self.put(link)
        except Exception:
            if link is not None and link.undo():
                self.put(link)
            raise
        except BaseException:  # interrupted: what the connection is in the middle of is not known
            if link is not None:
                link.close()
            raise
        finally:
            self.free.release()

    def take(self):
        with self.lock:
            if self.owner != os.getpid():  # forked: the connections are the parent's, not even to be closed
                self.foreign, self.idle, self.owner = self.foreign + self.idle, [], os.getpid()
            while self.idle:
                link = self.idle.pop()
                if link.alive():
                    return link
                link.close()
        return connect()

    def put(self, link):
        with self.lock:
            self.idle.append(link)

    def close(self):
        with self.lock:
            links, self.idle = self.idle, []
        for link in links:
            link.close()


class Link:
    """One connection."""

    def __init__(self, connection, style):
        self.connection, self.style = connection, style

    def execute(self, query, params=None):
        query, params = in_style(query, params, self.style)
        cursor = self.connection.cursor()
        try:
            cursor.execute(query, *([params] if params is not None else []))
            if cursor.description is None:
                return cursor.rowcount
            names = [column[0].decode() if isinstance(column[0], bytes) else column[0] for column in cursor.description]
            return [dict(zip(names, row)) for row in cursor.fetchall()]
        finally:
            with contextlib.suppress(Exception):
                cursor.close()

    def execute_one(self, query, params=None):
        rows = self.execute(query, params)
        return rows[0] if isinstance(rows, list) and rows else None

    def alive(self):
        """Whether the server has not hung up meanwhile. A statement is never repeated to find out."""
        if self.style == "?":
            return True
        holder = self.connection if hasattr(self.connection, "fileno") else getattr(self.connection, "_usock", None)
        if holder is None:
            return self.answers()
        try:
            descriptor = holder.fileno()
        except Exception:
            return False
        return not select.select([descriptor], [], [], 0)[0]  # between statements a server only says goodbye

    def answers(self):
        try:
            self.execute("SELECT 1")
            self.connection.rollback()
            return True
        except Exception:
            return False

    def undo(self):
        """Rolls back; False when the connection is no good any more."""
        try:
            self.connection.rollback()
            return True
        except Exception:
            self.close()
            return False

    def close(self):
        with contextlib.suppress(Exception):
            self.connection.close()


def in_style(query, params, style):
    """From %s and %(name)s to what the driver reads; psycopg reads them itself."""
    if style == "psycopg" or params is None and style == "?":
        return query, params
    if params is None:
        return query.replace("%", "%%"), None
    named, order = isinstance(params, dict), []

    def mark(match):
        if match.group(0) == "%%":
            return "%" if style == "?" else "%%"
        order.append(match.group(1))
        return style

    query = re.sub(r"%%|%s|%\((\w+)\)s", mark, query)
    return query, tuple(params[name] for name in order) if named else tuple(params)


def connect():
    url = os.environ.get("DATABASE_URL", "")
    if url.startswith("sqlite:"):
        import sqlite3

        path = urllib.parse.unquote(urllib.parse.urlsplit(url).path)
        return Link(sqlite3.connect(path, check_same_thread=False, timeout=CONNECT_SECONDS), "?")
    parts = {} if url else settings(url)  # what is not configured is told before a driver that is missing
    for name in DRIVERS:
        try:
            driver = importlib.import_module(name)
        except ImportError:
            continue
        if name.startswith("pg8000"):
            return Link(driver.connect(**pg8000_settings(parts or settings(url))), "%s")
        if url:
            return Link(driver.connect(re.sub(r"^postgres(ql)?(\+\w+)?:", "postgresql:", url), connect_timeout=CONNECT_SECONDS), "psycopg")
        return Link(driver.connect(connect_timeout=CONNECT_SECONDS, **filled(parts)), "psycopg")
    raise RuntimeError(
        "no PostgreSQL driver is installed for %s: add one of psycopg, psycopg2 or pg8000 to the extension's requirements.txt" % sys.executable
    )


def settings(url):
    if url:
        parts = urllib.parse.urlsplit(url)
        asked = {name: values[-1] for name, values in urllib.parse.parse_qs(parts.query).items()}
        found = {
            "host": parts.hostname or asked.get("host"),
            "port": parts.port or asked.get("port"),
            "dbname": urllib.parse.unquote(parts.path.lstrip("/")),
            "user": urllib.parse.unquote(parts.username or "") or asked.get("user"),
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


def filled(found):
    return {k: v for k, v in found.items() if v}


def pg8000_settings(found):
    found["database"] = found.pop("dbname")
    if found["host"].startswith("/"):
        found["unix_sock"] = "%s/.s.PGSQL.%d" % (found.pop("host"), found["port"])
    return filled(found)
