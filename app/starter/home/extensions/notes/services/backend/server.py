# SPDX-License-Identifier: Apache-2.0
"""The notes over HTTP, on this machine only.

GET    /healthz                 {"status": "ok", "notes": N}
GET    /?q=WORDS&limit=N&before=ID   {"notes": [...]}
POST   /        {"text": "..."} 201 {"note": {...}}
GET    /ID                      {"note": {...}}
DELETE /ID                      {"deleted": {...}}

Errors are {"error": "..."}. The front door serves this under /api/notes/.
"""

import json
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from notes_store import MAX_TEXT, NoSuchNote, NoteError, Notes  # noqa: E402

# A character takes at most 12 bytes of JSON, as two \uXXXX.
MAX_BODY = 12 * MAX_TEXT + 1024

# How much of a refused body is heard out, in bytes, and for how long, in seconds.
MAX_UNHEARD, HEAR_OUT = 4 << 20, 5


class Refused(Exception):
    """An answer other than the one asked for."""

    def __init__(self, status, message, **headers):
        super().__init__(message)
        self.status, self.headers = status, headers


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "notes", ""
    timeout = 30  # a client that says nothing does not hold a thread for ever

    def do_GET(self):
        self.answer(self.read_notes)

    def do_HEAD(self):
        self.answer(self.read_notes)

    def do_POST(self):
        self.answer(self.add_note)

    def do_DELETE(self):
        self.answer(self.delete_note)

    def read_notes(self):
        where = urlsplit(self.path)
        if where.path == "/healthz":
            return 200, {"status": "ok", "notes": Notes().count()}
        if where.path != "/":
            return 200, {"note": Notes().get(note_id(where.path))}
        asked = parse_qs(where.query, max_num_fields=10)
        limit, before = number(asked, "limit", 50), number(asked, "before", None)
        if asked.get("q", [""])[0].strip():
            return 200, {"notes": Notes().search(asked["q"][0], limit, before)}
        return 200, {"notes": Notes().list(limit, before)}

    def add_note(self):
        if urlsplit(self.path).path != "/":
            raise Refused(404, "notes are added at /")
        # A page of another origin can send a form, but not JSON, without being asked for leave.
        if self.headers.get_content_type() != "application/json":
            raise Refused(415, "send the note as application/json")
        given = self.body()
        if not isinstance(given, dict) or "text" not in given:
            raise Refused(400, 'send {"text": "..."}')
        return 201, {"note": Notes().add(given["text"])}

    def delete_note(self):
        return 200, {"deleted": Notes().delete(note_id(urlsplit(self.path).path))}

    def body(self):
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or self.headers.get("Transfer-Encoding"):
            raise Refused(411, "send the length of the body")
        if len(length) > 9 or int(length) > MAX_BODY:
            raise Refused(413, f"the body is larger than {MAX_BODY} bytes")
        self.unread = False
        data = self.rfile.read(int(length))
        if len(data) < int(length):
            raise Refused(400, "the body ends too early")
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise Refused(400, "the body is not JSON") from error

    def answer(self, work):
        self.unread = self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers
        headers = {}
        try:
            status, said = work()
        except Refused as error:
            status, said, headers = error.status, {"error": str(error)}, error.headers
        except NoSuchNote as error:
            status, said = 404, {"error": str(error)}
        except NoteError as error:
            status, said = 400, {"error": str(error)}
        except OSError as error:
            if isinstance(error, (ConnectionError, TimeoutError)):
                self.close_connection = True
                return
            status, said = self.failed(error)
        except Exception as error:
            status, said = self.failed(error)
        self.send(status, said, headers)

    def failed(self, error):
        print(f"{self.command} failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return 503, {"error": "the notes cannot be reached"}

    def send(self, status, said, headers):
        body = json.dumps(said, ensure_ascii=False).encode("utf-8", "replace")
        if self.unread:
            self.close_connection = True  # what was not read is not the next request
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            if self.close_connection:
                self.send_header("Connection", "close")
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
            if self.unread:
                self.hear_out()
        except OSError:  # it hung up, or says nothing more
            self.close_connection = True

    def hear_out(self):
        # Who is cut off while it sends may never see the answer, so what it sends is thrown away.
        self.connection.shutdown(socket.SHUT_WR)
        most, until = MAX_UNHEARD, time.monotonic() + HEAR_OUT
        while most > 0 and (left := until - time.monotonic()) > 0:
            self.connection.settimeout(left)
            data = self.rfile.read1(1 << 16)
            if not data:
                return
            most -= len(data)

    def log_request(self, code="-", size="-"):
        if self.path != "/healthz":
            self.log_message("%s %s %s", self.command, urlsplit(self.path).path, code)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError, socket.timeout)):
            print(f"a connection failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)


def note_id(path):
    text = path[1:]
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Refused(404, "there is nothing here")
    return int(text)


def number(asked, name, fallback):
    if name not in asked:
        return fallback
    text = asked[name][0]
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Refused(400, f"{name} must be a whole number")
    return int(text)


def main(argv):
    if len(argv) != 2 or not argv[1].isdigit() or not 0 < int(argv[1]) < 65536:
        print("usage: server.py PORT", file=sys.stderr)
        return 2
    try:
        server = Server(("127.0.0.1", int(argv[1])), Handler)
    except OSError as error:
        print(f"cannot listen on 127.0.0.1:{argv[1]}: {error.strerror}", file=sys.stderr)
        return 1

    def stop(_signal, _frame):
        # shutdown waits for the loop that this thread runs, so another thread asks for it.
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"notes on http://127.0.0.1:{argv[1]}", flush=True)
    with server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
