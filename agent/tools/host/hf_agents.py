# SPDX-License-Identifier: Apache-2.0
"""Agents of the home in luna's convention: run_agent, and run_agent_stream where there is one."""

import inspect
import math

ARGUMENTS = ("user_prompt", "chat_history", "memory", "messages", "model")
SCHEMA = {
    "type": "object",
    "properties": {
        "user_prompt": {"type": "string"},
        "chat_history": {"type": ["string", "null"]},
        "memory": {"type": ["string", "null"]},
        "messages": {"type": "array"},
        "model": {"type": "string"},
    },
    "required": ["user_prompt"],
}


class Agent:
    """One agent.py, asked as if it were a tool."""

    def __init__(self, name, module):
        self.name, self.module = name, module
        self.answer, self.stream = getattr(module, "run_agent", None), getattr(module, "run_agent_stream", None)
        if not callable(self.answer) and not callable(self.stream):
            raise AttributeError("it has neither run_agent nor run_agent_stream")
        self.listed = self.describe()
        initialize = getattr(module, "initialize_runtime", None)
        if callable(initialize):
            initialize()

    def describe(self):
        return {
            "name": self.name, "description": inspect.getdoc(self.module) or "", "inputSchema": SCHEMA,
            "_meta": {"holdfast/agent": {"stream": callable(self.stream)}},
        }

    def call(self, arguments, piece):
        if callable(self.stream) and (piece is not None or not callable(self.answer)):
            pieces = self.ask(self.stream, arguments)
            return relay(pieces, piece) if inspect.isasyncgen(pieces) else [told(p, piece) for p in pieces]
        return self.ask(self.answer, arguments)

    def ask(self, function, arguments):
        """Calls it with as much as it takes: the prompt first, the rest by name."""
        parameters = inspect.signature(function).parameters.values()
        takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
        names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        rest = {k: arguments.get(k) for k in ARGUMENTS[1:] if k in names or takes_all and k in arguments}
        return function(arguments.get("user_prompt", ""), **{k: v or None for k, v in rest.items()})

    def result(self, value):
        if isinstance(value, list):
            text, value = "".join(p for p in value if isinstance(p, str)), None
        else:
            final = getattr(value, "final", value)
            text = final if isinstance(final, str) else "" if final is None else str(final)
        result = {"content": [{"type": "text", "text": text}], "isError": False}
        said = {k: v for k, v in (("timings", timings(value)), ("usage", usage(value))) if v}
        if said:
            result["_meta"] = {"holdfast/agent": said}
        return result


def told(piece, tell):
    if tell is not None and isinstance(piece, str) and piece:
        tell(piece)
    return piece


async def relay(pieces, tell):
    async for piece in pieces:
        yield told(piece, tell)


def timings(value):
    try:
        said = [{"name": str(t.name), "seconds": float(t.seconds)} for t in getattr(value, "timings", None) or []][:1000]
        return [t for t in said if math.isfinite(t["seconds"])]  # JSON has no other
    except (AttributeError, TypeError, ValueError):
        return []


def usage(value):
    found = getattr(value, "usage", None)
    return {str(k): v for k, v in found.items() if isinstance(v, int)} if isinstance(found, dict) else {}
