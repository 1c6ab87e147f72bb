"""A worker's life: it reads calls from its socket, one after the other, and answers each with a result or a failure."""

from __future__ import annotations

import mmap
import os
import signal
import struct
import sys
import threading
import time
import traceback
from types import FrameType
from typing import Any, NoReturn

import numpy as np

from pipeline_algorithms import Input, InvalidInput, InvalidParameters
from pipeline_runtime import cell, results, schema
from pipeline_runtime.frames import Connection, Frame, Header, Type, encode
from pipeline_runtime.modules import Changed, Modules, fault

_TRACE_CHARACTERS = 4000
_RESIDENT_EVERY_CALLS, _RESIDENT_BEYOND_S = 32, 0.001


class SoftDeadline(BaseException):
    """Raised by the alarm; not an Exception, so that no algorithm catches it by accident."""


def _alarm(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SoftDeadline


class Server:
    """``memory`` is one mapping: a page of which the first eight bytes name the call that was begun, the arrays of a call, those of its result."""

    def __init__(self, connection: Connection, memory: mmap.mmap, array_bytes: int, modules: Modules) -> None:
        self._connection = connection
        self._memory = memory
        self._array_bytes = array_bytes
        self._modules = modules
        self._process = os.getpid()
        self._calls = 0
        self._resident = cell.resident_bytes()

    def run(self) -> NoReturn:
        signal.signal(signal.SIGALRM, _alarm)
        while True:
            frame = self._connection.read()
            if frame is None:
                os._exit(0)
            answer = self._answer(frame)
            if os.getpid() != self._process:
                # A child that an algorithm forked came back here; only the parent answers.
                os._exit(0)
            self._connection.send(answer)

    def _answer(self, frame: Frame) -> bytes:
        call = int(frame.header.get("call", 0))
        struct.pack_into("<q", self._memory, 0, call)
        started = time.perf_counter()
        try:
            return self._tried(frame, call, started)
        except SoftDeadline as error:
            # The alarm found us between the algorithm's own exception and the line that disarms it.
            return encode(Type.FAILURE, {**_described(error), **self._measured(call, started)})

    def _tried(self, frame: Frame, call: int, started: float) -> bytes:
        try:
            signal.setitimer(signal.ITIMER_REAL, max(0.001, frame.header["soft_ms"] / 1000))
            header, payload = self._discover(frame.header) if frame.type == Type.DISCOVER else self._call(frame)
            signal.setitimer(signal.ITIMER_REAL, 0)
            header.update(self._measured(call, started))
            self._leftovers()
            return encode(Type.RESULT, header, payload)
        except BaseException as error:  # noqa: BLE001 - whatever an algorithm raises is its own failure
            signal.setitimer(signal.ITIMER_REAL, 0)
            if isinstance(error, MemoryError):
                # What filled the memory is held by the frames that the error came through.
                traceback.clear_frames(error.__traceback__)
            return encode(Type.FAILURE, {**_described(error), **self._measured(call, started)})

    def _call(self, frame: Frame) -> tuple[Header, bytes]:
        header = frame.header
        loaded = self._modules.load(header["file"], header["digest"])
        algorithm = loaded.algorithms.get(header["algorithm"])
        if algorithm is None:
            raise Changed(f"{header['file']} holds no {header['algorithm']}")
        parameters = schema.checked(algorithm.schema, header["parameters"])
        given = self._input(header, frame.payload)
        kind = "texts" if "texts" in header else "columns" if given.columns else "values"
        if kind not in algorithm.reads:
            raise InvalidInput(f"{algorithm.name} reads {' or '.join(algorithm.reads)}, not {kind}")
        result = algorithm.function(given, parameters)
        if not isinstance(result, dict):
            raise TypeError(f"{algorithm.name} returned {type(result).__name__} instead of dict")
        return results.packed(result, memoryview(self._memory)[mmap.PAGESIZE + self._array_bytes :])

    def _input(self, header: Header, payload: memoryview) -> Input:
        place = memoryview(self._memory)[mmap.PAGESIZE : mmap.PAGESIZE + self._array_bytes] if header.get("shared") else payload
        columns: dict[str, Any] = {}
        values = None
        for one in header.get("arrays", []):
            length, at = one["length"], one["at"]
            array = np.frombuffer(place.toreadonly(), dtype="<f8", count=length, offset=at) if length else np.empty(0)
            if one["name"] is None:
                values = array
            elif one["name"] in columns:
                raise InvalidInput(f"there are two columns {one['name']}")
            else:
                columns[one["name"]] = array
        return Input(values, columns, header.get("texts", []))

    def _discover(self, header: Header) -> tuple[Header, bytes]:
        loaded = self._modules.load(header["file"])
        return {"digest": loaded.digest, "algorithms": [one.described() for one in loaded.algorithms.values()]}, b""

    def _leftovers(self) -> None:
        try:
            # Also children of children: process 1 of a namespace inherits them.
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        raise LeftProcesses("processes that the algorithm started were still there when it returned")

    def _measured(self, call: int, started: float) -> Header:
        elapsed = time.perf_counter() - started
        self._calls += 1
        if elapsed > _RESIDENT_BEYOND_S or self._calls % _RESIDENT_EVERY_CALLS == 0:
            self._resident = cell.resident_bytes()
        measured: Header = {"call": call, "elapsed_us": round(elapsed * 1e6), "resident": self._resident}
        if threading.active_count() > 1:
            measured["retire"] = "threads"
        return measured


class LeftProcesses(Exception):
    """Children of the worker that outlived the call."""


def _described(error: BaseException) -> Header:
    """Codes that the host knows. ``retire``: what this worker has become is not known, the next call gets another one."""
    if isinstance(error, InvalidParameters):
        return {"code": "invalid_parameters", "message": str(error), "path": error.path}
    if isinstance(error, InvalidInput):
        return {"code": "invalid_input", "message": str(error)}
    if isinstance(error, Changed):
        return {"code": "changed", "message": str(error)}
    if isinstance(error, SoftDeadline):
        return {"code": "timeout", "message": "the soft deadline passed", "trace": _trace(error), "retire": "timeout"}
    if isinstance(error, MemoryError):
        return {"code": "memory_limit", "message": str(error) or "more memory than a worker may have", "retire": "memory"}
    if isinstance(error, results.TooLarge):
        return {"code": "result_too_large", "message": str(error)}
    if isinstance(error, LeftProcesses):
        return {"code": "left_processes", "message": str(error), "retire": "processes"}
    failure = {"code": "algorithm_failed", "message": fault(error), "trace": _trace(error)}
    return failure if isinstance(error, Exception) else {**failure, "retire": "exit"}


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error, limit=-8))[-_TRACE_CHARACTERS:]


def quiet_streams() -> None:
    """What an algorithm prints goes to the zygote line by line, so that the end of it survives a crash."""
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
