"""What a worker is kept from: namespaces for all of them, entered once by the zygote, and what each worker locks itself into.

Every step that this kernel does not allow is left out and named in ``Isolation``, which the host shows.
"""

from __future__ import annotations

import os
import resource
import signal
from dataclasses import asdict, dataclass

from pipeline_runtime import kernel


@dataclass
class Isolation:
    """The level in force."""

    processes: str = "process_group"  # or pid_namespace: whatever a worker started ends with it
    network: str = "open"  # or none
    files: str = "writable"  # or read_only (Landlock); files cannot grow either way (RLIMIT_FSIZE)
    system_calls: str = "open"  # or filtered (seccomp)

    def described(self) -> dict[str, str]:
        return asdict(self)


def enter_namespaces(isolation: Isolation) -> None:
    """Puts this process and all it will fork into namespaces of their own; returns in process 1 of a new process namespace where there is one.

    The process that called stays outside, waits, and ends as the inner one does.
    """
    user, group = os.getuid(), os.getgid()
    try:
        kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWPID | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC)
    except OSError:
        # Containers that forbid user namespaces to their processes; Landlock and the process group remain.
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        return
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")
    isolation.processes, isolation.network = "pid_namespace", "none"
    inner = os.fork()
    if inner == 0:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        return
    _, status = os.waitpid(inner, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def probe(isolation: Isolation) -> None:
    """Finds out what a worker will be able to lock, by trying it in a child."""
    for name, value, attempt in (("files", "read_only", kernel.landlock_read_only), ("system_calls", "filtered", kernel.seccomp_refuse)):
        child = os.fork()
        if child == 0:
            try:
                kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
                attempt()
                os._exit(0)
            except (OSError, KeyError):
                os._exit(1)
        if os.waitpid(child, 0)[1] == 0:
            setattr(isolation, name, value)


def lock(isolation: Isolation, memory_bytes: int) -> None:
    """The last thing a worker does before it takes calls. What the probe found possible must succeed here."""
    # The kernel's choice when memory runs out: a worker before everything else.
    _write("/proc/self/oom_score_adj", "1000")
    space = virtual_bytes() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    if isolation.processes == "pid_namespace" and os.getuid() != 0:
        # Counted in our own user namespace, all workers together; root is never held to it.
        resource.setrlimit(resource.RLIMIT_NPROC, (512, 512))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if isolation.files == "read_only":
        kernel.landlock_read_only()
    if isolation.system_calls == "filtered":
        kernel.seccomp_refuse()


def virtual_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def resident_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
