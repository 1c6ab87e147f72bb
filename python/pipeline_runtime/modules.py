"""The files of algorithms: found, imported, and told apart by the digest of their text."""

from __future__ import annotations

import hashlib
import os
import sys
import traceback
from dataclasses import dataclass
from types import ModuleType

from pipeline_algorithms import Algorithm, algorithms_of


class Changed(Exception):
    """The file is no longer the one that the host knows."""


@dataclass(frozen=True)
class Loaded:
    digest: str
    algorithms: dict[str, Algorithm]


class Modules:
    """Imports a file at its first use, and again when a call names another version of it."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._loaded: dict[str, Loaded] = {}

    def load(self, file: str, digest: str | None = None) -> Loaded:
        """The file's algorithms; with a digest, only if the text still has it."""
        known = self._loaded.get(file)
        if known is not None and known.digest == digest:
            return known
        if os.path.basename(file) != file or not file.endswith(".py"):
            raise ValueError(f"{file!r} is no file of algorithms")
        path = os.path.join(self._folder, file)
        with open(path, "rb") as stream:
            source = stream.read()
        found = hashlib.sha256(source).hexdigest()
        if digest is not None and found != digest:
            raise Changed(f"{file} was changed meanwhile")
        # Not by the import system: it would know an older text of the same file, and look for compiled ones.
        module = ModuleType("algorithms." + file.removesuffix(".py"))
        module.__file__ = path
        sys.modules[module.__name__] = module
        exec(compile(source, path, "exec"), module.__dict__)
        loaded = Loaded(found, {one.name: one for one in algorithms_of(module)})
        self._loaded[file] = loaded
        return loaded


def fault(error: BaseException) -> str:
    """One line that says what and where: for a syntax error the line of the file, else the innermost line of a traceback."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({os.path.basename(error.filename or '?')}, line {error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
