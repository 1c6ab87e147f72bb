"""Everything that an algorithm ought not to do, one function each. Only tests load it."""

import ctypes
import os
import signal
import socket
import sys
import threading
import time

import numpy as np


def echo(data, params):
    return {"n": len(data), "sum": sum(data), "process": os.getpid()}


def prints(data, params):
    print("x" * 100_000)
    sys.stderr.write("and this\n")
    os.write(1, b"\x00PLPY raw bytes\n" * 1000)
    return {"n": len(data)}


def leaves_a_child(data, params):
    if os.fork() == 0:
        time.sleep(600)
    return {}


def leaves_a_daemon(data, params):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    os.wait()
    return {}


def returns_twice(data, params):
    os.fork()
    return {"process": os.getpid()}


def forks_and_waits(data, params):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return {"child": child}


def writes_garbage(data, params):
    for descriptor in range(3, 256):
        try:
            os.write(descriptor, b"garbage " * 10)
        except OSError:
            pass
    return {}


def writes_garbage_later(data, params):
    def write():
        time.sleep(params.get("s", 0.2))
        writes_garbage(data, params)

    threading.Thread(target=write, daemon=True).start()
    return {}


def closes_everything(data, params):
    os.closerange(3, 256)
    return {}


def sleeps(data, params):
    time.sleep(params.get("s", 600))
    return {"version": 1}


def sleeps_in_c(data, params):
    ctypes.CDLL(None).sleep(600)
    return {}


def blocks_the_alarm(data, params):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    ctypes.CDLL(None).sleep(600)
    return {}


def catches_everything(data, params):
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass


def spins(data, params):
    while True:
        pass


def allocates_8_gb(data, params):
    return {"sum": np.ones(1 << 30).sum()}


def allocates_bit_by_bit(data, params):
    held = []
    while True:
        held.append(bytearray(16 << 20))


def opens_a_socket(data, params):
    socket.create_connection(("127.0.0.1", 22), timeout=5)
    return {}


def writes_a_file(data, params):
    with open(params["path"], "w") as file:
        file.write("x" * 1000)
    return {}


def removes_a_file(data, params):
    os.remove(params["path"])
    return {}


def exits(data, params):
    sys.stderr.write("good bye\n")
    os._exit(3)


def raises_exit(data, params):
    sys.exit(4)


def segfaults(data, params):
    sys.stderr.write("about to read address 0\n")
    ctypes.string_at(0)
    return {}


def aborts(data, params):
    os.abort()


def recurses(data, params):
    def deeper(n):
        return deeper(n + 1)

    return {"n": deeper(0)}


def kills_all_it_can(data, params):
    if os.getpid() != 1:
        # Without a process namespace it would kill more than it should be able to.
        return {"n": 0}
    for victim in (-1, os.getppid(), 2, 3, 4):
        try:
            os.kill(victim, signal.SIGKILL)
        except OSError:
            pass
    return {"n": len(data)}


def returns_a_number(data, params):
    return 5


def returns_nan(data, params):
    return {"x": float("nan"), "y": [float("inf")]}


def returns_too_much(data, params):
    return {"x": np.ones(9 * 1024 * 1024)}


def returns_an_array(data, params):
    return {"x": np.arange(float(params["n"]))}


def shows_the_environment(data, params):
    return dict(os.environ)


def ticks(data, params):
    return {"process": os.getpid(), "calls": ticks.__dict__.setdefault("calls", []).append(1) or len(ticks.calls)}
