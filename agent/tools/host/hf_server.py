# SPDX-License-Identifier: Apache-2.0
"""MCP over standard input and output: JSON-RPC, a message a line. It runs no code of an extension."""

import json
import os
import selectors
import signal
import socket
import time

from hf_modules import error_result
from hf_pool import Call, Lines, Pool

PROTOCOLS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
MAX_LINE = 16 << 20
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")


class Server:
    """The host's one thread: requests of the house in, answers out, workers beside it."""

    def __init__(self, name, paths, reader, writer):
        self.name, self.reader, self.writer = name, reader, writer
        self.lines = Lines(MAX_LINE)
        self.listed = None  # what the modules have, once they are loaded
        self.held = []  # requests that came before that
        self.calls, self.number = {}, 0  # by the id of the request
        self.level = "debug"
        self.selector = selectors.DefaultSelector()
        self.woken, self.wake = socket.socketpair()
        self.pool = Pool(name, paths, self.selector, self)

    def descriptors(self):
        return (self.reader, self.writer, self.woken.fileno(), self.wake.fileno())

    def serve(self):
        for end in (self.woken, self.wake):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.wake.fileno(), warn_on_full_buffer=False)
        self.selector.register(self.woken, selectors.EVENT_READ)
        self.selector.register(self.reader, selectors.EVENT_READ)
        try:
            self.pool.start()
            while self.turn():
                pass
        finally:
            self.pool.end()

    def turn(self):
        """Does what there is to do; False when the house is gone."""
        deadline = self.pool.next_deadline()
        for key, events in self.selector.select(None if deadline is None else max(0.0, deadline - time.monotonic())):
            if key.fd == self.reader:
                if not self.receive():
                    return False
            elif key.fileobj is self.woken:
                self.woken.recv(4096)
            elif key.data is not None and key.fd == key.data.results:
                self.pool.read(key.data)
            elif key.data is not None and key.fd == key.data.control:
                self.pool.write(key.data)
        self.pool.tick()
        return True

    # What the house says.

    def receive(self):
        data = os.read(self.reader, 1 << 16)
        for line in self.lines.feed(data):
            if line is None:
                self.fail(None, INVALID_REQUEST, "the message is larger than %d bytes" % MAX_LINE)
            elif line.strip():
                self.understand(line)
        return bool(data)

    def understand(self, line):
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            self.fail(None, PARSE_ERROR, "the message is not JSON: %s" % error)
            return
        for one in message if isinstance(message, list) else [message]:
            self.handle(one)

    def handle(self, message):
        if not isinstance(message, dict):
            self.fail(None, INVALID_REQUEST, "the message is not an object")
            return
        ident, method = message.get("id"), message.get("method")
        if not isinstance(method, str):
            if "result" not in message and "error" not in message:
                self.fail(usable(ident), INVALID_REQUEST, "the message has no method")
            return
        params = message.get("params")
        params = params if isinstance(params, dict) else {}
        if "id" not in message:
            self.notified(method, params)
        elif usable(ident) is None:
            self.fail(None, INVALID_REQUEST, "the id is neither a string nor an integer")
        elif self.listed is None and method in ("initialize", "tools/list", "tools/call"):
            self.held.append((ident, method, params))
        else:
            self.asked(ident, method, params)

    def notified(self, method, params):
        if method != "notifications/cancelled":
            return
        ident = usable(params.get("requestId"))
        self.held = [request for request in self.held if ident is None or request[0] != ident]
        call = self.calls.pop(ident, None)
        if call is not None:
            self.pool.cancel(call)

    def asked(self, ident, method, params):
        if method == "initialize":
            self.answer(ident, self.initialize(params))
        elif method == "ping":
            self.answer(ident, {})
        elif method == "tools/list":
            self.answer(ident, {"tools": self.listed["listing"], "_meta": {"holdfast/problems": self.listed["problems"]}})
        elif method == "tools/call":
            self.start_call(ident, params)
        elif method == "logging/setLevel":
            self.set_level(ident, params.get("level"))
        else:
            self.fail(ident, METHOD_NOT_FOUND, "there is no method %s" % method[:200])

    def initialize(self, params):
        wanted = params.get("protocolVersion")
        result = {
            "protocolVersion": wanted if wanted in PROTOCOLS else PROTOCOLS[0],
            "capabilities": {"tools": {"listChanged": False}, "logging": {}},
            "serverInfo": {"name": self.name, "version": "1"},
        }
        if self.listed["prompts"]:
            result["instructions"] = "\n\n".join(self.listed["prompts"])
        return result

    def set_level(self, ident, level):
        if level not in LEVELS:
            self.fail(ident, INVALID_PARAMS, "there is no level %s" % repr(level)[:200])
            return
        self.level = level
        self.answer(ident, {})

    def start_call(self, ident, params):
        name, arguments = params.get("name"), params.get("arguments")
        if not isinstance(name, str) or name not in self.listed["names"]:
            self.fail(ident, INVALID_PARAMS, "there is no tool %s" % repr(name)[:200])
            return
        if not isinstance(arguments, (dict, type(None))):
            self.fail(ident, INVALID_PARAMS, "arguments is not an object")
            return
        if ident in self.calls:
            self.fail(ident, INVALID_REQUEST, "a request with this id is under way")
            return
        meta = params.get("_meta")
        token = usable(meta.get("progressToken")) if isinstance(meta, dict) else None
        self.number += 1
        call = self.calls[ident] = Call(self.number, ident, name, arguments or {}, token)
        self.pool.submit(call)

    # What the pool says.

    def loaded(self, ready, broken):
        if self.listed is not None:
            return  # a later process; what the house knows stands
        self.listed = {
            "listing": ready["listing"], "names": {tool["name"] for tool in ready["listing"]},
            "prompts": ready["prompts"], "problems": ready["problems"] + broken,
        }
        held, self.held = self.held, []
        for request in held:
            self.asked(*request)

    def finished(self, call, result):
        self.dropped(call)
        try:
            self.answer(call.ident, result)
        except RecursionError:  # the host reads a little deeper than it writes
            self.answer(call.ident, error_result("%s answered what is nested too deep" % call.tool))

    def dropped(self, call):
        if self.calls.get(call.ident) is call:
            del self.calls[call.ident]

    def noted(self, call, note):
        if "level" in note:
            level = note["level"] if note["level"] in LEVELS else "info"
            if LEVELS.index(level) >= LEVELS.index(self.level):
                self.notify("notifications/message", {"level": level, "logger": call.tool, "data": note["message"]})
            return
        if call.token is None:
            return
        params = {"progressToken": call.token, "message": note["message"]}
        if note.get("delta"):
            call.pieces += 1
            params["progress"], params["_meta"] = call.pieces, {"holdfast/delta": True}
        else:
            params["progress"] = note["progress"]
            if note["total"] is not None:
                params["total"] = note["total"]
        self.notify("notifications/progress", params)

    # What goes to the house.

    def answer(self, ident, result):
        self.send({"jsonrpc": "2.0", "id": ident, "result": result})

    def fail(self, ident, code, message):
        self.send({"jsonrpc": "2.0", "id": ident, "error": {"code": code, "message": message[:2000]}})

    def notify(self, method, params):
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def send(self, message):
        # ASCII only: a lone surrogate in a tool's text cannot break the stream.
        data = memoryview(json.dumps(message, ensure_ascii=True).encode("ascii") + b"\n")
        try:
            while data:
                data = data[os.write(self.writer, data) :]
        except OSError:
            self.pool.end()
            os._exit(0)  # the house is gone


def usable(ident):
    return ident if isinstance(ident, (str, int)) and not isinstance(ident, bool) else None
