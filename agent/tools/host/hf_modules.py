# SPDX-License-Identifier: Apache-2.0
"""The modules of one extension or the agents of the home: loading them, and what tools answer."""

import dataclasses
import enum
import importlib.util
import inspect
import json
import os
import pathlib
import signal
import sys
import time
import traceback

from hf_agents import Agent
from hf_hints import BadArgument, convert, default_of, described, hints_of, is_field, is_pydantic, schema_of, with_default

MODULE_SECONDS = 10.0
MODULES_SECONDS = 20.0
MAX_RESULT = 8 << 20  # encoded
MAX_FRAMES = 200  # of a traceback


class Interrupted(BaseException):
    """Raised by the host in what a module does."""


class Tool:
    """One callable of a TOOLS list."""

    def __init__(self, function):
        if hasattr(function, "args_schema") and callable(getattr(function, "func", None)):
            function.func.__name__ = function.name  # a tool of LangChain; its function says as much
            function = function.func
        self.function = function
        self.name = getattr(function, "__name__", None) or getattr(function, "name", None)
        if not isinstance(self.name, str) or not self.name:
            raise TypeError("an entry of TOOLS has no name: %r" % (function,))
        if not callable(function):
            raise TypeError("%s in TOOLS cannot be called" % self.name)
        self.description = inspect.getdoc(function) or ""
        self.signature = inspect.signature(function)
        self.hints = hints_of(function if inspect.isroutine(function) else type(function).__call__)
        self.listed = json.loads(json.dumps(self.describe(), allow_nan=False))  # a default may change, or fail the next time

    def hint(self, parameter):
        return self.hints.get(parameter.name, parameter.annotation)

    def schema(self):
        schema = {"type": "object", "properties": {}, "additionalProperties": False}
        required = []
        for p in self.signature.parameters.values():
            if p.kind is p.VAR_KEYWORD:
                schema["additionalProperties"] = schema_of(self.hint(p)) or True
            elif p.kind is not p.VAR_POSITIONAL:
                default = default_of(p.default)
                schema["properties"][p.name] = with_default(self.property(p), default)
                if default is p.empty:
                    required.append(p.name)
        if required:
            schema["required"] = required
        return schema

    def property(self, parameter):
        schema = schema_of(self.hint(parameter))
        return described(schema, parameter.default) if is_field(parameter.default) else schema

    def describe(self):
        return {"name": self.name, "description": self.description, "inputSchema": self.schema()}

    def call(self, arguments, _):
        positional, named = self.bind(arguments)
        return self.function(*positional, **named)

    def result(self, value):
        return tool_result(value)

    def bind(self, arguments):
        parameters = self.signature.parameters
        rest = next((p for p in parameters.values() if p.kind is p.VAR_KEYWORD), None)
        named = {n for n, p in parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        for name in arguments:
            if name not in named and rest is None:
                raise BadArgument("%s: is not an argument of %s; want %s" % (name, self.name, ", ".join(sorted(named)) or "none"))
        values, positional = {}, []
        for p in parameters.values():
            if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
                continue
            if p.name in arguments:
                value = convert(arguments[p.name], self.hint(p), p.name)
            elif p.default is p.empty or default_of(p.default) is p.empty:
                raise BadArgument("%s: is required" % p.name)
            elif p.kind is not p.POSITIONAL_ONLY and default_of(p.default) is p.default:
                continue
            else:
                value = default_of(p.default)
            if p.kind is p.POSITIONAL_ONLY:
                positional.append(value)
            else:
                values[p.name] = value
        if rest is not None:
            values.update({k: convert(v, self.hint(rest), k) for k, v in arguments.items() if k not in named})
        return positional, values


def plain(value):
    """What json cannot write by itself."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8", "replace")
    if hasattr(value, "dict") and hasattr(value, "__fields__"):
        return value.dict()
    return str(value)


def encode(value):
    try:
        return json.dumps(value, default=plain, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return json.dumps(str(value), ensure_ascii=False)


def tool_result(value):
    """(bool, text) pairs say whether it worked; a string is itself; all else is JSON."""
    failed = False
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], bool):
        failed, value = not value[0], value[1]
    text = value if isinstance(value, str) else encode(value)
    result = {"content": [{"type": "text", "text": text}], "isError": failed}
    if isinstance(value, dict) or dataclasses.is_dataclass(value) or is_pydantic(type(value)):
        structured = json.loads(text)
        if isinstance(structured, dict):
            result["structuredContent"] = structured
    return result


def error_result(text):
    return {"content": [{"type": "text", "text": text}], "isError": True}


def worded(error):
    """Type and words of an exception, also of one that fails to say them."""
    try:
        return "%s: %s" % (type(error).__name__, error)
    except Interrupted:
        raise
    except BaseException:
        return "%s: it cannot say what is wrong" % type(error).__name__


def traced(error, trace):
    """The traceback of an exception; of a deep recursion only the end, for to read millions of frames takes minutes."""
    try:
        ahead = trace
        for _ in range(MAX_FRAMES):
            ahead = ahead and ahead.tb_next
        while ahead is not None:
            trace, ahead = trace.tb_next, ahead.tb_next
        return "".join(traceback.format_exception(type(error), error, trace, limit=-MAX_FRAMES))
    except Interrupted:
        raise
    except BaseException:
        return "%s, which cannot be traced" % type(error).__name__


def complain(text):
    """Writes into the log, also when a module has closed its stderr or put something else there."""
    try:
        print(text, file=sys.stderr, flush=True)
    except Exception:
        try:
            os.write(2, (text + "\n").encode("utf-8", "backslashreplace"))
        except OSError:
            pass


def encode_result(result):
    """The result, cut when it is more than the house takes in one message."""
    size = len(json.dumps(result))
    if size <= MAX_RESULT:
        return result
    text = result["content"][0]["text"]
    kept = text[: int(len(text) * MAX_RESULT / len(json.dumps(text)) * 0.9)]
    while len(json.dumps(kept)) > MAX_RESULT:
        kept = kept[: len(kept) // 2]
    notice = "\n[cut: the result has %d characters, of which these are the first %d]" % (len(text), len(kept))
    return {**{k: v for k, v in result.items() if k != "structuredContent"}, "content": [{"type": "text", "text": kept + notice}]}


def label(path):
    """The name of a module in problems: an agent's with its folder, for all their files are named alike."""
    parts = path.split(os.sep)
    return "/".join(parts[-2:]) if parts[-1] == "agent.py" else parts[-1]


def own_part(trace):
    """A traceback from where the module's own code begins."""
    while trace is not None:
        frame = trace.tb_frame
        if not frame.f_code.co_filename.startswith("<frozen importlib") and not frame.f_globals.get("__name__", "").startswith("hf_"):
            break
        trace = trace.tb_next
    return trace


class ModuleTimeout(Interrupted):
    """A module that does not finish loading."""


class Shelf:
    """What the modules have: tools, agents, prompts and problems."""

    def __init__(self, name, paths):
        self.name, self.paths = name, paths
        self.tools, self.prompts, self.problems = {}, [], []
        self.single, self.single_tools = [], []  # modules that want one process, and their tools

    def load(self, announce):
        deadline = time.monotonic() + MODULES_SECONDS
        for path in self.paths:
            limit = max(1.0, min(MODULE_SECONDS, deadline - time.monotonic()))
            announce(path, limit)
            try:
                self.load_module(path, limit)
            except BaseException as error:  # a module may even call sys.exit
                self.report(path, error)

    def load_module(self, path, seconds):
        agent = os.path.basename(path) == "agent.py"
        name = os.path.basename(os.path.dirname(path)) + "_agent" if agent else pathlib.Path(path).stem
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError("%s is no Python module" % path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        with time_limit(seconds, "it did not finish loading within %d s" % seconds):
            spec.loader.exec_module(module)
            entries = [Agent(os.path.basename(os.path.dirname(path)), module)] if agent else None
            prompt = getattr(module, "SYSTEM_PROMPT", None)
            prompt = prompt() if callable(prompt) else prompt
        if entries is None:
            entries = [self.tool(path, f) for f in self.functions(module)]
        self.add(path, [e for e in entries if e is not None], getattr(module, "ONE_PROCESS", False) is True)
        if isinstance(prompt, str) and prompt.strip() and not agent:
            self.prompts.append(inspect.cleandoc(prompt))

    def functions(self, module):
        listed = getattr(module, "TOOLS", None)
        if listed is None:
            raise AttributeError("it has no TOOLS list")
        return list(listed)

    def tool(self, path, function):
        try:
            return Tool(function)
        except Exception as error:
            self.report(path, error)
            return None

    def add(self, path, tools, single):
        if single:
            self.single.append(path)
        for tool in tools:
            if tool.name in self.tools:
                self.report(path, ValueError("two tools are named %s; the first stays" % tool.name))
                continue
            self.tools[tool.name] = tool
            if single:
                self.single_tools.append(tool.name)

    def report(self, path, error):
        trace = traced(error, own_part(error.__traceback__))
        self.problems.append({"module": label(path), "error": worded(error)[:1000], "traceback": trace[-8000:]})
        complain("cannot load %s\n%s" % (path, trace))

    def summary(self):
        """What the host must know of this process."""
        return {
            "tools": list(self.tools), "listing": [t.listed for t in self.tools.values()], "prompts": self.prompts,
            "problems": self.problems, "single": self.single, "single_tools": self.single_tools,
        }


class time_limit:
    """Interrupts the main thread after some seconds, where the system has the signal for it."""

    def __init__(self, seconds, message):
        self.seconds, self.message = seconds, message

    def __enter__(self):
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, self.expire)
            signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def expire(self, *_):
        raise ModuleTimeout(self.message)

    def __exit__(self, *_):
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
