"""The system calls that Python's library lacks, by ctypes: namespaces, Landlock, seccomp, prctl."""

from __future__ import annotations

import ctypes
import os
import platform
import struct

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 22, 36, 38

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_WRITE_FILE, _REFER, _TRUNCATE, _IOCTL = 1 << 1, 1 << 13, 1 << 14, 1 << 15
_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))

# name: (x86_64, aarch64). Everything that reaches other processes, the network or the kernel's inside.
_REFUSED = {
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "mount": (165, 40), "umount2": (166, 39),
    "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280), "perf_event_open": (298, 241), "io_uring_setup": (425, 425),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "userfaultfd": (323, 282), "pidfd_getfd": (438, 438),
    "init_module": (175, 105), "finit_module": (313, 273), "kexec_load": (246, 104), "reboot": (169, 142), "swapon": (167, 224),
}  # fmt: skip
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    _check(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    _check(_libc.setns(descriptor, kind), "setns")


def prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), "prctl")


def landlock_version() -> int:
    """The ABI that the kernel offers; 0 where it offers none."""
    return max(0, int(_libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(1))))


def landlock_read_only() -> None:
    """From now on nothing can be written, made or removed anywhere but in /dev/null; no TCP; no signals to, no abstract sockets of others."""
    version = landlock_version()
    if version == 0:
        raise OSError("the kernel has no Landlock")
    files = _WRITE_FILE | _REMOVE_AND_MAKE | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0) | (_IOCTL if version >= 5 else 0)
    attributes = struct.pack("<QQQ", files, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = _check(int(_libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(size), ctypes.c_uint(0))), "landlock_create_ruleset")
    null = os.open("/dev/null", os.O_PATH | os.O_CLOEXEC)
    try:
        beneath = struct.pack("<Qi", _WRITE_FILE | (_TRUNCATE if version >= 3 else 0), null)
        _check(int(_libc.syscall(_LANDLOCK_ADD, rules, ctypes.c_int(1), beneath, ctypes.c_uint(0))), "landlock_add_rule")
        _check(int(_libc.syscall(_LANDLOCK_RESTRICT, rules, ctypes.c_uint(0))), "landlock_restrict_self")
    finally:
        os.close(null)
        os.close(rules)


def seccomp_refuse() -> None:
    """The calls of ``_REFUSED`` answer EPERM from now on; needs no_new_privs."""
    column, audit = _ARCHITECTURES[platform.machine()]
    numbers = sorted({pair[column] for pair in _REFUSED.values()})
    load, equal, greater, answer, allow, refuse = 0x20, 0x15, 0x35, 0x06, 0x7FFF0000, 0x00050001
    # Another architecture's numbers, and x86_64's second numbering, would slip through.
    program = [(load, 0, 0, 4), (equal, 1, 0, audit), (answer, 0, 0, refuse), (load, 0, 0, 0), (greater, 0, 1, 0x40000000), (answer, 0, 0, refuse)]
    program += [(equal, len(numbers) - i, 0, number) for i, number in enumerate(numbers)]
    program += [(answer, 0, 0, allow), (answer, 0, 0, refuse)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *step) for step in program))
    filter_of = struct.pack("@HP", len(program), ctypes.addressof(code))
    _check(_libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(2), filter_of, 0, 0), "prctl(PR_SET_SECCOMP)")
