# SPDX-License-Identifier: Apache-2.0
"""Modules that the host provides to those that import them: core.utils.db, and holdfast."""

import importlib.abc
import importlib.machinery

from hf_database import Database


class Provided(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds them after everything else, so that an extension's own come first."""

    names = ("core", "core.utils", "core.utils.db", "holdfast")

    def __init__(self, worker):
        self.worker, self.database = worker, Database()

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in self.names:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=fullname in ("core", "core.utils"))

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        if module.__name__ == "core.utils.db":
            module.get_db = lambda: self.database
            module.Database = Database
        elif module.__name__ == "holdfast":
            module.__doc__ = "What a tool says while it runs."
            module.progress, module.log = self.progress, self.log

    def progress(self, done, total=None, message=""):
        """Tells who called how far the call is."""
        self.worker.progress(done, total, str(message))

    def log(self, text, level="info"):
        """Tells who called something in passing: debug, info, notice, warning or error."""
        self.worker.log(str(level), str(text))
