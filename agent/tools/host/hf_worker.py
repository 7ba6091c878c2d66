# SPDX-License-Identifier: Apache-2.0
"""One process with an extension's modules in it. It runs one call at a time, in its main thread, so
that a signal interrupts also a call that sleeps or waits for the network."""

import inspect
import json
import math
import os
import queue
import signal
import sys
import threading
import time
import traceback

from hf_hints import BadArgument
from hf_modules import Interrupted, Shelf, complain, encode_result, error_result, traced, worded
from hf_provided import Provided

MAX_NOTE = 64 << 10
MAX_NOTES = 1000  # of a call
NOTE_EVERY = 0.05  # seconds between two messages about progress


class Cancelled(Interrupted):
    """Raised in a call that the client gave up."""


def become_worker(name, paths, control, results, highest):
    """Turns a process just forked into a worker. It does not return."""
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        keep = {control, results}
        for fd in range(3, highest + 1):
            if fd not in keep:
                try:
                    os.close(fd)
                except OSError:
                    pass
        Worker(name, paths, control, results).run()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(70)


class Worker:
    """Loads the modules, then does what the host says."""

    def __init__(self, name, paths, control, results):
        self.pid, self.results = os.getpid(), results
        self.control = os.fdopen(control, "rb")
        self.jobs, self.sending = queue.SimpleQueue(), threading.Lock()
        self.current = self.unwanted = None  # number of the call under way, and of the one to end
        self.shielded = self.late = False
        self.loop = None
        self.notes, self.last_note, self.done = 0, 0.0, 0.0
        self.provided = Provided(self)
        self.shelf = Shelf(name, paths)

    def run(self):
        sys.meta_path.append(self.provided)
        signal.signal(signal.SIGUSR2, self.interrupted)
        self.shelf.load(lambda path, seconds: self.say({"kind": "loading", "module": path, "seconds": seconds}))
        self.say({"kind": "ready", **self.shelf.summary()})
        threading.Thread(target=self.listen, name="holdfast", daemon=True).start()
        while True:
            self.perform(self.jobs.get())

    # What the host says.

    def listen(self):
        for line in self.control:
            message = json.loads(line)
            if "cancel" in message:
                self.unwanted = message["cancel"]
                signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR2)
            else:
                self.jobs.put(message)
        os._exit(0)  # the host is gone, or needs this worker no more

    def interrupted(self, *_):
        if self.current is None or self.current != self.unwanted:
            return
        if self.shielded:
            self.late = True
            return
        self.unwanted = None
        raise Cancelled()

    # A call.

    def perform(self, job):
        result = None
        self.notes, self.last_note, self.done = 0, 0.0, 0.0
        try:
            self.current = job["call"]
            if self.unwanted != self.current:
                result = self.outcome(job)
            self.current = None
        except Cancelled:
            self.current = None
        if os.getpid() != self.pid:
            os._exit(0)  # the tool forked, and this is the child: only its parent answers
        flush()
        self.say({"kind": "done", "call": job["call"], "result": result})

    def outcome(self, job):
        tool = self.shelf.tools[job["tool"]]
        try:
            value = tool.call(job["arguments"], self.piece if job["streams"] else None)
            if inspect.isasyncgen(value):
                value = self.finish(gather(value))
            elif inspect.isawaitable(value):
                value = self.finish(value)
            elif inspect.isgenerator(value):
                value = list(value)
            return encode_result(tool.result(value))
        except BadArgument as error:
            return error_result(str(error))
        except Cancelled:
            raise
        except BaseException as error:
            complain("tool %s failed\n%s" % (tool.name, traced(error, error.__traceback__)))
            return error_result(worded(error))

    def finish(self, awaitable):
        """Runs a coroutine in the one event loop of this process, so that what modules keep between
        calls (clients, connections) stays usable."""
        import asyncio  # costs a tenth of a second, so only where it is used

        if self.loop is None:
            self.loop = asyncio.new_event_loop()
            threading.Thread(target=self.loop.run_forever, name="holdfast-async", daemon=True).start()
        future = asyncio.run_coroutine_threadsafe(until_done(awaitable), self.loop)
        try:
            value, left = future.result()
        except Cancelled:
            ended = threading.Event()
            self.loop.call_soon_threadsafe(self.cancel_tasks, future, ended)
            ended.wait()  # for its finally; the host kills what takes too long
            raise
        if left is not None:
            raise left
        return value

    def cancel_tasks(self, future, ended):
        import asyncio

        future.cancel()
        # The task itself ends a turn or more later; all of this call's belong to it.
        mine = [t for t in asyncio.all_tasks(self.loop) if t.get_coro().__name__ == until_done.__name__]

        async def wait():
            await asyncio.gather(*mine, return_exceptions=True)
            ended.set()

        self.loop.create_task(wait())

    # What goes to the host.

    def piece(self, text):
        """Sends a piece of a streamed answer."""
        self.note({"delta": True, "message": text})

    def progress(self, done, total, message):
        now, total = time.monotonic(), finite(total)
        self.done = done = max(finite(done, self.done), self.done)
        if now - self.last_note < NOTE_EVERY and (total is None or done < total):
            return
        self.last_note = now
        self.note({"progress": done, "total": total, "message": message[:MAX_NOTE]})

    def log(self, level, text):
        self.notes += 1
        if self.notes == MAX_NOTES:
            level, text = "warning", "this call said much; the rest of its messages is left out"
        if self.notes <= MAX_NOTES:
            self.note({"level": level, "message": text[:MAX_NOTE]})

    def note(self, note):
        if self.current is not None and os.getpid() == self.pid:
            self.say({"kind": "note", "call": self.current, **note})

    def say(self, message):
        data = memoryview(json.dumps(message, ensure_ascii=True, default=str).encode("ascii") + b"\n")
        main = threading.current_thread() is threading.main_thread()
        if main:
            self.shielded = True  # half a line would be the end of all talk
        try:
            with self.sending:
                while data:
                    data = data[os.write(self.results, data) :]
        except OSError:
            os._exit(0)  # the host is gone
        finally:
            if main:
                self.shielded = False
        if main and self.late:
            self.late = False
            if self.current is not None and self.current == self.unwanted:
                self.unwanted = None
                raise Cancelled()


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # a module may have put anything there
            pass


def finite(number, otherwise=None):
    """The number as a float; otherwise when it is none, or none that JSON has."""
    if number is None:
        return otherwise
    try:
        return float(number) if math.isfinite(number) else otherwise
    except OverflowError:  # a whole number that no float holds
        return otherwise


async def until_done(awaitable):
    """What it gave, and what it left by instead: in a task, that would end the loop."""
    try:
        return await awaitable, None
    except (SystemExit, KeyboardInterrupt) as error:
        return None, error


async def gather(pieces):
    return [piece async for piece in pieces]
