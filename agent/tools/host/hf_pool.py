# SPDX-License-Identifier: Apache-2.0
"""The processes that an extension's modules live in, seen from the host.

The host itself runs no code of an extension. It forks workers that load the modules; each runs one
call at a time, so that a call that does not end, or that ends its process, takes nothing with it.
Calls one after the other go to the first worker, the home; further ones are made for calls at the
same time and end when nobody needs them.
"""

import collections
import json
import os
import signal
import time

from hf_modules import MODULE_SECONDS, error_result, label
from hf_worker import become_worker

MAX_WORKERS = 8
GRACE = 2.0  # between asking a call to end and killing its process
LOAD_GRACE = 3.0  # that a module may overrun its limit before its process is killed
EXIT = 0.2  # that a process may take to end after it fell silent
IDLE = 60.0  # after which a worker beside the home ends
MAX_MESSAGE = 16 << 20
STARTING, IDLING, BUSY, GONE = "starting", "idle", "busy", "gone"


class Lines:
    """Cuts a stream into lines; one over the limit becomes None."""

    def __init__(self, limit):
        self.limit, self.parts, self.size = limit, [], 0

    def feed(self, data):
        while True:
            head, end, data = data.partition(b"\n")
            self.size += len(head)
            if self.size <= self.limit:
                self.parts.append(head)
            else:
                self.parts = []
            if not end:
                return
            line = b"".join(self.parts) if self.size <= self.limit else None
            self.parts, self.size = [], 0
            yield line


class Call:
    """A request of the house that a tool answers."""

    def __init__(self, number, ident, tool, arguments, token):
        self.number, self.ident, self.tool, self.arguments, self.token = number, ident, tool, arguments, token
        self.worker, self.unwanted, self.pieces = None, False, 0


class Worker:
    """One process with the modules in it."""

    def __init__(self, pid, control, results):
        self.pid, self.control, self.results = pid, control, results
        self.lines, self.out = Lines(MAX_MESSAGE), bytearray()
        self.state, self.call, self.tools = STARTING, None, frozenset()
        self.module, self.rejected = None, False  # that it is loading; whether one was given up
        self.deadline, self.why = None, None  # when it is killed; why it was
        self.idle_since = 0.0


