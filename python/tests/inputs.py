"""Inputs in few words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline_algorithms import Input

Run = Callable[..., dict[str, Any]]


def columns(matrix: Any, names: list[str] | None = None) -> Input:
    array = np.asarray(matrix, dtype=np.float64)
    named = names or [f"x{i}" for i in range(array.shape[1])]
    return Input(columns={name: array[:, i] for i, name in enumerate(named)})


def values(*numbers: float) -> Input:
    return Input(values=np.array(numbers, dtype=np.float64))
