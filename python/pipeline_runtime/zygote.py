"""The zygote: one process of one thread that has imported the libraries, forks workers for the host, and tells it how they ended.

It never runs an algorithm's code. When the host's socket ends, it ends, and with it everything that lives in its namespace.
"""

from __future__ import annotations

import gc
import importlib
import mmap
import os
import platform
import resource
import select
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from pipeline_runtime import cell, kernel
from pipeline_runtime.frames import Connection, Frame, Header, Type, encode

_TAIL_BYTES = 4096
_SCAN_MS = 500
LIBRARIES = ("numpy", "scipy", "sklearn", "statsmodels")
# What the algorithms beside this import, so that a worker finds it loaded.
_WARM = (
    "scipy.linalg", "scipy.stats", "sklearn.cluster", "sklearn.ensemble", "statsmodels.tsa.arima.model",
    "pipeline_algorithms", "pipeline_runtime.calls", "pipeline_runtime.schema", "traceback",
)  # fmt: skip
# The highest kind of seals: its owner can neither shrink nor grow the memory, nor change that.
_SEALS, _F_ADD_SEALS = 0x1 | 0x2 | 0x4, 1033


@dataclass
class _Worker:
    id: int
    output: int
    tail: bytes = b""


@dataclass(frozen=True)
class Limits:
    """As the host wants them."""

    array_bytes: int
    memory_bytes: int


class Zygote:
    def __init__(self, connection: Connection, folder: str, limits: Limits) -> None:
        self._connection = connection
        self._folder = folder
        self._limits = limits
        self._isolation = cell.Isolation()
        self._workers: dict[int, _Worker] = {}
        self._own_processes = -1

    def run(self) -> NoReturn:
        # 1. Before any library is imported: what enters a user namespace must have one thread.
        cell.enter_namespaces(self._isolation)
        if self._isolation.processes == "pid_namespace":
            self._own_processes = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        try:
            # 2. All that workers shall find loaded.
            self._connection.send(encode(Type.HELLO, self._hello(_import_all())))
            # 3. Forks and ends, until the host is gone.
            self._serve()
        except (BrokenPipeError, ConnectionResetError):
            os._exit(0)

    def _hello(self, versions: dict[str, str]) -> Header:
        cell.probe(self._isolation)
        gc.collect()
        # Pages of what lives now are shared with every worker as long as nobody counts references in them.
        gc.freeze()
        return {"python": platform.python_version(), "libraries": versions, "isolation": self._isolation.described()}

    def _serve(self) -> NoReturn:
        wake, woken = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        poll.register(wake, select.POLLIN)
        outputs: dict[int, int] = {}
        while True:
            for descriptor, _ in poll.poll(None if self._own_processes >= 0 else _SCAN_MS):
                if descriptor == self._connection.fileno():
                    for worker in self._asked():
                        outputs[worker.output] = worker.id
                        poll.register(worker.output, select.POLLIN)
                elif descriptor == wake:
                    os.read(wake, 4096)
                elif not self._drain(descriptor):
                    poll.unregister(descriptor)
            for output in self._reap():
                if outputs.pop(output, None) is not None:
                    _quietly(lambda: poll.unregister(output))
                    os.close(output)
            if self._own_processes < 0:
                self._end_strays()

    def _asked(self) -> list[_Worker]:
        workers: list[_Worker] = []
        while not workers or self._connection.holds_more:
            frame = self._connection.read()
            if frame is None or frame.type != Type.FORK:
                os._exit(0)
            workers.append(self._fork(frame))
        return workers

    def _fork(self, frame: Frame) -> _Worker:
        ours, theirs = socket.socketpair()
        memory = os.memfd_create("pipeline-call", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(memory, mmap.PAGESIZE + 2 * self._limits.array_bytes)
        _fcntl(memory, _F_ADD_SEALS, _SEALS)
        output, printed = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(output, False)
        # The next child becomes process 1 of a namespace of its own; after it ours must be chosen again.
        if self._own_processes >= 0:
            kernel.unshare(kernel.CLONE_NEWPID)
        process = os.fork()
        if process == 0:
            _become_worker(self._isolation, self._limits, self._folder, theirs, memory, printed)
        if self._own_processes >= 0:
            kernel.setns(self._own_processes, kernel.CLONE_NEWPID)
        handle = os.pidfd_open(process)
        worker = self._workers[process] = _Worker(int(frame.header["worker"]), output)
        self._connection.send(encode(Type.FORKED, {"worker": worker.id}), [ours.fileno(), memory, handle])
        for descriptor in (memory, printed, handle):
            os.close(descriptor)
        ours.close()
        theirs.close()
        return worker

    def _drain(self, output: int) -> bool:
        """Keeps the end of what a worker printed; false when the pipe is closed."""
        worker = next((w for w in self._workers.values() if w.output == output), None)
        try:
            text = os.read(output, 65536)
        except BlockingIOError:
            return True
        if worker is not None:
            worker.tail = (worker.tail + text)[-_TAIL_BYTES:]
        return len(text) > 0

    def _reap(self) -> list[int]:
        ended: list[int] = []
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return ended
            if process == 0:
                return ended
            worker = self._workers.get(process)
            if worker is None:
                continue
            # Its children may hold the pipe open; what is in it now is the end.
            for _ in range(16):
                before = worker.tail
                if not self._drain(worker.output) or worker.tail == before:
                    break
            del self._workers[process]
            ended.append(worker.output)
            code = os.waitstatus_to_exitcode(status)
            how: Header = {"signal": -code} if code < 0 else {"code": code}
            self._connection.send(encode(Type.EXITED, {"worker": worker.id, **how, "output": worker.tail.decode("utf-8", "replace")}))

    def _end_strays(self) -> None:
        """Without a process namespace, what a dead worker left behind becomes our child; workers apart, we have none."""
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            for process in map(int, file.read().split()):
                if process not in self._workers:
                    _quietly(lambda: os.kill(process, signal.SIGKILL))


def _become_worker(isolation: cell.Isolation, limits: Limits, folder: str, sock: socket.socket, memory: int, printed: int) -> NoReturn:
    try:
        parent = os.getppid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        if isolation.processes != "pid_namespace":
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(0)
        os.dup2(printed, 1)
        os.dup2(printed, 2)
        own, mapping = os.dup2(sock.fileno(), 200, inheritable=False), mmap.mmap(memory, mmap.PAGESIZE + 2 * limits.array_bytes)
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        # Of everything else that the zygote has open a worker needs nothing; the mapping holds the memory without a descriptor of ours.
        os.closerange(3, own)
        os.closerange(own + 1, 4096)
        from pipeline_runtime import calls
        from pipeline_runtime.modules import Modules

        calls.quiet_streams()
        cell.lock(isolation, limits.memory_bytes)
        calls.Server(Connection(socket.socket(fileno=own)), mapping, limits.array_bytes, Modules(folder)).run()
    except BaseException:  # noqa: BLE001 - a worker must never return into the zygote's loop
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(70)


def _import_all() -> dict[str, str]:
    versions = {name: str(getattr(importlib.import_module(name), "__version__", "?")) for name in LIBRARIES}
    for name in _WARM:
        importlib.import_module(name)
    return versions


def _fcntl(descriptor: int, command: int, value: int) -> None:
    import fcntl

    fcntl.fcntl(descriptor, command, value)


def _quietly(action: Callable[[], object]) -> None:
    try:
        action()
    except (OSError, KeyError):
        pass
