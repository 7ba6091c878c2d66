# SPDX-License-Identifier: Apache-2.0
"""Python tool host of Holdfast: serves the TOOLS of *_tools.py modules as MCP over stdio.

Standard library only, Python 3.9 and newer. One process an extension:
`python3 -I FOLDER_OF_THIS_FILE NAME EXTENSION MODULE...`. Standard input and output belong to the
protocol and are taken away from the modules, so that print() and input() in them disturb nothing.
"""

import json
import os
import sys
import threading
import traceback

from hf_database import Provided
from hf_hints import BadArgument
from hf_modules import Shelf, error_result, tool_result

PROTOCOLS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
MAX_LINE = 16 << 20
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602


class Cancelled(BaseException):
    """Raised inside the thread of a call that the client gave up."""


class Server:
    """MCP over one pair of streams: JSON-RPC, a message a line."""

    def __init__(self, shelf, reader, writer):
        self.shelf, self.reader, self.writer = shelf, reader, writer
        self.write_lock, self.calls_lock = threading.Lock(), threading.Lock()
        self.calls = {}  # id of the request -> thread

    def serve(self):
        while True:
            line = self.reader.readline(MAX_LINE + 1)
            if not line:
                return
            if len(line) > MAX_LINE:
                self.skip_line(line)
                self.fail(None, INVALID_REQUEST, "the message is larger than %d bytes" % MAX_LINE)
                continue
            if line.strip():
                self.receive(line)

    def skip_line(self, line):
        while line and not line.endswith(b"\n"):
            line = self.reader.readline(MAX_LINE)

    def receive(self, line):
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
        else:
            self.asked(ident, method, params)

    def notified(self, method, params):
        if method != "notifications/cancelled":
            return
        with self.calls_lock:
            ident = usable(params.get("requestId"))
            thread = self.calls.pop(ident, None)
            if thread is not None and thread.ident is not None:
                interrupt(thread.ident)

    def asked(self, ident, method, params):
        if method == "initialize":
            self.answer(ident, self.initialize(params))
        elif method == "ping":
            self.answer(ident, {})
        elif method == "tools/list":
            self.answer(ident, self.shelf.listing())
        elif method == "tools/call":
            self.start_call(ident, params)
        else:
            self.fail(ident, METHOD_NOT_FOUND, "there is no method %s" % method[:200])

    def initialize(self, params):
        wanted = params.get("protocolVersion")
        result = {
            "protocolVersion": wanted if wanted in PROTOCOLS else PROTOCOLS[0],
            "capabilities": {"tools": {"listChanged": False}},
            "serverInfo": {"name": self.shelf.name, "version": "1"},
        }
        if self.shelf.prompts:
            result["instructions"] = "\n\n".join(self.shelf.prompts)
        return result

    def start_call(self, ident, params):
        name, arguments = params.get("name"), params.get("arguments")
        tool = self.shelf.tools.get(name) if isinstance(name, str) else None
        if tool is None:
            self.fail(ident, INVALID_PARAMS, "there is no tool %s" % repr(name)[:200])
            return
        if not isinstance(arguments, (dict, type(None))):
            self.fail(ident, INVALID_PARAMS, "arguments is not an object")
            return
        thread = threading.Thread(target=self.run_call, args=(ident, tool, arguments or {}), daemon=True)
        with self.calls_lock:
            if ident in self.calls:
                self.fail(ident, INVALID_REQUEST, "a request with this id is under way")
                return
            self.calls[ident] = thread
        try:
            thread.start()
        except RuntimeError as error:
            self.finish_call(ident, error_result("%s could not start: %s" % (tool.name, error)))

    def run_call(self, ident, tool, arguments):
        try:
            result = self.outcome(tool, arguments)
            self.finish_call(ident, result)
        except Cancelled:
            pass

    def outcome(self, tool, arguments):
        try:
            return tool_result(tool.call(arguments))
        except BadArgument as error:
            return error_result(str(error))
        except Cancelled:
            raise
        except BaseException as error:
            print("tool %s failed\n%s" % (tool.name, traceback.format_exc()), file=sys.stderr, flush=True)
            return error_result("%s: %s" % (type(error).__name__, error))

    def finish_call(self, ident, result):
        with self.calls_lock:
            if self.calls.pop(ident, None) is None:
                return  # given up: nobody waits for an answer
        self.answer(ident, result)

    def answer(self, ident, result):
        self.send({"jsonrpc": "2.0", "id": ident, "result": result})

    def fail(self, ident, code, message):
        self.send({"jsonrpc": "2.0", "id": ident, "error": {"code": code, "message": message[:2000]}})

    def send(self, message):
        # ASCII only: a lone surrogate in a tool's text cannot break the stream.
        line = json.dumps(message, ensure_ascii=True, default=str).encode("ascii") + b"\n"
        with self.write_lock:
            try:
                self.writer.write(line)
                self.writer.flush()
            except (BrokenPipeError, ValueError):
                os._exit(0)  # the house is gone


def interrupt(thread):
    """Raises Cancelled in a thread. Only Python code is reached; a blocking system call ends by itself."""
    try:
        import ctypes
    except ImportError:
        return
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Cancelled))


def usable(ident):
    return ident if isinstance(ident, (str, int)) and not isinstance(ident, bool) else None


def take_streams():
    """Keeps standard input and output for the protocol; modules get nothing and the log."""
    reader, writer = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdin = open(0, encoding="utf-8", errors="replace", closefd=False)
    sys.stdout = open(1, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)
    return reader, writer


def main(argv):
    if len(argv) < 3:
        print("usage: host.py NAME FOLDER MODULE...", file=sys.stderr)
        return 2
    reader, writer = take_streams()
    name, folder, modules = argv[1], argv[2], argv[3:]
    for path in dict.fromkeys([os.path.join(folder, "tools"), folder] + [os.path.dirname(m) for m in modules]):
        if path not in sys.path:
            sys.path.insert(0, path)
    sys.meta_path.append(Provided())
    shelf = Shelf(name, modules)
    shelf.load()
    Server(shelf, reader, writer).serve()
    sys.stderr.flush()
    os._exit(0)  # calls that still run must not keep the process


if __name__ == "__main__":
    sys.exit(main(sys.argv))
