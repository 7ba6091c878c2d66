# SPDX-License-Identifier: Apache-2.0
"""Python tool host of Holdfast: serves *_tools.py modules and agents of the home as MCP over stdio.

Standard library only, Python 3.9 and newer. One process an extension, with the modules in processes
beneath it: `python3 -I FOLDER_OF_THIS_FILE NAME FOLDER MODULE...`. Standard input and output belong
to the protocol and are taken away from the modules, so that print() and input() disturb nothing.
"""

import os
import sys

from hf_server import Server


def take_streams():
    """Keeps standard input and output for the protocol; modules get nothing and the log."""
    reader, writer = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdin = open(0, encoding="utf-8", errors="replace", closefd=False)
    sys.stdout = open(1, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)
    return reader, writer


def main(argv):
    if len(argv) < 3:
        print("usage: host NAME FOLDER MODULE...", file=sys.stderr)
        return 2
    reader, writer = take_streams()
    name, folder, modules = argv[1], argv[2], argv[3:]
    for path in dict.fromkeys([os.path.join(folder, "tools"), folder] + [os.path.dirname(m) for m in modules]):
        if path not in sys.path:
            sys.path.insert(0, path)
    Server(name, modules, reader, writer).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
