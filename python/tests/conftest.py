"""The tests call algorithms as a worker does: the file loaded by Modules, the parameters checked by the schema."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

PYTHON = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path.append(os.path.join(PYTHON, "algorithms"))

from inputs import Run  # noqa: E402

from pipeline_algorithms import Input  # noqa: E402
from pipeline_runtime import schema  # noqa: E402
from pipeline_runtime.modules import Modules  # noqa: E402


@pytest.fixture(scope="session")
def run() -> Run:
    modules = Modules(os.path.join(PYTHON, "algorithms"))

    def call(name: str, given: Input, **params: Any) -> dict[str, Any]:
        algorithm = modules.load(f"{name}.py").algorithms[name]
        return algorithm.function(given, schema.checked(algorithm.schema, params))

    return call
