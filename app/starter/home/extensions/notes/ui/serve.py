# SPDX-License-Identifier: Apache-2.0
"""Serves the three files of the notes page, on this machine only.

The front door serves this under /ext/notes/, on the extensions' own origin, where /api/notes/ is
the service. The page asks for ../../api/notes/ and so needs to know neither name nor port.
"""

import hashlib
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

KINDS = {
    "index.html": "text/html; charset=utf-8",
    "notes.css": "text/css; charset=utf-8",
    "notes.js": "text/javascript; charset=utf-8",
}
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"


def load(folder):
    """Only these files exist, so no path can lead elsewhere."""
    files = {}
    for name, kind in KINDS.items():
        data = (folder / name).read_bytes()
        files["/" + name] = (kind, '"' + hashlib.sha256(data).hexdigest()[:16] + '"', data)
    files["/"] = files["/index.html"]
    return files


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "notes", ""
    timeout = 30

    def do_GET(self):
        found = self.server.files.get(urlsplit(self.path).path)
        if found is None:
            self.reply(404, "text/plain; charset=utf-8", b"there is nothing here\n")
            return
        kind, tag, data = found
        if self.headers.get("If-None-Match") == tag:
            self.reply(304, kind, b"", tag)
            return
        self.reply(200, kind, data, tag)

    do_HEAD = do_GET

    def reply(self, status, kind, data, tag=None):
        self.send_response(status)
        if status != 304:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
        if tag:
            self.send_header("ETag", tag)
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_request(self, code="-", size="-"):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError)):
            print(f"a connection failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)


def main(argv):
    if len(argv) != 2 or not argv[1].isdigit() or not 0 < int(argv[1]) < 65536:
        print("usage: serve.py PORT", file=sys.stderr)
        return 2
    try:
        server = Server(("127.0.0.1", int(argv[1])), Handler)
    except OSError as error:
        print(f"cannot listen on 127.0.0.1:{argv[1]}: {error.strerror}", file=sys.stderr)
        return 1
    server.files = load(Path(__file__).resolve().parent / "public")

    def stop(_signal, _frame):
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"notes page on http://127.0.0.1:{argv[1]}", flush=True)
    with server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