class Pool:
    """The workers of one extension. Its methods are called by one thread, that of the server."""

    def __init__(self, name, paths, selector, server):
        self.name, self.paths, self.selector, self.server = name, paths, selector, server
        self.workers, self.home, self.waiting = [], None, collections.deque()
        self.broken = {}  # path of a module that cannot be loaded at all -> problem
        self.single = set()  # paths of modules that are loaded by the home only
        self.single_tools = frozenset()
        self.fault = None  # why no process could be made

    # What the server asks.

    def start(self):
        self.dispatch()

    def submit(self, call):
        self.waiting.append(call)
        self.dispatch()

    def cancel(self, call):
        call.unwanted = True
        if call.worker is None:
            self.waiting.remove(call)
            return
        self.send(call.worker, {"cancel": call.number})
        call.worker.deadline = time.monotonic() + GRACE

    def end(self):
        for worker in self.workers:
            self.kill(worker)
        until = time.monotonic() + 1.0  # one may hang in the kernel
        left = [w.pid for w in self.workers]
        while left and time.monotonic() < until:
            left = [pid for pid in left if os.waitpid(pid, os.WNOHANG)[0] == 0]
            time.sleep(0.001 if left else 0)

    def next_deadline(self):
        times = [w.deadline for w in self.workers if w.deadline]
        times += [w.idle_since + IDLE for w in self.workers if w.state == IDLING and w is not self.home]
        return min(times, default=None)

    def tick(self):
        now = time.monotonic()
        for worker in list(self.workers):
            if worker.deadline and worker.deadline <= now:
                if worker.state == STARTING and worker.module:
                    self.reject(worker, "it did not finish loading within %d s, and could not be interrupted" % MODULE_SECONDS, worker is self.home)
                if worker.results is None and worker.why is None:
                    worker.why = "it closed what the host speaks with it by"
                worker.deadline = None
                self.kill(worker)
            elif worker.state == IDLING and worker is not self.home and worker.idle_since + IDLE <= now:
                worker.state = GONE
                self.close(worker, "control")  # it ends when it reads the end
        self.reap()

    # Processes.

    def spawn(self):
        """Makes a worker: the home when there is none."""
        home = self.home is None
        skip = set(self.broken) if home else set(self.broken) | self.single
        fds = os.pipe() + os.pipe()
        try:
            pid = os.fork()
        except OSError as error:
            for fd in fds:
                os.close(fd)
            self.fault = "cannot start a process for it: %s" % error
            return None
        if pid == 0:
            become_worker(self.name, [p for p in self.paths if p not in skip], fds[0], fds[3], self.inherited(fds))
        try:
            os.setpgid(pid, pid)  # as the child does: whoever comes first
        except OSError:
            pass
        os.close(fds[0])
        os.close(fds[3])
        os.set_blocking(fds[1], False)
        os.set_blocking(fds[2], False)
        worker = Worker(pid, fds[1], fds[2])
        self.workers.append(worker)
        if home:
            self.home = worker
        self.selector.register(worker.results, 1, worker)  # 1: to read
        return worker

    def inherited(self, fds):
        """The highest descriptor that a child has from the host and must not keep."""
        return max([*fds, *self.server.descriptors(), self.selector.fileno()] + [fd for w in self.workers for fd in (w.control, w.results) if fd is not None])

    def kill(self, worker):
        # Not yet waited for, so the number is still its own. Its group holds what it started.
        for end in (os.killpg, os.kill):
            try:
                end(worker.pid, signal.SIGKILL)
            except OSError:
                pass

    def close(self, worker, which):
        fd = getattr(worker, which)
        if fd is None:
            return
        try:
            self.selector.unregister(fd)
        except KeyError:
            pass
        os.close(fd)
        setattr(worker, which, None)

    def reap(self):
        """Takes leave of the workers that have ended."""
        for worker in list(self.workers):
            # While it is not waited for, its number and that of its group cannot be another's.
            if hasattr(os, "waitid"):
                if os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                    continue
                self.kill(worker)  # what it left in its group
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self.ended(worker, os.waitstatus_to_exitcode(status))

    def ended(self, worker, code):
        self.read(worker)  # what it said last
        for end in ("control", "results"):
            self.close(worker, end)
        self.workers.remove(worker)
        was_home, self.home = worker is self.home, None if worker is self.home else self.home
        if worker.state == STARTING and worker.module:
            self.reject(worker, "%s while it was being loaded" % how(code), was_home)
        elif worker.state == STARTING and not worker.rejected:
            self.fault = "its process could not start: %s" % how(code)
        call, worker.call = worker.call, None
        if call is not None and not call.unwanted:
            self.server.finished(call, error_result("%s did not answer: %s. It was alone in its process; a new one takes the next call." % (call.tool, worker.why or how(code))))
        elif call is not None:
            self.server.dropped(call)
        if was_home and not self.single:
            self.home = min((w for w in self.workers if w.state != GONE), key=lambda w: w.state == STARTING, default=None)
        self.dispatch()

    def reject(self, worker, why, home):
        """Gives up a module that cannot be loaded: everywhere, or only beside the home."""
        path, worker.module, worker.rejected = worker.module, None, True
        if home and worker.state == STARTING:
            self.broken[path] = {"module": label(path), "error": why, "traceback": ""}
        else:
            self.single.add(path)
        print("cannot load %s: %s" % (path, why), flush=True)

    # What goes to a worker, and what comes from it.

    def dispatch(self):
        for call in list(self.waiting):
            worker = self.idle_for(call)
            if worker is not None:
                self.waiting.remove(call)
                self.give(worker, call)
        first = not self.workers and not self.server.listed  # a module took the first one down: on without it
        if self.fault is None and not any(w.state == STARTING for w in self.workers) and (first or self.short()):
            self.spawn()
        self.refuse_all()

    def short(self):
        """Whether another worker would help a call that waits."""
        if not self.waiting:
            return False
        if self.home is None:
            return True
        shared = any(call.tool not in self.single_tools for call in self.waiting)
        return shared and sum(w.state != GONE for w in self.workers) < MAX_WORKERS

    def refuse_all(self):
        """Answers what waits when no process can be made; the next call tries again."""
        fault, self.fault = self.fault, None
        if fault is None or self.workers:
            return
        if not self.server.listed:
            raise SystemExit("cannot load the modules: %s" % fault)
        calls, self.waiting = list(self.waiting), collections.deque()
        for call in calls:
            self.server.finished(call, error_result(fault))

    def idle_for(self, call):
        fit = [w for w in self.workers if w.state == IDLING and call.tool in w.tools]
        if call.tool in self.single_tools:
            fit = [w for w in fit if w is self.home]
        return min(fit, key=lambda w: w is not self.home, default=None)

    def give(self, worker, call):
        worker.state, worker.call, call.worker = BUSY, call, worker
        self.send(worker, {"call": call.number, "tool": call.tool, "arguments": call.arguments, "streams": call.token is not None})

    def send(self, worker, message):
        if worker.control is None:
            return
        worker.out += json.dumps(message).encode("ascii") + b"\n"
        self.write(worker)

    def write(self, worker):
        try:
            while worker.out:
                del worker.out[: os.write(worker.control, worker.out[: 1 << 16])]
        except BlockingIOError:
            if worker.control not in self.selector.get_map():
                self.selector.register(worker.control, 2, worker)  # 2: to write
            return
        except OSError:
            worker.out.clear()  # it ends; reap says how
        if worker.control in self.selector.get_map():
            self.selector.unregister(worker.control)

    def read(self, worker):
        while worker.results is not None:
            try:
                data = os.read(worker.results, 1 << 18)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.close(worker, "results")
                worker.deadline = time.monotonic() + EXIT  # mostly it is ending, and how is soon known
                return
            for line in worker.lines.feed(data):
                if not self.heard(worker, line):
                    worker.why = "it wrote into what the host speaks with it by"
                    self.close(worker, "results")
                    self.kill(worker)
                    return

    def heard(self, worker, line):
        """Takes one message; False when it is none."""
        try:
            message = json.loads(line)
            getattr(self, "hear_" + message["kind"])(worker, message)
            return True
        except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
            print("a process of %s said what is no message: %s" % (self.name, error), flush=True)
            return False

    def hear_loading(self, worker, message):
        worker.module = message["module"]
        worker.deadline = time.monotonic() + message["seconds"] + LOAD_GRACE

    def hear_ready(self, worker, message):
        worker.module = worker.deadline = None
        worker.tools, worker.state, worker.idle_since = frozenset(message["tools"]), IDLING, time.monotonic()
        if worker is self.home:
            self.single |= set(message["single"])
            self.single_tools = frozenset(message["single_tools"])
            self.server.loaded(message, list(self.broken.values()))
        self.refuse_unknown(worker)
        self.dispatch()

    def refuse_unknown(self, worker):
        """Answers calls of tools that nobody has any more."""
        if any(w.state == STARTING for w in self.workers):
            return
        for call in list(self.waiting):
            if not any(call.tool in w.tools for w in self.workers if w.state != GONE) and worker is self.home:
                self.waiting.remove(call)
                self.server.finished(call, error_result("%s is not there any more: its module could not be loaded again; the log of the tools says why" % call.tool))

    def hear_done(self, worker, message):
        call = worker.call
        if call is None or call.number != message["call"]:
            return
        worker.call = worker.deadline = None
        worker.state, worker.idle_since = IDLING, time.monotonic()
        if call.unwanted or message["result"] is None:
            self.server.dropped(call)
        else:
            self.server.finished(call, message["result"])
        self.dispatch()

    def hear_note(self, worker, message):
        call = worker.call
        if call is not None and call.number == message["call"] and not call.unwanted:
            self.server.noted(call, message)


def how(code):
    """Words an exit status."""
    if code >= 0:
        return "it ended its process with status %d" % code
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "signal %d" % -code
    hint = {"SIGKILL": ", as when the memory is used up", "SIGSEGV": ", as by a recursion that is too deep"}.get(name, "")
    return "its process was ended by %s%s" % (name, hint)

