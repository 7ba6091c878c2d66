# SPDX-License-Identifier: Apache-2.0
"""Runs pip so that no program is started: nothing is built, and nobody else reads pip's variables.

The first argument is the variable that holds a password, the second the environment's interpreter;
the rest are pip's. It runs twice: by the interpreter that has pip, and, told by a third argument
where that pip is, by the environment's own.
"""

import os
import runpy
import sys

variable, python, *rest = sys.argv[1:]
if os.path.basename(rest[0]) != "__pip-runner__.py":
    import pip

    runner = os.path.join(os.path.dirname(pip.__file__), "__pip-runner__.py")
    source = sys.orig_argv[sys.orig_argv.index("-c") + 1]
    os.execv(python, [python, "-I", "-c", source, variable, python, runner, *rest])


def refuse(event, args):
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"):
        # An OSError: pip takes what it can do without for missing.
        raise PermissionError(
            "%s holds a password, which a program that builds a package could read, so only wheels are installed: "
            "put a wheel into wheels/, or name an index that wants none" % variable
        )


sys.addaudithook(refuse)
sys.argv = rest
runpy.run_path(rest[0], run_name="__main__")
