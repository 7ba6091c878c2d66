#!/usr/bin/env python3
"""Works through tasks, one at a time, oldest name first:

    inbox/NAME -> doing/NAME -> done/NAME, NAME.out | failed/NAME, NAME.out

A task is a file with the prompt. Write it under a name that begins with a dot, then rename it. One that was
under way when the loop was killed is tried again, three times at most. Limits (HALT, a spent budget, a rate)
are no fault of the task: it waits for as long as it takes. Only the standard library; make of it what you need.
"""

import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request

URL = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
KEY = os.environ[os.environ["GATEWAY_KEY_NAME"]]
MODEL = os.environ["MODEL"]
LIMIT = float(os.environ.get("TASK_SECONDS", "600"))
MOST = int(os.environ.get("TASK_TRIES", "3"))
PAUSE = float(os.environ.get("PAUSE_SECONDS", "30"))
# None is a proxy that the environment may name: the gateway is on this machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Limited(Exception):
    """The house lets no call through now."""

    def __init__(self, message, after):
        super().__init__(message)
        self.after = after


def ask(prompt):
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": prompt}]}).encode()
    headers = {"Authorization": "Bearer " + KEY, "Content-Type": "application/json"}
    request = urllib.request.Request(URL, data=body, headers=headers)
    try:
        with OPENER.open(request, timeout=LIMIT) as answer:
            return json.load(answer)["choices"][0]["message"]["content"] or ""
    except urllib.error.HTTPError as refused:
        text = refused.read(4096).decode(errors="replace")
        message = f"{refused.code}: {text}"
        if refused.code in (402, 429, 503):
            after = refused.headers.get("Retry-After", "")
            raise Limited(message, float(after) if after.isdigit() else 0) from None
        raise RuntimeError(message) from None


def beat():
    """Beats for as long as this process is there; what hangs in a call ends with its own limit."""
    while True:
        write("heartbeat", str(time.time()))
        time.sleep(5)


def write(path, text):
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)


def read(path, default=""):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return default


def waiting():
    names = sorted(n for n in os.listdir("inbox") if not n.startswith("."))
    return [n for n in names if os.path.isfile("inbox/" + n) and not os.path.islink("inbox/" + n)]


def work(task):
    """Does one task; returns how long to wait before the next, 0 for none."""
    tries = int(read(".tries/" + task) or 0) + 1
    write(".tries/" + task, str(tries))
    os.replace("inbox/" + task, "doing/" + task)
    print(f"task {task} begins, try {tries}")
    try:
        answer, where, wait = ask(read("doing/" + task)), "done", 0
        print(f"task {task} is done")
    except Limited as limit:
        write(".tries/" + task, str(tries - 1))
        answer, where, wait = "", "inbox", max(min(limit.after, 900), PAUSE)
        print(f"task {task} waits {wait:.0f} s, for the house refuses its model call: {limit}")
    except Exception as failure:  # whatever it is, the loop goes on
        answer, where, wait = str(failure), "inbox" if tries < MOST else "failed", PAUSE
        print(f"task {task} failed, try {tries}: {failure}")
    if where != "inbox":
        write(f"{where}/{task}.out", answer)
        os.remove(".tries/" + task)
    os.replace("doing/" + task, f"{where}/{task}")
    return wait


def main():
    sys.stdout.reconfigure(line_buffering=True)
    for folder in ("inbox", "doing", "done", "failed", ".tries"):
        os.makedirs(folder, exist_ok=True)
    for task in os.listdir("doing"):
        os.replace("doing/" + task, "inbox/" + task)
    threading.Thread(target=beat, daemon=True).start()
    print("waits for tasks in inbox/")
    while True:
        tasks = waiting()
        time.sleep(work(tasks[0]) if tasks else 1)


main()
