"""A result as JSON and raw arrays: what numpy returned is made plain, and long arrays of numbers travel as they are."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from pipeline_runtime.frames import HEADER_BYTES_MAX, PAYLOAD_BYTES_MAX, Header

_RAW_FROM_VALUES = 64


class TooLarge(Exception):
    """The result does not fit."""


def packed(result: dict[str, Any], memory: memoryview) -> tuple[Header, bytes]:
    """``{"$array": i}`` stands where array i was. NaN and infinity become null in the JSON, and stay what they are in arrays."""
    arrays: list[np.ndarray[Any, np.dtype[np.float64]]] = []
    plain = _plain(result, arrays, 0)
    total = sum(array.nbytes for array in arrays)
    shared = total >= PAYLOAD_BYTES_MAX
    if total > len(memory):
        raise TooLarge(f"the result's arrays have {total} bytes; {len(memory)} are allowed")
    places, at = [], 0
    for array in arrays:
        places.append({"shape": list(array.shape), "at": at})
        if shared:
            np.frombuffer(memory, dtype="<f8", count=array.size, offset=at)[:] = array.ravel()
        at += array.nbytes
    header: Header = {"result": plain}
    if places:
        header.update(arrays=places, shared=shared)
        if len(json.dumps(plain)) > HEADER_BYTES_MAX // 2:
            raise TooLarge("the result's JSON is too large")
    return header, b"" if shared else b"".join(array.tobytes() for array in arrays)


def _plain(value: Any, arrays: list[np.ndarray[Any, np.dtype[np.float64]]], depth: int) -> Any:
    if depth > 32:
        raise ValueError("the result is nested more than 32 levels deep")
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "fiu" and value.ndim in (1, 2) and value.size >= _RAW_FROM_VALUES:
            arrays.append(np.ascontiguousarray(value, dtype="<f8"))
            return {"$array": len(arrays) - 1}
        return _plain(value.tolist(), arrays, depth)
    if isinstance(value, np.generic):
        return _plain(value.item(), arrays, depth)
    if isinstance(value, dict):
        return {str(key): _plain(item, arrays, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(item, arrays, depth + 1) for item in value]
    raise TypeError(f"a result cannot hold {type(value).__name__}")
